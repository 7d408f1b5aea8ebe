"""Random districts for Hypothesis: few people, few halls, and times that crowd where the rules turn."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from streams.settings import Settings

Record = dict[str, Any]

#: A Friday before the eve of a long holiday: 1 to 5 May 2026 are off, Saturday the 9th is worked.
START = datetime(2026, 4, 24, 15, 30, tzinfo=UTC)

SECOND = timedelta(seconds=1)
TICK = timedelta(microseconds=1)

#: Tags the shipped lexicon knows, by category; reviews of the pure rules carry them as categories too.
TAGS = {"attitude": "态度差", "queue": "排队时间长", "slow": "办理速度慢"}


@dataclass(frozen=True)
class District:
    """Everything published in a district, as records, and how it is set up."""

    settings: Settings
    reference: dict[str, list[Record]]
    reviews: list[Record]
    events: list[Record]
    now: datetime


def text(at: datetime) -> str:
    """An instant as published."""
    return at.isoformat()


@st.composite
def settings(draw: st.DrawFn) -> Settings:
    """Rules a district may decide on, the defaults among them."""
    return Settings(
        deadline_calendar=draw(st.sampled_from(["natural", "workdays"])),
        callback_days=draw(st.sampled_from([1, 2])),
        rectify_days=draw(st.sampled_from([5, 1, 3])),
        extended_days=draw(st.sampled_from([15, 5, 2])),
        callback_lead_hours=draw(st.sampled_from([4, 0, 24, 60])),
        rectify_lead_hours=draw(st.sampled_from([24, 0, 200])),
        repeat_window_days=draw(st.sampled_from([90, 1, 3])),
        category_repeat_min=draw(st.sampled_from([3, 2])),
    )


def reference() -> dict[str, list[Record]]:
    """Two halls with a window each, a window without anybody on duty, one of two known members of staff."""
    hall = {
        "hall_id": "h1",
        "hall_name": "石化街道社区事务受理服务中心",
        "department_id": "d1",
        "department_name": "人社局",
    }
    other = {
        "hall_id": "h2",
        "hall_name": "朱泾镇社区事务受理服务中心",
        "department_id": "d2",
        "department_name": "民政局",
    }
    return {
        "windows": [
            {"window_id": "w1", "name": "1号窗口", "staff_id": "s1", **hall},
            {"window_id": "w2", "name": "2号窗口", **hall},
            {"window_id": "w3", "name": "1号窗口", "staff_id": "s2", **other},
        ],
        "staff": [{"staff_id": "s1", "name": "李某", "department_id": "d1", "department_name": "人社局"}],
        "services": [{"service_id": "v1", "name": "居住证办理", "department_id": "d2", "department_name": "民政局"}],
    }


#: Mostly exactly at the bound, sometimes just beside it.
NUDGES = [timedelta()] * 5 + [-TICK, TICK, SECOND]


@st.composite
def times(draw: st.DrawFn, rules: Settings, base: datetime = START) -> datetime:
    """An instant at, just before or just after one where some deadline turns for a case opened at `base`."""
    days = [0, 1, rules.callback_days, rules.rectify_days, rules.rectify_days, rules.extended_days, 14]
    hours = [0, 0, 0, -rules.callback_lead_hours, -rules.rectify_lead_hours, 8]
    at = base + timedelta(days=draw(st.sampled_from(days)), hours=draw(st.sampled_from(hours)))
    if rules.deadline_calendar == "workdays" and draw(st.booleans()):
        at = at.replace(hour=16, minute=0, second=0, microsecond=0)  # 24:00 local, where working days end
    return at + draw(st.sampled_from(NUDGES))


@st.composite
def visits(draw: st.DrawFn, rules: Settings) -> datetime:
    """When a review was given: at the bounds of the repeat window after another, and at one instant with others."""
    window = timedelta(days=rules.repeat_window_days)
    return START + draw(st.sampled_from([0, 0, 1, 1, 2])) * window + draw(st.sampled_from(NUDGES))


@st.composite
def districts(draw: st.DrawFn, max_reviews: int = 10, max_events: int = 14) -> District:
    """A district with its reviews and case events; ids are in no order of time."""
    rules = draw(settings())
    count = draw(st.integers(1, max_reviews))
    ids = [f"r{number:02d}" for number in range(count)]

    def one_of(*values: str | None) -> str | None:
        return draw(st.sampled_from(values))

    def review(review_id: str) -> Record:
        at = draw(visits(rules))
        record: Record = {
            "review_id": review_id,
            "occurred_at": text(at),
            "rating": draw(st.sampled_from([1, 2, 2, 2, 5])),
            "channel": "window",
            "window_id": one_of("w1", "w1", "w2", "w3", "unknown", None),
            "staff_id": one_of(None, None, "s1", "s2", "unknown"),
            "service_id": one_of("v1", "v1", "unknown", None),
            "tags": [TAGS[category] for category in draw(st.sets(st.sampled_from(sorted(TAGS)), max_size=2))],
        }
        if draw(st.booleans()):
            record["received_at"] = text(at + draw(st.sampled_from([timedelta(), SECOND, timedelta(hours=5)])))
        return record

    reviews = [review(review_id) for review_id in ids]

    def event(number: int) -> Record:
        kind = draw(st.sampled_from(["called_back", "rectified", "replied", "extended", "dismissed"]))
        about = draw(st.sampled_from(reviews))
        opened_at = datetime.fromisoformat(about.get("received_at") or about["occurred_at"])
        record = {
            "event_id": f"e{number:02d}",
            "case_id": about["review_id"],
            "type": kind,
            "at": text(draw(times(rules, opened_at))),
        }
        if kind == "rectified" and draw(st.booleans()):
            record["measure"] = draw(st.sampled_from(["增设窗口", "调离岗位"]))
        return record

    opened_at = datetime.fromisoformat(reviews[0].get("received_at") or reviews[0]["occurred_at"])
    return District(
        settings=rules,
        reference=reference(),
        reviews=reviews,
        events=[event(number) for number in range(draw(st.integers(0, max_events)))],
        now=draw(times(rules, opened_at)) + timedelta(days=draw(st.sampled_from([0, 0, 3, 30]))),
    )


@st.composite
def crowded_weeks(draw: st.DrawFn) -> District:
    """A district whose reviews crowd in a few weeks: trends come and go."""
    rules = Settings()
    monday = datetime(2026, 4, 26, 16, tzinfo=UTC)  # 27 April 00:00 in Shanghai
    reviews: list[Record] = []
    for week in draw(st.lists(st.sampled_from([-9, -8, -3, -1, 0, 0, 0, 0]), min_size=4, max_size=24)):
        offset = draw(st.sampled_from([timedelta(), timedelta(days=3), timedelta(days=7) - TICK]))
        reviews.append(
            {
                "review_id": f"r{len(reviews):02d}",
                "occurred_at": text(monday + timedelta(weeks=week) + offset),
                "rating": 1,
                "channel": "web",
                "tags": [TAGS["queue"]],
            }
        )
    gone = draw(st.sets(st.sampled_from([review["review_id"] for review in reviews]), max_size=3))
    events = [
        {"event_id": f"e-{case_id}", "case_id": case_id, "type": "dismissed", "at": text(monday)}
        for case_id in sorted(gone)
    ]
    now = monday + timedelta(days=7) + draw(st.sampled_from([timedelta(), -TICK, timedelta(days=9)]))
    return District(rules, reference(), reviews, events, now)
