"""A worker that has just started knows the time of what it is given and of what it remembers, before any tick."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from streams.agents.repeat import Repeat
from streams.agents.repeat_memory import RepeatMemory
from streams.metrics import Metrics
from streams.rules.repeats import Incident
from streams.runtime.chunks import Chunk
from streams.runtime.clock import EventClock
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.settings import Settings
from streams.topics import Topics

TOPICS = Topics.under("")
FIRST = datetime(2026, 5, 12, 2, tzinfo=UTC)


def incident(review_id: str, at: datetime) -> Incident:
    nothing: dict[str, Any] = dict.fromkeys(
        ("department_id", "department_name", "hall_id", "hall_name", "window_id", "staff_name", "service_id")
    )
    return Incident(
        review_id=review_id,
        occurred_at=at,
        **nothing,
        service_name=None,
        staff_id="S1",
        categories=(),
        cause="unknown",
        closed_at=None,
        dismissed_at=None,
    )


@pytest.fixture
def fresh() -> Callable[[], tuple[Repeat, EventClock]]:
    def make() -> tuple[Repeat, EventClock]:
        clock = EventClock()
        memories = Memories(TOPICS.repeat_changelog.name, RepeatMemory)
        memories.adopt(0, memories.assign({0}, 1)[0])
        return Repeat(TOPICS, memories, Settings(), clock, Metrics(), lambda kind, what: None), clock

    return make


def process(agent: Repeat, incidents: list[Incident]) -> Outbox:
    records = [
        SimpleNamespace(
            offset=number, key=b"staff|S1", value=orjson.dumps({"version": number, "incident": asdict(each)})
        )
        for number, each in enumerate(incidents)
    ]
    out = Outbox({TOPICS.alerts.name: 1})
    agent.process(Chunk(TOPICS.incidents.name, 0, records, 1), out)
    return out


def test_an_alert_is_not_dated_before_its_reviews(fresh: Callable[[], tuple[Repeat, EventClock]]) -> None:
    agent, _ = fresh()
    out = process(agent, [incident("a", FIRST), incident("b", FIRST + timedelta(days=30))])
    ((table, columns),) = out.rows
    assert (table, columns["detected_at"]) == ("alerts", [(FIRST + timedelta(days=30)).timestamp() * 1_000_000])


def test_time_is_not_behind_what_is_remembered(fresh: Callable[[], tuple[Repeat, EventClock]]) -> None:
    before, _ = fresh()
    kept = process(before, [incident("a", FIRST)]).messages[TOPICS.repeat_changelog.name][0]
    after, clock = fresh()
    for key, value, _, _ in kept:
        after.memories[0].recall(key, value)
    after.recovered(0)
    assert clock.now() == FIRST
