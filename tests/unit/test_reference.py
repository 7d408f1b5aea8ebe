"""Reference records: what is learned of a topic, and what is refused in public; both judge alike."""

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from aiokafka import TopicPartition

from streams.agents.reference import ReferenceAudit
from streams.agents.reference_memory import ReferenceMemory
from streams.agents.refusals import Refusals
from streams.metrics import Metrics
from streams.rules.enrichment import Reference
from streams.runtime.chunks import Chunk
from streams.runtime.producer import Outbox
from streams.topics import Topics

TOPICS = Topics.under("")
STAFF = TOPICS.staff.name
ZONE = ZoneInfo("Asia/Shanghai")


def record(key: bytes | None, value: Any) -> Any:
    return SimpleNamespace(offset=0, timestamp=0, key=key, value=value and orjson.dumps(value), headers=())


def learned(*records: Any) -> dict[str, str]:
    """Names by id, after these records."""
    reference = Reference()
    ReferenceMemory(TOPICS, ZONE, reference).take(TopicPartition(STAFF, 0), records)
    return {staff_id: staff.name for staff_id, staff in reference.staff.items()}


def refused(*records: Any) -> list[tuple[bytes | None, str, str]]:
    """Key, reason and detail of what is refused of them."""
    audit = ReferenceAudit(TOPICS, STAFF, ZONE, Refusals(TOPICS.rejected.name, Metrics(), 1))
    out = Outbox({TOPICS.rejected.name: 1})
    audit.process(Chunk(STAFF, 0, list(records), 1), out)
    found = [(key, dict(headers)) for key, _, headers, _ in out.messages[TOPICS.rejected.name][0]]
    return [(key, said["hcp-reason"].decode(), said["hcp-detail"].decode()) for key, said in found]


@pytest.mark.parametrize("key", [b"S9", None])
def test_a_record_replaces_the_one_with_its_id_and_a_null_value_deletes_it(key: bytes | None) -> None:
    old, new = record(b"S9", {"staff_id": "S9", "name": "旧名"}), record(key, {"staff_id": "S9", "name": "新名"})
    assert learned(old, new) == {"S9": "新名"}
    assert learned(old, new, record(b"S9", None)) == {}
    assert refused(old, new, record(b"S9", None)) == []


def test_a_record_under_another_key_is_refused() -> None:
    """It would stand beside the one it should replace, in another partition: the last to be read would win."""
    old = record(b"S9", {"staff_id": "S9", "name": "旧名"})
    other = record(b"legacy-9", {"staff_id": "S9", "name": "新名"})
    assert learned(old, other) == {"S9": "旧名"}
    ((key, reason, detail),) = refused(old, other)
    assert (key, reason) == (b"legacy-9", "schema")
    assert "must be its id, S9" in detail


def test_what_is_no_record_leaves_the_one_before_it_in_force() -> None:
    old, bad = record(b"S9", {"staff_id": "S9", "name": "旧名"}), record(b"S9", {"staff_id": "S9", "name": ""})
    assert learned(old, bad) == {"S9": "旧名"}
    ((key, reason, detail),) = refused(old, bad)
    assert (key, reason, detail.split(":")[0]) == (b"S9", "schema", "name")
