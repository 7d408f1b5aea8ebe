"""Reading a topic from its beginning to its present end: what every memory is filled from."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.errors import HaochapingError
from streams.runtime.access import kafka_access
from streams.runtime.admin import broker_error
from streams.runtime.unpacking import bound_unpacking
from streams.settings import Settings

#: Takes what was fetched of one partition.
Take = Callable[[TopicPartition, Sequence[Any]], None]


async def start_consumer(settings: Settings, **options: Any) -> AIOKafkaConsumer:
    """A consumer, connected; of no group unless told.

    Raises:
        HaochapingError: no broker answers.
    """
    bound_unpacking()
    consumer = AIOKafkaConsumer(**kafka_access(settings), **options)
    try:
        await consumer.start()
    except (KafkaError, OSError) as exc:
        await consumer.stop()
        raise broker_error(settings, exc) from exc
    return consumer


async def read_to_end(
    consumer: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    timeout: float,
    take: Take,
    begin: Mapping[TopicPartition, int] | None = None,
) -> int:
    """Assign the partitions, read all that is in them now; returns the number of records read.

    `begin` has the offsets of partitions whose beginning is known already.

    Raises:
        HaochapingError: nothing came for `timeout` seconds though there is more, or the broker did not answer.
    """
    try:
        async with asyncio.timeout(timeout):
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            for each, offset in (begin or {}).items():
                consumer.seek(each, offset)
            ends = await consumer.end_offsets(partitions)
            left = {each for each in partitions if await consumer.position(each) < ends[each]}
        records, heard = 0, time.monotonic()
        while left:
            for partition, batch in (await consumer.getmany(*left, timeout_ms=min(1000, int(timeout * 500)))).items():
                take(partition, batch)
                records += len(batch)
                heard = time.monotonic()
            left = {each for each in left if await consumer.position(each) < ends[each]}
            if left and time.monotonic() - heard > timeout:
                raise TimeoutError
    except (TimeoutError, KafkaError) as exc:
        first = min(partitions)
        said = f" ({exc})" if str(exc) else ""
        raise HaochapingError(
            f"reading {first.topic} is stuck: the broker gave nothing for {timeout:.0f} s though there is more{said}"
        ) from exc
    return records
