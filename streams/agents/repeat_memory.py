"""What the repeat agent remembers: the incidents of every group, and what was announced of them."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

import orjson
from pydantic import TypeAdapter

from streams.agents.alert_book import ALERT, AlertBook
from streams.rules.admission import FUTURE
from streams.rules.history import History, Incident
from streams.runtime.clock import BEGINNING
from streams.runtime.producer import Message
from streams.schemas.alert import Alert

#: Kind of changelog keys, beside the alert book's.
_INCIDENT = b"i"

_TO_INCIDENT = TypeAdapter(Incident)


def groups_of(incident: Incident) -> Iterator[str]:
    """The groups a bad review belongs to; `|` separates because ids have none."""
    if incident.staff_id is not None:
        yield f"staff|{incident.staff_id}"
    for category in incident.categories:
        if incident.hall_id is not None:
            yield f"hall|{incident.hall_id}|{category}"
        yield f"trend|{category}"


def incident_of(body: Mapping[str, Any]) -> Incident:
    """The incident that a record of the incidents' topic, or of the changelog, holds beside its version."""
    return _TO_INCIDENT.validate_python(body["incident"])


def changelog_key(group: str, review_id: str) -> bytes:
    """Where a group's incident is kept."""
    return _INCIDENT + f"{group}|{review_id}".encode()


class Taken(Enum):
    """What an incident says."""

    NEW = auto()  # something new
    OF_ITSELF = auto()  # something new, but nothing that concerns others of its group
    AGAIN = auto()  # the same, read again
    OLD = auto()  # less than what is known


class Group:
    """The incidents of one group, and for each the offset and version it came with."""

    def __init__(self) -> None:
        self.history = History()
        self._came: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._came)

    def take(self, offset: int, version: int, incident: Incident) -> Taken:
        """Note an incident, and say what it was."""
        known = self._came.get(incident.review_id)
        if known is None or version > known[1]:
            self._came[incident.review_id] = (offset, version)
            return Taken.NEW if self.history.put(incident) else Taken.OF_ITSELF
        return Taken.AGAIN if offset == known[0] else Taken.OLD

    def drop(self, review_id: str) -> None:
        """Forget an incident."""
        self._came.pop(review_id, None)
        self.history.drop(review_id)


class RepeatMemory:
    """One partition's groups, and what was announced of them."""

    def __init__(self) -> None:
        self.groups: defaultdict[str, Group] = defaultdict(Group)
        self.book = AlertBook()
        self.newest = self.expired_at = BEGINNING
        self.unsaid: defaultdict[str, set[int]] = defaultdict(set)  # group: weeks whose alert may be lost
        #: Group: reviews whose alert may be lost, or was announced under other settings.
        self.doubtful: defaultdict[str, set[str]] = defaultdict(set)

    def __len__(self) -> int:
        return sum(map(len, self.groups.values()))

    def recall(self, key: bytes, value: bytes | None) -> None:
        """Take back a changelog record."""
        if key[:1] == ALERT:
            self.book.recall(key, value)
            return
        group, review_id = key[1:].decode().rsplit("|", 1)
        if value is None:
            self.groups[group].drop(review_id)
        else:
            offset, body = orjson.loads(value)
            self.take(group, offset, body["version"], incident_of(body))

    def take(self, group: str, offset: int, version: int, incident: Incident) -> Taken:
        """Note an incident of a group, and say what it was."""
        taken = self.groups[group].take(offset, version, incident)
        if taken in (Taken.NEW, Taken.OF_ITSELF):
            self.newest = max(self.newest, incident.occurred_at)
        return taken

    def doubt(self, alert: Alert) -> None:
        """Have the next tick look at an alert about one review, and say again what follows."""
        place = f"staff|{alert.staff_id}" if alert.kind == "repeat_staff" else f"hall|{alert.hall_id}|{alert.category}"
        self.doubtful[place].add(alert.case_id or "")

    def expire(self, now: datetime, keep: timedelta) -> list[Message]:
        """Once a day of the incidents' time, forget what is older than `keep`; returns what deletes it.

        One incident from the future, of a publisher whose clock is wrong, must not make all others old.
        """
        newest = min(self.newest, now + FUTURE)
        if newest - self.expired_at < timedelta(days=1):
            return []
        self.expired_at = newest
        before = newest - keep
        deleted: list[Message] = []
        for name, group in list(self.groups.items()):
            for incident in group.history.between(BEGINNING, before):
                group.drop(incident.review_id)
                deleted.append((changelog_key(name, incident.review_id), None, [], None))
            if not len(group):
                del self.groups[name]
            deleted += self.book.forget(name, before)
        return deleted
