"""A clock under a test's hand."""

from datetime import datetime

from streams.runtime.clock import WallClock


class SetClock(WallClock):
    """A wall clock that somebody sets."""

    def __init__(self, time: datetime) -> None:
        self.time = time

    def now(self) -> datetime:
        return self.time
