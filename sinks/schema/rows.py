"""Cases and alerts as rows."""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

from sinks.base import Columns
from sinks.schema.tables import TABLES, Kind
from streams.rules.local_time import since_epoch
from streams.schemas.alert import Alert
from streams.schemas.case import Case


def case_columns(cases: Sequence[Case]) -> Columns:
    """Rows of the table `cases`."""
    return _columns("cases", cases)


def alert_columns(alerts: Sequence[Alert]) -> Columns:
    """Rows of the table `alerts`."""
    return _columns("alerts", alerts)


def _columns(table: str, records: Sequence[Case] | Sequence[Alert]) -> Columns:
    columns: dict[str, Sequence[Any]] = {}
    for column in TABLES[table].columns:
        values = map(attrgetter(column.name), records)
        plain = _PLAIN.get(column.kind)
        columns[column.name] = list(values if plain is None else map(plain, values))
    return columns


def _microseconds(instant: datetime | None) -> int | None:
    return None if instant is None else since_epoch(instant)


#: What both drivers take: lists for tuples, 0 and 1 for booleans, and whole µs for instants (see sinks/base.py).
_PLAIN: dict[Kind, Callable[[Any], Any]] = {
    "instant": _microseconds,
    "maybe instant": _microseconds,
    "texts": list,
    "flag": int,
    "maybe flag": lambda value: None if value is None else int(value),
}
