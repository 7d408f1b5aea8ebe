"""The first agent, chunk by chunk: what it writes, and what it refuses."""

from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from streams.agents.enrich import SENT_HEADER, Enrich
from streams.agents.refusals import Refusals
from streams.metrics import Metrics
from streams.rules.admission import HASH_BYTES
from streams.rules.enrichment import Reference
from streams.rules.pseudonym import pseudonymiser
from streams.runtime.chunks import Chunk
from streams.runtime.producer import Outbox
from streams.schemas.fields import MAX_BYTES
from streams.topics import Topics
from tests.lexicon import LEXICON

TOPICS = Topics.under("")
COUNTS = {topic.name: 2 for topic in TOPICS}
NOON = 1_778_558_400_000  # 2026-05-12T12:00:00+08:00


@pytest.fixture
def enrich() -> Enrich:
    refusals = Refusals(TOPICS.rejected.name, Metrics(), 1)
    return Enrich(TOPICS, 2, Reference(), LEXICON, pseudonymiser(None), ZoneInfo("Asia/Shanghai"), refusals)


def review(number: int, occurred_at: str, timestamp: int, **fields: Any) -> Any:
    value = {"review_id": f"R{number}", "occurred_at": occurred_at, "rating": 1, "channel": "web"} | fields
    return SimpleNamespace(offset=number, timestamp=timestamp, key=None, value=orjson.dumps(value), headers=())


def processed(enrich: Enrich, *records: Any) -> tuple[dict[str, dict[str, Any]], dict[int, str]]:
    """Enriched reviews by id, and by offset why the others were refused."""
    out = Outbox(COUNTS)
    enrich.process(Chunk(TOPICS.reviews.name, 0, records, 1), out)
    values = [
        orjson.loads(message[1] or b"") for each in out.messages[TOPICS.enriched.name].values() for message in each
    ]
    refused = [dict(message[2]) for each in out.messages[TOPICS.rejected.name].values() for message in each]
    return (
        {value["review_id"]: value for value in values},
        {int(headers["hcp-source"].split(b"/")[-1]): headers["hcp-reason"].decode() for headers in refused},
    )


def test_a_review_may_be_a_day_ahead_of_its_own_record(enrich: Enrich) -> None:
    enriched, refused = processed(
        enrich,
        review(0, "2026-05-12T12:00:00+08:00", NOON),
        review(1, "2026-05-13T12:00:00+08:00", NOON),
        review(2, "2026-05-13T12:00:01+08:00", NOON),
        review(3, "2026-05-13T12:00:01+08:00", NOON + 1000),
        review(4, "2027-05-13T12:00:01+08:00", NOON),
    )
    assert sorted(enriched) == ["R0", "R1", "R3"]
    assert refused == {2: "future", 4: "future"}


@pytest.mark.parametrize("timestamp", [-1, 0, NOON * 1000, 2**63 - 1])
def test_whatever_timestamp_a_publisher_gives_its_record(enrich: Enrich, timestamp: int) -> None:
    enriched, refused = processed(enrich, review(0, "2026-05-12T12:00:00+08:00", timestamp))
    assert (set(enriched), refused) == (({"R0"}, {}) if timestamp > NOON else (set(), {0: "future"}))


def test_what_goes_on_is_stamped_anew(enrich: Enrich) -> None:
    """By the publisher's timestamp Kafka would delete it, and what was seen be forgotten, at the wrong time."""
    out = Outbox(COUNTS)
    enrich.process(Chunk(TOPICS.reviews.name, 0, [review(0, "2026-05-12T12:00:00+08:00", NOON)], 1), out)
    messages = [each for batch in out.messages[TOPICS.enriched.name].values() for each in batch]
    assert [timestamp for *_, timestamp in messages] == [None]


