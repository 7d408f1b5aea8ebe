"""What is refused goes where it can be looked at, and never stops what is behind it."""

import os

from streams.agents.refusals import Reason, Refusals
from streams.metrics import Metrics
from streams.runtime.producer import Outbox, sent_bytes
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
