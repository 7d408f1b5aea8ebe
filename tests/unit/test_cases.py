"""A case is what the set of its events says (CONTRACT §3, Cases)."""

from datetime import datetime, timedelta
from itertools import permutations

import pytest

from streams.rules.deadlines import DeadlineRules
from streams.schemas.case import Case, Opening
from streams.schemas.case_event import CaseEvent
from streams.settings import Settings
from tests.one_case import derive

RULES = DeadlineRules.from_settings(Settings())
OPENED = datetime.fromisoformat("2026-05-12T09:30:00+08:00")
CALLBACK_DUE = OPENED + timedelta(days=1)
RECTIFY_DUE = OPENED + timedelta(days=5)
TICK = timedelta(microseconds=1)
OPENING = Opening(case_id="r1", occurred_at=OPENED, opened_at=OPENED, rating=1, channel="qr", hall_id="h1")


def event(kind: str, at: datetime, **more: str) -> CaseEvent:
    return CaseEvent.model_validate(
        {"event_id": f"{kind}-{at:%d%H%M%S}", "case_id": "r1", "type": kind, "at": at, **more}
    )


def case(*events: CaseEvent, now: datetime | None = OPENED) -> Case:
    return derive(OPENING, events, RULES, now, 7)


def test_a_new_case_is_open_and_undecided() -> None:
    new = case()
    assert (new.state, new.callback_on_time, new.rectify_on_time) == ("open", None, None)
    assert (new.callback_due, new.rectify_due, new.version) == (CALLBACK_DUE, RECTIFY_DUE, 7)
    assert (new.hall_id, new.rating) == ("h1", 1)


def test_the_version_grows_with_each_deadline_missed_and_with_none_that_passes_a_settled_case() -> None:
    later = [CALLBACK_DUE, CALLBACK_DUE + timedelta(seconds=1), RECTIFY_DUE, RECTIFY_DUE + timedelta(seconds=1)]
    dismissed = event("dismissed", OPENED + timedelta(hours=1))
    assert [case(now=now).version for now in later] == [7, 8, 8, 9]
    assert [case(dismissed, now=now).version for now in later] == [7, 7, 7, 7]


def test_the_states_follow_the_steps_in_any_order_of_arrival() -> None:
    steps = [
        event("called_back", OPENED + timedelta(hours=1)),
        event("rectified", OPENED + timedelta(days=2), measure="增设指引"),
        event("replied", OPENED + timedelta(days=3)),
    ]
    assert [case(*steps[:count]).state for count in range(4)] == ["open", "called_back", "rectified", "closed"]
    assert len({case(*order) for order in permutations(steps)}) == 1
    closed = case(*steps)
    assert (closed.callback_on_time, closed.rectify_on_time, closed.measure) == (True, True, "增设指引")


def test_ms_xi_is_called_back_and_answered_in_time() -> None:
    after = case(
        event("called_back", OPENED + timedelta(hours=3)),
        event("rectified", OPENED + timedelta(days=4), measure="增设标识和显示屏,开设弹性窗口"),
        event("replied", OPENED + timedelta(days=4, hours=2)),
        now=OPENED + timedelta(days=30),
    )
    assert (after.state, after.callback_on_time, after.rectify_on_time) == ("closed", True, True)


def test_the_very_instant_of_the_deadline_is_in_time() -> None:
    assert case(event("called_back", CALLBACK_DUE)).callback_on_time is True
    assert case(event("called_back", CALLBACK_DUE + TICK)).callback_on_time is False
    assert case(now=CALLBACK_DUE).callback_on_time is None
    assert case(now=CALLBACK_DUE + TICK).callback_on_time is False


def test_without_a_now_only_reports_decide() -> None:
    assert case(now=None).callback_on_time is None
    assert case(event("called_back", CALLBACK_DUE + TICK), now=None).callback_on_time is False


def test_a_late_report_of_a_callback_in_time_corrects_the_record() -> None:
    later = CALLBACK_DUE + timedelta(days=1)
    assert case(now=later).callback_on_time is False
    assert case(event("called_back", CALLBACK_DUE - timedelta(hours=1)), now=later).callback_on_time is True


