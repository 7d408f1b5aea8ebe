"""An alert as published (topic `alerts`): one `alert_id` is one alert for ever. Source: CONTRACT §3."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

AlertKind = Literal[
    "repeat_staff",
    "repeat_category",
    "callback_due_soon",
    "callback_overdue",
    "rectify_due_soon",
    "rectify_overdue",
    "trend",
]
Severity = Literal["info", "warning", "critical"]


@dataclass(slots=True, kw_only=True)
class Alert:
    """One alert's latest state. Times are aware; `review_ids` are oldest first.

    Two are equal if they say the same, whenever that was seen and in whichever version: what the shell sets is not
    compared. It is set once, on the alert just derived (agents/alert_book.py), and nothing else is ever changed. To
    copy frozen alerts would cost a fifth of the time in which thousands of deadlines pass at one midnight.
    """

    alert_id: str
    kind: AlertKind
    severity: Severity
    state: Literal["firing", "resolved"]
    resolution: str | None = None
    raised_at: datetime
    resolved_at: datetime | None = None
    detected_at: datetime | None = field(default=None, compare=False)  # when the pipeline saw it: set by the shell
    department_id: str | None = None
    department_name: str | None = None
    hall_id: str | None = None
    hall_name: str | None = None
    window_id: str | None = None
    staff_id: str | None = None
    staff_name: str | None = None
    service_id: str | None = None
    service_name: str | None = None
    case_id: str | None = None
    category: str | None = None
    count: int = 1
    window_days: int | None = None
    review_ids: tuple[str, ...] = ()
    same_service: bool | None = None
    same_hall: bool | None = None
    cause: str | None = None
    title: str = ""
    title_en: str = ""
    version: int = field(default=0, compare=False)  # set by the shell
