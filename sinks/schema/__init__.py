"""Tables, views and how a database comes to have them."""

from sinks.schema.migrations import SCHEMA_VERSION, check_schema, migrate, schema_version
from sinks.schema.rows import alert_columns, case_columns
from sinks.schema.tables import TABLES

__all__ = [
    "SCHEMA_VERSION",
    "TABLES",
    "alert_columns",
    "case_columns",
    "check_schema",
    "migrate",
    "schema_version",
]
