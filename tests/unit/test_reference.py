"""Reference records: what is learned of a topic, and what is refused in public; both judge alike."""

from collections.abc import Sequence
from datetime import datetime
from itertools import permutations
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


def record(key: bytes | None, value: Any, timestamp: int = 0) -> Any:
    return SimpleNamespace(offset=0, timestamp=timestamp, key=key, value=value and orjson.dumps(value), headers=())


def learned(*records: Any) -> dict[str, str]:
    """Names by id, after these records of one partition."""
    return learned_of((0, records))


def learned_of(*fetched: tuple[int, Sequence[Any]]) -> dict[str, str]:
    """The same after what was fetched of some partitions, by their numbers."""
    reference = Reference()
    memory = ReferenceMemory(TOPICS, ZONE, reference)
    for number, records in fetched:
        memory.take(TopicPartition(STAFF, number), records)
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
    nothing = SimpleNamespace(offset=0, timestamp=0, key=b"S9", value=b"", headers=())
    assert learned(old, nothing) == {"S9": "旧名"}
    ((_, reason, _),) = refused(old, nothing)
    assert reason == "not_json"


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_records_placed_in_several_partitions_the_newest_counts_whichever_is_read_first(
    order: tuple[int, ...],
) -> None:
    """Java's clients place a key by murmur2, librdkafka and `haochaping publish` by CRC-32; compaction keeps both."""
    old = [
        record(b"S9", {"staff_id": "S9", "name": "旧名"}, 1000),
        record(b"S8", {"staff_id": "S8", "name": "在"}, 1000),
    ]
    new = [record(b"S9", {"staff_id": "S9", "name": "新名"}, 3000), record(b"S9", {"staff_id": "S9", "name": ""}, 9000)]
    gone = [record(b"S9", None, 2000), record(b"S8", None, 2000)]
    fetched = [(0, old), (1, new), (2, gone)]
    assert learned_of(*(fetched[each] for each in order)) == {"S9": "新名"}


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_who_was_on_duty_does_not_depend_on_which_partition_is_read_first(order: tuple[int, ...]) -> None:
    window = {"window_id": "W1", "name": "1号", "hall_id": "H1", "hall_name": "厅", "department_id": "D1"}
    shifts = [("S1", "2026-01-01T00:00:00+08:00"), ("S2", "2026-06-01T00:00:00+08:00")]
    fetched = [
        record(b"W1", window | {"department_name": "局", "staff_id": staff_id, "since": since}, timestamp)
        for timestamp, (staff_id, since) in enumerate(shifts)
    ]
    reference = Reference()
    memory = ReferenceMemory(TOPICS, ZONE, reference)
    for number in order:
        memory.take(TopicPartition(TOPICS.windows.name, number), [fetched[number]])
    assert reference.windows["W1"].staff_id == "S2"
    assert [reference.on_duty("W1", datetime(2026, month, 2, tzinfo=ZONE)) for month in (3, 7)] == ["S1", "S2"]
