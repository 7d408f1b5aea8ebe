from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from streams.schemas.fields import parse_time
from streams.schemas.review import REVIEWS

GOOD: dict[str, Any] = {
    "review_id": "R-1_a.b:c",
    "occurred_at": "2026-05-12T09:30:00+08:00",
    "rating": 5,
    "channel": "window",
}


def test_the_least_review_is_valid_and_unknown_fields_are_ignored() -> None:
    (review,) = REVIEWS.validate_python([GOOD | {"colour": "red"}])
    assert "colour" not in review


@pytest.mark.parametrize(
    "change",
    [
        {"review_id": ""},
        {"review_id": "a b"},
        {"review_id": "a" * 65},
        {"review_id": 7},
        {"rating": 0},
        {"rating": 6},
        {"rating": 5.0},
        {"rating": "5"},
        {"rating": True},
        {"rating": None},
        {"channel": "fax"},
        {"occurred_at": 1778549400},
        {"occurred_at": "1778549400"},
        {"occurred_at": "2026-05-12"},
        {"occurred_at": "2026-W20-2T09:30:00+08:00"},
        {"occurred_at": "2026-05-12T09:30:00+0800"},
        {"occurred_at": "2026-05-12T09:30:00+08"},
        {"occurred_at": "2026-05-12T09:30:00,5+08:00"},
        {"occurred_at": "2026-05-12T09:30:00 +08:00"},
        {"occurred_at": "2026-05-12T09:30:00+08:00:30"},
        {"occurred_at": "2026-05-12T09:30:00+08:60"},
        {"occurred_at": "2026-05-12T09:30:00.5+23:99"},
        {"received_at": "2106-01-01T00:00:00Z"},
        {"occurred_at": "2026-02-30T09:30:00+08:00"},
        {"occurred_at": "2026-05-12T25:00:00+08:00"},
        {"occurred_at": "0001-01-01T00:00:00+08:00"},
        {"received_at": "9999-12-31T23:59:59+08:00"},
        {"received_at": "yesterday at some hour"},
        {"window_id": "窗口"},
        {"case_no": "x" * 65},
        {"comment": "好" * 2001},
        {"tags": ["x"] * 21},
        {"tags": ["x" * 33]},
        {"tags": "slow"},
        {"reviewer": "Wang"},
    ],
)
def test_what_the_contract_does_not_allow_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        REVIEWS.validate_python([GOOD | change])


@pytest.mark.parametrize("field", ["review_id", "occurred_at", "rating", "channel"])
def test_a_required_field_may_not_be_missing(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        REVIEWS.validate_python([{name: value for name, value in GOOD.items() if name != field}])


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-12T09:30:00+08:00",
        "2026-05-12 09:30:00+08:00",
        "2026-05-12T01:30:00Z",
        "2026-05-12t01:30:00z",
        "2026-05-12T09:30:00",
        "2026-05-12 09:30:00",
        "2026-05-12T09:30:00.000+08:00",
    ],
)
def test_every_way_to_write_a_time_names_the_same_instant(text: str) -> None:
    assert parse_time(text) == datetime(2026, 5, 12, 1, 30, tzinfo=UTC)
