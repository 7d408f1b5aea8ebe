"""Our Kafka consumer between Faust and aiokafka, where neither can be had."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from streams.runtime.chunks import WaitingChunks
from streams.runtime.transport import ChunkedConsumer


def fetched_amid_a_rebalance() -> Any:
    """A consumer that has fetched records while no agent may have any."""
    consumer = object.__new__(ChunkedConsumer)
    made: dict[str, Any] = {
        "app": SimpleNamespace(consumer_generation_id=3),
        "flow_active": False,
        "log": logging.getLogger("test"),
        "_waiting": WaitingChunks(),
        "_stopped": asyncio.Event(),
        "_crashed": asyncio.Event(),
    }
    for name, value in made.items():
        setattr(consumer, name, value)

    async def records(timeout: float) -> Any:
        return {("reviews", 0): [SimpleNamespace(offset=1)]}, None

    consumer._wait_next_records = records
    return consumer


async def test_partitions_that_go_away_while_it_seeks_back_end_nothing() -> None:
    consumer, sought = fetched_amid_a_rebalance(), []

    async def seek() -> None:
        sought.append(True)
        raise IllegalStateError("No current assignment for partition")

    consumer.perform_seek = seek
    assert [message async for message in consumer.getmany(1.0)] == []
    assert sought == [True]


async def test_what_was_read_before_is_no_chunk_for_what_comes_behind_to_join() -> None:
    consumer = fetched_amid_a_rebalance()
    consumer.flow_active, consumer._read_offset = True, {("reviews", 0): 5}
    fetches = [[3, 4], [5, 6]]

    async def records(timeout: float) -> Any:
        record = [SimpleNamespace(offset=offset, timestamp=0, timestamp_type=0) for offset in fetches.pop(0)]
        return {TP("reviews", 0): record}, None

    consumer._wait_next_records = records
    assert [message async for message in consumer.getmany(1.0)] == []
    ((_, message),) = [message async for message in consumer.getmany(1.0)]
    assert [record.offset for record in message.value.records] == [5, 6]


async def test_what_ends_the_fetcher_is_noted_as_the_consumers_failure() -> None:
    async def fails(timeout: float) -> None:
        raise RuntimeError("no more")

    consumer = fetched_amid_a_rebalance()
    consumer._wait_next_records = fails
    with pytest.raises(RuntimeError):
        await consumer._drain_messages(SimpleNamespace(should_stop=False))
    assert "hands records over has failed (RuntimeError('no more'))" in consumer.failure
