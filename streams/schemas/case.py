"""A rectification case: its opening, and its latest state as published (topic `cases`). Source: CONTRACT §3, §4."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

CaseState = Literal["open", "called_back", "rectified", "closed", "dismissed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a bad review brings to its case. Times are aware."""

    case_id: str
    occurred_at: datetime
    opened_at: datetime  # the review's received_at: deadlines start here
    rating: int
    channel: str
    window_id: str | None = None
    window_name: str | None = None
    hall_id: str | None = None
    hall_name: str | None = None
    department_id: str | None = None
    department_name: str | None = None
    staff_id: str | None = None
    staff_name: str | None = None
    service_id: str | None = None
    service_name: str | None = None
    categories: tuple[str, ...] = ()
    cause: str = "unknown"
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The latest state of a case. `version` grows with every change, so the highest is the latest."""

    case_id: str
    opened_at: datetime
    callback_due: datetime
    rectify_due: datetime
    called_back_at: datetime | None
    rectified_at: datetime | None
    replied_at: datetime | None
    dismissed_at: datetime | None
    extended_at: datetime | None
    state: CaseState
    callback_on_time: bool | None  # None while undecided
    rectify_on_time: bool | None
    occurred_at: datetime
    channel: str
    window_id: str | None
    window_name: str | None
    hall_id: str | None
    hall_name: str | None
    department_id: str | None
    department_name: str | None
    staff_id: str | None
    staff_name: str | None
    service_id: str | None
    service_name: str | None
    rating: int
    categories: tuple[str, ...]
    cause: str
    comment: str | None
    measure: str | None
    version: int
