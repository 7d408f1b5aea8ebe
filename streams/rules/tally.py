"""The daily cells a review counts in. Source: CONTRACT §5, bi_daily.

A cell is ten counters packed into one integer, 32 bits each, so that adding a review to a cell is one addition,
and so is adding up a chunk's reviews first; a million cells of lists would not fit in memory.
"""

import sys
from array import array
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

COUNTERS = (
    "reviews",
    "rating_1",
    "rating_2",
    "rating_3",
    "rating_4",
    "rating_5",
    "bad",
    "three_match",
    "commented",
    "hidden_negative",
)
_BITS = 32
_LANE = {name: 1 << (_BITS * i) for i, name in enumerate(COUNTERS)}

#: The width of a packed cell, in bits; what stands above it is the holder's own, 64 bits of it when written down.
WIDTH = _BITS * len(COUNTERS)
WIRE_BYTES = WIDTH // 8 + 8
_WORDS = WIRE_BYTES // 4

#: One count in every dimension's cell that a review of this rating, these flags adds to.
_UNITS = {
    (rating, bad, three, commented, hidden): _LANE["reviews"]
    + _LANE[f"rating_{rating}"]
    + bad * _LANE["bad"]
    + three * _LANE["three_match"]
    + commented * _LANE["commented"]
    + hidden * _LANE["hidden_negative"]
    for rating in range(1, 6)
    for bad in (False, True)
    for three in (False, True)
    for commented in (False, True)
    for hidden in (False, True)
}

#: (dimension, member id field, member name field) of the dimensions a review has exactly one member of.
DIMENSIONS = (
    ("channel", "channel", None),
    ("department", "department_id", "department_name"),
    ("hall", "hall_id", "hall_name"),
    ("window", "window_id", "window_name"),
    ("staff", "staff_id", "staff_name"),
    ("service", "service_id", "service_name"),
)

#: The same of those whose members have names.
NAMED = tuple((dimension, member, name) for dimension, member, name in DIMENSIONS if name)

#: The one member of the dimension `district`.
DISTRICT = "all"

Columns = Mapping[str, Sequence[Any]]  # of enriched reviews: field → a value a review
Sums = dict[str, dict[str, dict[str, int]]]  # dimension → day → member id → packed counters


def units(reviews: Columns) -> list[int]:
    """The packed counters each of these enriched reviews adds to each of its cells."""
    commented = map(bool, reviews["comment"])
    keys = zip(
        reviews["rating"], reviews["bad"], reviews["three_match"], commented, reviews["hidden_negative"], strict=True
    )
    return [_UNITS[key] for key in keys]


def add_up(days: Sequence[str], reviews: Columns, added: Sequence[int], sums: Sums | None = None) -> Sums:
    """What these reviews add to each cell.

    A review counts under '' in a dimension whose id it lacks, so that every dimension adds up to the district.

    Args:
        days: The local day of each review, `YYYY-MM-DD`.
        reviews: Columns of enriched reviews: the id fields of DIMENSIONS, and `categories`.
        added: What each review adds, from `units`.
        sums: What others add, from here; these join them.
    """
    sums = {} if sums is None else sums
    for dimension, field, _ in DIMENSIONS:
        by_day = sums.setdefault(dimension, defaultdict(_no_counts))
        for day, member_id, unit in zip(days, reviews[field], added, strict=True):
            by_day[day][member_id or ""] += unit
    sums["district"] = {day: {DISTRICT: sum(channels.values())} for day, channels in sums["channel"].items()}
    by_day = sums.setdefault("category", defaultdict(_no_counts))
    for day, categories, unit in zip(days, reviews["categories"], added, strict=True):
        for category in categories:
            by_day[day][category] += unit
    return sums


def _no_counts() -> dict[str, int]:
    return defaultdict(int)


def pack(cell: int) -> bytes:
    """A cell as it is written down: the holder's 64 bits, then the counters."""
    return cell.to_bytes(WIRE_BYTES, "big")


def unpack_all(packed: Sequence[bytes]) -> dict[str, Sequence[int]]:
    """The counters of many packed cells, column by column."""
    words = array("I", b"".join(packed))
    if sys.byteorder == "little":
        words.byteswap()
    # The last counter stands highest, right behind the holder's two words. Slices of an array cost nothing a cell.
    return {name: words[-1 - lane :: -_WORDS][::-1] for lane, name in enumerate(COUNTERS)}
