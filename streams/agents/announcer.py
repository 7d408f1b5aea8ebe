"""Where announced alerts go: the topic, the sink, the metrics, the board. And how they, and cases, are written."""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from sinks.schema import alert_columns
from streams.agents.alert_book import AlertBook
from streams.metrics import Metrics
from streams.runtime.producer import Outbox
from streams.schemas.alert import Alert
from streams.schemas.case import Case


class LocalJson:
    """Writes alerts and cases as JSON, their instants in local time, as people read them."""

    def __init__(self, zone: ZoneInfo) -> None:
        # A deadline stands in its case and in its alerts, and many cases may have the same.
        self._local = lru_cache(maxsize=4096)(lambda instant: instant.astimezone(zone).isoformat())

    def write(self, value: Alert | Case) -> bytes:
        """One of them."""
        return orjson.dumps(value, default=self._local, option=orjson.OPT_PASSTHROUGH_DATETIME)


class Announcer:
    """Gives out what an agent's books say is new, and counts what fires."""

    def __init__(self, topic: str, json: LocalJson, metrics: Metrics, publish: Callable[[str, Any], None]) -> None:
        self._topic = topic
        self._json = json
        self._metrics = metrics
        self._publish = publish
        self._shown: set[tuple[str, str]] = set()

    def measure(self, books: Iterable[AlertBook]) -> None:
        """Set the gauge of firing alerts. Each kind of alert has one agent, so agents do not overwrite each other."""
        firing: Counter[tuple[str, str]] = Counter()
        for book in books:
            firing.update(book.counts)
        self._shown |= firing.keys()
        for labels in self._shown:
            self._metrics.alerts_active.labels(*labels).set(firing[labels])

    def give(self, alerts: Sequence[Alert], known: Container[str], out: Outbox) -> None:
        """Give out alerts just announced; those whose ids were `known` before are not counted again."""
        for alert in alerts:
            written = self._json.write(alert)
            out.produce(self._topic, alert.alert_id.encode(), written)
            self._publish("alert", orjson.Fragment(written))
            if alert.alert_id not in known:
                self._metrics.alerts.labels(alert.kind, alert.severity).inc()

    def sink(self, alerts: Sequence[Alert], out: Outbox) -> None:
        """Give the sink all that a chunk or a tick announced: a row costs less among others."""
        if alerts:
            out.insert("alerts", alert_columns(alerts))
