"""The same person, or the same kind of complaint at one hall, again. Source: CONTRACT §3, Alerts; DOMAIN, story 2.

One group of bad reviews (of one staff member; of one hall and category), sorted by (occurred_at, review_id):

                      ├──────────── window ────────────┤
    ──────p0──────────p1──────────p2───────────────────r──→ occurred_at
                      the bound included: p1 counts, p0 does not

Every r with enough p before it is one alert. Dismissed reviews raise it too, so that whether an alert exists never
depends on what was reported first; but they count for nothing: it stands only while enough undismissed p are left.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Literal

from streams.rules.categories import TITLES, TITLES_EN, cause_of
from streams.rules.history import Changed, History, Incident
from streams.schemas.alert import Alert, AlertKind, Severity

#: When an alert ended, and why.
End = tuple[datetime, Literal["handled", "dismissed"]]


def repeat_staff(
    history: History,
    window: timedelta,
    zone: tzinfo,
    changed: Iterable[Changed] | None = None,
) -> list[Alert]:
    """One alert for each bad review of a staff member who had another one within `window` before it.

    Args:
        history: All bad reviews of one staff member.
        window: HCP_REPEAT_WINDOW_DAYS × 24 h.
        zone: For the dates in titles.
        changed: Only alerts that these changes, of `history`, reach; None: all.

    Returns:
        Alerts in the order of their reviews. Place, service and cause are those of r. `count`, `review_ids`,
        `severity`, `same_service` and `same_hall` speak of undismissed p only; with none left they are 1, r alone,
        `warning`, False, False.
    """
    alerts = []
    for r, priors in history.repeats(window, 1, changed):
        standing = _standing(priors)
        same_service = _same_service(r, standing)
        alerts.append(
            _alert(
                "repeat_staff",
                f"repeat_staff:{r.staff_id}:{r.review_id}",
                r,
                standing,
                _end(r, priors, 1),
                window,
                severity="critical" if same_service else "warning",
                staff_id=r.staff_id,
                staff_name=r.staff_name,
                title=_staff_title(r, standing, same_service, window, zone),
                title_en=_staff_title_en(r, standing, same_service, window, zone),
            )
        )
    return alerts


def repeat_category(
    history: History,
    category: str,
    window: timedelta,
    minimum: int,
    zone: tzinfo,
    changed: Iterable[Changed] | None = None,
) -> list[Alert]:
    """复发: one alert for each bad review whose hall had `minimum` − 1 others of `category` within `window` before.

    Args:
        history: All bad reviews of one hall and `category`.
        category: Its id, one of CONTRACT §3.
        window: HCP_REPEAT_WINDOW_DAYS × 24 h.
        minimum: HCP_CATEGORY_REPEAT_MIN, r included.
        zone: For the dates in titles.
        changed: Only alerts that these changes, of `history`, reach; None: all.

    Returns:
        As `repeat_staff`, but without a staff member: that a hall's queue is long again is nobody's personal fault.
        It is dismissed with r, or when so many p are that fewer than `minimum` reviews, with r, are left.
    """
    alerts = []
    for r, priors in history.repeats(window, minimum - 1, changed):
        standing = _standing(priors)
        first, last = _date((standing or [r])[0].occurred_at, zone), _date(r.occurred_at, zone)
        span, span_en = f"{first} 至 {last}", f"{first} to {last}"
        hall, days, count = r.hall_name or r.hall_id, window.days, len(standing) + 1
        cause, cause_en = _CAUSES[cause_of((category,))]
        name, name_en = TITLES.get(category, category), TITLES_EN.get(category, category)
        alerts.append(
            _alert(
                "repeat_category",
                f"repeat_category:{r.hall_id}:{category}:{r.review_id}",
                r,
                standing,
                _end(r, priors, minimum - 1),
                window,
                category=category,
                title=f"{hall}“{name}”复发：{days} 天内第 {count} 条（{span}），{cause}",
                title_en=f"{hall}: “{name_en}” again, {count} in {days} days ({span_en}), {cause_en}",
            )
        )
    return alerts


def _standing(priors: Sequence[Incident]) -> list[Incident]:
    """Those that count: dismissed reviews do not."""
    return [p for p in priors if p.dismissed_at is None]


def _same_service(r: Incident, standing: Sequence[Incident]) -> bool:
    return r.service_id is not None and any(p.service_id == r.service_id for p in standing)


def _alert(
    kind: AlertKind,
    alert_id: str,
    r: Incident,
    standing: Sequence[Incident],
    end: End | None,
    window: timedelta,
    *,
    title: str,
    title_en: str,
    severity: Severity = "warning",
    staff_id: str | None = None,
    staff_name: str | None = None,
    category: str | None = None,
) -> Alert:
    """What both kinds have in common: about r's place and service, counting undismissed p."""
    return Alert(
        alert_id=alert_id,
        kind=kind,
        severity=severity,
        state="resolved" if end else "firing",
        resolution=end[1] if end else None,
        raised_at=r.occurred_at,
        resolved_at=end[0] if end else None,
        department_id=r.department_id,
        department_name=r.department_name,
        hall_id=r.hall_id,
        hall_name=r.hall_name,
        window_id=r.window_id,
        staff_id=staff_id,
        staff_name=staff_name,
        service_id=r.service_id,
        service_name=r.service_name,
        case_id=r.review_id,
        category=category,
        count=len(standing) + 1,
        window_days=window.days,
        review_ids=(*(p.review_id for p in standing), r.review_id),
        same_service=_same_service(r, standing),
        same_hall=r.hall_id is not None and any(p.hall_id == r.hall_id for p in standing),
        cause=r.cause,
        title=title,
        title_en=title_en,
    )


