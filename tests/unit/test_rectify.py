"""What becomes of events that are not as they should be: none stops the worker, none is lost in silence."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from streams.agents.case_events import CaseEvents
from streams.agents.rectify import Rectify
from streams.agents.rectify_memory import RectifyMemory
from streams.agents.refusals import Refusals
from streams.metrics import Metrics
from streams.runtime.chunks import Chunk
from streams.runtime.clock import WallClock
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.schemas.fields import MAX_BYTES
from streams.settings import Settings
from streams.topics import Topics

TOPICS = Topics.under("")
COUNTS = {topic.name: 1 for topic in TOPICS}
CALLED_BACK = {"event_id": "e1", "case_id": "c1", "type": "called_back", "at": "2026-05-12T15:00:00+08:00"}


class Run:
    """One partition of `cases.events` and of the case inputs."""

    def __init__(self) -> None:
        settings, self.metrics = Settings(), Metrics()
        refusals = Refusals(TOPICS.rejected.name, self.metrics, 1)
        self.memories = Memories(
            TOPICS.case_inputs.name, TOPICS.rectify_changelog.name, lambda: RectifyMemory(settings.zone)
        )
        self.memories.assign({0}, 1)
        self.way_in = CaseEvents(TOPICS, settings.zone, refusals)
        self.rectify = Rectify(TOPICS, self.memories, settings, WallClock(), refusals, self.metrics, lambda *_: None)
        self.refused: list[tuple[str, str]] = []  # reason, source
        self.offset = 0

    def publish(self, *events: dict[str, Any], timestamp: int = 1_778_000_000_000, key: bytes = b"k") -> None:
        """Send events all the way, in chunks of one."""
        for event in events:
            self.offset += 1
            out = self._process(self.way_in, self.offset, key, orjson.dumps(event), (), timestamp)
            for key_, value, headers, _ in out.messages[TOPICS.case_inputs.name][0]:
                self._process(self.rectify, self.offset, key_, value, headers, timestamp)

    def _process(self, agent: Any, offset: int, key: Any, value: Any, headers: Any, timestamp: int) -> Outbox:
        record = SimpleNamespace(offset=offset, key=key, value=value, headers=headers, timestamp=timestamp)
        out = Outbox(COUNTS)
        agent.process(Chunk(agent.topic, 0, [record], 1), out)
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
