"""三对应: which window, person and service a review is about. Source: CONTRACT §3, Enrichment."""

from dataclasses import dataclass
from datetime import datetime

from streams.schemas.reference import Item, Service, Staff, Window

#: Combinations of ids kept: a district has some thousand, but nobody knows how many unknown ids a publisher sends.
MAX_MATCHES = 100_000


#: Of a window, a staff member and a service.
Ids = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """What the reference says of one review's ids; the field names are those of `reviews.enriched`.

    Not compared by value: the reference gives the same Match for the same ids, so that it is a cheap key for caches of
    what follows from it.
    """

    window_id: str | None
    service_id: str | None
    staff_id: str | None
    window_name: str | None
    hall_id: str | None
    hall_name: str | None
    department_id: str | None
    department_name: str | None
    staff_name: str | None
    service_name: str | None
    matched: dict[str, bool]  # window, staff, service: whether the id was resolved
    three_match: bool


class Reference:
    """Windows, staff and services by id, and who was on duty at a window when."""

    def __init__(self) -> None:
        self.windows: dict[str, Window] = {}
        self.staff: dict[str, Staff] = {}
        self.services: dict[str, Service] = {}
        # Only windows whose records carry `since`: (since, staff_id), oldest first.
        self._rosters: dict[str, list[tuple[datetime, str]]] = {}
        self._matches: dict[Ids, Match] = {}
        self._given: dict[Ids, Match] = {}  # the same by the ids as given, where they do not depend on the time

    def __str__(self) -> str:
        return f"{len(self.windows)} windows, {len(self.staff)} staff, {len(self.services)} services"

    def learn(self, record: Item) -> None:
        """Take a record; it replaces the one with its id. A roster keeps every `since`, until a record has none."""
        self._forget_matches()
        match record:
            case Window():
                self.windows[record.window_id] = record
                shifts = {shift.since: shift.staff_id or "" for shift in record.roster}
                if record.since is not None:
                    shifts[record.since] = record.staff_id or ""
                if shifts:
                    known = dict(self._rosters.get(record.window_id, ()))
                    self._rosters[record.window_id] = sorted((known | shifts).items())
                else:
                    self._rosters.pop(record.window_id, None)
            case Staff():
                self.staff[record.staff_id] = record
            case Service():
                self.services[record.service_id] = record

    def forget(self, model: type[Item], key: str) -> None:
        """A null value deletes the record with this id."""
        self._forget_matches()
        if model is Window:
            self.windows.pop(key, None)
            self._rosters.pop(key, None)
        elif model is Staff:
            self.staff.pop(key, None)
        elif model is Service:
            self.services.pop(key, None)

    def on_duty(self, window_id: str, at: datetime) -> str | None:
        """The staff_id on duty at a window: of the last `since` at or before `at`, or of a record without one."""
        roster = self._rosters.get(window_id)
        if roster is None:
            window = self.windows.get(window_id)
            return window.staff_id if window else None
        return next((staff_id or None for since, staff_id in reversed(roster) if since <= at), None)

    def match(
        self, window_id: str | None, staff_id: str | None, service_id: str | None, occurred_at: datetime
    ) -> Match:
        """Resolve a review's ids. An id given wins; without a `staff_id` whoever was on duty at the window serves."""
        given = window_id, staff_id, service_id
        found = self._given.get(given)
        if found is not None:
            return found
        if staff_id is None and window_id is not None:
            staff_id = self.on_duty(window_id, occurred_at)
        ids = window_id, staff_id, service_id
        if max(len(self._matches), len(self._given)) >= MAX_MATCHES:
            self._forget_matches()
        found = self._matches.get(ids) or self._matches.setdefault(ids, self._match(*ids))
        if window_id not in self._rosters:
            self._given[given] = found
        return found

    def _forget_matches(self) -> None:
        self._matches.clear()
        self._given.clear()

    def _match(self, window_id: str | None, staff_id: str | None, service_id: str | None) -> Match:
        window = self.windows.get(window_id) if window_id else None
        staff = self.staff.get(staff_id) if staff_id else None
        service = self.services.get(service_id) if service_id else None
        # The department: the window's, else the staff's, else the service's.
        home = next((each for each in (window, staff, service) if each and each.department_id), None)
        return Match(
            window_id=window_id,
            service_id=service_id,
            staff_id=staff_id,
            window_name=window.name if window else None,
            hall_id=window.hall_id if window else None,
            hall_name=window.hall_name if window else None,
            department_id=home.department_id if home else None,
            department_name=home.department_name if home else None,
            staff_name=staff.name if staff else None,
            service_name=service.name if service else None,
            matched={"window": window is not None, "staff": staff is not None, "service": service is not None},
            three_match=window is not None and staff is not None and service is not None,
        )
