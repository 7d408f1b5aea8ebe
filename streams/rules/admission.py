"""Each review counts once, and what comes when may count. Source: CONTRACT §2 (duplicate, conflict, bad input).

enriched partition  ──o────o────o────o────→ offsets
review_id             A    B    A    A
content               x    y    x    z
                      │         │    └ CONFLICT   other content under the same id
                      │         └ DUPLICATE       same content, another offset
                      └ NEW; read again after a crash (same offset): AGAIN, so its effects are given again
"""

from datetime import timedelta
from enum import Enum

#: How far a publisher's clock may run ahead of the broker's.
FUTURE = timedelta(days=1)
FUTURE_MS = FUTURE // timedelta(milliseconds=1)

#: How long an event waits for its case.
ORPHAN = timedelta(days=7)

#: How much later than the repeat window a case may still change, or matter to others: late reports, late dismissals.
LATENESS = timedelta(days=400)


class Verdict(Enum):
    """What a record is to the reviews seen before it."""

    NEW = "new"
    AGAIN = "again"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


#: Of a review's content a hash of this length is kept: the 64 bits below.
HASH_BYTES = 8

#: What is remembered of a review: its offset and the hash of its content, in one integer, because a million of them
#: must fit in memory: an integer takes 44 bytes where a tuple of the two takes 120.
Seen = int


def remember(offset: int, content: bytes) -> Seen:
    """The memory of a review first seen at `offset` with this content hash (HASH_BYTES)."""
    return (offset << 64) | int.from_bytes(content, "big")


def offset_of(seen: Seen) -> int:
    """The offset at which it was first seen."""
    return seen >> 64


def judge(seen: Seen, offset: int, content: bytes) -> Verdict:
    """Compare a record with what is remembered of its `review_id`."""
    if seen == remember(offset, content):
        return Verdict.AGAIN
    # Compared without the offset: the low 64 bits are the content.
    return Verdict.DUPLICATE if (seen & (2**64 - 1)) == int.from_bytes(content, "big") else Verdict.CONFLICT
