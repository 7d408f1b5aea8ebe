"""Tables, views and how a database comes to have them."""

from sinks.schema.migrations import EMPTY, SCHEMA_VERSION, check_schema, is_empty, migrate
from sinks.schema.rows import alert_columns, case_columns
from sinks.schema.tables import TABLES

__all__ = [
    "EMPTY",
    "SCHEMA_VERSION",
    "TABLES",
    "alert_columns",
    "case_columns",
    "check_schema",
    "is_empty",
    "migrate",
]
