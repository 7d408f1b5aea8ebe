"""The list of metrics: documented, and within bounds however many people have a pattern."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from streams.agents.repeat import Repeat
from streams.agents.repeat_memory import RepeatMemory
from streams.metrics import MAX_REPEAT_SERIES, Metrics
from streams.metrics_document import document
from streams.runtime.clock import WallClock
from streams.runtime.memory import Memories
from streams.schemas.alert import Alert
from streams.settings import Settings
from streams.topics import Topics
from tests.unit.test_repeats import MAY as START


def test_the_document_is_made_from_the_list() -> None:
    assert (Path(__file__).parents[2] / "docs" / "metrics.md").read_text("utf-8") == document()


def agent(metrics: Metrics) -> Repeat:
    settings = Settings()
    topics = Topics.of(settings)
    memories = Memories(topics.repeat_changelog.name, RepeatMemory)
    memories.adopt(0, memories.assign({0}, 1)[0])
    return Repeat(topics, memories, settings, WallClock(), metrics, lambda kind, data: None)


def remember(repeat: Repeat, alerts: list[Alert]) -> None:
    for each in alerts:
        repeat.memories[0].book.announce(f"staff|{each.staff_id}", [each], each.raised_at, 1)


def alert(number: int, **fields: Any) -> Alert:
    """The pattern of one member of staff, raised `number` seconds after the start."""
    given: dict[str, Any] = {
        "alert_id": f"repeat_staff:S{number}:r{number}",
        "kind": "repeat_staff",
        "severity": "warning",
        "state": "firing",
        "raised_at": START + timedelta(seconds=number),
        "staff_id": f"S{number}",
        "hall_id": "H1",
        "count": 2,
    }
    return Alert(**{**given, **fields})


def samples(metrics: Metrics, name: str) -> dict[tuple[str, str], float]:
    """Staff id and severity → value."""
    return {
        (sample.labels["staff_id"], sample.labels["severity"]): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"haochaping_{name}"
    }


def test_of_ten_thousand_staff_the_critical_are_shown_first_then_the_newest() -> None:
    metrics = Metrics()
    repeat = agent(metrics)
    critical = [alert(number, severity="critical") for number in range(100)]  # the oldest of all
    remember(repeat, critical + [alert(number) for number in range(100, 10_000)])
    repeat.measure()
    shown = samples(metrics, "repeat_alert_active")
    newest = range(10_000 - (MAX_REPEAT_SERIES - 100), 10_000)
    assert shown.keys() == {(f"S{n}", "critical") for n in range(100)} | {(f"S{n}", "warning") for n in newest}
    assert set(shown.values()) == {1}
    assert samples(metrics, "repeat_alert_reviews").keys() == shown.keys()


def test_several_alerts_of_one_person_are_one_series_with_the_newest_count() -> None:
    metrics = Metrics()
    repeat = agent(metrics)
    more = [alert(n, staff_id="S1", alert_id=f"repeat_staff:S1:r{n}", count=n) for n in range(2, 5)]
    remember(repeat, [*more, alert(9, state="resolved")])
    repeat.measure()
    assert samples(metrics, "repeat_alert_reviews") == {("S1", "warning"): 4}


def test_what_no_longer_fires_has_no_series() -> None:
    metrics = Metrics()
    repeat = agent(metrics)
    remember(repeat, [alert(1)])
    repeat.measure()
    remember(repeat, [alert(1, state="resolved")])
    repeat.measure()
    assert samples(metrics, "repeat_alert_active") == samples(metrics, "repeat_alert_reviews") == {}
