"""Windows, staff and services: what a review is matched to (topics `reference.*`). Source: CONTRACT §2."""

from typing import Annotated
from zoneinfo import ZoneInfo

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict

from streams.schemas.fields import Id, Name, Time


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Shift(_Record):
    """Who is on duty at a window (None: nobody), and from when on."""

    staff_id: Id | None = None
    since: Time


#: Null is none, as with every optional field.
Roster = Annotated[
    tuple[Shift, ...],
    BeforeValidator(lambda given: () if given is None else given, json_schema_input_type=tuple[Shift, ...] | None),
]


class Window(_Record):
    """A counter in a hall, and who is on duty there, `since` when (not given: always).

    The topic keeps a window's last record only. For reviews that come late after a restart, `roster` may list the
    shifts before it, too.
    """

    window_id: Id
    name: Name
    hall_id: Id
    hall_name: Name
    department_id: Id
    department_name: Name
    staff_id: Id | None = None
    since: Time | None = None
    roster: Roster = ()

    @property
    def key(self) -> str:
        """The key of its record."""
        return self.window_id


class Staff(_Record):
    """A person who serves at windows."""

    staff_id: Id
    name: Name
    department_id: Id | None = None
    department_name: Name | None = None

    @property
    def key(self) -> str:
        """The key of its record."""
        return self.staff_id


class Service(_Record):
    """A service item (事项)."""

    service_id: Id
    name: Name
    department_id: Id | None = None
    department_name: Name | None = None

    @property
    def key(self) -> str:
        """The key of its record."""
        return self.service_id


#: What a reference topic holds.
Item = Window | Staff | Service


def parse_reference(model: type[Item], value: bytes, zone: ZoneInfo, key: bytes | None = None) -> Item:
    """The item a record's value holds; a time in it without an offset is local time in `zone`.

    Kafka keeps the last record of a key, and deletes by key: under another than its id a record would stand beside the
    one it should replace, and which of them is read last would change from start to start.

    Raises:
        orjson.JSONDecodeError: it is not JSON.
        ValidationError: it is not such an item.
        ValueError: it has another key; the message says so.
    """
    item = model.model_validate(orjson.loads(value), context={"zone": zone})
    if key is not None and key != item.key.encode():
        raise ValueError(f"the record's key must be its id, {item.key}: by it Kafka keeps the last one, and deletes")
    return item
