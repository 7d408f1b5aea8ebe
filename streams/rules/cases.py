"""A bad review's case: what the set of its events says. Source: CONTRACT §3, Cases.

opened_at            callback_due                      rectify_due (moved once by an accepted `extended`)
    │───── called_back ────┤                                │
    │────────────────────────────── rectified, replied ─────┤      done at the later of the two
    │── dismissed: no timer runs from here; what was late before stays late
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from streams.rules.deadlines import DeadlineRules
from streams.rules.masking import mask
from streams.schemas.case import Case, CaseState, Opening
from streams.schemas.case_event import CaseEvent, EventType


@dataclass(frozen=True, slots=True)
class Facts:
    """The earliest event of each type, and what is due when: a function of the set of events."""

    callback_due: datetime
    first_rectify_due: datetime  # as it was before any extension
    rectify_due: datetime
    called_back_at: datetime | None
    rectified_at: datetime | None
    replied_at: datetime | None
    extended_at: datetime | None  # of an accepted extension only
    dismissed_at: datetime | None
    measure: str | None

    @property
    def done_at(self) -> datetime | None:
        """When rectification was done: the later of rectified and replied."""
        if self.rectified_at is None or self.replied_at is None:
            return None
        return max(self.rectified_at, self.replied_at)


def gather(opening: Opening, events: Iterable[CaseEvent], rules: DeadlineRules) -> Facts:
    """Boil `events` down to what counts.

    - The earliest of each type counts; which of several at one instant, or the same twice, makes no difference.
    - Events before `opened_at` count: upstream clocks disagree, and a hall may act before the review reaches us.
    - `extended` is accepted if the earliest is no later than the original due time (the very instant included); a
      later one has no effect and does not show. Whether the case was already done or dismissed makes no difference.
      An extension never shortens, should HCP_EXTENDED_DAYS be less than HCP_RECTIFY_DAYS.
    - `measure` is that of the earliest `rectified` that has one, by (at, event_id, text); personal data masked.
    """
    earliest: dict[EventType, datetime] = {}
    measures = []
    for event in events:
        if event.type not in earliest or event.at < earliest[event.type]:
            earliest[event.type] = event.at
        if event.type == "rectified" and event.measure:
            measures.append((event.at, event.event_id, event.measure))
    first_due = rectify_due = rules.rectify_due(opening.opened_at)
    extended_at = earliest.get("extended")
    if extended_at is not None and extended_at > first_due:
        extended_at = None
    if extended_at is not None:
        rectify_due = max(first_due, rules.extended_due(opening.opened_at))
    return Facts(
        callback_due=rules.callback_due(opening.opened_at),
        first_rectify_due=first_due,
        rectify_due=rectify_due,
        called_back_at=earliest.get("called_back"),
        rectified_at=earliest.get("rectified"),
        replied_at=earliest.get("replied"),
        extended_at=extended_at,
        dismissed_at=earliest.get("dismissed"),
        measure=mask(min(measures)[2]) if measures else None,
    )


def on_time(
    done_at: datetime | None, due: datetime, dismissed_at: datetime | None, now: datetime | None
) -> bool | None:
    """Whether a duty was met by `due`; None while, or because, that is undecided.

    - Done by `due`, the very instant included: True, even if the case had been dismissed before. It happened.
    - Else dismissed by `due` (the instant included): None for ever. The timer ended before it ran out.
    - Else done later, or `now` past `due`: False, and a dismissal after `due` does not undo it.
    - A `now` of None (time unknown) decides nothing; a late report of something in time turns False into True.
    """
    if done_at is not None and done_at <= due:
        return True
    if dismissed_at is not None and dismissed_at <= due:
        return None
    if done_at is not None or (now is not None and now > due):
        return False
    return None


def case_of(opening: Opening, facts: Facts, now: datetime | None, version: int) -> Case:
    """The case as published, from what its events say and the time.

    Args:
        opening: The bad review's case.
        facts: What its events say, from `gather`.
        now: The present instant; None where it is not known.
        version: That of the newest input. Each deadline missed adds one, so that it grows with what time alone changes.
    """
    callback_on_time = on_time(facts.called_back_at, facts.callback_due, facts.dismissed_at, now)
    rectify_on_time = on_time(facts.done_at, facts.rectify_due, facts.dismissed_at, now)
    return Case(
        case_id=opening.case_id,
        opened_at=opening.opened_at,
        callback_due=facts.callback_due,
        rectify_due=facts.rectify_due,
        called_back_at=facts.called_back_at,
        rectified_at=facts.rectified_at,
        replied_at=facts.replied_at,
        dismissed_at=facts.dismissed_at,
        extended_at=facts.extended_at,
        state=_state(facts),
        callback_on_time=callback_on_time,
        rectify_on_time=rectify_on_time,
        occurred_at=opening.occurred_at,
        channel=opening.channel,
        window_id=opening.window_id,
        window_name=opening.window_name,
        hall_id=opening.hall_id,
        hall_name=opening.hall_name,
        department_id=opening.department_id,
        department_name=opening.department_name,
        staff_id=opening.staff_id,
        staff_name=opening.staff_name,
        service_id=opening.service_id,
        service_name=opening.service_name,
        rating=opening.rating,
        categories=opening.categories,
        cause=opening.cause,
        comment=opening.comment,
        measure=facts.measure,
        version=version + (callback_on_time is False) + (rectify_on_time is False),
    )


def _state(facts: Facts) -> CaseState:
    """The furthest step taken: dismissed, closed, rectified, called_back, open.

    Rectified without a callback is `rectified` (the callback's own timer still runs); replied without rectified is
    no step of its own.
    """
    if facts.dismissed_at is not None:
        return "dismissed"
    if facts.done_at is not None:
        return "closed"
    if facts.rectified_at is not None:
        return "rectified"
    if facts.called_back_at is not None:
        return "called_back"
    return "open"
