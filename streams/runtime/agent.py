"""What an agent is to the runtime: what it is given, and what it may be asked for."""

from datetime import datetime
from typing import Any, Protocol, TypeVar

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


#: What a tick announced, as its agent notes it.
A = TypeVar("A")


class TimedAgent(StatefulAgent, Protocol[A]):
    """An agent for which time alone changes something."""

    def tick(self, now: datetime, out: Outbox) -> A:
        """Announce what has fallen due by `now`, or as much of it as takes a fraction of a second."""

    def due(self, now: datetime) -> bool:
        """Whether something has fallen due by `now` that a tick has not looked at."""

    def confirm(self, announced: A, out: Outbox) -> None:
        """What a tick announced is safe: write to the changelog that it was announced."""

    def retract(self, announced: A) -> None:
        """What a tick announced may be lost: announce it again at the next. Of several ticks the last is first."""
