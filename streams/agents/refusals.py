"""Refusing a record: where it goes and what is said with it. Source: CONTRACT §2, “What bad input gets”."""

from collections import deque
from datetime import UTC, datetime
from enum import StrEnum

import orjson
from pydantic import ValidationError

from streams.errors import HaochapingError
from streams.metrics import Metrics
from streams.runtime.chunks import Record
from streams.runtime.producer import Outbox, sent_bytes
from streams.runtime.unpacking import MOST_UNPACKED, LeftPacked
from streams.schemas.fields import MAX_BYTES, told
from streams.topics import REFUSED_BYTES

#: The largest that is sent, with room for headers.
_MOST_BYTES = REFUSED_BYTES - 64 * 1024

#: The same before it is compressed: whoever reads it again must be able to unpack it, headers and all.
_MOST_PLAIN = MOST_UNPACKED // 2

#: What is said of such a one.
LEFT_BEHIND = "; its bytes fit no topic, however compressed, and are to be found at hcp-source only"

#: How many of a partition's last records the limit looks at, at the least: what was read together counts together.
LIMIT_RECORDS = 1000


class Reason(StrEnum):
    """Why a record cannot be used."""

    NOT_JSON = "not_json"
    SCHEMA = "schema"
    TOO_LARGE = "too_large"
    FUTURE = "future"
    CONFLICT = "conflict"
    UNKNOWN_CASE = "unknown_case"


def unusable(record: Record, exc: ValueError) -> tuple[Reason, str]:
    """Why a record that cannot be parsed is refused, and what to say of it, by what parsing it raised."""
    if isinstance(record.value, LeftPacked):
        return Reason.TOO_LARGE, record.value.why
    if isinstance(exc, orjson.JSONDecodeError):
        return Reason.NOT_JSON, f"not a JSON text in UTF-8: {exc}"
    if isinstance(exc, ValidationError):
        return Reason.SCHEMA, told(exc.errors(include_url=False, include_input=False))  # the input may be personal data
    return Reason.SCHEMA, str(exc)


def too_large(record: Record) -> str | None:
    """What is wrong with a record whose key or value is larger than any that is taken."""
    if isinstance(record.value, LeftPacked):
        return record.value.why
    size = max(len(record.key or b""), len(record.value or b""))
    return f"{size} bytes; at most {MAX_BYTES} are taken" if size > MAX_BYTES else None


class RejectLimit(HaochapingError):
    """Too large a share is refused: a broken publisher or a wrong topic, not bad records."""


class Refusals:
    """Sends refused records to `reviews.rejected`, and stops the worker when it is most of them."""

    def __init__(self, topic: str, metrics: Metrics, limit: float) -> None:
        self._topic = topic
        self._metrics = metrics
        self._limit = limit
        self._recent: dict[tuple[str, int], deque[tuple[int, int]]] = {}
        self._last = ""  # what was said of the last record refused

    def refuse(
        self, out: Outbox, reason: Reason, detail: str, source: str, key: bytes | None, value: bytes | None
    ) -> None:
        """One record; `source` is `topic/partition/offset`. Its key and value stay as they are.

        But for one that only its publisher's compression made fit the broker: it must not stop those behind it, so it
        is named, and its bytes stay where they are.
        """
        plain = len(key or b"") + len(value or b"")
        if isinstance(value, LeftPacked) or plain > _MOST_PLAIN or sent_bytes(key, value) > _MOST_BYTES:
            detail += LEFT_BEHIND
            key = value = None
        self._metrics.rejected.labels(reason.value).inc()
        detail = " ".join(detail.split())
        self._last = f"{source} ({reason.value}: {detail})"
        headers = [
            ("hcp-reason", reason.value.encode()),
            ("hcp-detail", detail.encode()),
            ("hcp-source", source.encode()),
            ("hcp-rejected-at", datetime.now(UTC).isoformat(timespec="milliseconds").encode()),
        ]
        out.produce(self._topic, key, value, headers)

    def watch(self, topic: str, partition: int, records: int, refused: int) -> None:
        """Note how many of a chunk's records were refused.

        Raises:
            RejectLimit: more than the limit's share of the partition's last 1,000 records.
        """
        recent = self._recent.setdefault((topic, partition), deque())
        recent.append((records, refused))
        total = sum(n for n, _ in recent)
        while total - recent[0][0] >= LIMIT_RECORDS:
            total -= recent.popleft()[0]
        bad = sum(n for _, n in recent)
        if self._limit < 1 and total >= LIMIT_RECORDS and bad > self._limit * total:
            raise RejectLimit(
                f"{bad} of the last {total} records of {topic}/{partition} are unusable, more than "
                f"HCP_REJECT_LIMIT={self._limit:g} allows, the last one {self._last}: mend the publisher; "
                "HCP_REJECT_LIMIT=1 refuses them all and goes on"
            )
