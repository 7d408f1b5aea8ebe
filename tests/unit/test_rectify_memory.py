"""What a partition remembers of its cases: what was said first, and what is still to be done, as gauges count it."""

from dataclasses import fields
from datetime import timedelta
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from streams.agents.rectify_memory import OPENING_KEY, Duty, Event, RectifyMemory
from streams.schemas.case import Opening
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


#: Offsets of three records of one id, in every order in which their changelog may have been written.
ORDERS = list(permutations([3, 5, 8]))


@pytest.mark.parametrize("order", ORDERS)
def test_the_first_opening_of_a_case_is_the_one_that_counts_whoever_wrote_last(order: tuple[int, ...]) -> None:
    """Enriched again, a review may say something else: its window has another name by now."""
    memory = RectifyMemory(ZoneInfo("Asia/Shanghai"))
    for offset in order:
        review: dict[str, Any] = dict.fromkeys(each.name for each in fields(Opening))
        review |= {"review_id": "r1", "occurred_at": OPENED.isoformat(), "received_at": OPENED.isoformat()}
        review |= {"rating": 1, "channel": "qr", "categories": [], "window_name": f"as at {offset}"}
        memory.recall(OPENING_KEY + b"r1", orjson.dumps((offset, review)))
    opening = memory.dossiers["r1"].opening
    assert opening is not None
    assert opening.window_name == "as at 3"


@pytest.mark.parametrize("order", ORDERS)
def test_the_first_event_under_an_id_is_the_one_that_counts_whoever_wrote_last(order: tuple[int, ...]) -> None:
    memory = RectifyMemory(ZoneInfo("Asia/Shanghai"))
    for offset in order:
        said = event("called_back", OPENED, event_id="e1", note=f"as at {offset}")
        kept = Event(offset, said, said.model_dump_json().encode(), None, f"cases.events/0/{offset}", OPENED)
        memory.recall(kept.changelog_key, kept.pack())
    assert memory.dossiers["r1"].events["e1"].event.note == "as at 3"
