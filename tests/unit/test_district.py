"""The synthetic district is what DOMAIN says, and holds what tests/truth.py says that the pipeline must find in it."""

import re
import tracemalloc
from collections import Counter
from datetime import date
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from streams.agents.reference_memory import models
from streams.district import Plan, references, timeline
from streams.errors import HaochapingError
from streams.schemas.case_event import parse_event
from streams.schemas.reference import parse_reference
from streams.schemas.review import REVIEWS
from streams.settings import Settings
from streams.topics import Topics
from tests.truth import truth

SMALL = Plan(reviews=5000)


def reviews(plan: Plan) -> list[dict[str, Any]]:
    return [
        orjson.loads(value) for topic, key, value in timeline(plan) if topic == "reviews" and key and key[:2] != b"X-"
    ]


def by_id(plan: Plan) -> dict[str, dict[str, Any]]:
    """The first record of each id, which is the one that counts."""
    return {review["review_id"]: review for review in reversed(reviews(plan))}


def test_the_year_has_the_reports_figures() -> None:
    found = truth(Plan(reviews=20_000))
    assert found.reviews == 20_000
    assert len(found.bad) == 64 == found.by_rating[1] + found.by_rating[2]
    assert min(found.by_day) == "2026-01-01" or min(found.by_day) > "2025-12-31"
    assert max(found.by_day) <= "2026-08-31"
    assert set(found.by_channel) == {"window", "web", "app", "kiosk", "hotline", "sms", "qr"}
    assert found.rejects == dict.fromkeys(("not_json", "schema", "too_large", "future"), 2) | {
        "conflict": 2,
        "unknown_case": 2,
    }


def test_the_district_has_27_departments_14_halls_and_322_windows() -> None:
    records: dict[str, list[dict[str, Any]]] = {}
    kinds = models(Topics.under(""))
    for topic, record in references(SMALL):
        parse_reference(kinds[topic], orjson.dumps(record), ZoneInfo("Asia/Shanghai"))  # as the pipeline would
        records.setdefault(topic, []).append(record)
    windows = records["reference.windows"]
    assert (len(windows), len({w["hall_id"] for w in windows}), len({w["department_id"] for w in windows})) == (
        322,
        14,
        27,
    )
    staff = {record["staff_id"] for record in records["reference.staff"]}
    services = {record["service_id"] for record in records["reference.services"]}
    assert {w["staff_id"] for w in windows} == staff
    known = {w["window_id"] for w in windows}
    for review in by_id(SMALL).values():
        assert review["window_id"] in known and review["service_id"] in services
        assert review.get("staff_id", next(iter(staff))) in staff


def test_everything_but_the_rejects_is_valid() -> None:
    settings = Settings()
    REVIEWS.validate_python(reviews(SMALL), context={"zone": settings.zone})
    for topic, key, value in timeline(SMALL):
        if topic == "cases.events" and key and key[:2] != b"X-":
            parse_event(value, settings.zone)


def test_the_stories_are_told_word_for_word_on_their_dates() -> None:
    found = by_id(SMALL)
    xi = found["R-20260624-XI"]
    assert xi["comment"] == "效率差,从进门排队到办理业务等候超一小时,体验很差,办理窗口仅两个,人员不足"
    assert (xi["channel"], xi["tags"]) == ("qr", ["效率差", "体验差", "人员不足"])
    first, second = found["R-20260512-WANG"], found["R-20260611-FOLLOWUP"]
    assert first["tags"] == ["态度差"] and second["comment"] == "服务态度极差,说话都是冲来冲去的"
    for field in ("window_id", "staff_id", "service_id"):
        assert first[field] == second[field]
    halls = {
        record["window_id"]: record["hall_name"] for topic, record in references(SMALL) if topic == "reference.windows"
    }
    assert halls[xi["window_id"]] == "石化街道社区事务受理服务中心"
    afterwards = [
        each for each in found.values() if each["rating"] <= 2 and each["occurred_at"] > second["occurred_at"]
    ]
    assert halls[second["window_id"]] not in {halls[each["window_id"]] for each in afterwards}, (
        "no new bad review since"
    )
    waits = {halls[found[each]["window_id"]] for each in ("R-20260622-WAIT1", "R-20260623-WAIT2")}
    assert waits == {"金山卫镇社区事务受理服务中心", "朱泾镇社区事务受理服务中心"}


def test_the_clerk_is_the_only_one_with_a_repeat() -> None:
    (alert,) = truth(SMALL).repeat_alerts
    assert alert.endswith(":R-20260611-FOLLOWUP")


def test_one_seed_is_one_year_and_another_is_another() -> None:
    same = [list(islice(timeline(Plan(reviews=5000, seed=seed)), 500)) for seed in (1, 1, 2)]
    assert same[0] == same[1] != same[2]


def test_late_and_doubled_records_are_there_and_can_be_switched_off() -> None:
    ids = Counter(review["review_id"] for review in reviews(Plan(reviews=20_000, late=0.05)))
    assert sum(count - 1 for count in ids.values()) == pytest.approx(100, rel=0.4)
    order = [review["occurred_at"] for review in reviews(Plan(reviews=20_000, late=0.05, duplicates=0))]
    calm = [review["occurred_at"] for review in reviews(Plan(reviews=20_000, late=0, duplicates=0, rejects=0))]
    assert calm == sorted(calm)
    assert order != sorted(order)


def test_a_bad_district_can_be_made() -> None:
    plan = Plan(reviews=4000, bad=800, late_cases=0.5, unhandled=0.2, dismissed=0.1, extended=0.1, unmatched=0.3)
    found = truth(plan)
    assert len(found.bad) == 800
    assert found.repeat_alerts  # more bad reviews than staff
    kinds = Counter(orjson.loads(value)["type"] for topic, _, value in timeline(plan) if topic == "cases.events")
    assert kinds["dismissed"] and kinds["extended"] and kinds["called_back"] < 700
    unknown = sum(review["window_id"].startswith("X") for review in by_id(plan).values())
    assert unknown == pytest.approx(0.3 * 3200, rel=0.2)


def test_nobody_is_named() -> None:
    everything = b"".join(value for _, _, value in timeline(SMALL)).decode("utf-8", "replace")
    assert not re.search(r'"name":', everything)
    assert set(re.findall(r"1\d{10}", everything)) == set(re.findall(r"1990000\d{4}", everything))


def test_ten_million_reviews_would_not_need_ten_times_the_memory() -> None:
    def peak(plan: Plan) -> int:
        tracemalloc.start()
        for _ in timeline(plan):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    month = {"start": date(2026, 1, 1), "end": date(2026, 1, 31), "stories": False, "bad": 10}
    two_months = month | {"end": date(2026, 3, 1)}
    assert peak(Plan(reviews=20_000, **two_months)) < 1.5 * peak(Plan(reviews=10_000, **month))  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"late": 2.0}, {"windows": 3}, {"bad": 9000}, {"end": date(2025, 1, 1)}])
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(HaochapingError):
        Plan(**{"reviews": 5000, **wrong})
