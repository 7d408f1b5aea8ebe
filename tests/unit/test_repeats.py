"""The same person again, the same complaint at the same hall again (CONTRACT §3, Alerts; DOMAIN, stories)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streams.rules.history import History, Incident
from streams.rules.repeats import repeat_category, repeat_staff
from streams.schemas.alert import Alert

WINDOW = timedelta(days=90)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
SHANGHAI = ZoneInfo("Asia/Shanghai")
MAY = datetime.fromisoformat("2026-05-12T10:00:00+08:00")


def bad(review_id: str, at: datetime, **more: Any) -> Incident:
    usual: dict[str, Any] = {
        "staff_id": "s1",
        "staff_name": "李某",
        "hall_id": "h1",
        "hall_name": "石化街道社区事务受理服务中心",
        "department_id": "d1",
        "window_id": "w1",
        "service_id": "v1",
        "service_name": "居住证办理",
        "categories": ("attitude",),
        "cause": "conduct",
    }
    return Incident(review_id=review_id, occurred_at=at, **{**usual, **more})


def staff(*incidents: Incident) -> dict[str, Alert]:
    return {alert.review_ids[-1]: alert for alert in repeat_staff(History(incidents), WINDOW, SHANGHAI)}


def hall(*incidents: Incident, minimum: int = 3) -> dict[str, Alert]:
    return {
        alert.review_ids[-1]: alert for alert in repeat_category(History(incidents), "queue", WINDOW, minimum, SHANGHAI)
    }


def told(alert: Alert) -> tuple[str, str | None, datetime | None]:
    return alert.state, alert.resolution, alert.resolved_at


# The same person -------------------------------------------------------------------------------------------


def test_mr_wangs_clerk_again_a_month_later_same_hall_same_service_is_critical() -> None:
    june = MAY + timedelta(days=31)
    alerts = staff(bad("wang", MAY), bad("second", june))
    assert list(alerts) == ["second"]
    alert = alerts["second"]
    assert alert.alert_id == "repeat_staff:s1:second"
    assert (alert.kind, alert.severity, alert.state, alert.raised_at) == ("repeat_staff", "critical", "firing", june)
    assert (alert.count, alert.review_ids, alert.window_days) == (2, ("wang", "second"), 90)
    assert (alert.same_hall, alert.same_service, alert.cause, alert.case_id) == (True, True, "conduct", "second")
    assert (alert.staff_id, alert.staff_name, alert.hall_id, alert.service_id) == ("s1", "李某", "h1", "v1")


def test_one_bad_review_is_no_repetition() -> None:
    assert staff(bad("a", MAY)) == {}
    assert staff() == {}


def test_second_bad_review_on_the_last_second_of_the_window_still_alerts() -> None:
    assert list(staff(bad("a", MAY), bad("b", MAY + WINDOW))) == ["b"]
    assert staff(bad("a", MAY), bad("b", MAY + WINDOW + timedelta(microseconds=1))) == {}


def test_the_window_is_absolute_time_even_where_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first, second = datetime(2026, 3, 28, 12, tzinfo=berlin), datetime(2026, 3, 29, 13, tzinfo=berlin)
    # By the clocks on the wall 25 hours, in truth 24.
    assert len(repeat_staff(History([bad("a", first), bad("b", second)]), DAY, SHANGHAI)) == 1


def test_every_later_review_raises_an_alert_of_its_own() -> None:
    alerts = staff(bad("a", MAY), bad("b", MAY + 80 * DAY), bad("c", MAY + 100 * DAY))
    assert {key: alert.review_ids for key, alert in alerts.items()} == {"b": ("a", "b"), "c": ("b", "c")}


def test_at_one_instant_the_review_id_decides_who_was_first() -> None:
    for order in permutations([bad("b", MAY), bad("a", MAY), bad("c", MAY)]):
        alerts = staff(*order)
        assert {key: alert.review_ids for key, alert in alerts.items()} == {"b": ("a", "b"), "c": ("a", "b", "c")}


def test_the_order_of_arrival_and_copies_change_nothing() -> None:
    incidents = [bad("a", MAY), bad("b", MAY + DAY, dismissed_at=MAY + 2 * DAY), bad("c", MAY + 3 * DAY)]
    assert all(staff(*order) == staff(*incidents) for order in permutations(incidents))
    assert staff(*incidents, *incidents) == staff(*incidents)


def test_staff_the_reference_does_not_know_alert_too_under_their_id() -> None:
    alert = staff(bad("a", MAY, staff_name=None), bad("b", MAY + DAY, staff_name=None))["b"]
    assert (alert.staff_id, alert.staff_name) == ("s1", None)
    assert alert.title.startswith("工号 s1 90 天内第 2 条差评")


@pytest.mark.parametrize(("service", "severity"), [("v1", "critical"), ("v2", "warning"), (None, "warning")])
def test_critical_only_if_an_earlier_review_shares_the_service(service: str | None, severity: str) -> None:
    alert = staff(bad("a", MAY, service_id=service), bad("b", MAY + DAY))["b"]
    assert (alert.severity, alert.same_service) == (severity, severity == "critical")


def test_two_reviews_without_a_service_or_hall_do_not_share_it() -> None:
    alert = staff(bad("a", MAY, service_id=None, hall_id=None), bad("b", MAY + DAY, service_id=None, hall_id=None))["b"]
    assert (alert.severity, alert.same_service, alert.same_hall) == ("warning", False, False)


def test_another_hall_is_told() -> None:
    assert staff(bad("a", MAY, hall_id="h2"), bad("b", MAY + DAY))["b"].same_hall is False


def test_closing_the_case_handles_the_alert() -> None:
    closed_at = MAY + 4 * DAY
    alert = staff(bad("a", MAY), bad("b", MAY + DAY, closed_at=closed_at))["b"]
    assert told(alert) == ("resolved", "handled", closed_at)
    assert told(staff(bad("a", MAY, closed_at=closed_at), bad("b", MAY + DAY))["b"])[0] == "firing"


def test_dismissing_either_review_dismisses_the_alert() -> None:
    at = MAY + 4 * DAY
    after = staff(bad("a", MAY), bad("b", MAY + DAY, dismissed_at=at))["b"]
    assert (told(after), after.count) == (("resolved", "dismissed", at), 2)
    before = staff(bad("a", MAY, dismissed_at=at), bad("b", MAY + DAY))["b"]
    assert told(before) == ("resolved", "dismissed", at)
    assert (before.count, before.review_ids, before.severity) == (1, ("b",), "warning")
    assert (before.same_service, before.same_hall) == (False, False)
    assert before.title == "李某：石化街道社区事务受理服务中心 2026-05-13 的差评，此前的差评均经核实不成立"


def test_while_one_earlier_review_stands_the_alert_stands_and_counts_only_that() -> None:
    gone = bad("b", MAY + DAY, dismissed_at=MAY + 9 * DAY)
    alert = staff(bad("a", MAY, service_id="v2"), gone, bad("c", MAY + 2 * DAY))["c"]
    assert (alert.state, alert.count, alert.review_ids) == ("firing", 2, ("a", "c"))
    assert alert.severity == "warning", "the dismissed one shared the service, the other does not"


def test_whichever_came_first_ended_it() -> None:
    early, late = MAY + 4 * DAY, MAY + 5 * DAY
    assert told(staff(bad("a", MAY, dismissed_at=late), bad("b", MAY, closed_at=early))["b"])[1:] == ("handled", early)
    assert told(staff(bad("a", MAY, dismissed_at=early), bad("b", MAY, closed_at=late))["b"])[1:] == (
        "dismissed",
        early,
    )
    assert told(staff(bad("a", MAY, dismissed_at=early), bad("b", MAY, closed_at=early))["b"])[1] == "dismissed"


def test_an_earlier_review_dismissed_before_the_later_one_happened_never_let_it_fire() -> None:
    alert = staff(bad("a", MAY, dismissed_at=MAY + SECOND), bad("b", MAY + DAY))["b"]
    assert told(alert) == ("resolved", "dismissed", alert.raised_at)


def test_a_clerk_is_not_blamed_for_a_queue() -> None:
    queue = {"categories": ("queue",), "cause": "process"}
    alert = staff(bad("a", MAY, **queue), bad("b", MAY + DAY, **queue))["b"]
    assert alert.cause == "process"
    assert "反映的是流程问题，非人员态度" in alert.title
    assert "about the process, not the person" in alert.title_en


def test_the_title_names_the_person_the_hall_the_dates_and_the_review_before() -> None:
    utc = [bad("wang", datetime(2026, 5, 11, 17, tzinfo=UTC)), bad("second", datetime(2026, 6, 11, 2, tzinfo=UTC))]
    (alert,) = repeat_staff(History(utc), WINDOW, SHANGHAI)
    assert alert.title == (
        "李某 90 天内第 2 条差评：石化街道社区事务受理服务中心 2026-06-11，"
        "上一条 wang（2026-05-12），同一事项；本条反映的是人员服务问题"
    )
    assert alert.title_en == (
        "李某: 2 bad reviews in 90 days, now at 石化街道社区事务受理服务中心 on 2026-06-11 "
        "(the one before: wang on 2026-05-12, same service); this one is about how the person served"
    )


def test_how_a_case_was_handled_concerns_its_own_alert_alone() -> None:
    """Else every case that is closed would cost as much as all the reviews after it list, which is a square."""
    first, second, third = (bad(f"r{number}", MAY + number * DAY) for number in range(3))
    history = History([first, second, third])
    closed = replace(first, closed_at=MAY + 5 * DAY)
    assert not history.put(closed)
    assert repeat_staff(history, WINDOW, SHANGHAI, changed=[(closed, timedelta())]) == []
    handled = replace(second, closed_at=MAY + 5 * DAY)
    assert not history.put(handled)
    (alert,) = repeat_staff(history, WINDOW, SHANGHAI, changed=[(handled, timedelta())])
    assert (alert.case_id, alert.resolution) == ("r1", "handled")


@pytest.mark.parametrize("change", [{"dismissed_at": MAY}, {"service_id": "v2"}, {"hall_id": "h2"}])
def test_what_later_alerts_say_of_a_review_concerns_them(change: dict[str, Any]) -> None:
    first, second = bad("r0", MAY), bad("r1", MAY + DAY)
    history = History([first, second])
    changed = replace(first, **change)
    assert history.put(changed)
    (alert,) = repeat_staff(history, WINDOW, SHANGHAI, changed=[(changed, WINDOW)])
    assert alert != staff(first, second)["r1"]


# The same complaint at one hall ----------------------------------------------------------------------------


def queue(review_id: str, at: datetime, **more: Any) -> Incident:
    return bad(review_id, at, **{"categories": ("queue",), "cause": "process", **more})


def test_the_third_of_a_kind_at_a_hall_recurs() -> None:
    third = MAY + 5 * DAY
    alerts = hall(queue("a", MAY), queue("b", MAY + DAY, staff_id="s2"), queue("c", third, staff_id=None))
    assert list(alerts) == ["c"]
    alert = alerts["c"]
    assert alert.alert_id == "repeat_category:h1:queue:c"
    assert (alert.kind, alert.severity, alert.state, alert.raised_at) == ("repeat_category", "warning", "firing", third)
    assert (alert.count, alert.review_ids, alert.category) == (3, ("a", "b", "c"), "queue")
    assert (alert.hall_id, alert.case_id, alert.same_hall, alert.window_days) == ("h1", "c", True, 90)
    assert alert.title == (
        "石化街道社区事务受理服务中心“排队时间长”复发：90 天内第 3 条（2026-05-12 至 2026-05-17），"
        "反映的是流程问题，非人员态度"
    )


def test_a_recurrence_names_no_person() -> None:
    alert = hall(queue("a", MAY), queue("b", MAY), queue("c", MAY))["c"]
    assert (alert.staff_id, alert.staff_name) == (None, None)
    assert "李某" not in alert.title + alert.title_en


def test_the_minimum_is_a_setting() -> None:
    incidents = [queue(each, MAY) for each in "abcd"]
    assert list(hall(*incidents, minimum=2)) == ["b", "c", "d"]
    assert list(hall(*incidents, minimum=4)) == ["d"]
    assert hall(*incidents, minimum=5) == {}


def test_recurrence_counts_to_the_last_second_of_the_window() -> None:
    assert list(hall(queue("a", MAY), queue("b", MAY + DAY), queue("c", MAY + WINDOW))) == ["c"]
    assert hall(queue("a", MAY), queue("b", MAY + DAY), queue("c", MAY + WINDOW + SECOND)) == {}


def test_recurrence_ends_when_too_few_are_left() -> None:
    early, late = MAY + 9 * DAY, MAY + 10 * DAY
    spare = [queue("a", MAY, dismissed_at=late), queue("b", MAY), queue("c", MAY), queue("d", MAY)]
    alert = hall(*spare)["d"]
    assert (alert.state, alert.count, alert.review_ids) == ("firing", 3, ("b", "c", "d"))
    few = [queue("a", MAY, dismissed_at=late), queue("b", MAY, dismissed_at=early), *spare[2:]]
    alert = hall(*few)["d"]
    assert told(alert) == ("resolved", "dismissed", late)
    assert (alert.count, alert.review_ids) == (2, ("c", "d"))
    none = [*few[:2], queue("c", MAY, dismissed_at=late + DAY), spare[3]]
    assert told(hall(*none)["d"]) == ("resolved", "dismissed", late), "the second dismissal ended it, not the third"


def test_recurrence_is_handled_or_dismissed_with_its_own_case() -> None:
    at = MAY + 9 * DAY
    two = [queue("a", MAY), queue("b", MAY)]
    assert told(hall(*two, queue("c", MAY, closed_at=at))["c"]) == ("resolved", "handled", at)
    assert told(hall(*two, queue("c", MAY, dismissed_at=at))["c"]) == ("resolved", "dismissed", at)
