"""Warm copies of what other workers remember, so that taking a partition over means reading little.

    changelog  ──r──r──r──r──r──r──┬──r──r──┐ end
               read while it was another's  └ read when it becomes ours

Faust's assignor names stand-bys for every partition (`table_standby_replicas`). Here they follow the changelogs of the
partitions they stand by for. A copy knows only what the changelog says, so taking it over is recovery, begun early.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.runtime.access import kafka_access
from streams.runtime.memory import Memory, recall_all
from streams.settings import Settings

log = logging.getLogger(__name__)

#: Records taken at once: a few milliseconds, in which nothing else of the worker runs.
AT_ONCE = 2000

Source = tuple[str, int]  # changelog topic and partition


class Standbys:
    """The memories this worker stands by for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._copies: dict[Source, tuple[Memory, int]] = {}  # with the offset to go on from
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Entries of all copies."""
        return sum(len(memory) for memory, _ in self._copies.values())

    def take(self, source: Source) -> tuple[Memory, int] | None:
        """Give up the copy of a partition that is ours now: the memory so far, and the offset to go on from."""
        copy = self._copies.pop(source, None)
        if copy is not None:
            self._changed.set()
        return copy

    def follow(self, sources: Mapping[Source, Callable[[], Memory]]) -> None:
        """Stand by for exactly these, given with what makes an empty memory for each."""
        self._copies = {source: self._copies.get(source) or (empty(), 0) for source, empty in sources.items()}
        self._changed.set()

    async def run(self) -> None:
        """Follow for ever; a broker that is away is waited for."""
        task = asyncio.current_task()
        assert task is not None
        while not task.cancelling():  # a consumer that is being stopped swallows what cancels it
            await self._changed.wait()
            consumer = AIOKafkaConsumer(
                **kafka_access(self._settings),
                auto_offset_reset="earliest",  # reading again changes nothing; passing over would
                max_partition_fetch_bytes=4 << 20,
            )
            try:
                await consumer.start()
                await self._follow(consumer)
            except (KafkaError, OSError) as exc:
                log.warning("stand-bys cannot read the changelogs, to be tried again: %r", exc)
                await asyncio.sleep(1)
            finally:
                self._changed.set()  # whoever comes next begins where the copies are
                await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            if not self._copies:
                self._changed.clear()
                await self._changed.wait()
            if self._changed.is_set():
                self._changed.clear()
                consumer.assign([TopicPartition(*source) for source in self._copies])
                for source, (_, offset) in self._copies.items():
                    consumer.seek(TopicPartition(*source), offset)
                continue
            for partition, records in (await consumer.getmany(timeout_ms=500, max_records=AT_ONCE)).items():
                copy = self._copies.get((partition.topic, partition.partition))
                if copy is None or self._changed.is_set():
                    break  # what we stand by for has changed meanwhile: all of it is read again from where copies are
                recall_all(copy[0], partition, records)
                self._copies[partition.topic, partition.partition] = copy[0], records[-1].offset + 1