def test_a_key_may_not_be_larger_than_a_review(enrich: Enrich) -> None:
    large, largest = (review(number, "2026-05-12T12:00:00+08:00", NOON) for number in range(2))
    large.key, largest.key = b"k" * (MAX_BYTES + 1), b"k" * MAX_BYTES
    enriched, refused = processed(enrich, large, largest)
    assert (set(enriched), refused) == ({"R1"}, {0: "too_large"})


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2026-05-12T09:30:00+08:00", "2026-05-12T09:30:00+08:00"),
        ("2026-05-12 09:30:00", "2026-05-12T09:30:00+08:00"),
        ("2026-05-11T20:30:00Z", "2026-05-12T04:30:00+08:00"),
        ("2026-05-11T20:30:00-05:00", "2026-05-12T09:30:00+08:00"),
        ("2026-05-12T09:30:00.5+08:00", "2026-05-12T09:30:00.500000+08:00"),
    ],
)
def test_times_are_written_in_local_time(enrich: Enrich, sent: str, written: str) -> None:
    enriched, _ = processed(enrich, review(0, sent, NOON, received_at=sent))
    assert enriched["R0"]["occurred_at"] == enriched["R0"]["received_at"] == written


def test_what_cannot_be_used_costs_its_neighbours_nothing(enrich: Enrich) -> None:
    good, bad = review(0, "2026-05-12T12:00:00+08:00", NOON), review(1, "2026-02-30T12:00:00+08:00", NOON)
    broken = review(2, "", NOON)
    broken.value = b'{"review_id": "R2"'
    other = review(3, "2026-05-12T11:00:00Z", NOON)
    enriched, refused = processed(enrich, good, bad, broken, other)
    assert {one: each["occurred_at"] for one, each in enriched.items()} == {
        "R0": "2026-05-12T12:00:00+08:00",
        "R3": "2026-05-12T19:00:00+08:00",
    }
    assert refused == {1: "schema", 2: "not_json"}


def test_what_is_wrong_with_a_review_is_told_at_once_if_it_is_not_too_much(enrich: Enrich) -> None:
    fields = {"review_id": "a b", "rating": 9, "channel": "fax", "window_id": 7, "service_id": ""}
    record = SimpleNamespace(offset=0, timestamp=NOON, key=None, value=orjson.dumps(fields), headers=())
    out = Outbox(COUNTS)
    enrich.process(Chunk(TOPICS.reviews.name, 0, [record], 1), out)
    ((*_, headers, _),) = [each for batch in out.messages[TOPICS.rejected.name].values() for each in batch]
    faults = dict(headers)["hcp-detail"].decode().split("; ")
    assert [fault.split(":")[0] for fault in faults] == ["review_id", "occurred_at", "rating", "and 3 more"]


@pytest.mark.parametrize(
    ("key", "noted"),
    [
        (b"R0", b""),
        (None, b"/"),
        (b"W-1", b"/=W-1"),
        (b"13912345678", b""),
        (b"310228199001011234", b""),
        ("王小明".encode(), b""),
        (b"W1\n", b""),
        (b"\xff", b""),
        (b"", b""),
    ],
)
def test_a_key_that_may_be_personal_data_goes_no_further(enrich: Enrich, key: bytes | None, noted: bytes) -> None:
    record = review(0, "2026-05-12T12:00:00+08:00", NOON)
    record.key = key
    out = Outbox(COUNTS)
    enrich.process(Chunk(TOPICS.reviews.name, 3, [record], 1), out)
    ((*_, headers, _),) = [each for batch in out.messages[TOPICS.enriched.name].values() for each in batch]
    assert dict(headers)[SENT_HEADER][HASH_BYTES:] == b"3/0" + noted


def test_personal_data_is_masked_in_comment_and_tags(enrich: Enrich) -> None:
    sent = review(0, "2026-05-12T12:00:00+08:00", NOON, comment="请回电13812345678", tags=["a@b.cn", "排队太久"])
    enriched, _ = processed(enrich, sent)
    assert (enriched["R0"]["comment"], enriched["R0"]["tags"]) == ("请回电***********", ["******", "排队太久"])
