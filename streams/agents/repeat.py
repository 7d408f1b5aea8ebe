"""incidents → alerts on patterns: the same staff member, the same kind at the same hall, a rising category.

Each bad review is an incident in a few groups; a group's alerts follow from the set of its incidents, so disorder,
late dismissals and repetition change nothing in the end (rules/repeats.py, rules/trend.py).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import nlargest
from typing import Any

import orjson

from streams.agents.alert_book import VERSIONS, Announced
from streams.agents.announcer import Announcer, LocalJson
from streams.agents.repeat_memory import RepeatMemory, Taken, changelog_key, incident_of
from streams.metrics import MAX_REPEAT_SERIES, Metrics
from streams.rules.admission import LATENESS
from streams.rules.history import Changed, History
from streams.rules.repeats import repeat_category, repeat_staff
from streams.rules.trend import trend_alerts, week_end, week_of, weeks_reached
from streams.runtime.chunks import Chunk
from streams.runtime.clock import BEGINNING, Clock
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.schemas.alert import Alert
from streams.settings import Settings
from streams.topics import Topics

#: Kinds of groups whose alerts are about one review, and of those alerts.
_ABOUT_ONE = {"staff": "repeat_staff", "hall": "repeat_category"}


@dataclass(slots=True)
class Change:
    """What a chunk says of one group."""

    incidents: list[Changed] = field(default_factory=list)
    again: bool = False  # some of it was read before, so what follows must be said again


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
        self._announcer = Announcer(topics.alerts.name, LocalJson(settings.zone), metrics, publish)
        self._window = timedelta(days=settings.repeat_window_days)
        self._minimum = settings.category_repeat_min
        self._clock = clock
        self._looked_at = BEGINNING
        self._metrics = metrics

    def recovered(self, partition: int) -> None:
        """The book says what was announced; the groups say what follows.

        What fires by another window or minimum is looked at anew: the end of an alert that no longer follows would
        never be derived.
        """
        memory = self.memories[partition]
        self._clock.observe(memory.newest)
        firing = memory.book.firing
        for alert in (*firing["repeat_staff"].values(), *firing["repeat_category"].values()):
            few = alert.kind == "repeat_category" and alert.count < self._minimum
            if few or alert.window_days != self._window.days:
                memory.doubt(alert)

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Put incidents into their groups; announce what changes for each group touched."""
        memory = self.memories[chunk.partition]
        changelog = out.messages[self._topics.repeat_changelog.name][chunk.partition]
        touched: defaultdict[str, Change] = defaultdict(Change)
        for record in chunk.records:
            body = orjson.loads(record.value)
            group = record.key.decode()
            incident = incident_of(body)
            self._clock.observe(incident.occurred_at)  # a worker that has just started has seen no time yet
            taken = memory.take(group, record.offset, body["version"], incident)
            if taken in (Taken.NEW, Taken.OF_ITSELF):
                key = changelog_key(group, incident.review_id)
                changelog.append((key, orjson.dumps((record.offset, body)), [], None))
            if taken is not Taken.OLD:
                reach = timedelta() if taken is Taken.OF_ITSELF else self._window
                touched[group].incidents.append((incident, reach))
                touched[group].again |= taken is Taken.AGAIN
        version, announced = chunk.next_offset * VERSIONS, []
        for group, change in touched.items():
            weeks = weeks_reached((incident for incident, _ in change.incidents), self._zone)
            for alert in self._look(memory, group, version, out, weeks, change.incidents, again=change.again):
                changelog.extend(memory.book.settle(group, alert))
                announced.append(alert)
        self._announcer.sink(announced, out)
        changelog.extend(memory.expire(self._clock.now(), self._window + LATENESS))

    def _now(self) -> datetime:
        return self._looked_at if self._clock.by_events else self._clock.now()

    def _derive(self, group: str, history: History, changed: list[Changed], weeks: set[int]) -> list[Alert]:
        kind, *_, last = group.split("|")
        if kind == "staff":
            return repeat_staff(history, self._window, self._zone, changed)
        if kind == "hall":
            return repeat_category(history, last, self._window, self._minimum, self._zone, changed)
        return trend_alerts(history, last, self._now(), self._zone, weeks)

    def _look(
        self,
        memory: RepeatMemory,
        group: str,
        version: int,
        out: Outbox,
        weeks: set[int],
        changed: list[Changed],
        *,
        again: bool,
    ) -> list[Alert]:
        """Announce what is new (or all, if `again`) of a group's alerts: of those that changes or the time reach.

        Never of all: the weeks before the oldest ones are forgotten, and by what is left these would be trends.
        """
        about = memory.book.about(group)
        derived = self._derive(group, memory.groups[group].history, changed, weeks)
        now, follows = self._clock.now(), {alert.alert_id for alert in derived}
        reached = self._reached(group, about, weeks, changed)
        derived += self._vanished((alert for alert in reached if alert.alert_id not in follows), now, again=again)
        known = {alert.alert_id for alert in derived if alert.alert_id in about}
        alerts = memory.book.announce(group, derived, now, version, again=again)
        self._announcer.give(alerts, known, out)
        return alerts

    def _reached(
        self, group: str, about: Mapping[str, Alert], weeks: set[int], changed: list[Changed]
    ) -> Iterator[Alert]:
        """What was announced of a group in these weeks, or of these reviews themselves."""
        kind, place = group.split("|", 1)
        if kind == "trend":
            yield from (alert for alert in about.values() if week_of(alert.raised_at, self._zone) in weeks)
            return
        about_place = f"{_ABOUT_ONE[kind]}:{place.replace('|', ':')}"
        ids = (f"{about_place}:{incident.review_id}" for incident, _ in changed)
        yield from (about[alert_id] for alert_id in ids if alert_id in about)

    def _vanished(self, gone: Iterable[Alert], now: datetime, *, again: bool) -> Iterator[Alert]:
        """Alerts that were announced and no longer follow.

        A trend may have been announced on half of the records; any other follows until the window or the minimum is
        changed. What was said of one that vanished is said `again` like everything else: a worker may have died before
        the sink had it.
        """
        for alert in gone:
            said = alert.resolution == "revised" if alert.kind == "trend" else alert.state == "resolved"
            if not said:
                yield replace(alert, state="resolved", resolution="revised", resolved_at=alert.resolved_at or now)
            elif again:
                yield alert

    def tick(self, now: datetime, out: Outbox) -> Announced:
        """A trend is over when its week is; what was in doubt when partitions came is looked at.

        Time ends here only what was announced before, so a worker that comes after knows what it has to end, and ends
        it anew.
        """
        self._looked_at = max(self._looked_at, now)
        announced = Announced()
        for partition in self.memories:
            memory = self.memories[partition]
            unsaid, memory.unsaid = memory.unsaid, defaultdict(set)
            over = defaultdict(set, {group: set(weeks) for group, weeks in unsaid.items()})
            for alert in memory.book.firing["trend"].values():
                if now >= week_end(alert.raised_at, self._zone):
                    over[f"trend|{alert.category}"].add(week_of(alert.raised_at, self._zone))
            for group, weeks in over.items():
                # A change outdoes the version it follows.
                for alert in self._look(memory, group, 0, out, weeks, [], again=group in unsaid):
                    announced.alerts.append((partition, group, alert))
            doubtful, memory.doubtful = memory.doubtful, defaultdict(set)
            for group, reviews in doubtful.items():
                changed = [(each, timedelta()) for each in memory.groups[group].history if each.review_id in reviews]
                for alert in self._look(memory, group, 0, out, set(), changed, again=True):
                    announced.alerts.append((partition, group, alert))
        self._announcer.sink([alert for _, _, alert in announced.alerts], out)
        return announced

    def due(self, now: datetime) -> bool:
        """What time changes here waits for the next tick."""
        return False

    def confirm(self, announced: Announced, out: Outbox) -> None:
        """The announcements of a tick are safe: remember them as made."""
        changelog = out.messages[self._topics.repeat_changelog.name]
        for partition, group, alert in announced.standing(self.memories):
            changelog[partition].extend(self.memories[partition].book.settle(group, alert))

    def retract(self, announced: Announced) -> None:
        """The announcements of a tick may be lost: make them again."""
        for partition, group, alert in announced.standing(self.memories):
            if alert.kind == "trend":
                self.memories[partition].unsaid[group].add(week_of(alert.raised_at, self._zone))
            else:
                self.memories[partition].doubt(alert)

    def measure(self) -> None:
        """Alerts firing; for repeat_staff one series each."""
        books = [self.memories[partition].book for partition in self.memories]
        self._announcer.measure(books)
        # One pass, no sorting: a province has tens of thousands of these, and the event loop waits.
        newest: dict[tuple[str, str, str], Alert] = {}
        for book in books:
            for alert in book.firing["repeat_staff"].values():
                labels = alert.staff_id or "", alert.hall_id or "", alert.severity
                if labels not in newest or alert.raised_at > newest[labels].raised_at:
                    newest[labels] = alert
        # Critical before warning, new before old: should there be more than Prometheus ought to hold, the last go.
        shown = nlargest(
            MAX_REPEAT_SERIES, newest.items(), lambda each: (each[1].severity == "critical", each[1].raised_at)
        )
        active, reviews = self._metrics.repeat_alert_active, self._metrics.repeat_alert_reviews
        active.clear()
        reviews.clear()
        for series, alert in shown:
            active.labels(*series).set(1)
            reviews.labels(*series).set(alert.count)
