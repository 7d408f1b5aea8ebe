"""Offsets at which there is nothing to read: a transaction's marker, what was aborted, what Kafka has deleted.

No agent is given anything of them, so nobody would ever commit beyond the last: the partition would never be done, and
a worker with nothing to do would end as one that makes no progress. Whoever has read to the end of a partition, and has
done all that was handed over of it, reads once more from where it is committed, in case something was passed over. What
is left after that is a gap, and is committed.
"""

import logging
from collections.abc import Mapping
from typing import Protocol

from streams.runtime.checkpoint import Checkpoint

log = logging.getLogger(__name__)

#: Looks in a row that must find the same, before and after reading again: records may be on their way to their agent.
LOOKS = 4

Partition = tuple[str, int]


class Reader(Protocol):
    """The consumer."""

    def read_to(self, topic: str, partition: int, done: int) -> int | None:
        """The offset to be read next, if all that was handed over of the partition is done; else None."""

    async def read_again(self, topic: str, partition: int, offset: int) -> bool:
        """Go back to an offset; False if that cannot be done now."""


class Gaps:
    """Finds what is left of partitions though there is nothing to read, and has it committed."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self._found: dict[Partition, tuple[int, int]] = {}  # committed up to where, and looks that found it so

    async def look(self, reader: Reader, left: Mapping[Partition, tuple[int, int]]) -> None:
        """`left`: of partitions that are not done, where they are committed up to, and where they end."""
        self._found = {partition: seen for partition, seen in self._found.items() if partition in left}
        for (topic, partition), (done, end) in left.items():
            at = reader.read_to(topic, partition, done)
            if at is None or at < end:
                self._found.pop((topic, partition), None)
                continue
            known, looks = self._found.get((topic, partition), (done, 0))
            looks = looks + 1 if known == done else 1
            if looks == LOOKS and not await reader.read_again(topic, partition, done):
                looks = 0
            elif looks >= 2 * LOOKS:
                log.info("%s/%d has no records from %d to %d: passing on", topic, partition, done, at - 1)
                self._checkpoint.pass_over(topic, partition, at)
                looks = 0
            self._found[topic, partition] = done, looks
