"""What the rectify agent remembers: the dossier of every case, what was announced, and when to look again."""

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

import orjson

from streams.agents.alert_book import ALERT, PENDING, AlertBook, Announced
from streams.runtime.clock import BEGINNING
from streams.runtime.producer import Message
from streams.schemas.alert import Alert
from streams.schemas.case import Case, Opening
from streams.schemas.case_event import CaseEvent, parse_event

#: Kinds of changelog keys, beside the alert book's.
OPENING_KEY, EVENT_KEY, CLOCK_KEY = b"o", b"e", b"t"


@dataclass(slots=True)
class Event:
    """An event as it came: should its case never open, it is refused with its bytes unchanged."""

    offset: int
    event: CaseEvent
    value: bytes
    key: bytes | None
    source: str
    arrived: datetime

    @property
    def changelog_key(self) -> bytes:
        """Where it is kept. Ids have no `|`."""
        return EVENT_KEY + f"{self.event.case_id}|{self.event.event_id}".encode()

    def pack(self) -> bytes:
        """As it is kept."""
        key = None if self.key is None else base64.b64encode(self.key).decode()
        # A valid event is JSON, hence UTF-8: decoding and encoding it gives its bytes back.
        return orjson.dumps((self.offset, self.value.decode(), key, self.source, self.arrived))

    @classmethod
    def unpack(cls, value: bytes, zone: ZoneInfo) -> Self:
        """The event kept as `value`."""
        offset, text, key, source, arrived = orjson.loads(value)
        return cls(
            offset,
            parse_event(text.encode(), zone),
            text.encode(),
            None if key is None else base64.b64decode(key),
            source,
            datetime.fromisoformat(arrived),
        )


@dataclass(slots=True)
class Dossier:
    """All that is known of one case."""

    opening: Opening | None = None
    opening_offset: int = -1
    events: dict[str, Event] = field(default_factory=dict)
    case: Case | None = None  # as last derived

    @property
    def offset(self) -> int:
        """The newest input that changed it."""
        return max([self.opening_offset, *(event.offset for event in self.events.values())])


class Duty(NamedTuple):
    """A step of a case that is still to be taken."""

    stage: str
    department_id: str
    overdue: bool


def _duties(case: Case | None) -> Iterator[Duty]:
    if case is None or case.state == "dismissed":
        return
    department_id = case.department_id or ""
    if case.called_back_at is None:  # a case may close without: the callback is owed all the same, and its alert stands
        yield Duty("callback", department_id, case.callback_on_time is False)
    if case.state != "closed":
        yield Duty("rectify", department_id, case.rectify_on_time is False)


@dataclass(slots=True)
class News:
    """What a chunk or a tick changed, for the sink."""

    seen_at: datetime
    cases: list[Case] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)


@dataclass(slots=True)
class Look(Announced):
    """What a look at the time gave, until that is safe."""

    at: datetime = BEGINNING
    refused: list[tuple[int, Event]] = field(default_factory=list)  # partition, and what waited too long for its case


class RectifyMemory:
    """One partition's dossiers, announced alerts, and the moments at which time will change something."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone  # an event's time without an offset is local
        self.dossiers: dict[str, Dossier] = {}
        self.book = AlertBook()
        self.duties: Counter[Duty] = Counter()  # of all cases as last derived
        self.moments: list[tuple[datetime, str]] = []  # a heap; a moment that has passed in vain costs a look
        self.clock = self.expired_at = BEGINNING
        self.looked_at = BEGINNING  # the wall clock's time when deadlines were last looked at

    def __len__(self) -> int:
        return len(self.dossiers)

    def dossier(self, case_id: str) -> Dossier:
        """The dossier of a case, new if need be."""
        return self.dossiers.setdefault(case_id, Dossier())

    def derived(self, dossier: Dossier, case: Case | None) -> None:
        """Note what follows of a dossier; None: to be derived anew."""
        for duty in _duties(dossier.case):
            self.duties[duty] -= 1
        for duty in _duties(case):
            self.duties[duty] += 1
        dossier.case = case

    def recall(self, key: bytes, value: bytes | None) -> None:
        """Take back a changelog record."""
        kind, name = key[:1], key[1:].decode()
        if kind in (ALERT, PENDING):
            self.book.recall(key, value)
        elif kind == CLOCK_KEY:
            self.clock = max(self.clock, datetime.fromisoformat((value or b"").decode()))
        elif value is None:
            case_id, _, event_id = name.partition("|")
            if kind == OPENING_KEY:
                self.dossiers.pop(case_id, None)
            elif case_id in self.dossiers:
                self.dossiers[case_id].events.pop(event_id, None)
        elif kind == OPENING_KEY:
            offset, review = orjson.loads(value)
            self.open(offset, review)
        else:
            self.take(Event.unpack(value, self._zone))

    def expire(self, now: datetime, keep: timedelta) -> list[Message]:
        """Once a day, forget cases that ended long ago; returns the changelog records that delete them."""
        if now - self.expired_at < timedelta(days=1):
            return []
        self.expired_at = now
        deleted: list[Message] = []
        for case_id, dossier in list(self.dossiers.items()):
            case = dossier.case
            if case is None or case.state not in ("closed", "dismissed") or now - case.opened_at < keep:
                continue
            deleted += [(event.changelog_key, None, [], None) for event in dossier.events.values()]
            deleted.append((OPENING_KEY + case_id.encode(), None, [], None))
            deleted += self.book.forget(case_id, now)
            self.derived(dossier, None)  # its duties are forgotten with it
            del self.dossiers[case_id]
        return deleted

    def open(self, offset: int, review: dict[str, Any]) -> bool | None:
        """Note an opening. True: new; False: the same read again; None: known from elsewhere."""
        dossier = self.dossier(review["review_id"])
        if dossier.opening is None or offset < dossier.opening_offset:
            dossier.opening, dossier.opening_offset = _opening(review), offset
            return True
        return False if offset == dossier.opening_offset else None

    def take(self, event: Event) -> bool | None:
        """Note an event, with the same answers. The first of an `event_id` counts."""
        events = self.dossier(event.event.case_id).events
        known = events.get(event.event.event_id)
        if known is None or event.offset < known.offset:
            events[event.event.event_id] = event
            return True
        return False if event.offset == known.offset else None

    def has(self, event: Event) -> bool:
        """Whether one is noted under its case and id."""
        dossier = self.dossiers.get(event.event.case_id)
        return dossier is not None and event.event.event_id in dossier.events

    def known(self, event: Event) -> Event:
        """The one that was noted under its case and id."""
        return self.dossiers[event.event.case_id].events[event.event.event_id]


def _opening(review: dict[str, Any]) -> Opening:
    """The opening of a case, from the enriched bad review."""
    return Opening(
        case_id=review["review_id"],
        occurred_at=datetime.fromisoformat(review["occurred_at"]),
        opened_at=datetime.fromisoformat(review["received_at"]).astimezone(UTC),  # deadlines are reckoned from it
        categories=tuple(review["categories"]),
        **{name: review[name] for name in _SAME},
    )


#: Fields of an opening that stand in the enriched review under the same name.
_SAME = {each.name for each in fields(Opening)} - {"case_id", "occurred_at", "opened_at", "categories"}
