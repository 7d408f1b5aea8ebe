"""What has been announced of each alert, so that each change is announced once."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

import orjson
from pydantic import TypeAdapter

from streams.runtime.clock import BEGINNING
from streams.runtime.memory import Memories
from streams.runtime.producer import Message
from streams.schemas.alert import Alert, AlertKind

_ALERT = TypeAdapter(Alert)

#: Kinds of its changelog keys: what was announced, and what a tick is about to announce.
ALERT, PENDING = b"a", b"p"

#: Versions an input leaves room for: what time alone changes between two inputs, a handful of deadlines.
VERSIONS = 8


class AlertBook:
    """One partition's announced alerts, by what they are about: a case, or a group of incidents."""

    def __init__(self) -> None:
        self._announced: dict[str, dict[str, Alert]] = defaultdict(dict)
        self.firing: defaultdict[AlertKind, dict[str, Alert]] = defaultdict(dict)  # by kind and id
        self.counts: Counter[tuple[str, str]] = Counter()  # of those firing, by kind and severity
        self._pending: set[str] = set()  # ids of which a tick announced something that is not yet safe

    def __len__(self) -> int:
        return sum(map(len, self._announced.values()))

    def about(self, owner: str) -> dict[str, Alert]:
        """Announced alerts about `owner`, by id."""
        return self._announced.get(owner, {})

    def newest(self) -> datetime:
        """When the last of them was raised."""
        alerts = chain.from_iterable(each.values() for each in self._announced.values())
        return max((alert.raised_at for alert in alerts), default=BEGINNING)

    def announce(
        self, owner: str, alerts: Iterable[Alert], now: datetime, version: int, *, again: bool = False
    ) -> list[Alert]:
        """Those of `alerts` that say something new (or all, if `again`), dated and versioned, and now announced.

        `alerts` were derived for this call: they are what is kept.
        """
        book, changed = self._announced[owner], []
        for alert in alerts:
            known = book.get(alert.alert_id)
            same = alert == known
            if same and not again:
                continue
            # Whatever is new outdoes what was said before; read again after a crash, an old record takes nothing back.
            alert.version = max(version, known.version if same else known.version + 1) if known else version
            alert.detected_at = known.detected_at if known else now
            self._put(owner, alert)
            changed.append(alert)
        return changed

    def forget(self, owner: str, before: datetime) -> list[Message]:
        """Forget what was raised about `owner` before then; returns the changelog records that delete it."""
        alerts = self._announced.get(owner, {})
        old = [alert_id for alert_id, alert in alerts.items() if alert.raised_at < before]
        for alert_id in old:
            self._drop(owner, alert_id)
        if not alerts:
            self._announced.pop(owner, None)
        deleted: list[Message] = []
        for alert_id in old:
            deleted.append((_key(ALERT, owner, alert_id), None, [], None))
            deleted += self._unmark(owner, alert_id)
        return deleted

    def mark(self, owner: str, alert: Alert) -> Message:
        """The changelog record that must be safe before a tick announces an alert.

        Nothing that is read again would give it anew: a worker that ends here leaves to the next what it must withdraw,
        should a late report prove that a deadline was met, or else say again.
        """
        self._pending.add(alert.alert_id)
        return _key(PENDING, owner, alert.alert_id), orjson.dumps(alert), [], None

    def _unmark(self, owner: str, alert_id: str) -> list[Message]:
        if alert_id not in self._pending:
            return []
        self._pending.discard(alert_id)
        return [(_key(PENDING, owner, alert_id), None, [], None)]

    def doubts(self, owner: str) -> bool:
        """Whether something announced of `owner` may not have arrived."""
        return bool(self._pending) and not self._pending.isdisjoint(self.about(owner))

    def settle(self, owner: str, alert: Alert) -> list[Message]:
        """The changelog records of an announced alert that is safe, or that is read again if it is not."""
        return [
            (_key(ALERT, owner, alert.alert_id), orjson.dumps(alert), [], None),
            *self._unmark(owner, alert.alert_id),
        ]

    def recall(self, key: bytes, value: bytes | None) -> None:
        """Take back a changelog record."""
        alert_id, owner = key[1:].decode().split("|", 1)
        if key[:1] == PENDING:
            if value is None:
                self._pending.discard(alert_id)
                return
            self._pending.add(alert_id)
        elif value is None:
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
            self.firing[alert.kind][alert.alert_id] = alert
            self.counts[alert.kind, alert.severity] += 1

    def _drop(self, owner: str, alert_id: str) -> None:
        known = self._announced.get(owner, {}).pop(alert_id, None)
        if known is not None and known.state == "firing":
            del self.firing[known.kind][alert_id]
            self.counts[known.kind, known.severity] -= 1


@dataclass(slots=True)
class Announced:
    """Alerts that a tick announced, until that is safe."""

    #: Partition, about what, and the alert.
    alerts: list[tuple[int, str, Alert]] = field(default_factory=list)

    def standing(self, memories: Memories[Any]) -> Iterator[tuple[int, str, Alert]]:
        """Those that are still the latest of their id: what was said since has a way of its own to be remembered."""
        owned = set(memories)
        for partition, owner, alert in self.alerts:
            if partition in owned and memories[partition].book.about(owner).get(alert.alert_id) is alert:
                yield partition, owner, alert


def _key(kind: bytes, owner: str, alert_id: str) -> bytes:
    return kind + f"{alert_id}|{owner}".encode()  # an owner may have `|` in it, an id has not
