"""A review sent again is told from another one by what was sent, whatever the reference says of it by then."""

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from streams.agents.enrich import SENT_HEADER, Enrich
from streams.agents.refusals import Refusals
from streams.metrics import Metrics
from streams.rules.admission import HASH_BYTES, Verdict, judge, remember
from streams.rules.enrichment import Reference
from streams.rules.pseudonym import pseudonymiser
from streams.runtime.chunks import Chunk
from streams.runtime.producer import Outbox
from streams.schemas.reference import Window
from streams.topics import Topics
from tests.lexicon import LEXICON
from tests.unit.test_enrichment import window

TOPICS = Topics.under("")
COUNTS = {topic.name: 1 for topic in TOPICS}
SENT = {
    "review_id": "R1",
    "occurred_at": "2026-05-12T09:30:00+08:00",
    "rating": 2,
    "channel": "window",
    "window_id": "W1",
    "service_id": "V1",
}
NOON = 1_778_558_400_000  # 2026-05-12T12:00:00+08:00


def enriched(on_duty: Window, **fields: Any) -> tuple[bytes, dict[str, Any]]:
    """The hash of what was sent, and the enriched review."""
    reference = Reference()
    reference.learn(on_duty)
    refusals = Refusals(TOPICS.rejected.name, Metrics(), 1)
    agent = Enrich(TOPICS, 1, reference, LEXICON, pseudonymiser(None), ZoneInfo("Asia/Shanghai"), refusals)
    record = SimpleNamespace(offset=0, timestamp=NOON, key=b"R1", value=orjson.dumps(SENT | fields), headers=())
    out = Outbox(COUNTS)
    agent.process(Chunk(TOPICS.reviews.name, 0, [record], 1), out)
    ((_, value, headers, _),) = out.messages[TOPICS.enriched.name][0]
    return dict(headers)[SENT_HEADER][:HASH_BYTES], orjson.loads(value or b"")


def test_a_review_sent_again_after_the_roster_changed_is_a_duplicate() -> None:
    first, before = enriched(window(staff_id="S1"))
    again, after = enriched(window(staff_id="S2", hall_name="新大厅"))
    assert (before["staff_id"], after["staff_id"]) == ("S1", "S2")
    assert judge(remember(0, first), 1, again) is Verdict.DUPLICATE


@pytest.mark.parametrize("changed", [{"staff_id": "S1"}, {"window_id": "W2"}, {"service_id": None}, {"rating": 1}])
def test_one_that_says_something_else_is_a_conflict(changed: dict[str, Any]) -> None:
    """Also if it names whoever was on duty, whom the first left to the roster."""
    first, _ = enriched(window(staff_id="S1"))
    other, _ = enriched(window(staff_id="S1"), **changed)
    assert judge(remember(0, first), 1, other) is Verdict.CONFLICT
