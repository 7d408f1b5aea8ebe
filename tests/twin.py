"""A twin of the pipeline's rules, written straight from CONTRACT §3: slow, plain, and without any of streams/rules.

It takes records as they are published (JSON objects as dicts) and says what must be in `cases` and `alerts` once all
of them are processed and the clock stands at `now`. Where the pipeline sorts, indexes and computes intervals, the twin
compares everything with everything and walks through time.

    cases, alerts = expected(reviews, events, reference, settings, now)
    assert {key: comparable(value) for key, value in published.items()} == alerts

It sees accepted records only: give it none that would be refused. Of several records with one id the first counts.
What it does not know: alerts that stood for a while on part of the records and no longer follow from all of them
(`met_in_time` and the like) are left to the caller. Texts (comment, titles) are not its matter.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import chinese_calendar  # type: ignore[import-untyped]

from streams.settings import Settings

Record = dict[str, Any]
Classify = Callable[[Sequence[str] | None, str | None], Sequence[str]]

CONDUCT = {"attitude", "obstruct", "unskilled"}

#: What the twin leaves out: the shell's own, and texts.
NOT_COMPARED = ("version", "detected_at", "title", "title_en", "comment")


def comparable(published: Mapping[str, Any]) -> Record:
    """A record of `cases` or `alerts` as the twin gives it: times as UTC instants, lists, no texts, no version."""

    def plain(name: str, value: Any) -> Any:
        if isinstance(value, str) and (name.endswith("_at") or name.endswith("_due")):
            return instant(value)
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(name, value) for name, value in published.items() if name not in NOT_COMPARED}


def expected(
    reviews: Iterable[Record],
    events: Iterable[Record],
    reference: Mapping[str, Iterable[Record]],
    settings: Settings,
    now: datetime,
    classify: Classify | None = None,
) -> tuple[dict[str, Record], dict[str, Record]]:
    """(cases by case_id, alerts by alert_id). `reference`: lists `windows`, `staff`, `services`, oldest first."""
    bad = [review for review in enriched(reviews, reference, settings, classify).values() if review["bad"]]
    known = {event["event_id"]: event for event in reversed(list(events))}.values()
    cases, alerts = {}, {}
    for review in bad:
        own = [event for event in known if event["case_id"] == review["review_id"]]
        case = _case(review, own, settings, now)
        cases[case["case_id"]] = case
        alerts.update(_timer_alerts(case, settings, now))
    for r in bad:
        alerts.update(_repeat_staff(r, bad, cases, settings))
        alerts.update(_repeat_category(r, bad, cases, settings))
    alerts.update(_trends(bad, cases, settings, now))
    return cases, alerts


# Times --------------------------------------------------------------------------------------------


def instant(text: str, zone: ZoneInfo | None = None) -> datetime:
    """An RFC 3339 time, a space for the T allowed, without an offset local."""
    at = datetime.fromisoformat(text.upper())
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def _due(opened_at: datetime, days: int, settings: Settings) -> datetime:
    if settings.deadline_calendar == "natural":
        return opened_at + timedelta(hours=24 * days)
    day = opened_at.astimezone(settings.zone).date()
    left = days
    while left:
        day += timedelta(days=1)
        if _working(day):
            left -= 1
    return datetime.combine(day + timedelta(days=1), time(0, 0), settings.zone).astimezone(UTC)


def _working(day: date) -> bool:
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:
        return day.isoweekday() not in (6, 7)


# Enrichment ---------------------------------------------------------------------------------------


def enriched(
    reviews: Iterable[Record],
    reference: Mapping[str, Iterable[Record]],
    settings: Settings,
    classify: Classify | None = None,
) -> dict[str, Record]:
    """Reviews as in `reviews.enriched`, by id, without `reviewer_key`; times as UTC instants."""
    windows = {record["window_id"]: record for record in reference.get("windows", ())}
    staff = {record["staff_id"]: record for record in reference.get("staff", ())}
    services = {record["service_id"]: record for record in reference.get("services", ())}
    classify = classify or _shipped_lexicon()
    known: dict[str, Record] = {}
    for review in reviews:
        if review["review_id"] in known:
            continue
        window = windows.get(review.get("window_id")) or {}
        staff_id = review.get("staff_id") or window.get("staff_id")
        person = staff.get(staff_id) or {}
        service = services.get(review.get("service_id")) or {}
        home = window or (person if person.get("department_id") else service)
        matched = {"window": bool(window), "staff": bool(person), "service": bool(service)}
        categories = list(classify(review.get("tags"), review.get("comment")))
        occurred_at = instant(review["occurred_at"], settings.zone)
        received_at = review.get("received_at")
        known[review["review_id"]] = {
            "review_id": review["review_id"],
            "occurred_at": occurred_at,
            "received_at": instant(received_at, settings.zone) if received_at else occurred_at,
            "rating": review["rating"],
            "channel": review["channel"],
            "window_id": review.get("window_id"),
            "window_name": window.get("name"),
            "hall_id": window.get("hall_id"),
            "hall_name": window.get("hall_name"),
            "department_id": home.get("department_id"),
            "department_name": home.get("department_name"),
            "staff_id": staff_id,
            "staff_name": person.get("name"),
            "service_id": review.get("service_id"),
            "service_name": service.get("name"),
            "matched": matched,
            "three_match": all(matched.values()),
            "bad": review["rating"] <= 2,
            "categories": categories,
            "cause": _cause(categories),
            "hidden_negative": review["rating"] >= 3 and bool(categories),
        }
    return known


def _cause(categories: Sequence[str]) -> str:
    if not categories:
        return "unknown"
    if all(category in CONDUCT for category in categories):
        return "conduct"
    return "mixed" if any(category in CONDUCT for category in categories) else "process"


def _shipped_lexicon() -> Classify:
    from tests.lexicon import LEXICON  # where it is needed: reading it takes seconds

    return LEXICON.classify


# Cases --------------------------------------------------------------------------------------------


def _case(review: Record, events: list[Record], settings: Settings, now: datetime) -> Record:
    def earliest(kind: str) -> datetime | None:
        times = [instant(event["at"], settings.zone) for event in events if event["type"] == kind]
        return min(times) if times else None

    opened_at = review["received_at"]
    callback_due = _due(opened_at, settings.callback_days, settings)
    rectify_due = _due(opened_at, settings.rectify_days, settings)
    extended_at = earliest("extended")
    if extended_at and extended_at > rectify_due:
        extended_at = None
    if extended_at:
        rectify_due = max(rectify_due, _due(opened_at, settings.extended_days, settings))
    called_back_at, rectified_at, replied_at = earliest("called_back"), earliest("rectified"), earliest("replied")
    dismissed_at = earliest("dismissed")
    done_at = _done(rectified_at, replied_at)
    if dismissed_at:
        state = "dismissed"
    elif done_at:
        state = "closed"
    elif rectified_at:
        state = "rectified"
    elif called_back_at:
        state = "called_back"
    else:
        state = "open"
    measures = [
        (instant(event["at"], settings.zone), event["event_id"], event["measure"])
        for event in events
        if event["type"] == "rectified" and event.get("measure")
    ]
    names = (
        "occurred_at rating channel window_id window_name hall_id hall_name department_id department_name "
        "staff_id staff_name service_id service_name categories cause"
    )
    return {
        "case_id": review["review_id"],
        "opened_at": opened_at,
        "callback_due": callback_due,
        "rectify_due": rectify_due,
        "called_back_at": called_back_at,
        "rectified_at": rectified_at,
        "replied_at": replied_at,
        "dismissed_at": dismissed_at,
        "extended_at": extended_at,
        "state": state,
        "callback_on_time": _on_time(called_back_at, callback_due, dismissed_at, now),
        "rectify_on_time": _on_time(done_at, rectify_due, dismissed_at, now),
        "measure": sorted(measures)[0][2] if measures else None,
        **{name: review[name] for name in names.split()},
    }


def _done(rectified_at: datetime | None, replied_at: datetime | None) -> datetime | None:
    return max(rectified_at, replied_at) if rectified_at and replied_at else None


def _on_time(done: datetime | None, due: datetime, dismissed: datetime | None, now: datetime) -> bool | None:
    if done and done <= due:
        return True
    if dismissed and dismissed <= due:
        return None
    return False if done or now > due else None


# Timers: a walk through time ----------------------------------------------------------------------


def _timer_alerts(case: Record, settings: Settings, now: datetime) -> dict[str, Record]:
    first_due = _due(case["opened_at"], settings.rectify_days, settings)
    extended_at = case["extended_at"]
    callback = _walk(
        case["opened_at"],
        [(datetime.min.replace(tzinfo=UTC), case["callback_due"])],
        timedelta(hours=settings.callback_lead_hours),
        case["called_back_at"],
        case["dismissed_at"],
        now,
    )
    rectify = _walk(
        case["opened_at"],
        [(datetime.min.replace(tzinfo=UTC), first_due)] + ([(extended_at, case["rectify_due"])] if extended_at else []),
        timedelta(hours=settings.rectify_lead_hours),
        _done(case["rectified_at"], case["replied_at"]),
        case["dismissed_at"],
        now,
    )
    alerts = {f"callback_{name}": found for name, found in callback.items()}
    alerts |= {f"rectify_{name}": found for name, found in rectify.items()}
    return {
        f"{kind}:{case['case_id']}": {
            **_about(case, "staff_id", "staff_name"),
            "alert_id": f"{kind}:{case['case_id']}",
            "kind": kind,
            "severity": "critical" if kind.endswith("_overdue") else "info",
            "state": "resolved" if end else "firing",
            "resolution": end[1] if end else None,
            "raised_at": raised_at,
            "resolved_at": end[0] if end else None,
            "category": None,
            "count": 1,
            "window_days": None,
            "review_ids": [case["case_id"]],
            "same_service": None,
            "same_hall": None,
        }
        for kind, (raised_at, end) in alerts.items()
    }


def _walk(
    opened_at: datetime,
    deadlines: list[tuple[datetime, datetime]],
    lead: timedelta,
    done: datetime | None,
    dismissed: datetime | None,
    now: datetime,
) -> dict[str, tuple[datetime, tuple[datetime, str] | None]]:
    """What stands of due_soon and overdue after a walk through every instant at which anything happens.

    `deadlines` are (from when it is in force, the deadline), in order. The alerts of a deadline are raised when
    time comes to it (by `now`) and ended by what was reported. One that moves ends the alerts it had before.
    """
    found: dict[str, tuple[datetime, tuple[datetime, str] | None]] = {}
    raised_for: dict[str, datetime] = {}

    def is_open(name: str) -> bool:
        return name in found and found[name][1] is None

    def end(name: str, at: datetime, why: str) -> None:
        found[name] = (found[name][0], (at, why))

    moments = {opened_at, done, dismissed}
    for begin, due in deadlines:
        moments |= {begin, due - lead, due}
    for at in sorted(moment for moment in moments if moment):
        due = next(due for begin, due in reversed(deadlines) if begin <= at)
        # 1. What ended?
        for name in ("due_soon", "overdue"):
            if not is_open(name) or (name == "due_soon" and at > raised_for[name]):
                continue
            if done == at:
                end(name, at, "done" if name == "due_soon" else "done_late")
            elif dismissed == at:
                end(name, at, "dismissed")
            elif raised_for[name] != due:
                end(name, at, "extended")
        alive = not (done and done <= at) and not (dismissed and dismissed <= at)
        # 2. Is it due soon?
        if alive and at <= now and max(due - lead, opened_at) <= at <= due and raised_for.get("due_soon") != due:
            found["due_soon"], raised_for["due_soon"] = (at, None), due
        # 3. Did it pass?
        if alive and at == due < now:
            if is_open("due_soon"):
                end("due_soon", due, "overdue")
            found["overdue"], raised_for["overdue"] = (due, None), due
    return found


# Repeats ------------------------------------------------------------------------------------------


def _before(p: Record, r: Record, settings: Settings) -> bool:
    if (p["occurred_at"], p["review_id"]) >= (r["occurred_at"], r["review_id"]):
        return False
    return bool(r["occurred_at"] - p["occurred_at"] <= timedelta(hours=24 * settings.repeat_window_days))


def _repeat_staff(r: Record, bad: list[Record], cases: dict[str, Record], settings: Settings) -> dict[str, Record]:
    if r["staff_id"] is None:
        return {}
    priors = [p for p in bad if p["staff_id"] == r["staff_id"] and _before(p, r, settings)]
    if not priors:
        return {}
    alert = _repeat(f"repeat_staff:{r['staff_id']}:{r['review_id']}", r, priors, 2, cases, settings)
    alert |= {"kind": "repeat_staff", "staff_id": r["staff_id"], "staff_name": r["staff_name"]}
    alert["severity"] = "critical" if alert["same_service"] else "warning"
    return {alert["alert_id"]: alert}


def _repeat_category(r: Record, bad: list[Record], cases: dict[str, Record], settings: Settings) -> dict[str, Record]:
    alerts = {}
    for category in r["categories"] if r["hall_id"] is not None else ():
        here = [p for p in bad if p["hall_id"] == r["hall_id"] and category in p["categories"]]
        priors = [p for p in here if _before(p, r, settings)]
        if len(priors) + 1 >= settings.category_repeat_min:
            alert_id = f"repeat_category:{r['hall_id']}:{category}:{r['review_id']}"
            alert = _repeat(alert_id, r, priors, settings.category_repeat_min, cases, settings)
            alerts[alert_id] = alert | {"kind": "repeat_category", "severity": "warning", "category": category}
    return alerts


def _repeat(
    alert_id: str, r: Record, priors: list[Record], least: int, cases: dict[str, Record], settings: Settings
) -> Record:
    case = cases[r["review_id"]]
    dismissed = {p["review_id"]: cases[p["review_id"]]["dismissed_at"] for p in priors}
    standing = [p for p in priors if dismissed[p["review_id"]] is None]
    # At which instant is the alert without a reason? Try each at which something was dismissed or closed.
    closed_at = _done(case["rectified_at"], case["replied_at"])
    end = None
    for at in sorted(at for at in {*dismissed.values(), case["dismissed_at"], closed_at} if at):
        left = sum(not (gone and gone <= at) for gone in dismissed.values())
        if (case["dismissed_at"] and case["dismissed_at"] <= at) or left + 1 < least:
            end = (max(at, r["occurred_at"]), "dismissed")
        elif closed_at and closed_at <= at:
            end = (max(at, r["occurred_at"]), "handled")
        if end:
            break
    ids = [p["review_id"] for p in sorted(standing, key=lambda p: (p["occurred_at"], p["review_id"]))]
    return {
        **_about(case),
        "alert_id": alert_id,
        "state": "resolved" if end else "firing",
        "resolution": end[1] if end else None,
        "raised_at": r["occurred_at"],
        "resolved_at": end[0] if end else None,
        "category": None,
        "count": len(ids) + 1,
        "window_days": settings.repeat_window_days,
        "review_ids": [*ids, r["review_id"]],
        "same_service": any(p["service_id"] == r["service_id"] for p in standing if p["service_id"] is not None),
        "same_hall": any(p["hall_id"] == r["hall_id"] for p in standing if p["hall_id"] is not None),
    }


def _about(case: Record, *more: str) -> Record:
    """The fields an alert takes from the review it is about; those of a person only if named."""
    names = ("department_id", "department_name", "hall_id", "hall_name", "window_id", "service_id", "service_name")
    person = {"staff_id": None, "staff_name": None} | {name: case[name] for name in more}
    return {name: case[name] for name in (*names, "case_id", "cause")} | person


# Trend --------------------------------------------------------------------------------------------


def _trends(bad: list[Record], cases: dict[str, Record], settings: Settings, now: datetime) -> dict[str, Record]:
    counted = [review for review in bad if cases[review["review_id"]]["dismissed_at"] is None]
    counted.sort(key=lambda review: (review["occurred_at"], review["review_id"]))

    def monday(review: Record) -> date:
        day = review["occurred_at"].astimezone(settings.zone).date()
        iso = day.isocalendar()
        return date.fromisocalendar(iso.year, iso.week, 1)

    alerts: dict[str, Record] = {}
    for category in sorted({category for review in counted for category in review["categories"]}):
        of_category = [review for review in counted if category in review["categories"]]
        for start in sorted({monday(review) for review in of_category}):
            earlier = [start - timedelta(weeks=back) for back in range(1, 9)]
            mean = sum(monday(review) in earlier for review in of_category) / 8
            week = [review for review in of_category if monday(review) == start]
            for n, review in enumerate(week, 1):
                if n >= 5 and _tail(n, mean) < 0.01:
                    end = datetime.combine(start + timedelta(days=7), time(0, 0), settings.zone).astimezone(UTC)
                    iso = start.isocalendar()
                    alert_id = f"trend:{category}:{iso.year}-W{iso.week:02d}"
                    alerts[alert_id] = {
                        **dict.fromkeys(("department_id", "department_name", "hall_id", "hall_name", "window_id")),
                        **dict.fromkeys(("staff_id", "staff_name", "service_id", "service_name", "case_id")),
                        **dict.fromkeys(("window_days", "same_service", "same_hall")),
                        "alert_id": alert_id,
                        "kind": "trend",
                        "severity": "warning",
                        "state": "resolved" if now >= end else "firing",
                        "resolution": "week_over" if now >= end else None,
                        "raised_at": review["occurred_at"],
                        "resolved_at": end if now >= end else None,
                        "category": category,
                        "count": len(week),
                        "review_ids": [each["review_id"] for each in week],
                        "cause": _cause([category]),
                    }
                    break
    return alerts


def _tail(n: int, mean: float) -> float:
    """P(X ≥ n), one minus the rest: good enough near 0.01."""
    return 1 - sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(n))
