"""What is still to be done for a case, as counted for the gauges: it ends when its alert does."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from streams.agents.rectify_memory import Duty, RectifyMemory
from streams.schemas.case_event import CaseEvent
from tests.unit.test_cases import OPENED, OPENING, case, event

CALLED_BACK = event("called_back", OPENED + timedelta(hours=1))
CLOSED = [event("rectified", OPENED + timedelta(days=2)), event("replied", OPENED + timedelta(days=2))]
DISMISSED = event("dismissed", OPENED + timedelta(hours=2))
IN_TIME, LATE = timedelta(hours=3), timedelta(days=6)


@pytest.mark.parametrize(
    ("events", "after", "duties"),
    [
        ([], IN_TIME, {("callback", False), ("rectify", False)}),
        ([], LATE, {("callback", True), ("rectify", True)}),
        ([CALLED_BACK], LATE, {("rectify", True)}),
        (CLOSED, LATE, {("callback", True)}),
        ([CALLED_BACK, *CLOSED], LATE, set()),
        ([DISMISSED], LATE, set()),
    ],
)
def test_a_duty_lasts_until_it_is_done_or_the_review_dismissed(
    events: list[CaseEvent], after: timedelta, duties: set[tuple[str, bool]]
) -> None:
    memory = RectifyMemory(ZoneInfo("Asia/Shanghai"))
    dossier = memory.dossier(OPENING.case_id)
    memory.derived(dossier, case())
    memory.derived(dossier, case(*events, now=OPENED + after))
    assert +memory.duties == {Duty(stage, "", overdue): 1 for stage, overdue in duties}
