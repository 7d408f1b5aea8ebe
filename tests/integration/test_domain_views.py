"""The views of the domain against a brute-force count, and DOMAIN's stories as queries on the synthetic year."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from sinks import open_sink
from sinks.base import Sink
from sinks.schema import migrate
from streams.district import Plan, references, timeline
from streams.settings import Settings
from tests import twin
from tests.integration.sink_suite import START, WINDOW, ZONE, fact, rows

DAY = timedelta(days=1)


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    sink = open_sink(f"chdb://{tmp_path}/views")
    migrate(sink, zone="Asia/Shanghai", repeat_window_days=WINDOW)
    yield sink
    sink.close()


def random_cases(chance: random.Random) -> list[dict[str, Any]]:
    """Cases whose times crowd at the bounds of the window after each other's rectification."""

    def instant() -> datetime:
        days = chance.choice([0, 0, 1, 2, WINDOW, WINDOW + 1, WINDOW + 2, 200])
        return START + days * DAY + chance.choice([-1, 0, 0, 0, 1]) * timedelta.resolution

    return [
        {
            "case_id": f"c{number}",
            "occurred_at": (at := instant()),
            "opened_at": at,
            "staff_id": chance.choice(["S1", "S1", "S2", None]),
            "categories": chance.sample(["attitude", "slow", "queue"], chance.randrange(3)),
            "state": chance.choice(["closed", "rectified", "dismissed"]),
            "rectified_at": chance.choice([None, instant(), instant()]),
            "version": 1,
        }
        for number in range(30)
    ]


def followed_up(case: dict[str, Any], cases: list[dict[str, Any]], newest: datetime) -> tuple[Any, Any]:
    """(relapsed, clean_days) by looking at everything."""
    done = case["rectified_at"]
    if done is None or case["staff_id"] is None:
        return None, None
    again = [
        other["occurred_at"]
        for other in cases
        if other is not case
        and other["state"] != "dismissed"
        and other["staff_id"] == case["staff_id"]
        and set(other["categories"]) & set(case["categories"])
        and done < other["occurred_at"] <= done + WINDOW * DAY
    ]
    until = min(again, default=newest)
    return bool(again), min(WINDOW, max(0, (until - done) // DAY))


@pytest.mark.parametrize("seed", range(4))
def test_relapses_and_clean_days_are_those_of_a_brute_force_count(sink: Sink, seed: int) -> None:
    cases = random_cases(random.Random(seed))
    newest = START + 210 * DAY
    sink.insert("cases", rows("cases", *cases))
    sink.insert("reviews", rows("reviews", fact(1, newest)))
    found = {
        case_id: (None if relapsed is None else bool(relapsed), clean)
        for case_id, relapsed, clean in sink.query("SELECT case_id, relapsed, clean_days FROM bi_cases").rows
    }
    assert found == {case["case_id"]: followed_up(case, cases, newest) for case in cases}


@pytest.mark.parametrize("seed", range(4))
def test_the_trend_of_a_random_year_is_that_of_a_brute_force_count(sink: Sink, seed: int) -> None:
    chance = random.Random(seed)
    facts = [
        fact(
            number,
            START + chance.choice([0, 1, 3, 8, 9, 10, 17]) * 7 * DAY + chance.choice([0, 6]) * DAY,
            categories=chance.sample(["slow", "queue", "fees"], chance.randrange(3)),
            bad=int(chance.random() < 0.8),
        )
        for number in range(150)
    ]
    gone = {f"r{number}" for number in range(0, 150, 9)}
    sink.insert("reviews", rows("reviews", *facts))
    sink.insert("cases", rows("cases", *({"case_id": each, "state": "dismissed"} for each in gone)))
    bad = [each for each in facts if each["bad"] and each["review_id"] not in gone]

    def monday(at: datetime) -> date:
        day = at.astimezone(ZONE).date()
        return day - day.weekday() * DAY

    def count(week: date, category: str) -> int:
        return sum(monday(each["occurred_at"]) == week and category in each["categories"] for each in bad)

    wanted = {}
    for week, category in {(monday(each["occurred_at"]), name) for each in bad for name in each["categories"]}:
        n, total = count(week, category), sum(monday(each["occurred_at"]) == week for each in bad)
        mean = sum(count(week - back * 7 * DAY, category) for back in range(1, 9)) / 8
        wanted[week, category] = (n, n / total, mean, twin._tail(n, mean) if mean else 0)
    query = "SELECT week, category, bad, share, expected, p FROM bi_category_trend"
    found = {(week, category): tuple(numbers) for week, category, *numbers in sink.query(query).rows}
    assert found.keys() == wanted.keys()
    for key, numbers in wanted.items():
        assert found[key] == pytest.approx(numbers, abs=1e-9), key


@pytest.fixture
def year(sink: Sink) -> Sink:
    """The synthetic year's bad reviews and cases in the database."""
    settings = Settings()
    published: dict[str, list[dict[str, Any]]] = {"reviews": [], "cases.events": []}
    for topic, _, value in timeline(Plan(reviews=2_000, rejects=0)):
        published[topic].append(orjson.loads(value))
    reference: dict[str, list[dict[str, Any]]] = {"windows": [], "staff": [], "services": []}
    for topic, record in references(Plan(reviews=2_000, rejects=0)):
        reference[topic.removeprefix("reference.")].append(record)
    facts = twin.enriched(published["reviews"], reference, settings)
    cases, _ = twin.expected(
        published["reviews"], published["cases.events"], reference, settings, datetime(2026, 8, 31, 16, tzinfo=ZONE)
    )
    for each in facts.values():
        each["day"] = each["occurred_at"].astimezone(ZONE).date()
    for table, records in (("reviews", facts), ("cases", cases)):
        plain = [
            {name: int(value) if isinstance(value, bool) else value for name, value in record.items()}
            for record in records.values()
        ]
        sink.insert(table, rows(table, *plain))
    return sink


def test_after_the_clerk_was_moved_no_new_bad_review_came_至今未新增差评(year: Sink) -> None:
    query = """
        SELECT relapsed, clean_days, measure FROM bi_cases WHERE case_id = 'R-20260611-FOLLOWUP'
    """
    ((relapsed, clean_days, measure),) = year.query(query).rows
    assert (relapsed, measure) == (0, "部门约谈，调离窗口岗位")
    assert clean_days > 60
    ((again,),) = year.query("SELECT relapsed FROM bi_cases WHERE case_id = 'R-20260512-WANG'").rows
    assert again == 1, "after Mr Wang's the clerk relapsed"


def test_waiting_is_eleven_percent_of_all_bad_reviews_and_rises_占全区所有差评的百分之十一呈上升趋势(
    year: Sink,
) -> None:
    query = """
        SELECT round(100 * countIf(hasAny(categories, ['slow', 'queue', 'calling'])) / count())
        FROM bi_reviews WHERE bad = 1
    """
    assert year.query(query).rows == [(11,)]
    query = """
        SELECT category, bad, expected, p FROM bi_category_trend
        WHERE week = '2026-06-22' AND bad >= 5 AND p < 0.01 AND category IN ('slow', 'queue', 'calling')
    """
    risen = {category: (bad, expected) for category, bad, expected, _ in year.query(query).rows}
    assert risen["slow"][0] == 5 and risen["slow"][1] < 1
