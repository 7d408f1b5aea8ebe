"""Cases and alerts as rows."""

from collections.abc import Sequence
from typing import Any

from sinks.base import Columns
from sinks.schema.tables import TABLES
from streams.schemas.alert import Alert
from streams.schemas.case import Case


def case_columns(cases: Sequence[Case]) -> Columns:
    """Rows of the table `cases`."""
    return _columns("cases", cases)


def alert_columns(alerts: Sequence[Alert]) -> Columns:
    """Rows of the table `alerts`."""
    return _columns("alerts", alerts)


def _columns(table: str, records: Sequence[Case] | Sequence[Alert]) -> Columns:
    names = [column.name for column in TABLES[table].columns]
    return {name: [_plain(getattr(record, name)) for record in records] for name in names}


def _plain(value: Any) -> Any:
    """What both drivers take: lists for tuples, 0 and 1 for booleans."""
    if isinstance(value, tuple):
        return list(value)
    return int(value) if isinstance(value, bool) else value
