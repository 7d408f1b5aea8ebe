"""Now: by the wall, or by the events themselves. Source: CONTRACT §3, Clock."""

from datetime import UTC, datetime
from typing import Protocol

BEGINNING = datetime.min.replace(tzinfo=UTC)


class Clock(Protocol):
    """Time is a thing passed in, so that a replay and a test decide it."""

    #: True where time stands still unless events come.
    by_events: bool

    def now(self) -> datetime:
        """The present instant, aware."""

    def observe(self, time: datetime) -> None:
        """An event happened at `time`."""


class WallClock:
    """The machine's time."""

    by_events = False

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC)

    def observe(self, time: datetime) -> None:
        """Events do not move the wall's clock."""


class EventClock:
    """The newest time any event carried: a year is replayed in a minute, and ends at its own end."""

    by_events = True

    def __init__(self) -> None:
        self._now = BEGINNING

    def now(self) -> datetime:
        """The newest time seen; the beginning of time before the first event."""
        return self._now

    def observe(self, time: datetime) -> None:
        """Time never goes back: an old event changes nothing."""
        if time > self._now:
            self._now = time
