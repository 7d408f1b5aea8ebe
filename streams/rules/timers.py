"""The alerts of a case's two timers, callback and rectification. Source: CONTRACT §3, Alerts.

opened_at               due − lead              due
    │─────────────────────────┼──────────────────┼──────────────────────────→ time
                               due_soon ────────→ overdue ────────────────→
                               until done, dismissed,   until done (`done_late`)
                               extended, or overdue     or dismissed

An accepted extension gives the rectification timer a second span; its alerts keep their ids:

opened_at        due − lead   E      due               new due − lead         new due
    │──────────────────┼──────┼───────┼ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ┼────────────────┼─────→
                        due_soon → `extended`                     due_soon ──────→ overdue

One alert_id is one alert for ever, so what the later span says, from the moment it says anything, replaces what the
earlier one said.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from streams.rules.cases import Facts
from streams.rules.deadlines import DeadlineRules
from streams.schemas.alert import Alert, AlertKind, Severity
from streams.schemas.case import Opening
from streams.schemas.review import CHANNELS

#: A deadline is missed when now > due: this much after it.
INSTANT = datetime.resolution

Step = Literal["callback", "rectify"]

#: When a timer or an alert ended, and why.
End = tuple[datetime, str]


class Span(NamedTuple):
    """One timer's run: what is due when, and when and why it stopped, if it did.

    A tuple, because two are made for every deadline that passes, and many may pass at one midnight.
    """

    step: Step
    soon: datetime
    due: datetime
    done_at: datetime | None
    stop: End | None

    @property
    def soon_kind(self) -> AlertKind:
        """The alert that the span's end is near."""
        return "callback_due_soon" if self.step == "callback" else "rectify_due_soon"

    @property
    def overdue_kind(self) -> AlertKind:
        """The alert that it has passed."""
        return "callback_overdue" if self.step == "callback" else "rectify_overdue"

    def runs_beyond(self, at: datetime) -> bool:
        """Whether nothing has stopped it by then, the instant included."""
        return self.stop is None or self.stop[0] > at


def alerts_of(
    opening: Opening,
    facts: Facts,
    spans: Sequence[Span],
    zone: ZoneInfo,
    now: datetime,
    announced: Mapping[str, Alert],
) -> list[Alert]:
    """Every timer alert of a case, firing or resolved, from the set of its events and the time.

    An alert exists if it would have fired had everything been reported at once, whether or not anybody looked then:
    so a `now` that jumps past both leaves a due_soon resolved as `overdue`, and a late callback leaves a
    callback_overdue resolved as `done_late`.

    Args:
        opening: The bad review's case.
        facts: What its events say (rules/cases.py).
        spans: Its timers, from `spans_of`.
        zone: Of the times in titles.
        now: The present instant, aware. Events later than it count all the same: they were reported.
        announced: Alerts announced of this case so far, by id. One that no longer follows comes out resolved as of
            the instant it was raised, since it never truly stood: `met_in_time` (due_soon: `done`), `dismissed`,
            `extended`, or `revised` where the district changed its settings.
    """
    alerts = {
        f"{kind}:{opening.case_id}": _alert(opening, kind, raised_at, due, zone, end)
        for kind, raised_at, due, end in _following(spans, now)
    }
    for alert_id, earlier in announced.items():
        if alert_id not in alerts:
            alerts[alert_id] = _withdrawn(opening, facts, spans, zone, earlier)
    return list(alerts.values())


def moment_after(spans: Iterable[Span], now: datetime) -> datetime | None:
    """The first instant after `now` at which a case or its alerts change though nothing is reported; None: never.

    due_soon begins at due − lead; overdue at the first instant after due (1 µs, the resolution of a datetime).
    """
    moments = [
        moment
        for span in spans
        for at, moment in ((span.soon, span.soon), (span.due, span.due + INSTANT))
        if moment > now and span.runs_beyond(at)
    ]
    return min(moments, default=None)


def spans_of(opening: Opening, facts: Facts, rules: DeadlineRules) -> list[Span]:
    """The case's timers; of two for rectification the one in force comes last."""

    def span(step: Step, due: datetime, begin: datetime, extended_at: datetime | None = None) -> Span:
        callback = step == "callback"
        lead = rules.callback_lead if callback else rules.rectify_lead
        done_at = facts.called_back_at if callback else facts.done_at
        # A lead longer than the time there is: due soon from the beginning, not before it.
        return Span(step, max(due - lead, begin), due, done_at, _stop(done_at, facts.dismissed_at, extended_at))

    opened_at, extended_at = opening.opened_at, facts.extended_at
    spans = [span("callback", facts.callback_due, opened_at)]
    if extended_at is None or facts.rectify_due == facts.first_rectify_due:
        return [*spans, span("rectify", facts.rectify_due, opened_at)]
    return [
        *spans,
        span("rectify", facts.first_rectify_due, opened_at, extended_at),
        span("rectify", facts.rectify_due, max(opened_at, extended_at)),
    ]


