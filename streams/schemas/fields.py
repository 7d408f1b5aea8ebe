"""Field types shared by every message: ids, times, short texts. Source: CONTRACT §2."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import PlainValidator, StringConstraints, ValidationInfo, WithJsonSchema

#: 1-64 characters of A-Z a-z 0-9 _ . : -
Id = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_.:\-]{1,64}$")]
Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]

_DEFAULT_ZONE = ZoneInfo("Asia/Shanghai")


#: No review is from outside these years, and deadlines counted from the ends of time would fall off them.
FIRST_YEAR, LAST_YEAR = 1970, 2199


def parse_time(value: object, zone: ZoneInfo = _DEFAULT_ZONE) -> datetime:
    """The instant (UTC) an RFC 3339 string names; without an offset it is local time in `zone`.

    Raises:
        ValueError: for anything but such a string.
    """
    # fromisoformat() also takes dates and basic format, which RFC 3339 does not: hence the shape check.
    if type(value) is not str or len(value) < 19 or value[10] not in "Tt " or value[13] != ":" or value[16] != ":":
        raise ValueError("must be an RFC 3339 time string such as 2026-05-12T09:30:00+08:00")
    try:
        time = datetime.fromisoformat(value.upper() if value[10] == "t" or value[-1] == "z" else value)
        time = (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
        if not FIRST_YEAR <= time.year <= LAST_YEAR:
            raise ValueError
        return time
    except (ValueError, OverflowError):
        raise ValueError(
            "must be an RFC 3339 time that exists, from 1970 to 2199, such as 2026-05-12T09:30:00+08:00"
        ) from None


def _validate_time(value: object, info: ValidationInfo) -> datetime:
    if isinstance(value, datetime):
        return value
    zone = info.context.get("zone", _DEFAULT_ZONE) if info.context else _DEFAULT_ZONE
    return parse_time(value, zone)


#: An aware datetime in UTC. The validation context may name the local zone: `{"zone": ZoneInfo(...)}`.
Time = Annotated[datetime, PlainValidator(_validate_time), WithJsonSchema({"type": "string", "format": "date-time"})]
