"""Everything upstream systems publish in the year, in the order in which they do. One day at a time in memory."""

import heapq
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any

import orjson

from streams.district.bad import BadReview, bad_reviews, case_events
from streams.district.places import places
from streams.district.plan import Plan
from streams.district.stories import ZONE
from streams.district.traffic import OFFICE_HOURS, ONLINE_HOURS, days, half_hours, share_out
from streams.district.voices import COMPLAINTS, PRAISE, PRAISE_TAGS

Published = tuple[str, bytes | None, bytes]  # topic, key, value

_ONLINE = frozenset(["app", "web", "sms", "hotline"])
_RATINGS, _RATING_WEIGHTS = (5, 4, 3), list(accumulate((0.94, 0.05, 0.01)))
_HIDDEN = [comment for _, comments in COMPLAINTS.values() for comment in comments]


def timeline(plan: Plan) -> Iterator[Published]:
    """(topic, key, value) of every record but the references.

    Late reviews, duplicates and case events wait in a heap until their time comes: a few days' worth of them.
    """
    chance = Random(f"timeline {plan.seed}")
    calendar = days(plan.start, plan.end)
    bad = bad_reviews(plan)
    counts = share_out(plan.reviews - len(bad), calendar, chance)
    waiting: list[tuple[datetime, int, Published]] = []
    order, number, next_bad = 0, 0, 0

    def later(at: datetime, record: Published) -> None:
        nonlocal order
        order += 1  # breaks ties, so that records are never compared
        heapq.heappush(waiting, (at, order, record))

    for at, record in _rejects(plan):
        later(at, record)
    for day, count in zip(calendar, counts, strict=True):
        for at, value, review_id in _day(plan, day, count, number, chance):
            record = ("reviews", review_id.encode(), value)
            if chance.random() < plan.late:
                later(at + timedelta(hours=chance.uniform(1, 72)), record)
            else:
                later(at, record)
            if chance.random() < plan.duplicates:
                later(at + timedelta(hours=chance.uniform(0.01, 48)), record)
        number += count
        while next_bad < len(bad) and bad[next_bad].occurred_at.date() <= day:
            for at, record in _bad(plan, bad[next_bad], chance):
                later(at, record)
            next_bad += 1
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE) + timedelta(days=1)
        while waiting and waiting[0][0] < midnight:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def _day(plan: Plan, day: date, count: int, first: int, chance: Random) -> Iterator[tuple[datetime, bytes, str]]:
    """(when, JSON, review_id) of a day's good reviews, drawn in bulk."""
    windows = places(plan)
    channels = chance.choices(list(plan.channels), cum_weights=list(accumulate(plan.channels.values())), k=count)
    office, online = half_hours(count, OFFICE_HOURS, chance), half_hours(count, ONLINE_HOURS, chance)
    chosen = chance.choices(windows, k=count)
    ratings = chance.choices(_RATINGS, cum_weights=_RATING_WEIGHTS, k=count)
    random = chance.random
    for index in range(count):
        channel, place = channels[index], chosen[index]
        half = online[index] if channel in _ONLINE else office[index]
        second = half * 1800 + int(random() * 1800)
        at = datetime(day.year, day.month, day.day, second // 3600, second // 60 % 60, second % 60, tzinfo=ZONE)
        review_id = f"R-{day:%Y%m%d}-{first + index:08d}"
        review: dict[str, Any] = {
            "review_id": review_id,
            "occurred_at": f"{at:%Y-%m-%dT%H:%M:%S}+08:00",
            "rating": ratings[index],
            "channel": channel,
        }
        # What was applied for online is handled at a window too, and the platform says by whom (三对应: 100 %). Of the
        # windows' own screens half send who is on duty; for the others the reference says.
        review |= {"window_id": place.window_id, "service_id": place.services[index % 8]}
        if channel in _ONLINE or index % 2:
            review["staff_id"] = place.staff_id
        _decorate(plan, review, chance)
        yield at, orjson.dumps(review), review_id


def _decorate(plan: Plan, review: dict[str, Any], chance: Random) -> None:
    """What only some reviews have."""
    draw = chance.random()
    if draw < plan.hidden_negative:
        review["comment"] = chance.choice(_HIDDEN)
        review["rating"] = min(4, review["rating"])
    elif draw < plan.hidden_negative + plan.commented:
        review["comment"] = chance.choice(PRAISE)
    elif draw > 1 - plan.tagged:
        review["tags"] = chance.sample(PRAISE_TAGS, 1 + (draw > 1 - plan.tagged / 3))
    if chance.random() < plan.named:
        number = int(chance.random() * 10_000)
        review["reviewer"] = {"phone": f"1990000{number:04d}"}
    if plan.unmatched and chance.random() < plan.unmatched:
        review["window_id"] = f"X{int(chance.random() * 1000):04d}"


def _bad(plan: Plan, bad: BadReview, chance: Random) -> Iterator[tuple[datetime, Published]]:
    case_id = bad.record["review_id"].encode()
    yield bad.occurred_at, ("reviews", case_id, orjson.dumps(bad.record))
    for at, event in case_events(plan, bad, chance):
        yield at, ("cases.events", case_id, orjson.dumps(event))


def _rejects(plan: Plan) -> Iterator[tuple[datetime, Published]]:
    """Records that cannot be used, of every kind in turn, all through the year."""
    span = (plan.end - plan.start).days + 1
    for number in range(plan.rejects):
        day = plan.start + timedelta(days=int(span * (number + 0.5) / plan.rejects))
        at = datetime(day.year, day.month, day.day, 10, 30, number % 60, tzinfo=ZONE)
        review = {"review_id": f"X-{number:04d}", "occurred_at": at.isoformat(), "rating": 5, "channel": "window"}
        topic, reason = "reviews", REASONS[number % len(REASONS)]
        value = orjson.dumps(review)
        if reason == "not_json":
            value = value[:-5]
        elif reason == "schema":
            value = orjson.dumps(review | {"rating": 6})
        elif reason == "too_large":
            value = orjson.dumps(review | {"comment": "很好" * 12_000})
        elif reason == "future":
            value = orjson.dumps(review | {"occurred_at": "2099-01-01T09:00:00+08:00"})
        elif reason == "unknown_case":
            topic = "cases.events"
            event = {"event_id": f"X-{number:04d}", "case_id": f"X-{number:04d}", "type": "called_back"}
            value = orjson.dumps(event | {"at": at.isoformat()})
        else:  # conflict: the same review_id as the first story or bad review, with other content, weeks later
            first = bad_reviews(plan)
            if not first:
                continue
            changed = first[0].record | {"rating": 3}
            at = max(at, first[0].occurred_at + timedelta(days=4))
            yield at, ("reviews", changed["review_id"].encode(), orjson.dumps(changed))
            continue
        yield at, (topic, f"X-{number:04d}".encode(), value)


#: Kinds of refusal, in the order in which they are made.
REASONS = ("not_json", "schema", "too_large", "future", "conflict", "unknown_case")
