"""A kind of complaint that rises in the whole district. Source: CONTRACT §3, Alerts; DOMAIN, story 1 (Ms Xi).

ISO weeks, local time:    ├ w−8 ┼ … ┼ w−1 ┼── w ──┤
                           λ = their mean  n = 1 2 3 … raised by the review with which P(X ≥ n | λ) < 0.01, n ≥ 5
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, time, tzinfo

from streams.rules.categories import TITLES, TITLES_EN, cause_of
from streams.rules.history import History, Incident
from streams.schemas.alert import Alert

#: Weeks a week is held against.
WEEKS_BEFORE = 8
#: Fewer than this are no trend, however few there were before.
AT_LEAST = 5
#: A week this improbable, or more so, is a trend.
IMPROBABLE = 0.01


def trend_alerts(
    history: History,
    category: str,
    now: datetime,
    zone: tzinfo,
    weeks: Collection[int] | None = None,
) -> list[Alert]:
    """One alert for each ISO week with improbably many bad reviews of `category` in the district.

    Args:
        history: All bad reviews of `category`. Dismissed ones count for nothing, in the week as in the weeks before.
        category: Its id, one of CONTRACT §3.
        now: The present instant, aware: a week is over from the first instant of the next.
        zone: Local time, in which weeks begin.
        weeks: Only alerts of these weeks, as `weeks_reached` gives them; None: of all.

    Returns:
        Alerts by week. Raised by the review with which the week, as far as it had come, first was improbable, in
        the order of (occurred_at, review_id); `count` and `review_ids` are of the whole week so far. Weeks without
        any review count as none, also those before the pipeline began.
    """
    looked_at: Iterable[Incident] = history
    if weeks is not None:
        looked_at = history.between(_midnight(min(weeks) - WEEKS_BEFORE, zone), _midnight(max(weeks) + 1, zone))
    by_week: defaultdict[int, list[Incident]] = defaultdict(list)
    for incident in looked_at:  # in the order of (occurred_at, review_id)
        if incident.dismissed_at is None:
            by_week[week_of(incident.occurred_at, zone)].append(incident)
    alerts = []
    for week, reviews in sorted(by_week.items()):
        if weeks is not None and week not in weeks:
            continue
        mean = sum(len(by_week.get(week - back, ())) for back in range(1, WEEKS_BEFORE + 1)) / WEEKS_BEFORE
        # The tail falls with n, so what holds of the whole week holds from some review of it on.
        if len(reviews) < AT_LEAST or poisson_tail(len(reviews), mean) >= IMPROBABLE:
            continue
        enough = next(n for n in range(AT_LEAST, len(reviews) + 1) if poisson_tail(n, mean) < IMPROBABLE)
        alerts.append(_alert(category, week, reviews, reviews[enough - 1].occurred_at, mean, now, zone))
    return alerts


def weeks_reached(changed: Iterable[Incident], zone: tzinfo) -> set[int]:
    """The weeks whose alerts a change of these may change: their own, and those held against them."""
    own = {week_of(each.occurred_at, zone) for each in changed}
    return {week + ahead for week in own for ahead in range(WEEKS_BEFORE + 1)}


def week_end(at: datetime, zone: tzinfo) -> datetime:
    """The instant at which the local ISO week of `at` is over."""
    return _midnight(week_of(at, zone) + 1, zone)


def poisson_tail(n: int, mean: float) -> float:
    """P(X ≥ n) for X of a Poisson distribution with this mean (≥ 0).

    Summed over the terms on n's side of the mean, from the largest down, so a tail of 1e-200 is as exact as one of
    0.1: to 1e-12 of itself for the means of a district, to 1e-8 for a mean of a million.
    """
    if n <= 0:
        return 1.0
    if mean <= 0:
        return 0.0
    # P(n) × (1 + mean/(n+1) + mean²/((n+1)(n+2)) + …), or all but P(n−1) × (1 + (n−1)/mean + (n−1)(n−2)/mean² + …)
    upper = n > mean
    k = n if upper else n - 1
    term = total = math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
    while term > total * 1e-17:
        if upper:
            k += 1
            term *= mean / k
        else:
            term *= k / mean
            k -= 1
        total += term
    return total if upper else 1.0 - total


def week_of(at: datetime, zone: tzinfo) -> int:
    """The number of the local ISO week, counted from the year 1, whose first day was a Monday."""
    return (at.astimezone(zone).date().toordinal() - 1) // 7


def _midnight(week: int, zone: tzinfo) -> datetime:
    """The first instant of a week."""
    return datetime.combine(date.fromordinal(week * 7 + 1), time(), zone)


def _alert(
    category: str,
    week: int,
    reviews: list[Incident],
    raised_at: datetime,
    mean: float,
    now: datetime,
    zone: tzinfo,
) -> Alert:
    year, number, _ = _midnight(week, zone).isocalendar()
    end = _midnight(week + 1, zone)
    over = now >= end
    name, name_en, count = TITLES.get(category, category), TITLES_EN.get(category, category), len(reviews)
    return Alert(
        alert_id=f"trend:{category}:{year}-W{number:02d}",
        kind="trend",
        severity="warning",
        state="resolved" if over else "firing",
        resolution="week_over" if over else None,
        raised_at=raised_at,
        resolved_at=end if over else None,
        category=category,
        count=count,
        review_ids=tuple(each.review_id for each in reviews),
        cause=cause_of((category,)),
        title=f"全区“{name}”差评异常增多：{year} 年第 {number} 周 {count} 条，"
        f"此前 {WEEKS_BEFORE} 周平均每周 {mean:.1f} 条",
        title_en=f"“{name_en}” rising in the district: {count} bad reviews in week {number} of"
        f" {year}, {mean:.1f} a week in the {WEEKS_BEFORE} weeks before",
    )
