"""A chunk: one fetch of one partition, handed to an agent as a whole."""

from collections.abc import Sequence
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
