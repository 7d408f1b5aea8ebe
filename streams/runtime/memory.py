"""What a keyed agent remembers, one memory a partition, and how it survives: a changelog topic, read back at start.

Faust's tables write one changelog record a change and count twice after a crash (faust-streaming #323), and their
recovery has hung (#21, #74). A memory here writes with its chunk's outputs, merges what it reads back by offset, so
that a record written late by a worker that has lost the partition changes nothing, and recovers in one plain loop.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from aiokafka import TopicPartition

from streams.errors import HaochapingError
from streams.runtime.replay import read_to_end, start_consumer
from streams.settings import Settings


class Memory(Protocol):
    """One partition's memory."""

    def recall(self, key: bytes, value: bytes | None) -> None:
        """Take back a changelog record. Order and repetition must not matter, except that None deletes."""

    def __len__(self) -> int:
        """How many entries it holds."""


M = TypeVar("M", bound=Memory)


class Memories(Generic[M]):
    """An agent's memories: those of the partitions this worker owns."""

    def __init__(self, changelog: str, new: Callable[[], M]) -> None:
        self.changelog = changelog
        self._new = new
        self._owned: dict[int, M] = {}
        self._generation = -1

    def __getitem__(self, partition: int) -> M:
        return self._owned[partition]

    def __iter__(self) -> Iterator[int]:
        return iter(list(self._owned))

    def __len__(self) -> int:
        return sum(len(memory) for memory in self._owned.values())

    def empty(self) -> M:
        """A memory of nothing."""
        return self._new()

    def adopt(self, partition: int, memory: M) -> None:
        """Own the memory of a partition just assigned, now that it is complete: half of one tells lies."""
        self._owned[partition] = memory

    def assign(self, partitions: set[int], generation: int) -> dict[int, M]:
        """Own no partitions but these; the memories returned are new, to be recovered and then adopted.

        A memory is kept only from one generation of the group to the very next: between the two nobody else can
        have owned the partition. A worker that was away for a generation (stopped, cut off) starts from the changelog.
        """
        kept = self._owned if generation == self._generation + 1 else {}
        fresh = {partition: self._new() for partition in partitions if partition not in kept}
        self._owned = {partition: kept[partition] for partition in partitions & kept.keys()}
        self._generation = generation
        return fresh


def recall_all(memory: Memory, partition: TopicPartition, records: Sequence[Any]) -> None:
    """Have a memory take back records of its changelog, as they were fetched from this partition of it.

    Raises:
        HaochapingError: it cannot read one: a newer version wrote it, before a roll-back or beside us.
    """
    for record in records:
        try:
            memory.recall(record.key, record.value)
        except Exception as exc:
            raise HaochapingError(
                f"{partition.topic}/{partition.partition}/{record.offset}, of what the workers remember, cannot be "
                f"read by this version of haochaping ({type(exc).__name__}): run the newest that has worked on these "
                "topics (docs/operations.md, Upgrade and roll back)"
            ) from exc


async def recover(
    settings: Settings,
    wanted: dict[tuple[str, int], Memory],
    progress: Callable[[], None] = lambda: None,
    known: Mapping[tuple[str, int], int] | None = None,
) -> int:
    """Read changelog partitions, given as (topic, partition), to their ends; returns the number of records read.

    `progress` is called whenever some came. `known` has the offsets up to which a memory knows its changelog already.

    Raises:
        HaochapingError: no broker answers, or one gives nothing for HCP_STALL_TIMEOUT seconds though it has more; or
            a record cannot be read.
    """
    if not wanted:
        return 0
    consumer = await start_consumer(
        settings,
        auto_offset_reset="earliest",  # reading again changes nothing; passing over would
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=100,
    )

    def recall(partition: TopicPartition, batch: Sequence[Any]) -> None:
        recall_all(wanted[partition.topic, partition.partition], partition, batch)
        progress()

    try:
        partitions = [TopicPartition(*source) for source in wanted]
        begin = {TopicPartition(*source): offset for source, offset in (known or {}).items()}
        return await read_to_end(consumer, partitions, settings.stall_timeout, recall, begin)
    finally:
        await consumer.stop()
