"""Batches are handed to aiokafka for as long as the worker has patience with its broker."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.runtime.producer import MAX_BATCH_BYTES, BatchProducer, sent_bytes
from streams.settings import Settings

MESSAGES = {"topic": {3: [(b"key", b"value", [], None)]}}


class Impatient:
    """aiokafka's producer, which gives up a few times before there is room behind the batch under way."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.taken: list[tuple[str, int, int]] = []

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(batch_size=1024, compression_type=0)

    async def send_batch(self, builder: BatchBuilder, topic: str, *, partition: int) -> "asyncio.Future[None]":
        await asyncio.sleep(0.01)
        if self.times:
            self.times -= 1
            raise KafkaTimeoutError
        self.taken.append((topic, partition, builder.record_count()))
        return asyncio.get_running_loop().create_future()


def house(inner: Any, patience: float) -> BatchProducer:
    producer = BatchProducer(Settings(stall_timeout=patience))
    producer._producer = inner
    return producer


async def test_a_batch_that_was_given_up_too_soon_is_handed_over_again() -> None:
    inner = Impatient(2)
    (acknowledged,) = await house(inner, 60).send(MESSAGES)
    assert inner.taken == [("topic", 3, 1)]
    assert isinstance(acknowledged, asyncio.Future)


async def test_a_broker_that_is_away_for_too_long_is_not_waited_for() -> None:
    inner = Impatient(1_000_000)
    with pytest.raises(KafkaTimeoutError):
        await house(inner, 0.1).send(MESSAGES)
    assert inner.taken == []


async def test_a_large_key_is_compressed_as_a_large_value_is() -> None:
    """Else it would be more than the broker takes, and end one worker after the other."""
    inner, large = Impatient(0), b"k" * (MAX_BATCH_BYTES + 1)
    await house(inner, 60).send({"topic": {0: [(b"a", b"1", [], 1), (large, None, [], 2), (b"c", b"3", [], 3)]}})
    assert [count for *_, count in inner.taken] == [1, 1, 1]
    assert sent_bytes(large, None) < 1000


async def test_a_large_message_has_a_batch_of_its_own_and_all_keep_their_order() -> None:
    inner, large = Impatient(0), b"x" * (MAX_BATCH_BYTES + 1)
    await house(inner, 60).send(
        {"topic": {0: [(b"a", b"1", [], 1), (b"b", large, [], 2), (b"c", b"3", [], 3), (b"d", None, [], 4)]}}
    )
    assert [count for *_, count in inner.taken] == [1, 1, 2]
