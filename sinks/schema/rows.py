"""Cases and alerts as rows."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from sinks.base import Columns
from sinks.schema.tables import TABLES, Kind
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


#: What both drivers take where a value is not one already: lists for tuples, 0 and 1 for booleans.
_PLAIN: dict[Kind, Callable[[Any], Any]] = {
    "texts": list,
    "flag": int,
    "maybe flag": lambda value: None if value is None else int(value),
}