def test_the_earliest_event_of_a_type_counts() -> None:
    first, second = event("called_back", OPENED), event("called_back", CALLBACK_DUE + TICK)
    assert case(second, first) == case(first)


def test_rectification_is_done_when_both_rectified_and_replied() -> None:
    late = RECTIFY_DUE + TICK
    assert case(event("rectified", OPENED), now=late).rectify_on_time is False
    assert case(event("rectified", OPENED), event("replied", late)).rectify_on_time is False
    assert case(event("replied", OPENED), event("rectified", RECTIFY_DUE), now=late).rectify_on_time is True


def test_rectified_without_a_callback_is_rectified_and_the_callback_runs_late() -> None:
    only = case(event("rectified", OPENED), now=CALLBACK_DUE + TICK)
    assert (only.state, only.callback_on_time) == ("rectified", False)


def test_replied_alone_is_no_step() -> None:
    assert case(event("replied", OPENED)).state == "open"
    assert case(event("replied", OPENED), event("called_back", OPENED)).state == "called_back"


def test_events_before_the_opening_count() -> None:
    early = OPENED - timedelta(hours=2)
    assert case(event("called_back", early), now=CALLBACK_DUE + TICK).callback_on_time is True


@pytest.mark.parametrize("at", [OPENED - timedelta(days=1), OPENED, CALLBACK_DUE])
def test_dismissed_in_time_ends_the_timers_undecided(at: datetime) -> None:
    gone = case(event("dismissed", at), now=OPENED + timedelta(days=30))
    assert (gone.state, gone.callback_on_time, gone.rectify_on_time) == ("dismissed", None, None)


def test_what_was_late_before_the_dismissal_stays_late() -> None:
    gone = case(event("dismissed", CALLBACK_DUE + TICK), now=OPENED + timedelta(days=30))
    assert (gone.callback_on_time, gone.rectify_on_time) == (False, None)
    gone = case(event("dismissed", RECTIFY_DUE + TICK), now=OPENED + timedelta(days=30))
    assert (gone.callback_on_time, gone.rectify_on_time) == (False, False)


def test_a_callback_after_a_dismissal_is_in_time_or_undecided_but_never_late() -> None:
    dismissed = event("dismissed", OPENED + timedelta(hours=1))
    assert case(dismissed, event("called_back", OPENED + timedelta(hours=2))).callback_on_time is True
    assert case(dismissed, event("called_back", CALLBACK_DUE + TICK)).callback_on_time is None


def test_dismissed_goes_before_closed() -> None:
    events = [event(kind, OPENED) for kind in ("called_back", "rectified", "replied", "dismissed")]
    assert case(*events).state == "dismissed"
    assert case(*events[:3]).state == "closed"


def test_an_extension_moves_the_due_time_once() -> None:
    first = event("extended", RECTIFY_DUE)
    second = event("extended", RECTIFY_DUE + timedelta(days=3))
    for events in ((first,), (first, second), (second, first)):
        extended = case(*events)
        assert extended.rectify_due == OPENED + timedelta(days=15)
        assert extended.extended_at == RECTIFY_DUE
    assert case(first, now=RECTIFY_DUE + timedelta(days=9)).rectify_on_time is None


def test_an_extension_asked_for_too_late_has_no_effect() -> None:
    late = case(event("extended", RECTIFY_DUE + TICK))
    assert (late.rectify_due, late.extended_at) == (RECTIFY_DUE, None)


def test_an_extension_never_shortens() -> None:
    rules = DeadlineRules.from_settings(Settings(rectify_days=20, extended_days=15))
    extended = derive(OPENING, [event("extended", OPENED)], rules, OPENED, 0)
    assert extended.rectify_due == OPENED + timedelta(days=20)


def test_the_measure_is_that_of_the_earliest_rectification_that_has_one() -> None:
    bare = event("rectified", OPENED)
    early = event("rectified", OPENED + timedelta(days=1), measure="增设窗口")
    late = event("rectified", OPENED + timedelta(days=2), measure="调离岗位")
    tie = event("rectified", OPENED + timedelta(days=1), measure="培训", event_id="z")
    for order in permutations([bare, early, late, tie]):
        assert case(*order).measure == "增设窗口"
    assert case(bare).measure is None
    assert case(event("rectified", OPENED, measure="已致电13812345678")).measure == "已致电***********"
