"""What people did about a bad review (topic `cases.events`). Source: CONTRACT §2."""

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import orjson
from pydantic import BaseModel, ConfigDict, StringConstraints

from streams.schemas.fields import Id, Time

EventType = Literal["called_back", "rectified", "replied", "extended", "dismissed"]
Text = Annotated[str, StringConstraints(strict=True, max_length=2000)]


class CaseEvent(BaseModel):
    """One step: 回访 called_back, 整改 rectified, 回复 replied, 延期 extended, 核实不成立 dismissed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: Id
    case_id: Id
    type: EventType
    at: Time
    by: Text | None = None
    note: Text | None = None
    measure: Text | None = None


def parse_event(value: bytes | None, zone: ZoneInfo) -> CaseEvent:
    """The event a record's value holds; a time without an offset is local time in `zone`.

    Raises:
        orjson.JSONDecodeError: it is not JSON.
        ValidationError: it is not an event.
    """
    return CaseEvent.model_validate(orjson.loads(value or b""), context={"zone": zone})
