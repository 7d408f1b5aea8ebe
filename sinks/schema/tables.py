"""The tables: columns, types, keys. DDL, Arrow types and inserts all come from here.

Each is a ReplacingMergeTree: of rows with one key the highest `version` stays. So inserting again changes nothing, and
what a worker that was cut off writes late loses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "text",
    "maybe text",
    "texts",
    "number",
    "maybe number",
    "small",
    "flag",
    "maybe flag",
    "day",
    "instant",
    "maybe instant",
]


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `kind` decides its type."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """A table, sorted and made unique by `key`, in parts by `month` (an expression that never changes for a key)."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    month: str | None = None


#: kind → type in ClickHouse; `{zone}` is the district's.
TYPES: dict[Kind, str] = {
    "text": "String",
    "maybe text": "Nullable(String)",
    "texts": "Array(String)",
    "number": "UInt64",
    "maybe number": "Nullable(UInt64)",
    "small": "UInt8",
    "flag": "UInt8",
    "maybe flag": "Nullable(UInt8)",
    "day": "Date",
    "instant": "DateTime64(6, '{zone}')",
    "maybe instant": "Nullable(DateTime64(6, '{zone}'))",
}


def _arrow(name: str, *arguments: str) -> Callable[[], Any]:
    def make() -> Any:
        import pyarrow

        return getattr(pyarrow, name)(*arguments)

    return make


def _texts() -> Any:
    import pyarrow

    return pyarrow.list_(pyarrow.string())


#: kind → a function that makes the Arrow type; functions, because pyarrow comes with the extra `embedded` alone.
ARROW_TYPES: dict[Kind, Callable[[], Any]] = {
    "text": _arrow("string"),
    "maybe text": _arrow("string"),
    "texts": _texts,
    "number": _arrow("uint64"),
    "maybe number": _arrow("uint64"),
    "small": _arrow("uint8"),
    "flag": _arrow("uint8"),
    "maybe flag": _arrow("uint8"),
    "day": _arrow("date32"),
    "instant": _arrow("timestamp", "us", "UTC"),
    "maybe instant": _arrow("timestamp", "us", "UTC"),
}


def _columns(*groups: tuple[Kind, str]) -> tuple[Column, ...]:
    return tuple(Column(name, kind) for kind, names in groups for name in names.split())


_PLACES = "window_id window_name hall_id hall_name department_id department_name"
_PEOPLE = "staff_id staff_name service_id service_name"

TABLES = {
    table.name: table
    for table in (
        Table(
            "reviews",
            _columns(
                ("text", "review_id"),
                ("day", "day"),
                ("instant", "occurred_at received_at"),
                ("small", "rating"),
                ("text", "channel"),
                ("maybe text", f"{_PLACES} {_PEOPLE} case_no comment"),
                ("texts", "tags"),
                ("maybe text", "reviewer_key"),
                ("flag", "matched_window matched_staff matched_service three_match bad"),
                ("texts", "categories"),
                ("text", "cause"),
                ("flag", "hidden_negative"),
                ("number", "version"),  # the offset: only the record first seen is ever inserted, maybe twice
            ),
            key=("review_id",),
            month="toYYYYMM(day)",
        ),
        Table(
            "daily_cells",
            _columns(
                ("day", "day"),
                ("text", "dimension member_id"),
                ("number", "partition"),
                ("text", "member_name"),
                ("number", "reviews rating_1 rating_2 rating_3 rating_4 rating_5"),
                ("number", "bad three_match commented hidden_negative version"),
            ),
            key=("dimension", "member_id", "day", "partition"),
            month="toYYYYMM(day)",
        ),
        Table(
            "cases",
            _columns(
                ("text", "case_id"),
                ("instant", "opened_at callback_due rectify_due"),
                ("maybe instant", "called_back_at rectified_at replied_at dismissed_at extended_at"),
                ("text", "state"),
                ("maybe flag", "callback_on_time rectify_on_time"),
                ("instant", "occurred_at"),
                ("text", "channel"),
                ("maybe text", f"{_PLACES} {_PEOPLE}"),
                ("small", "rating"),
                ("texts", "categories"),
                ("text", "cause"),
                ("maybe text", "comment measure"),
                ("number", "version"),
            ),
            key=("case_id",),
        ),
        Table(
            "alerts",
            _columns(
                ("text", "alert_id kind severity state"),
                ("maybe text", "resolution"),
                ("instant", "raised_at"),
                ("maybe instant", "resolved_at detected_at"),
                ("maybe text", "department_id department_name hall_id hall_name window_id"),
                ("maybe text", f"{_PEOPLE} case_id category"),
                ("number", "count"),
                ("maybe number", "window_days"),
                ("texts", "review_ids"),
                ("maybe flag", "same_service same_hall"),
                ("maybe text", "cause"),
                ("text", "title title_en"),
                ("number", "version"),
            ),
            key=("alert_id",),
        ),
    )
}


def create_table(table: Table, zone: str) -> str:
    """The statement that creates a table."""
    columns = ",\n  ".join(f"{column.name} {TYPES[column.kind].format(zone=zone)}" for column in table.columns)
    month = f"\nPARTITION BY {table.month}" if table.month else ""
    return (
        f"CREATE TABLE IF NOT EXISTS {table.name} (\n  {columns}\n)\n"
        f"ENGINE = ReplacingMergeTree(version){month}\nORDER BY ({', '.join(table.key)})"
    )