def _stop(done_at: datetime | None, dismissed_at: datetime | None, extended_at: datetime | None) -> End | None:
    """The first of done, dismissed and extended (of a span that an extension ends); at one instant the first named."""
    ends = [
        (at, why)
        for at, why in ((done_at, "done"), (dismissed_at, "dismissed"), (extended_at, "extended"))
        if at is not None
    ]
    return min(ends, key=lambda end: end[0]) if ends else None


#: Kind, raised when, due when, and when and why it ended.
_Following = tuple[AlertKind, datetime, datetime, End | None]


def _following(spans: Iterable[Span], now: datetime) -> Iterator[_Following]:
    """The alerts that follow from the timers; of two of one kind the later one counts."""
    for span in spans:
        if now >= span.soon and span.runs_beyond(span.soon):
            end = span.stop
            if span.runs_beyond(span.due):
                end = (span.due, "overdue") if now > span.due else None
            yield span.soon_kind, span.soon, span.due, end
        if now > span.due and span.runs_beyond(span.due):
            end = (span.stop[0], "done_late" if span.stop[1] == "done" else span.stop[1]) if span.stop else None
            yield span.overdue_kind, span.due, span.due, end


def _withdrawn(opening: Opening, facts: Facts, spans: Sequence[Span], zone: ZoneInfo, earlier: Alert) -> Alert:
    """What to say of an announced alert that follows no more; the same as before, if only the clock went back."""
    span = next(each for each in reversed(spans) if earlier.kind.startswith(each.step))
    raised_at = earlier.raised_at
    overdue = earlier.kind == span.overdue_kind
    if span.done_at is not None and span.done_at <= raised_at:
        why = "met_in_time" if overdue else "done"
    elif facts.dismissed_at is not None and facts.dismissed_at <= raised_at:
        why = "dismissed"
    elif raised_at == (span.due if overdue else span.soon):
        return earlier
    elif facts.extended_at is not None and span.step == "rectify":
        why = "extended"
    else:
        why = "revised"
    lead = timedelta() if overdue else span.due - span.soon
    return _alert(opening, earlier.kind, raised_at, raised_at + lead, zone, (raised_at, why))


#: kind: severity, Chinese title, English title
_WORDS: dict[AlertKind, tuple[Severity, str, str]] = {
    "callback_due_soon": ("info", "差评待回访：{place}，{due} 到期", "Callback due soon: {place}, due {due}"),
    "callback_overdue": ("critical", "差评回访逾期：{place}，{due} 到期", "Callback overdue: {place}, due {due}"),
    "rectify_due_soon": ("info", "差评待整改：{place}，{due} 到期", "Rectification due soon: {place}, due {due}"),
    "rectify_overdue": ("critical", "差评整改逾期：{place}，{due} 到期", "Rectification overdue: {place}, due {due}"),
}


def _alert(
    opening: Opening,
    kind: AlertKind,
    raised_at: datetime,
    due: datetime,
    zone: ZoneInfo,
    end: End | None,
) -> Alert:
    severity, title, title_en = _WORDS[kind]
    place, place_en = _place(
        opening.department_name or opening.department_id,
        opening.hall_name or opening.hall_id,
        opening.window_name or opening.window_id,
        opening.channel,
    )
    when = _local(due, zone)
    return Alert(
        alert_id=f"{kind}:{opening.case_id}",
        kind=kind,
        severity=severity,
        state="resolved" if end else "firing",
        resolution=end[1] if end else None,
        raised_at=raised_at,
        resolved_at=end[0] if end else None,
        department_id=opening.department_id,
        department_name=opening.department_name,
        hall_id=opening.hall_id,
        hall_name=opening.hall_name,
        window_id=opening.window_id,
        staff_id=opening.staff_id,
        staff_name=opening.staff_name,
        service_id=opening.service_id,
        service_name=opening.service_name,
        case_id=opening.case_id,
        review_ids=(opening.case_id,),
        cause=opening.cause,
        title=title.format(place=place, due=when),
        title_en=title_en.format(place=place_en, due=when),
    )


# Thousands of cases may be due at one midnight, and there are only so many windows.
@lru_cache(maxsize=1024)
def _place(department: str | None, hall: str | None, window: str | None, channel: str) -> tuple[str, str]:
    """Where it was, in Chinese and in English; a review of no place is named by its channel."""
    named = list(dict.fromkeys(filter(None, (department, hall, window))))
    return " ".join(named) or f"渠道 {CHANNELS.get(channel, channel)}", ", ".join(named) or f"channel {channel}"


@lru_cache(maxsize=1024)
def _local(due: datetime, zone: ZoneInfo) -> str:
    """A due time as people write it: the end of a day is its 24:00."""
    local = due.astimezone(zone).replace(tzinfo=None)
    if local.time() == time.min:
        return f"{local.date() - timedelta(days=1)} 24:00"
    return local.isoformat(" ", "minutes")
