"""What becomes of events that are not as they should be: none stops the worker, none is lost in silence."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from streams.agents.case_events import CaseEvents
from streams.agents.case_inputs import KIND_HEADER, OPENING
from streams.agents.rectify import Rectify
from streams.agents.rectify_memory import Look, RectifyMemory
from streams.agents.refusals import Refusals
from streams.metrics import Metrics
from streams.runtime.chunks import Chunk
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.schemas.case import Opening
from streams.schemas.fields import MAX_BYTES
from streams.settings import Settings
from streams.topics import Topics
from tests.clock import SetClock

TOPICS = Topics.under("")
COUNTS = {topic.name: 1 for topic in TOPICS}
NOW = datetime(2026, 5, 12, 9, tzinfo=UTC)
CALLED_BACK = {"event_id": "e1", "case_id": "c1", "type": "called_back", "at": "2026-05-12T15:00:00+08:00"}


class Run:
    """One partition of `cases.events` and of the case inputs."""

    def __init__(self) -> None:
        settings, self.metrics = Settings(), Metrics()
        refusals = Refusals(TOPICS.rejected.name, self.metrics, 1)
        self.memories = Memories(TOPICS.rectify_changelog.name, lambda: RectifyMemory(settings.zone))
        self.memories.adopt(0, self.memories.assign({0}, 1)[0])
        self.way_in = CaseEvents(TOPICS, settings.zone, refusals)
        self.clock = SetClock(NOW)
        self.behind = False  # whether what was reported before partitions came is still being read
        self.rectify = Rectify(
            *(TOPICS, self.memories, settings, self.clock, refusals, self.metrics),
            lambda *_: None,
            catching_up=lambda: self.behind,
        )
        self.refused: list[tuple[str, str]] = []  # reason, source
        self.changelog: list[tuple[bytes, bytes | None]] = []
        self.offset = 0

    def publish(self, *events: dict[str, Any], timestamp: int = int(NOW.timestamp() * 1000), key: bytes = b"k") -> None:
        """Send events all the way, in chunks of one."""
        for event in events:
            self.offset += 1
            out = self._process(self.way_in, self.offset, key, orjson.dumps(event), (), timestamp)
            for key_, value, headers, _ in out.messages[TOPICS.case_inputs.name][0]:
                self._process(self.rectify, self.offset, key_, value, headers, timestamp)

    def open(self, case_id: str, at: datetime = NOW) -> None:
        """A bad review comes."""
        self.offset += 1
        review = dict.fromkeys(field.name for field in fields(Opening)) | {"review_id": case_id, "rating": 1}
        review |= {"occurred_at": at.isoformat(), "received_at": at.isoformat(), "channel": "web", "categories": []}
        headers = ((KIND_HEADER, OPENING),)
        self._process(self.rectify, self.offset, case_id.encode(), orjson.dumps(review), headers, 0)

    def tick(self, after: timedelta) -> Look:
        """Let time pass, and look."""
        self.clock.time = NOW + after
        return self.rectify.tick(self.clock.time, Outbox(COUNTS))

    def confirm(self, look: Look) -> None:
        """What it gave is safe."""
        out = Outbox(COUNTS)
        self.rectify.confirm(look, out)
        self._keep(out)

    def _keep(self, out: Outbox) -> None:
        for key_, value, *_ in out.messages[TOPICS.rectify_changelog.name][0]:
            self.changelog.append((key_ or b"", value))

    def remembered(self) -> RectifyMemory:
        """By a worker that starts now."""
        memory = RectifyMemory(Settings().zone)
        for key_, value in self.changelog:
            memory.recall(key_, value)
        return memory

    def _process(self, agent: Any, offset: int, key: Any, value: Any, headers: Any, timestamp: int) -> Outbox:
        record = SimpleNamespace(offset=offset, key=key, value=value, headers=headers, timestamp=timestamp)
        out = Outbox(COUNTS)
        agent.process(Chunk(agent.topic, 0, [record], 1), out)
        self._keep(out)
        for _, _, said, _ in out.messages[TOPICS.rejected.name][0]:
            headers = dict(said)
            self.refused.append((headers["hcp-reason"].decode(), headers["hcp-source"].decode()))
        return out

    @property
    def types(self) -> list[str]:
        """Of the events that count in the case."""
        return [event.event.type for event in self.memories[0].dossiers["c1"].events.values()]


@pytest.fixture
def run() -> Run:
    return Run()


@pytest.mark.parametrize("timestamp", [-1, 0, 1_778_000_000_000_000, 2**63 - 1])
def test_whatever_timestamp_a_publisher_gives_its_record(run: Run, timestamp: int) -> None:
    run.publish(CALLED_BACK, timestamp=timestamp)
    assert run.types == ["called_back"]
    assert run.refused == []


def test_an_event_sent_again_is_counted_and_another_under_its_id_refused(run: Run) -> None:
    other = CALLED_BACK | {"type": "rectified"}
    run.publish(CALLED_BACK, CALLED_BACK, other, CALLED_BACK | {"unknown": "field"})
    assert run.types == ["called_back"]
    assert run.refused == [("conflict", "cases.events/0/3")]
    assert run.metrics.duplicates._value.get() == 2
    run.publish(CALLED_BACK | {"case_id": "c2"})  # an id is one of its case
    assert len(run.refused) == 1


def test_an_event_or_a_key_too_large_to_be_remembered_is_refused(run: Run) -> None:
    run.publish(CALLED_BACK | {"scan": "x" * MAX_BYTES})
    run.publish(CALLED_BACK, key=b"k" * (MAX_BYTES + 1))
    run.publish(CALLED_BACK, key=b"k" * MAX_BYTES)
    assert run.types == ["called_back"]
    assert run.refused == [("too_large", "cases.events/0/1"), ("too_large", "cases.events/0/2")]


def test_thousands_of_events_of_a_case_that_never_opens_cost_no_more_than_each(run: Run) -> None:
    """A publisher has one wrong case_id for all."""
    run.publish(*(CALLED_BACK | {"event_id": f"e{number}"} for number in range(300)))
    assert len(run.memories[0].moments) <= 300
    assert len(run.tick(timedelta(days=8)).refused) == 300
    assert not run.memories[0].dossiers


def test_an_event_replayed_before_its_refusal_is_safe_stays(run: Run) -> None:
    """ClickHouse is away, so the refusal waits; the review comes at last, and the event is sent again as told."""
    run.publish(CALLED_BACK)
    refusal = run.tick(timedelta(days=8))
    assert [event.event.event_id for _, event in refusal.refused] == ["e1"]
    run.open("c1")
    run.publish(CALLED_BACK)
    run.confirm(refusal)
    assert run.types == [event.event.type for event in run.remembered().dossiers["c1"].events.values()]
    assert run.types == ["called_back"]


def test_a_refused_event_is_forgotten_for_good(run: Run) -> None:
    run.publish(CALLED_BACK)
    run.confirm(run.tick(timedelta(days=8)))
    run.open("c1")
    assert not run.remembered().dossiers["c1"].events


def test_a_case_that_is_forgotten_leaves_no_duty(run: Run) -> None:
    """It was closed, and nobody had called back."""
    run.open("c1")
    run.publish(*(CALLED_BACK | {"event_id": each, "type": each} for each in ("rectified", "replied")))
    run.clock.time = NOW + timedelta(days=2)
    run.publish(CALLED_BACK | {"event_id": "note", "type": "replied"})
    assert [duty.stage for duty in +run.memories[0].duties] == ["callback"]
    deleted = run.memories[0].expire(NOW + timedelta(days=500), timedelta(days=490))
    run.changelog += [(key or b"", value) for key, value, *_ in deleted]
    assert not run.memories[0].dossiers and not +run.memories[0].duties
    assert not run.remembered().dossiers


def alerts(run: Run) -> set[str]:
    return set(run.memories[0].book.about("c1"))


def test_of_a_partition_that_came_nobody_is_alarmed_before_its_reports_are_read(run: Run) -> None:
    """The worker may have looked at others a moment ago: that says nothing of this one."""
    run.tick(timedelta(days=3))
    run.memories.adopt(0, run.memories.assign({0}, 9)[0])
    run.behind = True
    run.rectify.recovered(0)
    run.open("c1")
    run.publish(CALLED_BACK | {"event_id": "e2", "type": "replied"})
    assert alerts(run) == set()
    run.publish(CALLED_BACK)
    run.behind = False
    run.tick(timedelta(days=3))
    assert alerts(run) == set(), "it was called back in time"


def test_what_was_overdue_before_a_restart_still_is_while_reports_are_read(run: Run) -> None:
    run.open("c1")
    run.confirm(run.tick(timedelta(days=2)))
    run.memories.adopt(0, run.remembered())
    run.behind = True
    run.rectify.recovered(0)
    run.publish(CALLED_BACK | {"type": "rectified"})
    memory = run.memories[0]
    case = memory.dossiers["c1"].case
    assert case is not None
    assert (case.callback_on_time, memory.book.about("c1")["callback_overdue:c1"].state) == (False, "firing")
