"""The bad reviews of one group in their order, so that one more of them costs what it changes and not the whole group.

             ├──── window ────┤
──r1───r2────c─────r3────r4───┼──r5──→ occurred_at     a change of c reaches c, r3 and r4; that its case was closed, c
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What one bad review adds to the groups it belongs to, and how its case ended. Times are aware."""

    review_id: str
    occurred_at: datetime
    department_id: str | None = None
    department_name: str | None = None
    hall_id: str | None = None
    hall_name: str | None = None
    window_id: str | None = None
    staff_id: str | None = None
    staff_name: str | None = None
    service_id: str | None = None
    service_name: str | None = None
    categories: tuple[str, ...] = ()
    cause: str = "unknown"
    closed_at: datetime | None = None  # rectified and replied: the later of the two
    dismissed_at: datetime | None = None


#: An incident that is new or says something new, and how long after it others may be changed by that.
Changed = tuple[Incident, timedelta]


class History:
    """Incidents by review, sorted by (occurred_at, review_id)."""

    def __init__(self, incidents: Iterable[Incident] = ()) -> None:
        self._known = {incident.review_id: incident for incident in incidents}
        self._order = sorted(map(_place, self._known.values()))

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Incident]:
        """Oldest first."""
        return (self._known[review_id] for _, review_id in self._order)

    def put(self, incident: Incident) -> bool:
        """Take an incident in; it replaces the one of the same review. Returns whether that may concern others."""
        known = self._known.get(incident.review_id)
        self.drop(incident.review_id)
        self._known[incident.review_id] = incident
        insort(self._order, _place(incident))
        return known is None or _to_others(known) != _to_others(incident)

    def drop(self, review_id: str) -> None:
        """Leave a review out; one that is not there is no error."""
        known = self._known.pop(review_id, None)
        if known is not None:
            del self._order[bisect_left(self._order, _place(known))]

    def between(self, begin: datetime, end: datetime) -> list[Incident]:
        """Those from `begin` on and before `end`, oldest first."""
        return self._slice(self._at(begin), self._at(end))

    def repeats(
        self, window: timedelta, enough: int, changed: Iterable[Changed] | None = None
    ) -> Iterator[tuple[Incident, list[Incident]]]:
        """(r, every other p no more than `window` before it, oldest first) for each r that has `enough` p.

        Args:
            window: The bound is included.
            enough: How many p it takes.
            changed: Only r that these changes reach.
        """
        for place in self._reached(changed):
            at, review_id = self._order[place]
            first = self._at(at - window)
            if place - first >= enough:
                yield self._known[review_id], self._slice(first, place)

    def _reached(self, changed: Iterable[Changed] | None) -> Iterator[int]:
        if changed is None:
            yield from range(len(self._order))
            return
        done = 0
        for (at, review_id), reach in sorted((_place(incident), reach) for incident, reach in changed):
            begin = bisect_left(self._order, (at, review_id))
            end = self._at(at + reach + datetime.resolution)
            yield from range(max(begin, done), end)
            done = max(done, end)

    def _at(self, moment: datetime) -> int:
        return bisect_left(self._order, (moment.astimezone(UTC), ""))

    def _slice(self, begin: int, end: int) -> list[Incident]:
        return [self._known[review_id] for _, review_id in self._order[begin:end]]


def _to_others(incident: Incident) -> tuple[object, ...]:
    """All that the alerts of later reviews say of this one: not how its own case was handled."""
    return incident.occurred_at, incident.dismissed_at, incident.service_id, incident.hall_id


def _place(incident: Incident) -> tuple[datetime, str]:
    # Differences of times in one zone of Python's are differences of its clocks: hence UTC.
    return incident.occurred_at.astimezone(UTC), incident.review_id
