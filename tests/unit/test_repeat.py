"""The repeat agent over time: what it forgets, and what it must not say of what it has forgotten or not yet read."""

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from streams.agents.repeat import Repeat
from streams.agents.repeat_memory import RepeatMemory
from streams.metrics import Metrics
from streams.rules.history import Incident
from streams.runtime.chunks import Chunk
from streams.runtime.memory import Memories
from streams.runtime.producer import Message, Outbox
from streams.settings import Settings
from streams.topics import Topics
from tests.clock import SetClock

TOPICS = Topics.under("")
COUNTS = {topic.name: 1 for topic in TOPICS}
WEDNESDAY = datetime(2026, 5, 13, 10, tzinfo=ZoneInfo("Asia/Shanghai"))
MINUTE, DAY, WEEK = timedelta(minutes=1), timedelta(days=1), timedelta(weeks=1)
Said = list[tuple[str, str, str | None]]  # alert_id, state, resolution


class Run:
    """One partition of incidents."""

    def __init__(self, **settings: Any) -> None:
        self.clock = SetClock(WEDNESDAY)
        self.memories = Memories(TOPICS.repeat_changelog.name, RepeatMemory)
        self.agent = Repeat(TOPICS, self.memories, Settings(**settings), self.clock, Metrics(), lambda *_: None)
        self.changelog: list[Message] = []
        self.offset = 0

    def process(self, group: str, *incidents: Incident) -> Said:
        """Incidents come in one chunk."""
        records = []
        for each in incidents:
            self.offset += 1
            value = orjson.dumps({"version": self.offset * 8, "incident": each})
            records.append(SimpleNamespace(offset=self.offset, key=group.encode(), value=value))
        return self._said(lambda out: self.agent.process(Chunk(TOPICS.incidents.name, 0, records, 1), out))

    def tick(self, now: datetime) -> Said:
        """Time is looked at, and what follows is safe."""
        self.clock.time = now
        return self._said(lambda out: self.agent.confirm(self.agent.tick(now, out), out))

    def _said(self, do: Any) -> Said:
        out = Outbox(COUNTS)
        do(out)
        self.changelog += out.messages[TOPICS.repeat_changelog.name][0]
        alerts = [orjson.loads(value or b"") for _, value, *_ in out.messages[TOPICS.alerts.name][0]]
        return [(each["alert_id"], each["state"], each["resolution"]) for each in alerts]

    def followed(self, **settings: Any) -> "Run":
        """The next worker, which has read the changelog and has these settings."""
        run = Run(**settings)
        run.changelog, run.offset = list(self.changelog), self.offset
        memory = run.memories.assign({0}, 1)[0]
        for key, value in self.compacted():
            memory.recall(key, value)
        run.memories.adopt(0, memory)
        run.agent.recovered(0)
        return run

    def compacted(self) -> list[tuple[bytes, bytes | None]]:
        """The changelog as Kafka keeps it."""
        last: defaultdict[bytes, int] = defaultdict(int)
        for number, (key, *_) in enumerate(self.changelog):
            last[key or b""] = number
        return [(key or b"", value) for n, (key, value, *_) in enumerate(self.changelog) if last[key or b""] == n]


@pytest.fixture
def run() -> Run:
    run = Run()
    run.memories.adopt(0, run.memories.assign({0}, 1)[0])
    return run


def queue(number: int, at: datetime, **more: Any) -> Incident:
    return Incident(review_id=f"r{number}", occurred_at=at, categories=("queue",), cause="process", **more)


def test_a_tick_while_memories_are_read_says_nothing_of_half_of_them(run: Run) -> None:
    six = [queue(number, WEDNESDAY + number * MINUTE) for number in range(6)]
    assert run.process("trend|queue", *six) == [("trend:queue:2026-W20", "firing", None)]
    # Four cases are closed: their incidents stand behind the alert now.
    run.process("trend|queue", *(queue(n, WEDNESDAY + n * MINUTE, closed_at=WEDNESDAY + 2 * DAY) for n in range(4)))
    kept = run.compacted()
    alert = next(place for place, (key, _) in enumerate(kept) if key.startswith(b"a"))

    monday, next_worker = WEDNESDAY + 5 * DAY, Run()
    memory = next_worker.memories.assign({0}, 1)[0]
    for key, value in kept[: alert + 1]:
        memory.recall(key, value)
    assert next_worker.tick(monday) == []
    for key, value in kept[alert + 1 :]:
        memory.recall(key, value)
    next_worker.memories.adopt(0, memory)
    next_worker.agent.recovered(0)
    assert next_worker.tick(monday) == [("trend:queue:2026-W20", "resolved", "week_over")]


