"""A case and its alerts straight from its events, as agents/rectify.py puts the rules together."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from streams.rules.cases import case_of, gather
from streams.rules.deadlines import DeadlineRules
from streams.rules.timers import alerts_of, moment_after, spans_of
from streams.schemas.alert import Alert
from streams.schemas.case import Case, Opening
from streams.schemas.case_event import CaseEvent


def derive(
    opening: Opening, events: Iterable[CaseEvent], rules: DeadlineRules, now: datetime | None, version: int
) -> Case:
    return case_of(opening, gather(opening, events, rules), now, version)


def timer_alerts(
    opening: Opening,
    events: Iterable[CaseEvent],
    rules: DeadlineRules,
    now: datetime,
    announced: Mapping[str, Alert],
) -> list[Alert]:
    facts = gather(opening, events, rules)
    return alerts_of(opening, facts, spans_of(opening, facts, rules), rules.zone, now, announced)


def next_moment(opening: Opening, events: Iterable[CaseEvent], rules: DeadlineRules, now: datetime) -> datetime | None:
    return moment_after(spans_of(opening, gather(opening, events, rules), rules), now)
