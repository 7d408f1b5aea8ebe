"""“1、5、15”: until when a bad review must be answered. Source: CONTRACT §3, Cases; DOMAIN.

natural     opened ──24 h──┤ callback_due (1)       ──5 × 24 h──┤ rectify_due (5)
workdays    opened on Fri ┆ Sat Sun ┆ Mon ─────┤ 24:00: callback_due (1); a Saturday worked (调休) would count
"""

import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol, Self
from zoneinfo import ZoneInfo

import chinese_calendar  # type: ignore[import-untyped]

from streams.settings import Settings

DAY = timedelta(days=1)


class Calendar(Protocol):
    """How days are counted."""

    def due(self, opened_at: datetime, days: int) -> datetime:
        """The last instant that is still in time, `days` days after `opened_at`. Both aware."""


@dataclass(frozen=True, slots=True)
class NaturalDays:
    """N × 24 h, in absolute time: a change to summer time neither gives nor takes an hour."""

    def due(self, opened_at: datetime, days: int) -> datetime:
        """`opened_at` + `days` × 24 h, in UTC."""
        return opened_at.astimezone(UTC) + days * DAY


class WorkingDays:
    """The end (24:00 local) of the Nth working day after the day of opening.

    By the State Council's calendar with 调休; for a year it does not know by plain weekends, with one warning for
    that year as long as this object lives.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._unknown: set[int] = set()
        self._known: dict[date, bool] = {}  # the library takes 30 µs a day

    def due(self, opened_at: datetime, days: int) -> datetime:
        """The midnight that ends the `days`th working day after the local day of `opened_at`, in UTC."""
        day = opened_at.astimezone(self._zone).date()
        while days > 0:
            day += DAY
            days -= self.is_workday(day)
        return datetime.combine(day + DAY, time(), self._zone).astimezone(UTC)

    def is_workday(self, day: date) -> bool:
        """Whether government offices work on `day`."""
        if day not in self._known:
            self._known[day] = self._look_up(day)
        return self._known[day]

    def _look_up(self, day: date) -> bool:
        try:
            return bool(chinese_calendar.is_workday(day))
        except NotImplementedError:
            if day.year not in self._unknown:
                self._unknown.add(day.year)
                warnings.warn(
                    f"the working days of {day.year} are not known: deadlines take Monday to Friday for them; "
                    "upgrade chinesecalendar once the State Council has published that year",
                    stacklevel=2,
                )
            return day.weekday() < 5


@dataclass(frozen=True, slots=True)
class DeadlineRules:
    """What the district has decided about deadlines (HCP_CALLBACK_DAYS and the like)."""

    callback_days: int
    rectify_days: int
    extended_days: int
    callback_lead: timedelta  # how long before the due time an alert says it is due soon
    rectify_lead: timedelta
    calendar: Calendar
    zone: ZoneInfo  # for the times people read in titles

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The rules `settings` ask for."""
        workdays = settings.deadline_calendar == "workdays"
        return cls(
            callback_days=settings.callback_days,
            rectify_days=settings.rectify_days,
            extended_days=settings.extended_days,
            callback_lead=timedelta(hours=settings.callback_lead_hours),
            rectify_lead=timedelta(hours=settings.rectify_lead_hours),
            calendar=WorkingDays(settings.zone) if workdays else NaturalDays(),
            zone=settings.zone,
        )

    def callback_due(self, opened_at: datetime) -> datetime:
        """The last instant at which a callback (回访) is in time."""
        return self.calendar.due(opened_at, self.callback_days)

    def rectify_due(self, opened_at: datetime) -> datetime:
        """The last instant at which rectification (整改) and reply (回复) are in time, unless extended."""
        return self.calendar.due(opened_at, self.rectify_days)

    def extended_due(self, opened_at: datetime) -> datetime:
        """The same for a hard case whose extension (延期) was accepted; counted from the opening too."""
        return self.calendar.due(opened_at, self.extended_days)
