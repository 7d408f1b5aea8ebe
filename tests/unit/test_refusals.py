"""What is refused goes where it can be looked at and stops nothing behind it, unless it is most of what is read."""

import os

import pytest

from streams.agents.refusals import LEFT_BEHIND, Reason, Refusals, RejectLimit
from streams.cli.rejected import Refusal
from streams.metrics import Metrics
from streams.runtime.producer import Outbox, sent_bytes
from streams.runtime.unpacking import MOST_UNPACKED
from streams.topics import REFUSED_BYTES


def refused(key: bytes, value: bytes) -> tuple[bytes | None, bytes | None, dict[str, bytes]]:
    out = Outbox({"rejected": 1})
    Refusals("rejected", Metrics(), 1).refuse(out, Reason.TOO_LARGE, "too large", "reviews/0/7", key, value)
    ((kept_key, kept_value, headers, _),) = out.messages["rejected"][0]
    return kept_key, kept_value, dict(headers)


def test_a_record_keeps_its_bytes_if_they_fit_compressed() -> None:
    key, value = b"k" * 3_000_000, b"x" * 4_000_000
    kept_key, kept_value, headers = refused(key, value)
    assert (kept_key, kept_value, headers["hcp-detail"]) == (key, value, b"too large")


def test_a_record_that_fits_no_topic_is_named_only() -> None:
    """What a publisher compressed with a longer window than ours, say."""
    value = os.urandom(REFUSED_BYTES)
    assert sent_bytes(None, value) > REFUSED_BYTES
    key, kept, headers = refused(b"k", value)
    assert (key, kept, headers["hcp-source"]) == (None, None, b"reviews/0/7")
    assert b"are to be found at hcp-source only" in headers["hcp-detail"]
    said = {name: each.decode() for name, each in headers.items()}
    assert not Refusal(key, kept, said, "reviews").as_sent, "there is nothing to be sent again"
    assert Refusal(key, kept, said | {"hcp-detail": "too large"}, "reviews").as_sent


def test_a_record_that_takes_much_memory_to_read_again_is_named_only() -> None:
    """However small it is compressed: of such ones a reader of reviews.rejected would be given hundreds at once."""
    key, kept, headers = refused(b"k", bytes(MOST_UNPACKED // 2))
    assert (key, kept) == (None, None)
    assert headers["hcp-detail"].decode() == "too large" + LEFT_BEHIND


@pytest.fixture
def refusals() -> Refusals:
    return Refusals("rejected", Metrics(), 0.5)


def read(refusals: Refusals, good: int = 0, bad: int = 0, partition: int = 0) -> None:
    """Records come one by one."""
    for refused in [False] * good + [True] * bad:
        refusals.watch("reviews", partition, 1, int(refused))


def test_at_the_limit_it_goes_on_and_beyond_it_stops(refusals: Refusals) -> None:
    read(refusals, good=500, bad=500)
    with pytest.raises(RejectLimit, match="501 of the last 1000 records of reviews/0"):
        read(refusals, bad=1)


def test_a_thousand_must_have_been_read_first(refusals: Refusals) -> None:
    read(refusals, bad=999)
    with pytest.raises(RejectLimit):
        read(refusals, bad=1)


def test_what_is_more_than_a_thousand_records_ago_no_longer_counts(refusals: Refusals) -> None:
    read(refusals, bad=500)
    read(refusals, good=500)
    read(refusals, bad=500)  # as many come as are left behind
    with pytest.raises(RejectLimit):
        read(refusals, good=1, bad=1)


def test_each_partition_has_a_limit_of_its_own(refusals: Refusals) -> None:
    read(refusals, bad=999)
    read(refusals, bad=999, partition=1)
