"""The four alerts of a case's timers (CONTRACT §3, Alerts)."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from streams.rules.deadlines import DeadlineRules
from streams.schemas.alert import Alert
from streams.schemas.case_event import CaseEvent
from streams.settings import Settings
from tests.one_case import next_moment, timer_alerts
from tests.unit.test_cases import CALLBACK_DUE, OPENED, OPENING, RECTIFY_DUE, RULES, TICK, event

CALLBACK_SOON = CALLBACK_DUE - timedelta(hours=4)
RECTIFY_SOON = RECTIFY_DUE - timedelta(hours=24)
EXTENDED_DUE = OPENED + timedelta(days=15)
EXTENDED_SOON = EXTENDED_DUE - timedelta(hours=24)

DONE = (event("rectified", OPENED), event("replied", OPENED))
CALLED = event("called_back", OPENED)


def look(now: datetime, *events: CaseEvent, announced: Iterable[Alert] = ()) -> dict[str, Alert]:
    """Alerts by kind."""
    earlier = {alert.alert_id: alert for alert in announced}
    return {alert.kind: alert for alert in timer_alerts(OPENING, events, RULES, now, earlier)}


def told(alert: Alert) -> tuple[str | None, datetime, datetime | None]:
    return alert.resolution, alert.raised_at, alert.resolved_at


def test_a_callback_is_due_soon_four_hours_before_and_overdue_just_after() -> None:
    assert look(CALLBACK_SOON - TICK, *DONE) == {}
    soon = look(CALLBACK_SOON, *DONE)
    assert {kind: (alert.state, alert.severity) for kind, alert in soon.items()} == {
        "callback_due_soon": ("firing", "info")
    }
    assert look(CALLBACK_DUE, *DONE) == soon
    late = look(CALLBACK_DUE + TICK, *DONE)
    assert told(late["callback_due_soon"]) == ("overdue", CALLBACK_SOON, CALLBACK_DUE)
    assert told(late["callback_overdue"]) == (None, CALLBACK_DUE, None)
    assert (late["callback_overdue"].severity, late["callback_overdue"].state) == ("critical", "firing")
    assert late["callback_overdue"].alert_id == "callback_overdue:r1"


def test_rectification_is_due_soon_a_day_before() -> None:
    assert look(RECTIFY_SOON - TICK, CALLED) == {}
    assert told(look(RECTIFY_SOON, CALLED)["rectify_due_soon"]) == (None, RECTIFY_SOON, None)
    assert told(look(RECTIFY_DUE + TICK, CALLED)["rectify_overdue"]) == (None, RECTIFY_DUE, None)


def test_done_before_anything_was_due_raises_nothing() -> None:
    assert look(OPENED + timedelta(days=400), CALLED, *DONE) == {}
    assert look(OPENED + timedelta(days=400), event("dismissed", OPENED)) == {}


def test_done_at_the_very_moment_it_becomes_due_soon_raises_nothing() -> None:
    assert look(CALLBACK_DUE, *DONE, event("called_back", CALLBACK_SOON)) == {}
    assert "callback_due_soon" in look(CALLBACK_DUE, *DONE, event("called_back", CALLBACK_SOON + TICK))


def test_due_soon_ends_with_what_was_done_or_dismissed() -> None:
    at = CALLBACK_DUE
    far = OPENED + timedelta(days=400)
    assert told(look(far, *DONE, event("called_back", at))["callback_due_soon"]) == ("done", CALLBACK_SOON, at)
    assert told(look(far, event("dismissed", at))["callback_due_soon"]) == ("dismissed", CALLBACK_SOON, at)
    assert "callback_overdue" not in look(far, *DONE, event("called_back", at))


def test_a_late_callback_was_overdue_even_if_nobody_looked_in_between() -> None:
    at = CALLBACK_DUE + timedelta(hours=2)
    alerts = look(OPENED + timedelta(days=400), *DONE, event("called_back", at))
    assert told(alerts["callback_overdue"]) == ("done_late", CALLBACK_DUE, at)
    assert told(alerts["callback_due_soon"]) == ("overdue", CALLBACK_SOON, CALLBACK_DUE)


def test_a_dismissal_after_the_deadline_ends_the_overdue_alert() -> None:
    at = CALLBACK_DUE + timedelta(hours=2)
    alerts = look(OPENED + timedelta(days=400), event("dismissed", at))
    assert told(alerts["callback_overdue"]) == ("dismissed", CALLBACK_DUE, at)
    assert "rectify_overdue" not in alerts
    later = event("called_back", at + timedelta(hours=1))
    assert look(OPENED + timedelta(days=400), event("dismissed", at), later) == alerts


def test_a_late_report_that_it_was_done_in_time_takes_the_alarm_back() -> None:
    now = CALLBACK_DUE + timedelta(hours=5)
    fired = look(now, *DONE)
    early = event("called_back", OPENED + timedelta(hours=1))
    after = look(now, *DONE, early, announced=fired.values())
    assert told(after["callback_overdue"]) == ("met_in_time", CALLBACK_DUE, CALLBACK_DUE)
    assert told(after["callback_due_soon"]) == ("done", CALLBACK_SOON, CALLBACK_SOON)
    assert look(now + timedelta(days=9), *DONE, early, announced=after.values()) == after
    assert look(now, *DONE, early) == {}


def test_done_late_becomes_met_in_time_by_an_earlier_report() -> None:
    now = CALLBACK_DUE + timedelta(hours=5)
    late = event("called_back", CALLBACK_DUE + timedelta(hours=1))
    fired = look(now, *DONE, late)
    assert fired["callback_overdue"].resolution == "done_late"
    early = event("called_back", CALLBACK_DUE)
    after = look(now, *DONE, late, early, announced=fired.values())
    assert after["callback_overdue"].resolution == "met_in_time"
    assert told(after["callback_due_soon"]) == ("done", CALLBACK_SOON, CALLBACK_DUE)


def test_a_late_report_of_a_dismissal_takes_the_alarm_back() -> None:
    now = CALLBACK_DUE + timedelta(hours=5)
    after = look(now, event("dismissed", OPENED), announced=look(now).values())
    assert {alert.resolution for alert in after.values()} == {"dismissed"}
    assert {alert.state for alert in after.values()} == {"resolved"}


def test_an_extension_ends_due_soon_and_gives_a_new_one_later() -> None:
    at = RECTIFY_SOON + timedelta(hours=3)
    extended = event("extended", at)
    assert told(look(RECTIFY_DUE + TICK, CALLED, extended)["rectify_due_soon"]) == ("extended", RECTIFY_SOON, at)
    assert "rectify_overdue" not in look(EXTENDED_DUE, CALLED, extended)
    assert told(look(EXTENDED_SOON, CALLED, extended)["rectify_due_soon"]) == (None, EXTENDED_SOON, None)
    late = look(EXTENDED_DUE + TICK, CALLED, extended)
    assert told(late["rectify_due_soon"]) == ("overdue", EXTENDED_SOON, EXTENDED_DUE)
    assert told(late["rectify_overdue"]) == (None, EXTENDED_DUE, None)


def test_an_extension_whose_lead_has_begun_is_due_soon_from_the_extension_on() -> None:
    rules = DeadlineRules.from_settings(Settings(rectify_lead_hours=24 * 11))
    at = RECTIFY_DUE - timedelta(hours=1)
    alerts = timer_alerts(OPENING, [CALLED, event("extended", at)], rules, RECTIFY_DUE, {})
    assert [told(alert) for alert in alerts] == [(None, at, None)]


def test_an_extension_reported_late_takes_the_alarm_back_and_the_new_deadline_may_raise_it_again() -> None:
    now = RECTIFY_DUE + timedelta(hours=5)
    fired = look(now, CALLED)
    extended = event("extended", RECTIFY_DUE)
    after = look(now, CALLED, extended, announced=fired.values())
    assert told(after["rectify_overdue"]) == ("extended", RECTIFY_DUE, RECTIFY_DUE)
    assert told(after["rectify_due_soon"]) == ("extended", RECTIFY_SOON, RECTIFY_DUE)
    again = look(EXTENDED_DUE + TICK, CALLED, extended, announced=after.values())
    assert told(again["rectify_overdue"]) == (None, EXTENDED_DUE, None)


def test_an_alarm_taken_back_by_an_extension_says_so_for_ever_once_the_case_is_done() -> None:
    extended = event("extended", OPENED)
    after = look(RECTIFY_DUE + TICK, CALLED, extended, announced=look(RECTIFY_DUE + TICK, CALLED).values())
    done = (event("rectified", OPENED), event("replied", EXTENDED_SOON))
    for now in (EXTENDED_SOON, EXTENDED_DUE + timedelta(days=9)):
        assert look(now, CALLED, extended, *done, announced=after.values()) == after


def test_overdue_after_an_extension_is_met_in_time_by_a_late_report() -> None:
    extended = event("extended", OPENED)
    now = EXTENDED_DUE + timedelta(days=1)
    fired = look(now, CALLED, extended)
    done = (event("rectified", OPENED), event("replied", EXTENDED_DUE))
    after = look(now, CALLED, extended, *done, announced=fired.values())
    assert told(after["rectify_overdue"]) == ("met_in_time", EXTENDED_DUE, EXTENDED_DUE)


def test_an_extension_asked_for_too_late_does_not_stop_the_clock() -> None:
    alerts = look(RECTIFY_DUE + timedelta(days=1), CALLED, event("extended", RECTIFY_DUE + TICK))
    assert alerts["rectify_overdue"].state == "firing"


def test_a_clock_that_went_back_takes_nothing_back() -> None:
    fired = look(CALLBACK_DUE + TICK, *DONE)
    stepped_back = look(CALLBACK_SOON - TICK, *DONE, announced=fired.values())
    assert stepped_back == fired, "what was announced stands"


def test_deadlines_the_district_has_moved_take_the_old_alarm_back() -> None:
    fired = look(CALLBACK_DUE + TICK, *DONE)
    rules = DeadlineRules.from_settings(Settings(callback_days=3))
    announced = {alert.alert_id: alert for alert in fired.values()}
    after = timer_alerts(OPENING, DONE, rules, CALLBACK_DUE + TICK, announced)
    assert {alert.resolution for alert in after} == {"revised"}


def test_a_lead_longer_than_the_time_there_is_makes_it_due_soon_from_the_opening() -> None:
    rules = DeadlineRules.from_settings(Settings(callback_lead_hours=48))
    (alert,) = timer_alerts(OPENING, DONE, rules, OPENED, {})
    assert (alert.kind, alert.raised_at) == ("callback_due_soon", OPENED)
    assert next_moment(OPENING, DONE, rules, OPENED - timedelta(days=9)) == OPENED


def test_the_next_moments_of_a_case_nobody_touches() -> None:
    moments, now = [], OPENED
    while (moment := next_moment(OPENING, (), RULES, now)) is not None:
        moments.append(moment)
        now = moment
    assert moments == [CALLBACK_SOON, CALLBACK_DUE + TICK, RECTIFY_SOON, RECTIFY_DUE + TICK]


def test_a_closed_or_dismissed_case_has_no_next_moment() -> None:
    assert next_moment(OPENING, [CALLED, *DONE], RULES, OPENED) is None
    assert next_moment(OPENING, [event("dismissed", OPENED)], RULES, OPENED) is None


def test_after_an_extension_the_next_moment_is_before_the_new_deadline() -> None:
    assert next_moment(OPENING, [CALLED, event("extended", OPENED)], RULES, OPENED) == EXTENDED_SOON


def test_titles_say_what_where_and_until_when_in_local_time_but_never_the_comment() -> None:
    opening = replace(
        OPENING,
        department_name="人社局",
        hall_name="石化街道中心",
        window_name="3号窗口",
        comment="电话13800000000",
        staff_name="李某",
    )
    titles = {alert.kind: (alert.title, alert.title_en) for alert in timer_alerts(opening, (), RULES, EXTENDED_DUE, {})}
    assert titles["callback_overdue"] == (
        "差评回访逾期：人社局 石化街道中心 3号窗口，2026-05-13 09:30 到期",
        "Callback overdue: 人社局, 石化街道中心, 3号窗口, due 2026-05-13 09:30",
    )
    assert "差评待整改" in titles["rectify_due_soon"][0]
    assert not any("138" in title or "李某" in title for both in titles.values() for title in both)


def test_the_end_of_a_day_is_written_as_its_24_00_and_an_online_review_by_its_channel() -> None:
    rules = DeadlineRules.from_settings(Settings(deadline_calendar="workdays"))
    opening = replace(OPENING, hall_id=None, channel="web")
    titles = {alert.kind: alert.title for alert in timer_alerts(opening, (), rules, EXTENDED_DUE, {})}
    assert titles["callback_overdue"] == "差评回访逾期：渠道 网站，2026-05-13 24:00 到期"
