"""Cases after a crash, a restart, a look in vain: what may not have arrived is said again, at the time that it was."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from streams.agents.case_inputs import EVENT, KIND_HEADER, OPENING, SOURCE_HEADER
from streams.agents.rectify import Rectify
from streams.agents.rectify_memory import RectifyMemory
from streams.agents.refusals import Refusals
from streams.metrics import Metrics
from streams.runtime.chunks import Chunk
from streams.runtime.clock import EventClock
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.settings import Settings
from streams.topics import Topics
from tests.clock import SetClock
from tests.unit.test_cases import OPENED

TOPICS = Topics.under("")
COUNTS = {topic.name: 1 for topic in TOPICS}
DAY = timedelta(days=1)
REVIEW = {
    "review_id": "c1",
    "occurred_at": OPENED.isoformat(),
    "received_at": OPENED.isoformat(),
    "rating": 1,
    "channel": "web",
    "categories": [],
    "cause": "unknown",
    "comment": None,
} | dict.fromkeys(
    f"{entity}_{what}" for entity in ("window", "hall", "department", "staff", "service") for what in ("id", "name")
)


def opening(offset: int, **fields: Any) -> Any:
    """A bad review of a member of staff."""
    value = orjson.dumps(REVIEW | {"staff_id": "S1"} | fields)
    return SimpleNamespace(offset=offset, key=b"c1", value=value, headers=[(KIND_HEADER, OPENING)], timestamp=0)


def done(offset: int, kind: str, after: timedelta = DAY / 2) -> Any:
    """Something is done about it, so long after it was opened."""
    value = {"event_id": kind, "case_id": "c1", "type": kind, "at": (OPENED + after).isoformat()}
    headers = [(KIND_HEADER, EVENT), (SOURCE_HEADER, b"cases.events/0/%d" % offset)]
    arrived = int((OPENED + after).timestamp() * 1000)
    return SimpleNamespace(offset=offset, key=b"c1", value=orjson.dumps(value), headers=headers, timestamp=arrived)


class Run:
    """One partition of the case inputs and its changelog, through the lives of several workers."""

    def __init__(self, *, by_events: bool = False) -> None:
        self._by_events = by_events
        self.changelog: list[tuple[bytes, bytes | None]] = []
        self.restart()

    def restart(self, after: timedelta = timedelta()) -> None:
        """Another worker takes over, so long after the case was opened."""
        settings, metrics = Settings(), Metrics()
        self.clock: Any = EventClock() if self._by_events else SetClock(OPENED + after)
        memories = Memories(TOPICS.rectify_changelog.name, lambda: RectifyMemory(settings.zone))
        refusals = Refusals(TOPICS.rejected.name, metrics, 1)
        self.agent = Rectify(TOPICS, memories, settings, self.clock, refusals, metrics, lambda *_: None)
        memory = memories.assign({0}, 1)[0]
        for key, value in self.changelog:
            memory.recall(key, value)
        memories.adopt(0, memory)
        self.agent.recovered(0)

    def process(self, *records: Any) -> dict[str, list[Any]]:
        """Returns what was produced, by topic."""
        out = Outbox(COUNTS)
        self.agent.process(Chunk(self.agent.topic, 0, list(records), 1), out)
        return self._kept(out)

    def tick(self, after: timedelta) -> tuple[Any, dict[str, list[Any]]]:
        """So long after the case was opened time is looked at: what the agent notes, and what was produced."""
        out = Outbox(COUNTS)
        if self._by_events:
            self.clock.observe(OPENED + after)
        else:
            self.clock.time = OPENED + after
        look = self.agent.tick(self.clock.now(), out)
        return look, self._kept(out)

    def confirm(self, look: Any) -> None:
        """What it gave is safe."""
        out = Outbox(COUNTS)
        self.agent.confirm(look, out)
        self._kept(out)

    def _kept(self, out: Outbox) -> dict[str, list[Any]]:
        for key, value, *_ in out.messages.pop(TOPICS.rectify_changelog.name, {0: []})[0]:
            self.changelog.append((key or b"", value))
        return {
            topic: [orjson.loads(value or b"") for _, value, *_ in batches[0]]
            for topic, batches in out.messages.items()
        }


def test_a_worker_that_starts_publishes_what_time_has_made_of_open_cases_meanwhile() -> None:
    """Nobody remembers whether the one before it got that out."""
    run = Run()
    run.process(opening(0))
    run.restart(2 * DAY)
    _, said = run.tick(2 * DAY)
    assert [case["callback_on_time"] for case in said[TOPICS.cases.name]] == [False]


def test_of_a_case_that_nothing_can_change_any_more_a_worker_that_starts_says_nothing() -> None:
    run = Run()
    run.process(opening(0), done(1, "called_back"), done(2, "rectified"), done(3, "replied"))
    run.restart()
    assert run.tick(2 * DAY)[1] == {}


@pytest.mark.parametrize("restarted", [False, True])
def test_what_is_read_again_is_said_again_to_the_groups_as_well(restarted: bool) -> None:
    """The changelog had it, and what was to follow was lost with the worker, or before its partitions came back."""
    run = Run()
    run.process(opening(0), done(1, "called_back"), done(2, "rectified"))
    said = run.process(done(3, "replied"))
    assert said.keys() == {TOPICS.cases.name, TOPICS.incidents.name}
    if restarted:
        run.restart()
    assert run.process(done(3, "replied")) == said


@pytest.mark.parametrize("opens", [False, True])
def test_an_event_whose_refusal_was_lost_waits_on(opens: bool) -> None:
    """And is refused by the next look, or counts after all if its case opens before that."""
    run = Run()
    run.process(done(0, "called_back"))
    look, said = run.tick(8 * DAY)
    assert len(look.refused) == len(said[TOPICS.rejected.name]) == 1
    run.agent.retract(look)
    if opens:
        (case,) = run.process(opening(1))[TOPICS.cases.name]
        assert case["state"] == "called_back"
    else:
        assert run.tick(8 * DAY)[1] == said


def test_on_the_event_clock_a_deadline_that_has_passed_stays_so_for_the_next_worker() -> None:
    """Before any tick of its own."""
    run = Run(by_events=True)
    run.process(opening(0))
    look, said = run.tick(2 * DAY)
    assert [case["callback_on_time"] for case in said[TOPICS.cases.name]] == [False]
    run.confirm(look)
    run.restart()
    (case,) = run.process(done(1, "rectified"))[TOPICS.cases.name]
    assert (case["state"], case["callback_on_time"]) == ("rectified", False)
