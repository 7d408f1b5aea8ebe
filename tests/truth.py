"""What the pipeline must find in a plan's year: what the district knows, worked out without the pipeline."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import orjson

from streams.district.bad import bad_reviews
from streams.district.plan import Plan
from streams.district.timeline import REASONS, timeline

REPEAT_WINDOW = timedelta(days=90)


@dataclass
class Truth:
    """Counts of accepted reviews, and of what was not accepted."""

    reviews: int = 0
    duplicates: int = 0
    by_rating: Counter[int] = field(default_factory=Counter)
    by_channel: Counter[str] = field(default_factory=Counter)
    by_day: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)
    repeat_alerts: list[str] = field(default_factory=list)


def truth(plan: Plan) -> Truth:
    """Read the whole timeline once and count."""
    found = Truth()
    seen: dict[bytes, bytes] = {}
    rejected = {f"X-{number:04d}".encode(): REASONS[number % len(REASONS)] for number in range(plan.rejects)}
    for topic, key, value in timeline(plan):
        if key in rejected:
            found.rejects[rejected[key]] += 1
        elif topic == "reviews":
            assert key is not None
            if key in seen:
                if seen[key] == value:
                    found.duplicates += 1
                else:
                    found.rejects["conflict"] += 1
                continue
            seen[key] = value
            review = orjson.loads(value)
            found.reviews += 1
            found.by_rating[review["rating"]] += 1
            found.by_channel[review["channel"]] += 1
            found.by_day[review["occurred_at"][:10]] += 1
    found.bad = [bad.record["review_id"] for bad in bad_reviews(plan)]
    found.repeat_alerts = repeat_alerts(plan)
    return found


def repeat_alerts(plan: Plan) -> list[str]:
    """alert_ids of every repeat_staff alert, straight from the contract: an earlier bad review of the staff member."""
    alerts = []
    bad = bad_reviews(plan)
    for index, each in enumerate(bad):
        staff_id = each.record["staff_id"]
        if any(
            other.record["staff_id"] == staff_id and each.occurred_at - other.occurred_at <= REPEAT_WINDOW
            for other in bad[:index]
        ):
            alerts.append(f"repeat_staff:{staff_id}:{each.record['review_id']}")
    return alerts
