"""The bad reviews of the year, and what is done about each."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from streams.district.places import places
from streams.district.plan import Plan
from streams.district.stories import CLERK_WINDOW, ZONE, told
from streams.district.traffic import OFFICE_HOURS, days, half_hours
from streams.district.voices import COMPLAINTS, KINDS

_MEASURES = (
    "约谈窗口人员，加强培训",
    "优化流程，精简材料",
    "完善一次性告知单",
    "联系技术部门修复系统",
    "改善大厅环境",
    "向办事人说明并致歉",
)


@dataclass(frozen=True, slots=True)
class BadReview:
    """One, with the events that follow it."""

    occurred_at: datetime
    record: dict[str, Any]
    measure: str


def bad_reviews(plan: Plan) -> list[BadReview]:
    """All of the plan's bad reviews, oldest first.

    But for the clerk of the story no staff member has two while there are enough of them, so that the default year
    raises exactly one repeat alert.
    """
    chance = Random(f"bad {plan.seed}")
    windows = places(plan)
    found = []
    for each in told(plan):
        place = windows[each.window]
        record = {
            "review_id": each.review_id,
            "occurred_at": each.occurred_at.isoformat(),
            "rating": each.rating,
            "channel": each.channel,
            "window_id": place.window_id,
            "staff_id": place.staff_id,
            "service_id": place.services[each.service],
            "comment": each.comment,
            "tags": list(each.tags),
        }
        found.append(BadReview(each.occurred_at, record, each.measure))
    taken = {each.window for each in told(plan)} | {CLERK_WINDOW}
    free = [number for number in range(len(windows)) if number not in taken]
    if told(plan):
        # The clerk's hall has nothing else, and after the clerk has moved nothing at all.
        hall = windows[CLERK_WINDOW].hall_id
        free = [number for number in free if windows[number].hall_id != hall] or free
    chance.shuffle(free)
    working = [day for day in days(plan.start, plan.end) if day.weekday() < 5] or days(plan.start, plan.end)
    kinds, weights = list(KINDS), list(KINDS.values())
    for number in range(plan.bad - len(found)):
        place = windows[free[number % len(free)]] if free else windows[number % len(windows)]
        day = chance.choice(working)
        minute = half_hours(1, OFFICE_HOURS, chance)[0] * 30 + chance.randrange(30)
        at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, chance.randrange(60), tzinfo=ZONE)
        tags, comments = COMPLAINTS[chance.choices(kinds, weights)[0]]
        comment = chance.choice(comments) if chance.random() < 0.7 else None
        record = {
            "review_id": f"R-{day:%Y%m%d}-B{number:06d}",
            "occurred_at": at.isoformat(),
            "rating": chance.choice((1, 2, 2)),
            "channel": chance.choice(("window", "qr", "kiosk")),
            "window_id": place.window_id,
            "staff_id": place.staff_id,
            "service_id": chance.choice(place.services),
            "comment": comment,
            "tags": [chance.choice(tags)] if comment is None or chance.random() < 0.5 else [],
        }
        found.append(BadReview(at, record, chance.choice(_MEASURES)))
    return sorted(found, key=lambda bad: (bad.occurred_at, bad.record["review_id"]))


def case_events(plan: Plan, bad: BadReview, chance: Random) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """(when, event) of what is done about a bad review: “1、5” kept, unless the plan says otherwise."""
    case_id = bad.record["review_id"]
    if chance.random() < plan.unhandled:
        return
    slow = chance.random() < plan.late_cases
    called = bad.occurred_at + timedelta(hours=chance.uniform(26, 60) if slow else chance.uniform(1, 19))
    yield called, _event(case_id, "called_back", called, "政务服务办回访员")
    if chance.random() < plan.dismissed:
        at = called + timedelta(hours=chance.uniform(1, 8))
        yield at, _event(case_id, "dismissed", at, "政务服务办", note="经核实不成立")
        return
    if chance.random() < plan.extended:
        at = called + timedelta(hours=1)
        yield at, _event(case_id, "extended", at, "政务服务办", note="情况复杂，延期办理")
    days_needed = chance.uniform(6, 9) if slow else chance.uniform(1.2, 3)
    rectified = max(called, bad.occurred_at + timedelta(days=days_needed))
    yield rectified, _event(case_id, "rectified", rectified, "责任部门", measure=bad.measure)
    replied = rectified + timedelta(hours=chance.uniform(1, 18))
    yield replied, _event(case_id, "replied", replied, "责任部门")


def _event(case_id: str, kind: str, at: datetime, by: str, **more: str) -> dict[str, Any]:
    event = {"event_id": f"{case_id}.{kind}", "case_id": case_id, "type": kind}
    return event | {"at": at.replace(microsecond=0).isoformat(), "by": by} | more