def _end(r: Incident, priors: Sequence[Incident], enough: int) -> End | None:
    """What ended the alert first: r handled, r dismissed, or fewer than `enough` undismissed p left. None: nothing.

    At one instant a dismissal comes first. What was so before the alert was raised ended it as it was raised.
    """
    ends: list[End] = []
    if r.dismissed_at is not None:
        ends.append((r.dismissed_at, "dismissed"))
    dismissed = sorted(p.dismissed_at for p in priors if p.dismissed_at is not None)
    spare = len(priors) - enough  # so many may be dismissed; the next one ends it
    if len(dismissed) > spare:
        ends.append((dismissed[spare], "dismissed"))
    if r.closed_at is not None:
        ends.append((r.closed_at, "handled"))
    if not ends:
        return None
    at, why = min(ends, key=lambda end: end[0])
    return max(at, r.occurred_at), why


# Titles ----------------------------------------------------------------------------------------------------

#: What a review was about, in words that blame no clerk for a queue: cause → Chinese, English.
_CAUSES = {
    "conduct": ("反映的是人员服务问题", "about how the person served"),
    "process": ("反映的是流程问题，非人员态度", "about the process, not the person"),
    "mixed": ("人员服务与流程问题都有反映", "about both the person and the process"),
    "unknown": ("原因待回访核实", "cause to be verified by a callback"),
}


def _staff_title(r: Incident, standing: Sequence[Incident], same_service: bool, window: timedelta, zone: tzinfo) -> str:
    who = r.staff_name or f"工号 {r.staff_id}"
    where = f"{r.hall_name or r.hall_id or '线上'} {_date(r.occurred_at, zone)}"
    if r.dismissed_at is not None:
        return f"{who}：{where} 的差评，经核实不成立"
    if not standing:
        return f"{who}：{where} 的差评，此前的差评均经核实不成立"
    before = f"上一条 {standing[-1].review_id}（{_date(standing[-1].occurred_at, zone)}）"
    same = "，同一事项" if same_service else ""
    cause = _CAUSES.get(r.cause, _CAUSES["unknown"])[0]
    return f"{who} {window.days} 天内第 {len(standing) + 1} 条差评：{where}，{before}{same}；本条{cause}"


def _staff_title_en(
    r: Incident, standing: Sequence[Incident], same_service: bool, window: timedelta, zone: tzinfo
) -> str:
    who = r.staff_name or f"Staff {r.staff_id}"
    where = f"{r.hall_name or r.hall_id or 'online'} on {_date(r.occurred_at, zone)}"
    if r.dismissed_at is not None:
        return f"{who}: bad review at {where}, found untrue"
    if not standing:
        return f"{who}: bad review at {where}; those before it were found untrue"
    before = f"the one before: {standing[-1].review_id} on {_date(standing[-1].occurred_at, zone)}"
    same = ", same service" if same_service else ""
    cause = _CAUSES.get(r.cause, _CAUSES["unknown"])[1]
    count = f"{len(standing) + 1} bad reviews in {window.days} days"
    return f"{who}: {count}, now at {where} ({before}{same}); this one is {cause}"


def _date(at: datetime, zone: tzinfo) -> str:
    """A day as people write it."""
    return at.astimezone(zone).date().isoformat()
