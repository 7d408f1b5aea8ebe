"""A chunk: what was fetched of one partition, handed to an agent as a whole; it grows until its agent begins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: Records of a chunk, and of one fetch, at most; and how many may wait for their agents before no more are fetched.
MAX_CHUNK = 4_000
MAX_WAITING = 12_000
#: Records worked on together: what is made of some hundred is still in the processor's cache when it is needed, and
#: what is made of thousands is not. Parsing, validating and writing take a third less (docs/performance.md).
AT_ONCE = 500


class Record(Protocol):
    """A Kafka record as it is decoded (records.py)."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...  # ms since the epoch, by the broker or the publisher
    @property
    def key(self) -> Any: ...  # bytes or None; between agents always bytes
    @property
    def value(self) -> Any: ...  # the same
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one topic partition, in offset order, never empty.

    Faust pays for each message: a queue entry, an event, an acknowledgement, sensors. With a chunk for a message
    it pays once a fetch, which was measured at 25 times the records a second.
    """

    topic: str
    partition: int
    records: list[Record]
    generation: int  # of the consumer group: a chunk of another generation is not ours to process

    @property
    def next_offset(self) -> int:
        """The offset to go on from once this chunk is done."""
        return self.records[-1].offset + 1

    @property
    def source(self) -> tuple[str, int]:
        """Topic and partition."""
        return self.topic, self.partition

    def grow(self, records: Sequence[Record]) -> bool:
        """Take in records that come behind, if there is room; what is read again does not."""
        if records[0].offset < self.next_offset or len(self.records) + len(records) > MAX_CHUNK:
            return False
        self.records.extend(records)
        return True

    def parts(self) -> Iterator["Chunk"]:
        """The same in chunks of at most AT_ONCE records."""
        for begin in range(0, len(self.records), AT_ONCE):
            yield Chunk(self.topic, self.partition, self.records[begin : begin + AT_ONCE], self.generation)


class WaitingChunks:
    """Chunks whose agents have not begun with them.

    Records that come behind those of a chunk that waits join it: an agent pays for each chunk, so one that is late
    gets fewer and larger ones, and catches up. A rebalance drops what waits: another generation of the group begins.
    """

    def __init__(self) -> None:
        self._generation = -1
        self._chunks: dict[tuple[str, int], list[Chunk]] = {}

    def full(self, generation: int) -> bool:
        """Whether no more should be fetched for now."""
        self._forget_others(generation)
        return sum(len(each.records) for chunks in self._chunks.values() for each in chunks) >= MAX_WAITING

    def add(self, topic: str, partition: int, records: list[Record], generation: int) -> Chunk | None:
        """The chunk to hand over; None if the records have joined one that waits."""
        self._forget_others(generation)
        chunks = self._chunks.setdefault((topic, partition), [])
        if chunks and chunks[-1].grow(records):
            return None
        chunks.append(Chunk(topic, partition, records, generation))
        return chunks[-1]

    def take(self, chunk: Chunk) -> None:
        """Its agent begins: it grows no more.

        Raises:
            RuntimeError: it is not the first that waits. To go on would pass over the one before it for good.
        """
        first, *others = self._chunks[chunk.source]
        if first is not chunk:
            raise RuntimeError(f"no agent was given {chunk.topic}/{chunk.partition} from {first.records[0].offset} on")
        self._chunks[chunk.source] = others

    def _forget_others(self, generation: int) -> None:
        if generation != self._generation:
            self._generation = generation
            self._chunks.clear()
