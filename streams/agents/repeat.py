"""incidents → alerts on patterns: the same staff member, the same kind at the same hall, a rising category.

Each bad review is an incident in a few groups; a group's alerts follow from the set of its incidents, so disorder,
late dismissals and repetition change nothing in the end (rules/repeats.py, rules/trend.py).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import orjson
from pydantic import TypeAdapter

from streams.agents.alert_book import ALERT, AlertBook, Announcer, announcement
from streams.metrics import MAX_REPEAT_SERIES, Metrics
from streams.rules.repeats import Incident, repeat_category, repeat_staff
from streams.rules.trend import trend_alerts
from streams.runtime.chunks import Chunk
from streams.runtime.clock import BEGINNING, Clock
from streams.runtime.memory import Memories
from streams.runtime.producer import Message, Outbox
from streams.schemas.alert import Alert
from streams.settings import Settings
from streams.topics import Topics

#: How much later than the window an incident may still matter: late records, late dismissals.
LATENESS = timedelta(days=400)

#: Versions an input leaves room for: what time alone changes between two inputs.
VERSIONS = 8

_INCIDENT = b"i"
_TO_INCIDENT = TypeAdapter(Incident)


def groups_of(incident: Incident) -> Iterator[str]:
    """The groups a bad review belongs to; `|` separates because ids have none."""
    if incident.staff_id is not None:
        yield f"staff|{incident.staff_id}"
    for category in incident.categories:
        if incident.hall_id is not None:
            yield f"hall|{incident.hall_id}|{category}"
        yield f"trend|{category}"


def _key(group: str, review_id: str) -> bytes:
    return _INCIDENT + f"{group}|{review_id}".encode()


class RepeatMemory:
    """One partition's groups: the incidents of each, by review id, with the offset and version they came with."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, tuple[int, int, Incident]]] = {}
        self.book = AlertBook()
        self.newest = self.expired_at = BEGINNING

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def recall(self, key: bytes, value: bytes | None) -> None:
        """Take back a changelog record."""
        if key[:1] == ALERT:
            self.book.recall(key, value)
            return
        group, review_id = key[1:].decode().rsplit("|", 1)
        if value is None:
            self.groups.get(group, {}).pop(review_id, None)
        else:
            offset, body = orjson.loads(value)
            self.take(group, offset, body["version"], _TO_INCIDENT.validate_python(body["incident"]))

    def take(self, group: str, offset: int, version: int, incident: Incident) -> bool | None:
        """Note an incident. True: it says something new; False: the same read again; None: older than what is known."""
        incidents = self.groups.setdefault(group, {})
        known = incidents.get(incident.review_id)
        if known is None or version > known[1]:
            incidents[incident.review_id] = (offset, version, incident)
            self.newest = max(self.newest, incident.occurred_at)
            return True
        return False if offset == known[0] else None

    def expire(self, keep: timedelta) -> list[Message]:
        """Once a day of the incidents' time, forget what is older than `keep`; returns what deletes it."""
        if self.newest - self.expired_at < timedelta(days=1):
            return []
        self.expired_at = self.newest
        before = self.newest - keep
        deleted: list[Message] = []
        for group, incidents in list(self.groups.items()):
            old = [each for each, (_, _, incident) in incidents.items() if incident.occurred_at < before]
            for review_id in old:
                del incidents[review_id]
                deleted.append((_key(group, review_id), None, [], None))
            if not incidents:
                del self.groups[group]
            deleted += self.book.forget(group, before)
        return deleted


