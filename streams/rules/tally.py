"""The daily cells a review counts in. Source: CONTRACT §5, bi_daily.

A cell is ten counters packed into one integer, 32 bits each, so that adding a review to a cell is one addition,
and so is adding up a chunk's reviews first; a million cells of lists would not fit in memory.
"""

import struct
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

#: The width of a packed cell, in bits and bytes; what stands above it is the holder's own.
WIDTH = _BITS * len(COUNTERS)
_BYTES = WIDTH // 8
_COUNTS = struct.Struct(f"<{len(COUNTERS)}I")

#: (dimension, member id field, member name field) of the dimensions a review has exactly one member of.
DIMENSIONS = (
    ("department", "department_id", "department_name"),
    ("hall", "hall_id", "hall_name"),
    ("window", "window_id", "window_name"),
    ("staff", "staff_id", "staff_name"),
    ("service", "service_id", "service_name"),
)


def unit(review: dict[str, Any]) -> int:
    """The packed counters one enriched review adds to each of its cells."""
    return _UNITS[
        review["rating"],
        review["bad"],
        review["three_match"],
        bool(review["comment"]),
        review["hidden_negative"],
    ]


def unpack(cell: int) -> tuple[int, ...]:
    """The counters, in the order of COUNTERS."""
    return _COUNTS.unpack((cell & ((1 << WIDTH) - 1)).to_bytes(_BYTES, "little"))


#: The fields of an enriched review that decide its cells within a day, but for its categories.
MEMBERSHIP = ("channel", *(field for _, *fields in DIMENSIONS for field in fields))


def members(fields: tuple[str | None, ...]) -> dict[str, str]:
    """The cells of a review with these MEMBERSHIP fields: `dimension|member_id` and the member's name.

    A review counts under '' in a dimension whose id it lacks, so that every dimension adds up to the district.
    """
    channel, *rest = fields
    cells = {"district|all": "", f"channel|{channel}": ""}
    for (dimension, *_), member_id, name in zip(DIMENSIONS, rest[::2], rest[1::2], strict=True):
        cells[f"{dimension}|{member_id or ''}"] = name or ""
    return cells
