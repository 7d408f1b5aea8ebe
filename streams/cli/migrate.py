"""haochaping migrate"""

import typer

from sinks import open_sink
from sinks.schema import SCHEMA_VERSION
from sinks.schema import migrate as bring_up_to_date
from streams.cli.common import load_settings


def migrate() -> None:
    """Bring the ClickHouse schema up to date; safe to run again.

    Example: HCP_CLICKHOUSE_URL=clickhouse://haochaping:secret@db:9000/haochaping haochaping migrate
    """
    settings = load_settings()
    sink = open_sink(settings.sink_url)
    try:
        done = bring_up_to_date(sink, zone=settings.timezone, repeat_window_days=settings.repeat_window_days)
    finally:
        sink.close()
    for line in done:
        typer.echo(line)
    typer.echo(f"{'schema' if done else 'nothing to do: schema'} at version {SCHEMA_VERSION}, views made anew")
