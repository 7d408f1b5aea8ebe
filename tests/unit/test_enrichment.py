from datetime import UTC, datetime
from typing import Any

import pytest

from streams.rules.enrichment import Reference
from streams.schemas.reference import Service, Staff, Window

NOON = datetime(2026, 5, 12, 12, tzinfo=UTC)


def window(**fields: Any) -> Window:
    base = {
        "window_id": "W1",
        "name": "1号窗口",
        "hall_id": "H1",
        "hall_name": "大厅",
        "department_id": "D1",
        "department_name": "人社局",
        "staff_id": "S1",
    }
    return Window.model_validate(base | fields)


@pytest.fixture
def reference() -> Reference:
    reference = Reference()
    reference.learn(window())
    reference.learn(Staff(staff_id="S1", name="工号1", department_id="D2", department_name="民政局"))
    reference.learn(Staff(staff_id="S2", name="工号2"))
    reference.learn(Service(service_id="V1", name="社保登记", department_id="D3", department_name="医保局"))
    return reference


def test_all_three_known_is_a_three_match(reference: Reference) -> None:
    match = reference.match("W1", "S1", "V1", NOON)
    assert match.three_match
    assert match.matched == {"window": True, "staff": True, "service": True}
    assert (match.hall_id, match.department_id, match.staff_name) == ("H1", "D1", "工号1")


def test_a_staff_id_given_wins_over_the_one_on_duty(reference: Reference) -> None:
    assert reference.match("W1", "S2", None, NOON).staff_id == "S2"


def test_without_a_staff_id_the_one_on_duty_serves(reference: Reference) -> None:
    match = reference.match("W1", None, None, NOON)
    assert (match.staff_id, match.staff_name) == ("S1", "工号1")


def test_without_a_known_window_the_department_is_the_staffs_else_the_services(reference: Reference) -> None:
    assert reference.match("W9", "S1", "V1", NOON).department_id == "D2"
    assert reference.match(None, "S2", "V1", NOON).department_id == "D3"
    assert reference.match(None, None, None, NOON).department_id is None


def test_unknown_ids_are_kept_and_not_matched(reference: Reference) -> None:
    match = reference.match("W9", "S9", "V9", NOON)
    assert match.staff_id == "S9"
    assert not any(match.matched.values())
    assert match.hall_id is None


def test_a_changed_record_changes_the_next_match(reference: Reference) -> None:
    reference.match("W1", None, None, NOON)
    reference.learn(window(staff_id="S2", hall_id="H2"))
    match = reference.match("W1", None, None, NOON)
    assert (match.staff_id, match.hall_id) == ("S2", "H2")


def test_a_deleted_record_is_unknown(reference: Reference) -> None:
    reference.forget(Window, "W1")
    assert not reference.match("W1", "S1", "V1", NOON).matched["window"]


def test_the_roster_knows_who_was_on_duty_then(reference: Reference) -> None:
    reference.learn(window(staff_id="S1", since="2026-05-12T09:00:00+08:00"))
    reference.learn(window(staff_id="S2", since="2026-05-12T13:00:00+08:00"))
    at = datetime.fromisoformat
    assert reference.match("W1", None, None, at("2026-05-12T12:59:59+08:00")).staff_id == "S1"
    assert reference.match("W1", None, None, at("2026-05-12T13:00:00+08:00")).staff_id == "S2"
    assert reference.match("W1", None, None, at("2026-05-12T08:00:00+08:00")).staff_id is None


def test_a_record_may_list_the_shifts_before_it_for_reviews_that_come_late_after_a_restart() -> None:
    reference = Reference()  # of a worker that finds only the last record in the compacted topic
    morning = {"staff_id": "S1", "since": "2026-05-12T09:00:00+08:00"}
    noon = {"staff_id": None, "since": "2026-05-12T12:00:00+08:00"}
    reference.learn(window(staff_id="S2", since="2026-05-12T13:00:00+08:00", roster=[noon, morning]))
    at = datetime.fromisoformat
    assert reference.match("W1", None, None, at("2026-05-12T09:00:00+08:00")).staff_id == "S1"
    assert reference.match("W1", None, None, at("2026-05-12T12:30:00+08:00")).staff_id is None
    assert reference.match("W1", None, None, at("2026-05-12T13:00:00+08:00")).staff_id == "S2"
