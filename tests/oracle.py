"""What must stand in topics and views once a house is quiet, worked out by the twin, and compared with what does."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streams.settings import Settings
from tests.house import House, WorkerProcess
from tests.twin import comparable, enriched, expected, instant

Record = dict[str, Any]

FIELDS = {
    "department": "department_id",
    "hall": "hall_id",
    "window": "window_id",
    "staff": "staff_id",
    "service": "service_id",
    "channel": "channel",
}


@dataclass(frozen=True)
class Wanted:
    """What must be found: facts by review_id, daily figures by cell, cases and alerts by id."""

    facts: dict[str, Record]
    daily: dict[tuple[str, str, str], tuple[int, ...]]
    cases: dict[str, Record]
    alerts: dict[str, Record]


def want(
    reviews: Sequence[Record],
    events: Sequence[Record],
    reference: Mapping[str, Sequence[Record]],
    now: datetime | None = None,
) -> Wanted:
    """What follows from these records once all of them are processed and it is `now`: the last of them unless given."""
    settings = Settings()
    facts = enriched(reviews, reference, settings)
    times = [fact[name] for fact in facts.values() for name in ("occurred_at", "received_at")]
    now = now or max([*times, *(instant(event["at"], settings.zone) for event in events)])
    cases, alerts = expected(reviews, events, reference, settings, now)
    return Wanted(facts, _expected_daily(facts, settings), cases, alerts)


def check(
    house: House,
    worker: WorkerProcess,
    reviews: Sequence[Record],
    events: Sequence[Record],
    reference: Mapping[str, Sequence[Record]],
) -> None:
    """Assert that facts, daily figures, cases and alerts are exactly what follows from these records."""
    compare(house, worker, want(reviews, events, reference))
    for topic in ("cases", "alerts"):  # no worker was cut off, so nothing old stands behind what is new
        assert house.latest(topic) == house.newest(topic)


def compare(house: House, worker: WorkerProcess, wanted: Wanted) -> None:
    """Assert that topics and views hold exactly this."""
    facts = wanted.facts
    rows = worker.view("bi_reviews")
    found = Counter(row["review_id"] for row in rows)
    assert found == Counter(facts.keys()), (len(found), len(facts), sorted(facts.keys() - found.keys())[:5])
    by_id = {row["review_id"]: row for row in rows}
    for review_id, fact in facts.items():
        row = comparable(by_id[review_id])
        assert {name: row[name] for name in fact} == fact

    daily = _daily(worker)
    assert daily == wanted.daily, sorted(
        (key, daily.get(key), wanted.daily.get(key))
        for key in daily.keys() | wanted.daily.keys()
        if daily.get(key) != wanted.daily.get(key)
    )[:5]
    assert all(row["difference"] == 0 for row in worker.view("bi_reconcile"))

    alerts = house.newest("alerts")
    _same(house.newest("cases"), wanted.cases)
    _same(alerts, wanted.alerts)
    in_view = {
        row["alert_id"]: (row["state"], row["resolution"], row["review_ids"]) for row in worker.view("bi_alerts")
    }
    in_topic = {key: (alert["state"], alert["resolution"], alert["review_ids"]) for key, alert in alerts.items()}
    differ = sorted(key for key in in_view.keys() | in_topic.keys() if in_view.get(key) != in_topic.get(key))
    assert in_view == in_topic, [(key, in_view.get(key), in_topic.get(key)) for key in differ[:5]]
    states = {row["case_id"]: row["state"] for row in worker.view("bi_cases")}
    assert states == {key: case["state"] for key, case in wanted.cases.items()}


def _same(published: Mapping[str, Record], wanted: Mapping[str, Record]) -> None:
    """Every record wanted is there as wanted; any other was raised on part of the records, and is resolved."""
    for key, record in wanted.items():
        found = comparable(published[key])
        different = {name: (found[name], value) for name, value in record.items() if found[name] != value}
        assert not different, (key, different)
    for key in published.keys() - wanted.keys():
        assert published[key].get("state") == "resolved", published[key]


def _daily(worker: WorkerProcess) -> dict[tuple[str, str, str], tuple[int, ...]]:
    return {
        (row["day"], row["dimension"], row["member_id"]): (
            row["reviews"],
            *(row[f"rating_{rating}"] for rating in range(1, 6)),
            row["bad"],
            row["three_match"],
            row["hidden_negative"],
        )
        for row in worker.view("bi_daily")
    }


def _expected_daily(facts: Mapping[str, Record], settings: Settings) -> dict[tuple[str, str, str], tuple[int, ...]]:
    cells: dict[tuple[str, str, str], Counter[Any]] = {}
    for fact in facts.values():
        day = fact["occurred_at"].astimezone(settings.zone).date().isoformat()
        members = [("district", "all"), *((name, fact[field] or "") for name, field in FIELDS.items())]
        for dimension, member_id in [*members, *(("category", each) for each in fact["categories"])]:
            cell = cells.setdefault((day, dimension, member_id), Counter())
            cell.update(["reviews", fact["rating"]])
            cell.update(name for name in ("bad", "three_match", "hidden_negative") if fact[name])
    names = ("reviews", 1, 2, 3, 4, 5, "bad", "three_match", "hidden_negative")
    return {key: tuple(cell[name] for name in names) for key, cell in cells.items()}