class Repeat:
    """The fourth agent: what one bad review alone does not show."""

    name = "repeat"

    def __init__(
        self,
        topics: Topics,
        memories: Memories[RepeatMemory],
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        publish: Callable[[str, Any], None],
    ) -> None:
        self.topic = topics.incidents.name
        self.memories = memories
        self._topics = topics
        self._zone = settings.zone
        self._announcer = Announcer(topics.alerts.name, settings.zone, metrics, publish)
        self._window = timedelta(days=settings.repeat_window_days)
        self._minimum = settings.category_repeat_min
        self._clock = clock
        self._looked_at = BEGINNING
        self._metrics = metrics
        self._unconfirmed: list[tuple[int, str, str, Alert | None]] = []

    def recovered(self, partition: int) -> None:
        """The book says what was announced; the groups say what follows."""
        self._clock.observe(self.memories[partition].newest)

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Put incidents into their groups; announce what changes for each group touched."""
        memory = self.memories[chunk.partition]
        changelog = out.messages[self._topics.repeat_changelog.name][chunk.partition]
        touched: dict[str, bool] = {}
        for record in chunk.records:
            body = orjson.loads(record.value)
            group = record.key.decode()
            incident = _TO_INCIDENT.validate_python(body["incident"])
            self._clock.observe(incident.occurred_at)  # a worker that has just started has seen no time yet
            new = memory.take(group, record.offset, body["version"], incident)
            if new:
                key = _key(group, incident.review_id)
                changelog.append((key, orjson.dumps((record.offset, body)), [], None))
            if new is not None:
                touched[group] = touched.get(group, False) or not new
        version = chunk.next_offset * VERSIONS
        for group, again in touched.items():
            for alert in self._look(memory, group, version, out, again=again):
                changelog.append(announcement(group, alert))
        changelog.extend(memory.expire(self._window + LATENESS))

    def _now(self) -> datetime:
        return self._looked_at if self._clock.by_events else self._clock.now()

    def _derive(self, group: str, incidents: Iterable[Incident]) -> list[Alert]:
        kind, *_, last = group.split("|")
        if kind == "staff":
            return repeat_staff(incidents, self._window, self._zone)
        if kind == "hall":
            return repeat_category(incidents, last, self._window, self._minimum, self._zone)
        return trend_alerts(incidents, last, self._now(), self._zone)

    def _look(self, memory: RepeatMemory, group: str, version: int, out: Outbox, *, again: bool = False) -> list[Alert]:
        incidents = [incident for _, _, incident in memory.groups.get(group, {}).values()]
        derived = self._derive(group, incidents)
        # A trend seen on half of the records may vanish with the other half; the other kinds only ever change.
        ids = {alert.alert_id for alert in derived}
        now = self._clock.now()
        withdrawn = [
            replace(alert, state="resolved", resolution="revised", resolved_at=now)
            for alert in memory.book.about(group).values()
            if alert.alert_id not in ids and alert.kind == "trend" and alert.state == "firing"
        ]
        known = set(memory.book.about(group))
        alerts = memory.book.announce(group, [*derived, *withdrawn], now, version, again=again)
        self._announcer.give(alerts, known, out)
        return alerts

    def tick(self, now: datetime, out: Outbox) -> None:
        """A trend is over when its week is."""
        self._looked_at = max(self._looked_at, now)
        for partition in self.memories:
            memory = self.memories[partition]
            firing = {
                group
                for group in memory.groups
                if group.startswith("trend|")
                and any(alert.state == "firing" for alert in memory.book.about(group).values())
            }
            for group in firing:
                before = dict(memory.book.about(group))
                for alert in self._look(memory, group, 0, out):  # a change outdoes the version it follows
                    self._unconfirmed.append((partition, group, alert.alert_id, before.get(alert.alert_id)))

    def confirm(self, out: Outbox) -> None:
        """The announcements of the last tick are safe: remember them as made."""
        for partition, group, alert_id, _ in self._unconfirmed:
            if partition in list(self.memories):
                alert = self.memories[partition].book.about(group).get(alert_id)
                if alert is not None:
                    changelog = out.messages[self._topics.repeat_changelog.name][partition]
                    changelog.append(announcement(group, alert))
        self._unconfirmed.clear()

    def retract(self) -> None:
        """The announcements of the last tick may be lost: forget that they were made."""
        for partition, group, alert_id, before in self._unconfirmed:
            if partition in list(self.memories):
                self.memories[partition].book.restore(group, alert_id, before)
        self._unconfirmed.clear()

    def measure(self) -> None:
        """Alerts firing; for repeat_staff one series each."""
        announced = [alert for partition in self.memories for alert in self.memories[partition].book]
        self._announcer.measure(announced)
        firing = [alert for alert in announced if alert.kind == "repeat_staff" and alert.state == "firing"]
        # Critical before warning, new before old: should there be more than Prometheus ought to hold, the last go.
        firing.sort(key=lambda alert: (alert.severity == "critical", alert.raised_at), reverse=True)
        series: dict[tuple[str, str, str], int] = {}
        for alert in firing:
            series.setdefault((alert.staff_id or "", alert.hall_id or "", alert.severity), alert.count)
        active, reviews = self._metrics.repeat_alert_active, self._metrics.repeat_alert_reviews
        active.clear()
        reviews.clear()
        for labels, count in islice(series.items(), MAX_REPEAT_SERIES):
            active.labels(*labels).set(1)
            reviews.labels(*labels).set(count)
