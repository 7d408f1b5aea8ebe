"""What every agent is to the pipeline."""

from datetime import datetime
from typing import Any, Protocol

from streams.runtime.chunks import Chunk
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox


class Agent(Protocol):
    """Reads one topic, calls rules, and says what follows. It does no I/O: what it gives goes through the outbox."""

    @property
    def name(self) -> str:
        """Its name in logs and metrics."""

    @property
    def topic(self) -> str:
        """The topic it reads."""

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Process a chunk: change the memory, fill the outbox. Given the same chunk again, it gives the same again.

        Raises:
            HaochapingError: the worker must stop, and why.
        """


class StatefulAgent(Agent, Protocol):
    """An agent that remembers, a memory a partition."""

    @property
    def memories(self) -> Memories[Any]:
        """Its memories."""

    def recovered(self, partition: int) -> None:
        """This partition's memory is complete: derive what follows from it."""

    def measure(self) -> None:
        """Set the gauges that follow from the memories."""


class TimedAgent(StatefulAgent, Protocol):
    """An agent for which time alone changes something."""

    def tick(self, now: datetime, out: Outbox) -> bool:
        """Announce what has fallen due by `now`, or as much of it as takes a fraction of a second; is there more?"""

    def due(self, now: datetime) -> bool:
        """Whether something has fallen due by `now` that a tick has not looked at."""

    def confirm(self, out: Outbox) -> bool:
        """What was announced is safe: write so to the changelog, or as much of it as a tick; is there more?"""

    def retract(self) -> None:
        """What the last tick announced may be lost: announce it again at the next."""
