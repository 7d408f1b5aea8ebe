"""case inputs → cases, their timers' alerts, incidents: the “1、5” duty a bad review starts.

One keyed topic carries a case's opening and its events, so one partition has both, in one order. What is kept of a
case is a set: its opening and its events by id. Everything published follows from the set and the time, whatever
order it came in (rules/cases.py, rules/timers.py).
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import orjson

from sinks.schema import case_columns
from streams.agents.alert_book import VERSIONS
from streams.agents.announcer import Announcer, LocalJson
from streams.agents.case_inputs import ARRIVED_HEADER, KIND_HEADER, OPENING, SOURCE_HEADER, SOURCE_KEY_HEADER
from streams.agents.rectify_memory import CLOCK_KEY, OPENING_KEY, Dossier, Event, Look, News, RectifyMemory
from streams.agents.refusals import Reason, Refusals
from streams.agents.repeat_memory import groups_of
from streams.metrics import Metrics
from streams.rules.admission import LATENESS, ORPHAN
from streams.rules.cases import Facts, case_of, gather
from streams.rules.deadlines import DeadlineRules
from streams.rules.history import Incident
from streams.rules.local_time import instant
from streams.rules.timers import alerts_of, moment_after, spans_of
from streams.runtime.chunks import Chunk
from streams.runtime.clock import BEGINNING, Clock
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.schemas.alert import Alert
from streams.schemas.case import Case
from streams.schemas.case_event import parse_event
from streams.settings import Settings
from streams.topics import Topics

#: Cases looked at in one go, shared among the partitions, so that nothing else waits longer than a tenth of a second.
AT_ONCE = 500

#: How long until one is looked at anew that may not be refused yet.
LOOK_AGAIN = timedelta(seconds=1)


class Rectify:
    """The third agent: cases and their deadlines."""

    name = "rectify"

    def __init__(
        self,
        topics: Topics,
        memories: Memories[RectifyMemory],
        settings: Settings,
        clock: Clock,
        refusals: Refusals,
        metrics: Metrics,
        publish: Callable[[str, Any], None],
        quiet: Callable[[], bool] = lambda: True,
        catching_up: Callable[[], bool] = lambda: False,
    ) -> None:
        self.topic = topics.case_inputs.name
        self.memories = memories
        self._topics = topics
        self._zone = settings.zone
        self._json = LocalJson(settings.zone)
        self._announcer = Announcer(topics.alerts.name, self._json, metrics, publish)
        self._rules = DeadlineRules.from_settings(settings)
        self._keep = timedelta(days=settings.repeat_window_days) + LATENESS
        self._clock = clock
        self._looked_at = BEGINNING  # the event clock's time at the last tick
        self._refusals = refusals
        self._metrics = metrics
        self._publish = publish
        self._catching_up = catching_up
        self._quiet = quiet  # whether all that was published has been read, so that no opening is under way

    # What time it is -------------------------------------------------------------------------------------------

    def _now(self, memory: RectifyMemory) -> datetime:
        """Time as of the last look, where it runs ahead of what has been read: see runtime/timers.py.

        On the wall clock each partition has its own: one that has just come may have much to be read.
        """
        if self._clock.by_events:
            return self._looked_at
        return memory.looked_at if self._catching_up() else self._clock.now()

    def recovered(self, partition: int) -> None:
        """Have every case looked at by the next tick.

        Nobody remembers what was last published of a case. Of one that time cannot change any more it was what follows
        from its events, or else they are read again; any other is published anew.
        """
        memory = self.memories[partition]
        self._clock.observe(memory.clock)
        self._looked_at = max(self._looked_at, memory.clock)
        # Whoever had the partition looked at it after the newest of its deadlines that was announced.
        memory.looked_at = memory.book.newest() + datetime.resolution
        now = self._looked_at if self._clock.by_events else self._clock.now()
        for case_id, dossier in memory.dossiers.items():
            for event in dossier.events.values():
                self._clock.observe(event.event.at)
            if dossier.opening is not None:
                case, _ = self._derive(dossier, now)
                settled = case.state == "dismissed" or (case.state == "closed" and case.called_back_at)
                memory.derived(dossier, case if settled else None)
            heapq.heappush(memory.moments, (BEGINNING, case_id))

    # Input -----------------------------------------------------------------------------------------------------

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Put openings and events into their dossiers; publish what follows for each case touched."""
        memory = self.memories[chunk.partition]
        changelog = out.messages[self._topics.rectify_changelog.name][chunk.partition]
        touched: dict[str, bool] = {}  # case_id: whether something was read again, so must be said again
        for record in chunk.records:
            headers = dict(record.headers)
            if headers[KIND_HEADER] == OPENING:
                review = orjson.loads(record.value)
                case_id = review["review_id"]
                self._clock.observe(datetime.fromisoformat(review["received_at"]))
                new = memory.open(record.offset, review)
                key, value = OPENING_KEY + case_id.encode(), orjson.dumps((record.offset, review))
            else:
                event = Event(
                    record.offset,
                    parse_event(record.value, self._zone),
                    record.value,
                    headers.get(SOURCE_KEY_HEADER),
                    headers[SOURCE_HEADER].decode(),
                    instant(int(headers.get(ARRIVED_HEADER, record.timestamp))),
                )
                self._clock.observe(event.event.at)
                case_id = event.event.case_id
                new = memory.take(event)
                if new is None:
                    self._refuse_unless_same(event, memory.known(event), out)
                key, value = event.changelog_key, event.pack()
            if new:
                changelog.append((key, value, [], None))
            if new is not None:
                touched[case_id] = touched.get(case_id, False) or not new
        now, news = self._now(memory), News(self._clock.now())
        for case_id, again in touched.items():
            for alert in self._look(memory, case_id, now, out, news, again=again):
                changelog.extend(memory.book.settle(case_id, alert))
        self._sink(news, out)
        changelog.extend(memory.expire(now, self._keep))

    def _refuse_unless_same(self, event: Event, known: Event, out: Outbox) -> None:
        """An event whose id was used before: sent again, or another one, which must not be lost in silence."""
        if event.event == known.event:
            self._metrics.duplicates.inc()
            return
        detail = (
            f"event_id {event.event.event_id} of case {event.event.case_id} was taken before with other content: the "
            "first one stands; give each event an id of its own"
        )
        self._refusals.refuse(out, Reason.CONFLICT, detail, event.source, event.key, event.value)

    # Time ------------------------------------------------------------------------------------------------------

    def tick(self, now: datetime, out: Outbox) -> Look:
        """Look at the cases for which a moment has come, the longest due first, but at no more than AT_ONCE."""
        self._looked_at = max(self._looked_at, now)
        look, news = Look(at=self._looked_at), News(self._clock.now())
        share = max(1, AT_ONCE // max(1, len(list(self.memories))))
        for partition in self.memories:
            memory = self.memories[partition]
            memory.looked_at = max(memory.looked_at, now)
            due: dict[str, None] = {}
            while memory.moments and memory.moments[0][0] <= now and len(due) < share:
                due[heapq.heappop(memory.moments)[1]] = None
            for case_id in due:
                if case_id in memory.dossiers and memory.dossiers[case_id].opening is None:
                    refused = self._refuse_orphans(memory, case_id, now, out)
                    look.refused += [(partition, event) for event in refused]
                    continue
                for alert in self._look(memory, case_id, now, out, news):
                    look.alerts.append((partition, case_id, alert))
                    out.first[self._topics.rectify_changelog.name][partition].append(memory.book.mark(case_id, alert))
        self._sink(news, out)
        return look

    def due(self, now: datetime) -> bool:
        """Whether a moment has come that nobody has looked at."""
        moments = [self.memories[partition].moments for partition in self.memories]
        return any(heap and heap[0][0] <= now for heap in moments)

    def confirm(self, announced: Look, out: Outbox) -> None:
        """What a look gave is safe: remember alerts as announced, and delete what was refused."""
        changelog = out.messages[self._topics.rectify_changelog.name]
        for partition, case_id, alert in announced.standing(self.memories):
            changelog[partition].extend(self.memories[partition].book.settle(case_id, alert))
        for partition, event in announced.refused:
            if partition in self.memories and not self.memories[partition].has(event):  # it may have been replayed
                changelog[partition].append((event.changelog_key, None, [], None))
        if self._clock.by_events:
            for partition in {partition for partition, *_ in announced.alerts}:
                changelog[partition].append((CLOCK_KEY, announced.at.isoformat().encode(), [], None))

    def retract(self, announced: Look) -> None:
        """What a look gave may be lost: look again."""
        for partition, case_id, _ in announced.standing(self.memories):
            heapq.heappush(self.memories[partition].moments, (BEGINNING, case_id))
        for partition, event in announced.refused:
            if partition in self.memories:
                self.memories[partition].take(event)
                heapq.heappush(self.memories[partition].moments, (BEGINNING, event.event.case_id))

    # One case --------------------------------------------------------------------------------------------------

    def _derive(self, dossier: Dossier, now: datetime) -> tuple[Case, Facts]:
        assert dossier.opening is not None
        facts = gather(dossier.opening, [event.event for event in dossier.events.values()], self._rules)
        return case_of(dossier.opening, facts, now, (dossier.offset + 1) * VERSIONS), facts

    def _look(
        self, memory: RectifyMemory, case_id: str, now: datetime, out: Outbox, news: News, *, again: bool = False
    ) -> list[Alert]:
        """Publish what is new about a case (everything, if `again` or in doubt); returns the alerts announced."""
        again = again or memory.book.doubts(case_id)
        dossier = memory.dossiers.get(case_id)
        if dossier is None:
            return []
        if dossier.opening is None:
            self._wait(memory, case_id, now)
            return []
        before = dossier.case
        case, facts = self._derive(dossier, now)
        memory.derived(dossier, case)
        if case != before or again:
            written = self._json.write(case)
            out.produce(self._topics.cases.name, case_id.encode(), written)
            news.cases.append(case)
            self._publish("case", orjson.Fragment(written))
            # Dismissed reviews count for nothing and closed ones are handled: the incidents say so. Of time they don't.
            if again or before is None or _says(case) != _says(before):
                self._report_incident(_incident(case, facts.done_at), case.version, out)
        announced = dict(memory.book.about(case_id))
        spans = spans_of(dossier.opening, facts, self._rules)
        derived = alerts_of(dossier.opening, facts, spans, self._rules.zone, now, announced)
        alerts = memory.book.announce(case_id, derived, news.seen_at, case.version, again=again)
        self._announcer.give(alerts, announced, out)
        news.alerts += alerts
        moment = moment_after(spans, now)
        if moment is not None:
            heapq.heappush(memory.moments, (moment, case_id))
        return alerts

    def _sink(self, news: News, out: Outbox) -> None:
        if news.cases:
            out.insert("cases", case_columns(news.cases))
        self._announcer.sink(news.alerts, out)

    def _report_incident(self, incident: Incident, version: int, out: Outbox) -> None:
        value = orjson.dumps({"version": version, "incident": incident})
        for group in groups_of(incident):
            out.produce(self._topics.incidents.name, group.encode(), value)

    def _patience(self, event: Event) -> datetime:
        """Until when an event waits for its case to open."""
        return (event.event.at if self._clock.by_events else event.arrived) + ORPHAN

    def _refuse_orphans(self, memory: RectifyMemory, case_id: str, now: datetime, out: Outbox) -> list[Event]:
        """Refuse events that have waited long enough for their case, and return them.

        Only when time is looked at and all is quiet: to a worker that reads old topics anew, events of long ago come
        before their openings, which stand in another topic.
        """
        dossier, refused = memory.dossiers[case_id], []
        for event in list(dossier.events.values()):
            if now < self._patience(event) or not (self._clock.by_events or self._quiet()):
                continue
            detail = (
                f"no bad review {case_id} came within {ORPHAN.days} days of this event: check its case_id, then "
                "replay it"
            )
            self._refusals.refuse(out, Reason.UNKNOWN_CASE, detail, event.source, event.key, event.value)
            del dossier.events[event.event.event_id]
            refused.append(event)
        if dossier.events:
            self._wait(memory, case_id, now)
        else:
            del memory.dossiers[case_id]
        return refused

    def _wait(self, memory: RectifyMemory, case_id: str, now: datetime) -> None:
        """Look again when the first event of a case that has not opened has waited long enough.

        One moment a look, not one an event: a publisher may send thousands under one wrong id.
        """
        first = min(map(self._patience, memory.dossiers[case_id].events.values()))
        heapq.heappush(memory.moments, (max(first, now + LOOK_AGAIN), case_id))

    def measure(self) -> None:
        """Cases open and overdue, by step."""
        memories = [self.memories[partition] for partition in self.memories]
        self._announcer.measure(memory.book for memory in memories)
        waiting: Counter[str] = Counter()
        overdue: Counter[tuple[str, str]] = Counter()
        for memory in memories:
            for duty, number in memory.duties.items():
                waiting[duty.stage] += number
                if duty.overdue:
                    overdue[duty.stage, duty.department_id] += number
        for stage in ("callback", "rectify"):
            self._metrics.cases_open.labels(stage).set(waiting[stage])
        self._metrics.cases_overdue.clear()
        for labels, number in overdue.items():
            self._metrics.cases_overdue.labels(*labels).set(number)


def _incident(case: Case, done_at: datetime | None) -> Incident:
    """What a case, done at this instant, adds to the groups it belongs to."""
    return Incident(review_id=case.case_id, closed_at=done_at, **dict(zip(_SAME, _same(case), strict=True)))


#: Fields of an incident that stand in its case under the same name, and their values.
_SAME = [each.name for each in fields(Incident) if each.name not in ("review_id", "closed_at")]
_same = attrgetter(*_SAME)


def _says(case: Case) -> tuple[object, ...]:
    """All that a case's incident follows from."""
    return case.rectified_at, case.replied_at, *_same(case)
