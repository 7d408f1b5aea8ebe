"""ClickHouse: schema, views, and the two ways to reach it."""

from sinks.base import Sink
from streams.errors import HaochapingError


def open_sink(url: str) -> Sink:
    """The sink a URL names: `clickhouse://user:password@host:9000/database?secure=1` or `chdb:///path/to/folder`.

    Nothing is created and a server is not yet contacted.

    Raises:
        HaochapingError: the URL cannot be used, or the embedded database's folder is in use.
    """
    # Imported late: whoever uses a server need not have the embedded one installed.
    if url.startswith("chdb://"):
        from sinks.embedded import EmbeddedSink

        return EmbeddedSink(url.removeprefix("chdb://"))
    if url.startswith("clickhouse://"):
        from sinks.clickhouse import ClickHouseSink

        return ClickHouseSink(url)
    raise HaochapingError("HCP_CLICKHOUSE_URL: give clickhouse://user:password@host:9000/haochaping or chdb:///folder")
