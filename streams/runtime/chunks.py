"""A chunk: one fetch of one partition, handed to an agent as a whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


class Record(Protocol):
    """What aiokafka gives for a Kafka record (`aiokafka.ConsumerRecord`)."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...  # ms since the epoch, by the broker or the publisher
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
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
    records: Sequence[Any]  # of Record; Any because a typed Protocol costs nothing but mypy's time
    generation: int  # of the consumer group: a chunk of another generation is not ours to process

    @property
    def next_offset(self) -> int:
        """The offset to go on from once this chunk is done."""
        return int(self.records[-1].offset) + 1

    @property
    def source(self) -> tuple[str, int]:
        """Topic and partition."""
        return self.topic, self.partition

    def parts(self, records: int) -> Iterator["Chunk"]:
        """The same in chunks of at most so many records.

        What is made of some hundred records is still in the processor's cache when it is needed, and what is made of
        thousands is not: parsing, validating and writing take a third less (docs/performance.md).
        """
        for begin in range(0, len(self.records), records):
            yield Chunk(self.topic, self.partition, self.records[begin : begin + records], self.generation)
