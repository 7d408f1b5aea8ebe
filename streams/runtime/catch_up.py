"""After partitions came: has what people reported before then been read?

On the wall clock a worker that starts after an outage would otherwise look at its deadlines first, and tell everybody
of callbacks missed that were made in time and reported while it was away.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from aiokafka.errors import KafkaError

#: Seconds to wait for that at most: deadlines are told of in any case.
PATIENCE = 60.0


class Group(Protocol):
    """The consumer."""

    async def group_offsets(self, topic: str, partitions: int) -> tuple[Mapping[int, int], Mapping[int, int]]:
        """By partition: up to where the group is done with a topic, whichever worker it is for, and where it ends."""


class CatchUp:
    """Goes topic by topic in the order of a report's way, each up to where it ended when its turn came."""

    def __init__(self, topics: Sequence[tuple[str, int]]) -> None:
        """
        Args:
            topics: Their names, and how many partitions they have.
        """
        self._topics = topics
        self._left: list[tuple[str, int]] = []
        self._ends: Mapping[int, int] | None = None
        self._until = 0.0

    def begin(self) -> None:
        """Partitions came."""
        self._left, self._ends = list(self._topics), None
        self._until = time.monotonic() + PATIENCE

    async def over(self, group: Group) -> bool:
        """Whether all of it has been read, or waited for long enough; asks the broker."""
        while self._left and time.monotonic() < self._until:
            try:
                done, ends = await group.group_offsets(*self._left[0])
            except (KafkaError, TimeoutError):
                return False
            if self._ends is None:
                self._ends = ends
            if any(done[number] < end for number, end in self._ends.items()):
                return False
            self._left.pop(0)
            self._ends = None
        return True