def test_weeks_that_are_forgotten_make_no_trend_of_those_after_them(run: Run) -> None:
    """Six a week for ages are no trend; one week of twenty is, and when it is over nothing is said of old weeks."""
    said: Said = []
    for week in range(100):
        begin = WEDNESDAY + week * WEEK
        run.clock.time = begin
        incidents = [queue(100 * week + n, begin + n * MINUTE) for n in range(20 if week == 90 else 6)]
        found = run.process("trend|queue", *incidents) + run.tick(begin + 5 * DAY)
        said += found if week > 8 else []  # the first weeks of all are trends against none before
    assert [each[1:] for each in said] == [("firing", None), ("resolved", "week_over")]
    assert len({alert_id for alert_id, *_ in said}) == 1


def test_a_publisher_from_the_future_makes_nothing_old(run: Run) -> None:
    def bad(review_id: str, at: datetime) -> Incident:
        return Incident(review_id=review_id, occurred_at=at, staff_id="s1")

    run.process("staff|s1", bad("r1", WEDNESDAY))
    run.process("staff|s1", bad("of 2029", WEDNESDAY + 1000 * DAY))
    run.clock.time = WEDNESDAY + 30 * DAY
    assert run.process("staff|s1", bad("r2", run.clock.time)) == [("repeat_staff:s1:r2", "firing", None)]


def test_what_is_too_old_to_matter_is_forgotten_once_a_day(run: Run) -> None:
    for day in (0, 489, 491):
        run.clock.time = WEDNESDAY + day * DAY
        run.process("trend|queue", queue(day, run.clock.time))
    assert [incident.review_id for incident in run.memories[0].groups["trend|queue"].history] == ["r489", "r491"]
    assert sum(value is None for _, value in run.compacted()) == 1


def test_a_review_that_comes_late_or_is_dismissed_changes_the_alerts_of_those_after_it(run: Run) -> None:
    earlier = Incident(review_id="r1", occurred_at=WEDNESDAY - 30 * DAY, staff_id="s1")
    later = Incident(review_id="r2", occurred_at=WEDNESDAY, staff_id="s1")
    assert run.process("staff|s1", later) == []
    assert run.process("staff|s1", earlier) == [("repeat_staff:s1:r2", "firing", None)]
    assert run.process("staff|s1", replace(earlier, dismissed_at=WEDNESDAY)) == [
        ("repeat_staff:s1:r2", "resolved", "dismissed")
    ]


def test_an_alert_that_fires_follows_the_settings_of_the_next_start(run: Run) -> None:
    """Else nothing would ever end one that follows from the old ones alone."""
    days = 0, 1, 30, 31, 32
    slow = [
        replace(queue(number, WEDNESDAY + day * DAY), staff_id="S1", hall_id="H1") for number, day in enumerate(days)
    ]
    run.process("staff|S1", *slow)
    run.process("hall|H1|queue", *slow)
    run.process("staff|S1", replace(slow[1], closed_at=WEDNESDAY + 5 * DAY))
    now = WEDNESDAY + 40 * DAY

    assert run.followed().tick(now) == []
    after = run.followed(repeat_window_days=7, category_repeat_min=4)
    said = {alert_id: (state, resolution) for alert_id, state, resolution in after.tick(now)}
    assert said == {
        "repeat_staff:S1:r2": ("resolved", "revised"),  # r1 is 29 days before
        "repeat_staff:S1:r3": ("firing", None),
        "repeat_staff:S1:r4": ("firing", None),
        "repeat_category:H1:queue:r2": ("resolved", "revised"),
        "repeat_category:H1:queue:r3": ("resolved", "revised"),
        "repeat_category:H1:queue:r4": ("resolved", "revised"),
    }
    assert after.tick(now) == []
    assert after.followed(repeat_window_days=7, category_repeat_min=4).tick(now) == []
    # What was settled stays as it was told, also if its review is heard of again.
    again = after.process("staff|S1", replace(slow[2], closed_at=now))
    assert again == []


def test_an_alert_looked_at_anew_is_said_again_until_it_is_safe(run: Run) -> None:
    run.process("staff|S1", *(queue(number, WEDNESDAY + 9 * number * DAY, staff_id="S1") for number in range(2)))
    after = run.followed(repeat_window_days=7)
    lost = Outbox(COUNTS)
    after.agent.retract(after.agent.tick(WEDNESDAY, lost))
    assert len(lost.messages[TOPICS.alerts.name][0]) == 1
    assert after.tick(WEDNESDAY) == [("repeat_staff:S1:r1", "resolved", "revised")]
