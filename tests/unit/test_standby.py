"""A warm copy has every record of its changelog, whatever else changes while some are fetched."""

import asyncio
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.runtime.standby import Standbys
from streams.settings import Settings
from tests.unit.test_checkpoint import turns

FIRST, OTHER = ("changelog", 0), ("changelog", 1)
RECORDS = 10


class Memory:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []

    def recall(self, key: bytes, value: bytes | None) -> None:
        self.keys.append(key)

    def __len__(self) -> int:
        return len(self.keys)


class Consumer:
    """Gives two records a fetch, when it is let."""

    def __init__(self, **options: Any) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self.answers = asyncio.Semaphore(0)

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self.positions = dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self.positions[partition] = offset

    async def getmany(self, **options: Any) -> dict[TopicPartition, list[Any]]:
        fetched: dict[TopicPartition, list[Any]] = {}
        for partition, offset in self.positions.items():
            following = self.positions[partition] = min(offset + 2, RECORDS)
            records = [SimpleNamespace(offset=n, key=b"%d" % n, value=b"") for n in range(offset, following)]
            if records:
                fetched[partition] = records
        await self.answers.acquire()
        return fetched


async def test_a_copy_begun_anew_while_records_are_fetched_misses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The partition was taken over and went on to another worker in between."""
    consumer = Consumer()
    monkeypatch.setattr("streams.runtime.standby.AIOKafkaConsumer", lambda **options: consumer)
    standbys = Standbys(Settings())
    standbys.follow({FIRST: Memory})
    running = asyncio.create_task(standbys.run())
    consumer.answers.release()
    await turns()  # two records are there, and the next two on their way
    taken = standbys.take(FIRST)
    assert taken is not None
    assert (len(taken[0]), taken[1]) == (2, 2), "the copy so far, and where to go on from"
    standbys.follow({FIRST: Memory, OTHER: Memory})
    for _ in range(RECORDS):
        consumer.answers.release()
    await turns()
    for source in (FIRST, OTHER):
        copy: Any = standbys.take(source)
        assert copy[0].keys == [b"%d" % number for number in range(RECORDS)]
        assert copy[1] == RECORDS
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
