"""What has been announced of each alert, so that each change is announced once."""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import orjson
from pydantic import TypeAdapter

from sinks.schema import alert_columns
from streams.metrics import Metrics
from streams.runtime.producer import Message, Outbox
from streams.schemas.alert import Alert
from streams.schemas.case import Case

_ALERT = TypeAdapter(Alert)
T = TypeVar("T", Alert, Case)

#: Kind of its changelog keys.
ALERT = b"a"


class AlertBook:
    """One partition's announced alerts, by what they are about: a case, or a group of incidents."""

    def __init__(self) -> None:
        self._announced: dict[str, dict[str, Alert]] = defaultdict(dict)
        self.firing: dict[str, Alert] = {}  # by id
        self.counts: Counter[tuple[str, str]] = Counter()  # of those firing, by kind and severity

    def __len__(self) -> int:
        return sum(map(len, self._announced.values()))

    def about(self, owner: str) -> dict[str, Alert]:
        """Announced alerts about `owner`, by id."""
        return self._announced.get(owner, {})

    def announce(
        self, owner: str, alerts: Iterable[Alert], now: datetime, version: int, *, again: bool = False
    ) -> list[Alert]:
        """Those of `alerts` that say something new (or all, if `again`), dated and versioned, and now announced."""
        book, changed = self._announced[owner], []
        for alert in alerts:
            known = book.get(alert.alert_id)
            detected_at = known.detected_at if known else now
            same = known is not None and replace(alert, detected_at=detected_at, version=known.version) == known
            if same and not again:
                continue
            # Whatever is new outdoes what was said before; read again after a crash, an old record takes nothing back.
            newer = max(version, known.version if same else known.version + 1) if known else version
            news = replace(alert, detected_at=detected_at, version=newer)
            self._put(owner, news)
            changed.append(news)
        return changed

    def forget(self, owner: str, before: datetime) -> list[Message]:
        """Forget what was raised about `owner` before then; returns the changelog records that delete it."""
        alerts = self._announced.get(owner, {})
        old = [alert_id for alert_id, alert in alerts.items() if alert.raised_at < before]
        for alert_id in old:
            self._drop(owner, alert_id)
        if not alerts:
            self._announced.pop(owner, None)
        return [(_key(owner, alert_id), None, [], None) for alert_id in old]

    def restore(self, owner: str, alert_id: str, alert: Alert | None) -> None:
        """Put back what was known of an alert (None: nothing)."""
        if alert is None:
            self._drop(owner, alert_id)
        else:
            self._put(owner, alert)

    def recall(self, key: bytes, value: bytes | None) -> None:
        """Take back a changelog record."""
        alert_id, owner = key[1:].decode().split("|", 1)
        if value is None:
            self._drop(owner, alert_id)
            return
        alert = _ALERT.validate_json(value)
        known = self._announced[owner].get(alert_id)
        if known is None or alert.version >= known.version:
            self._put(owner, alert)

    def _put(self, owner: str, alert: Alert) -> None:
        self._drop(owner, alert.alert_id)
        self._announced[owner][alert.alert_id] = alert
        if alert.state == "firing":
            self.firing[alert.alert_id] = alert
            self.counts[alert.kind, alert.severity] += 1

    def _drop(self, owner: str, alert_id: str) -> None:
        self._announced[owner].pop(alert_id, None)
        fired = self.firing.pop(alert_id, None)
        if fired is not None:
            self.counts[fired.kind, fired.severity] -= 1


def announcement(owner: str, alert: Alert) -> Message:
    """The changelog record of an announced alert."""
    return _key(owner, alert.alert_id), orjson.dumps(alert), [], None


def _key(owner: str, alert_id: str) -> bytes:
    return ALERT + f"{alert_id}|{owner}".encode()  # an owner may have `|` in it, an id has not


def localised(value: T, zone: ZoneInfo) -> T:
    """The same alert or case with its instants in local time, as people read them."""
    times: dict[str, Any] = {}
    for name in _INSTANTS[type(value)]:
        time: datetime | None = getattr(value, name)
        if time is not None:
            times[name] = time.astimezone(zone)
    return replace(value, **times)


#: The names of the fields that are instants.
_INSTANTS = {
    of: [field.name for field in fields(of) if field.type in (datetime, datetime | None)] for of in (Alert, Case)
}


class Announcer:
    """Where announced alerts go: the topic, the sink, the metrics, the board."""

    def __init__(self, topic: str, zone: ZoneInfo, metrics: Metrics, publish: Callable[[str, Any], None]) -> None:
        self._topic = topic
        self._zone = zone
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
            local = localised(alert, self._zone)
            out.produce(self._topic, alert.alert_id.encode(), orjson.dumps(local))
            self._publish("alert", local)
            if alert.alert_id not in known:
                self._metrics.alerts.labels(alert.kind, alert.severity).inc()

    def sink(self, alerts: Sequence[Alert], out: Outbox) -> None:
        """Give the sink all that a chunk or a tick announced: a row costs less among others."""
        if alerts:
            out.insert("alerts", alert_columns(alerts))
