"""Bringing a database up to date: tables by numbered migrations, views made anew. Safe to run twice, or at once."""

import re
from collections.abc import Iterator
from pathlib import Path

from sinks.base import Sink, SinkError
from sinks.schema.tables import TABLES, create_table
from streams.rules.categories import TITLES
from streams.rules.tally import DISTRICT
from streams.schemas.review import CHANNELS

#: What each version of the schema adds: its number and the tables it creates. Append; never change what is released.
MIGRATIONS: tuple[tuple[int, tuple[str, ...]], ...] = ((1, ("reviews", "daily_cells", "cases", "alerts")),)

SCHEMA_VERSION = MIGRATIONS[-1][0]

VIEWS = {path.stem: path for path in sorted((Path(__file__).parent / "views").glob("*.sql"))}

#: Members of bi_daily that are the same in every district: their titles.
_MEMBERS = {DISTRICT: "全区", **CHANNELS, **TITLES}

_VERSIONS_TABLE = """\
CREATE TABLE IF NOT EXISTS schema_migrations (version UInt32, applied_at DateTime DEFAULT now())
ENGINE = ReplacingMergeTree(applied_at) ORDER BY version"""

#: What an old server lacks: since which version a feature is there, what to write instead before. Only for tests and
#: the oldest of installations: 18.16 is what Debian ships.
_SUBSTITUTES: tuple[tuple[tuple[int, int], str, str], ...] = (
    ((20, 1), r"DateTime64\(6, ('[^']+')\)", r"DateTime(\1)"),
    ((20, 5), r"toUnixTimestamp64Micro\((\w+)\)", r"(toInt64(toUnixTimestamp(\1)) * 1000000)"),
    ((19, 14), r"CREATE OR REPLACE VIEW", r"CREATE VIEW"),
)


def for_server(sql: str, version: tuple[int, int]) -> str:
    """The statement as a server of this version takes it."""
    for since, feature, substitute in _SUBSTITUTES:
        if version < since:
            sql = re.sub(feature, substitute, sql)
    return sql


def schema_version(sink: Sink) -> int:
    """The highest migration applied; 0 for a database without any."""
    try:
        return _applied(sink)
    except SinkError:
        return 0


def _applied(sink: Sink) -> int:
    return int(sink.query("SELECT max(version) AS version FROM schema_migrations").rows[0][0])


def check_schema(sink: Sink) -> None:
    """Raise a SinkError unless the database has the schema this program needs."""
    sink.ping()
    version = schema_version(sink)
    if version < SCHEMA_VERSION:
        raise SinkError(
            f"the ClickHouse schema is at version {version}, {SCHEMA_VERSION} is needed: run `haochaping migrate`"
        )


def is_empty(sink: Sink) -> bool:
    """Whether the database, whose schema is there, holds no review."""
    return not sink.query("SELECT review_id FROM reviews LIMIT 1").rows


#: What to tell whoever has such a one.
EMPTY = (
    "ClickHouse holds no review: if workers have processed some before, it is new, or not the one they wrote to; "
    "unless that was just done, stop them all and run `haochaping rewind` (docs/operations.md, ClickHouse lost)"
)


def migrate(sink: Sink, *, zone: str, repeat_window_days: int) -> list[str]:
    """Bring the database up to date; returns what was done, a line each. Views are made anew every time.

    Args:
        sink: The database; it is created if need be.
        zone: The district's time zone, in which BI sees instants.
        repeat_window_days: HCP_REPEAT_WINDOW_DAYS, which the recurrence views need.
    """
    return list(_steps(sink, zone, repeat_window_days))


def _steps(sink: Sink, zone: str, repeat_window_days: int) -> Iterator[str]:
    sink.create_database()
    server = sink.server_version()
    sink.command(_VERSIONS_TABLE)
    present = _applied(sink)
    for number, tables in MIGRATIONS:
        if number > present:
            for name in tables:
                sink.command(for_server(create_table(TABLES[name], zone), server))
            sink.command(f"INSERT INTO schema_migrations (version) SELECT {number}")
            yield f"migration {number}: {', '.join(tables)}"
    values = {
        "window_days": repeat_window_days,
        "zone": zone,
        "members": list(_MEMBERS),  # Python writes lists of plain texts as ClickHouse does
        "titles": list(_MEMBERS.values()),
    }
    for name, path in VIEWS.items():
        sql = path.read_text("utf-8")
        for each, value in values.items():
            sql = sql.replace(f"{{{each}}}", str(value))  # not str.format(): SQL may have braces of its own
        if server < (19, 14):
            sink.command(f"DROP TABLE IF EXISTS {name}")
        sink.command(for_server(f"CREATE OR REPLACE VIEW {name} AS\n{sql}", server))
