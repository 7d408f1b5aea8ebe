"""Writing to the sink until it has worked: retry, back-off, and telling the world meanwhile."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

from sinks import open_sink
from sinks.base import Sink, SinkUnavailable
from streams.errors import HaochapingError
from streams.metrics import Metrics

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_RETRY = 0.25  # seconds; doubled up to
LAST_RETRY = 5.0

#: Seconds a call under way may take when the worker stops.
LAST_CALL = 3.0


class SinkWriter:
    """The sink, off the event loop: one thread writes, another does the reading, a third asks whether it answers."""

    def __init__(self, url: str, metrics: Metrics) -> None:
        self._url = url
        self._opened: Sink | None = None
        self._metrics = metrics
        self._writer = ThreadPoolExecutor(1, "sink-writer")
        self._reader = ThreadPoolExecutor(1, "sink-reader")
        self._pinger = ThreadPoolExecutor(1, "sink-pinger")
        self.up = False
        self.tried_at = time.monotonic()  # when a write was last begun, or refused

    async def open(self) -> None:
        """Open the sink; whoever asks it before finds it unavailable.

        Raises:
            HaochapingError: the URL cannot be used, or the embedded database's folder is in use.
        """
        self._opened = await asyncio.get_running_loop().run_in_executor(self._writer, lambda: open_sink(self._url))

    @property
    def _sink(self) -> Sink:
        if self._opened is None:
            raise SinkUnavailable("ClickHouse is not open yet")
        return self._opened

    async def write(self, rows: Sequence[tuple[str, Mapping[str, Sequence[Any]]]]) -> None:
        """Insert all rows, one insert a table; returns when the sink has them, however long that takes.

        Half an epoch may be in already when the sink fails. It is written again as a whole: rows are absolute values.
        """
        tables: dict[str, dict[str, list[Any]]] = {}
        for table, columns in rows:
            merged = tables.setdefault(table, {name: [] for name in columns})
            for name, values in columns.items():
                merged[name].extend(values)
        if not tables:
            return
        pause = FIRST_RETRY
        while True:
            started = self.tried_at = time.monotonic()
            try:
                await self._in(self._writer, lambda: self._insert(tables))
            except HaochapingError as exc:
                self.tried_at = time.monotonic()
                self._metrics.sink_failures.inc()
                log.error("ClickHouse refuses, nothing is lost, next try in %.1f s: %s", pause, exc)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LAST_RETRY)
            else:
                self._metrics.sink_flush.observe(time.monotonic() - started)
                return

    def _insert(self, tables: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
        for table, columns in tables.items():
            self._metrics.sink_rows.labels(table).inc(self._sink.insert(table, columns))

    async def ping(self) -> bool:
        """Whether the sink answers."""
        try:
            await self._in(self._pinger, lambda: self._sink.ping())
        except HaochapingError as exc:
            log.debug("ClickHouse does not answer: %s", exc)
        return self.up

    async def read(self, query: Callable[[Sink], T]) -> T:
        """Run what the board asks, what the pulse measures, or what a start does with the schema; one at a time.

        Raises:
            HaochapingError: the sink does not answer, or cannot.
        """
        return await self._in(self._reader, lambda: query(self._sink))

    async def _in(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> T:
        try:
            result = await asyncio.get_running_loop().run_in_executor(pool, call)
        except HaochapingError:
            self._tell(up=False)
            raise
        self._tell(up=True)
        return result

    def _tell(self, *, up: bool) -> None:
        if up and not self.up:
            log.info("ClickHouse answers")
        self.up = up
        self._metrics.sink_up.set(up)

    def close(self) -> None:
        """Let go of the sink. A call that hangs is not waited for: the process is about to end."""
        pools = self._writer, self._reader, self._pinger
        last = [pool.submit(lambda: None) for pool in pools]
        for pool in pools:
            pool.shutdown(wait=False)
        if wait(last, LAST_CALL).not_done:
            log.warning("ClickHouse still owes an answer; leaving")
        elif self._opened is not None:
            self._opened.close()
