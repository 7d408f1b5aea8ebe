"""What the district is to be like. Every share is an option, so that it also makes a bad district or ten million reviews."""

from dataclasses import dataclass, field
from datetime import date

from streams.errors import HaochapingError

#: Channels and their shares (DOMAIN: window screens and QR codes lead).
CHANNELS = {"window": 0.52, "qr": 0.18, "kiosk": 0.08, "app": 0.12, "web": 0.05, "sms": 0.03, "hotline": 0.02}


@dataclass(frozen=True, slots=True)
class Plan:
    """Numbers of the year; shares are from 0 to 1."""

    seed: int = 2026
    reviews: int = 220_000  # accepted ones, bad ones included
    bad: int = 64
    departments: int = 27
    halls: int = 14
    windows: int = 322
    start: date = date(2026, 1, 1)
    end: date = date(2026, 8, 31)
    stories: bool = True  # Ms Xi and Mr Wang, word for word
    commented: float = 0.05  # of good reviews
    tagged: float = 0.08
    hidden_negative: float = 0.004  # good reviews that complain all the same
    named: float = 0.10  # reviews that carry the reviewer's personal data
    unmatched: float = 0.0  # reviews with ids nobody knows
    duplicates: float = 0.005
    late: float = 0.01  # published up to three days after they happened
    rejects: int = 12  # records that cannot be used, of every kind
    late_cases: float = 0.0  # bad reviews answered after their deadlines
    unhandled: float = 0.0  # bad reviews nobody answers
    dismissed: float = 0.0
    extended: float = 0.0
    channels: dict[str, float] = field(default_factory=lambda: dict(CHANNELS), hash=False)

    def __post_init__(self) -> None:
        for name in ("commented", "tagged", "hidden_negative", "named", "unmatched", "duplicates", "late"):
            self._share(name)
        for name in ("late_cases", "unhandled", "dismissed", "extended"):
            self._share(name)
        if not 1 <= self.departments <= 27 or not 1 <= self.halls <= 14 or self.windows < self.halls:
            raise HaochapingError("a district has 1-27 departments, 1-14 halls, and at least a window a hall")
        if self.bad > self.reviews:
            raise HaochapingError(f"there cannot be {self.bad} bad reviews among {self.reviews}")
        if self.start > self.end:
            raise HaochapingError(f"the year ends ({self.end}) before it starts ({self.start})")

    def _share(self, name: str) -> None:
        if not 0 <= getattr(self, name) <= 1:
            raise HaochapingError(f"{name.replace('_', '-')} is a share from 0 to 1, not {getattr(self, name)}")
