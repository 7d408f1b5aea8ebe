"""The agents with state against the twin: any order, any split among partitions, any restart (CONTRACT §3)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streams.agents.case_inputs import EVENT, KIND_HEADER, OPENING, SOURCE_HEADER
from streams.agents.rectify import LOOK_AGAIN, Rectify
from streams.agents.rectify_memory import RectifyMemory
from streams.agents.refusals import Refusals
from streams.agents.repeat import Repeat
from streams.agents.repeat_memory import RepeatMemory
from streams.metrics import Metrics
from streams.runtime.chunks import Chunk
from streams.runtime.memory import Memories
from streams.runtime.producer import Message, Outbox
from streams.settings import Settings
from streams.topics import Topics
from tests import twin
from tests.clock import SetClock
from tests.properties.test_rules_twin import classify
from tests.strategies import START, TAGS, District, crowded_weeks, districts, reference, text, times

TOPICS = Topics.under("")
PARTITIONS = 2
COUNTS = {topic.name: PARTITIONS for topic in TOPICS}


class StoppedClock(SetClock):
    """One that goes when told, and never back."""

    def pass_to(self, time: datetime) -> None:
        self.time = max(self.time, time)


@dataclass
class Stage:
    """An agent, how far it has read each partition, and how far that is safe."""

    agent: Any
    new: Any
    read: list[int]
    safe: list[int]
    announced: list[Any] = field(default_factory=list)  # by ticks, and not safe yet


class House:
    """Both agents, with Kafka as lists. What is written stays; what is remembered can be lost."""

    def __init__(self, district: District) -> None:
        self.clock = StoppedClock(district.now)
        self.topics: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
        self.latest: dict[str, dict[str, dict[str, Any]]] = {"cases": {}, "alerts": {}}
        self.rows: dict[str, dict[str, dict[str, Any]]] = {"cases": {}, "alerts": {}}
        self.unsafe: list[tuple[str, dict[str, Any]]] = []  # rows the sink has not got yet
        rules, metrics = district.settings, Metrics()
        refusals = Refusals(TOPICS.rejected.name, metrics, 1.0)
        self.generation = 0
        self.quiet = False  # whether nothing more is under way

        def publish(kind: str, record: Any) -> None:
            pass

        cases = Memories(TOPICS.rectify_changelog.name, lambda: RectifyMemory(rules.zone))
        groups = Memories(TOPICS.repeat_changelog.name, RepeatMemory)
        rectify = Rectify(TOPICS, cases, rules, self.clock, refusals, metrics, publish, lambda: self.quiet)
        repeat = Repeat(TOPICS, groups, rules, self.clock, metrics, publish)
        self.stages = [Stage(agent, None, [0] * PARTITIONS, [0] * PARTITIONS) for agent in (rectify, repeat)]
        self.restart()

    def put(self, key: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Publish a case input."""
        out = Outbox(COUNTS)
        out.produce(TOPICS.case_inputs.name, key.encode(), value, headers)
        self.keep(out)

    def keep(self, out: Outbox) -> None:
        """Keep what an agent gave."""
        self.write(out.messages)
        for table, columns in out.rows:
            for values in zip(*columns.values(), strict=True):
                self.unsafe.append((table, dict(zip(columns, values, strict=True))))

    def write(self, messages: Mapping[str, Mapping[int, Sequence[Message]]]) -> None:
        """Write to topics."""
        for topic, partitions in messages.items():
            for partition, batch in partitions.items():
                log = self.topics[topic, partition]
                for key, value, headers, _ in batch:
                    log.append(SimpleNamespace(offset=len(log), timestamp=0, key=key, value=value, headers=headers))
                    if topic in self.latest:
                        self.latest[topic][key.decode()] = orjson.loads(value)

    def sink(self) -> None:
        """The sink gets its rows; the highest version wins."""
        for table, row in self.unsafe:
            name = row["case_id" if table == "cases" else "alert_id"]
            if name not in self.rows[table] or row["version"] >= self.rows[table][name]["version"]:
                self.rows[table][name] = row
        self.unsafe.clear()

    def step(self, stage: Stage, partition: int, records: int) -> bool:
        """Let an agent read some of a partition; False when there is nothing to read."""
        log = self.topics[stage.agent.topic, partition]
        begin = stage.read[partition]
        chunk = log[begin : begin + records]
        if not chunk:
            return False
        out = Outbox(COUNTS)
        stage.agent.process(Chunk(stage.agent.topic, partition, chunk, 0), out)
        self.keep(out)
        stage.read[partition] = begin + len(chunk)
        return True

    def tick(self, *, cut_short: bool = False) -> None:
        """Time is looked at; what that gave is not safe yet, and `cut_short` not even sent."""
        for stage in self.stages:
            more = True
            while more:
                out = Outbox(COUNTS)
                stage.announced.append(stage.agent.tick(self.clock.time, out))
                self.write(out.first)
                if not cut_short:
                    self.keep(out)
                more = stage.agent.due(self.clock.time)

    def confirm(self) -> None:
        """What ticks gave is safe."""
        self.sink()
        for stage in self.stages:
            out = Outbox(COUNTS)
            for each in stage.announced:
                stage.agent.confirm(each, out)
            stage.announced.clear()
            self.keep(out)

    def retract(self) -> None:
        """Partitions go and come: nothing is forgotten, but what the sink has not got is lost, and read again."""
        self.unsafe.clear()
        for stage in self.stages:
            while stage.announced:
                stage.agent.retract(stage.announced.pop())
            stage.read[:] = stage.safe

    def commit(self) -> None:
        self.sink()
        for stage in self.stages:
            stage.safe[:] = stage.read

    def restart(self) -> None:
        """Forget everything, recall it from the changelogs, and read again what was not committed."""
        self.unsafe.clear()
        self.generation += 2  # one generation away: nothing is kept
        for stage in self.stages:
            memories = stage.agent.memories
            for partition, memory in memories.assign(set(range(PARTITIONS)), self.generation).items():
                for record in self.topics[memories.changelog, partition]:
                    memory.recall(record.key, record.value)
                memories.adopt(partition, memory)
                stage.agent.recovered(partition)
            stage.read[:] = stage.safe
            stage.announced.clear()

    def advance(self, records: int = 100) -> None:
        """Let every agent read some of what there is."""
        for stage in self.stages:
            for partition in range(PARTITIONS):
                self.step(stage, partition, records)

    def drain(self) -> None:
        """Read everything there is, and look at the time."""
        self._read_all()
        self.quiet = True
        self.tick()
        self.confirm()
        self._read_all()
        self.commit()

    def assert_rows_are_what_was_published_last(self) -> None:
        for table, records in self.latest.items():
            assert {key: row["version"] for key, row in self.rows[table].items()} == {
                key: record["version"] for key, record in records.items()
            }

    def _read_all(self) -> None:
        while any(self.step(stage, p, 100) for stage in self.stages for p in range(PARTITIONS)):
            pass


def assert_as_the_twin(house: House, district: District) -> None:
    """All that was published, sunk and kept in mind is what the twin says."""
    cases, alerts = twin.expected(
        district.reviews, district.events, district.reference, district.settings, district.now, classify
    )
    published = plain(house.latest["alerts"])
    assert plain(house.latest["cases"]) == cases
    assert {key: published.get(key) for key in alerts} == alerts
    for alert_id in published.keys() - alerts.keys():  # stood for a while on part of the records
        assert published[alert_id]["state"] == "resolved"
        assert published[alert_id]["kind"] != "repeat_staff"
        assert published[alert_id]["kind"] != "repeat_category"
        assert published[alert_id]["kind"] != "trend" or published[alert_id]["resolution"] == "revised"
    house.assert_rows_are_what_was_published_last()
    firing = [record for record in house.latest["alerts"].values() if record["state"] == "firing"]
    books = [
        memory.book for stage in house.stages for memory in map(stage.agent.memories.__getitem__, range(PARTITIONS))
    ]
    assert sorted(key for book in books for alerts in book.firing.values() for key in alerts) == sorted(
        record["alert_id"] for record in firing
    )
    assert sum(sum(book.counts.values()) for book in books) == len(firing)


#: What may come between two chunks.
HAPPENINGS = (
    "go on",
    "time passes",
    "commit",
    "restart",
    "tick",
    "tick and all of it safe",
    "ticks in vain",
    "restart in the middle of a tick",
)


#: Key, value and headers of a record in the internal topic.
Input = tuple[str, bytes, list[tuple[str, bytes]]]


def inputs(district: District) -> list[Input]:
    """Openings and events as they stand in the internal topic."""
    openings, events = openings_and_events(district)
    return openings + events


def openings_and_events(district: District) -> tuple[list[Input], list[Input]]:
    """The same apart."""
    reviews = twin.enriched(district.reviews, district.reference, district.settings, classify)
    openings = [
        (key, orjson.dumps({"comment": None, **review}), [(KIND_HEADER, OPENING)])
        for key, review in reviews.items()
        if review["bad"]
    ]
    cases = {key for key, _, _ in openings}
    events = [
        (event["case_id"], orjson.dumps(event), [(KIND_HEADER, EVENT), (SOURCE_HEADER, b"cases.events/0/0")])
        for event in district.events
        if event["case_id"] in cases
    ]
    return openings, events


def plain(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: twin.comparable(record) for key, record in records.items()}


@patch("streams.agents.rectify.AT_ONCE", 2)  # a tick of a few deadlines is done in several goes
@given(st.data(), districts() | crowded_weeks())
def test_cases_and_alerts_are_those_of_the_twin_whatever_happens_on_the_way(
    data: st.DataObject, district: District
) -> None:
    house = House(district)
    house.clock.time = min(START, district.now)
    waiting = data.draw(st.permutations(inputs(district)))
    while waiting:
        for _ in range(data.draw(st.integers(1, 6))):
            if waiting:
                house.put(*waiting.pop())
        for stage in house.stages:
            for partition in range(PARTITIONS):
                house.step(stage, partition, data.draw(st.integers(1, 4)))
        match data.draw(st.sampled_from(HAPPENINGS)):
            case "time passes":
                house.clock.pass_to(min(district.now, data.draw(times(district.settings))))
                house.tick()
            case "commit":
                house.commit()
            case "restart":
                house.restart()
            case "tick":
                house.tick()
            case "tick and all of it safe":
                house.tick()
                house.confirm()
            case "ticks in vain":
                house.tick()
                house.retract()
            case "restart in the middle of a tick":
                house.tick(cut_short=True)
                house.restart()
    house.clock.time = district.now
    house.drain()
    assert_as_the_twin(house, district)


@patch("streams.agents.rectify.AT_ONCE", 2)
@given(st.data(), districts())
def test_what_the_last_tick_of_a_worker_announced_is_known_to_the_next(data: st.DataObject, district: District) -> None:
    """And withdrawn, should the first thing it reads prove that a deadline was met."""
    house = House(district)
    openings, events = openings_and_events(district)
    for each in openings:
        house.put(*each)
    house.clock.time = min(START, district.now)
    house.advance()
    house.commit()
    for each in data.draw(st.permutations(events)):
        house.clock.pass_to(min(district.now, data.draw(times(district.settings))))
        house.tick(cut_short=data.draw(st.booleans()))
        house.restart()
        house.put(*each)
        house.advance()
        house.commit()
    house.clock.time = district.now
    house.drain()
    assert_as_the_twin(house, district)


@given(crowded_weeks(), st.booleans())
def test_an_alert_that_stood_on_half_of_the_records_reaches_the_sink_though_the_worker_died(
    district: District, tick: bool
) -> None:
    """Late weeks first, so that their trends vanish; and the sink is away until the worker has died."""
    house = House(district)
    newest_first = sorted(inputs(district), key=lambda each: orjson.loads(each[1]).get("occurred_at", ""), reverse=True)
    for each in newest_first:
        house.put(*each)
        house.advance()
        if tick:
            house.tick()
    house.restart()
    house.drain()
    assert_as_the_twin(house, district)


def test_a_trend_of_a_week_long_over_is_taken_back_by_a_history_that_comes_late() -> None:
    monday = datetime(2026, 4, 26, 16, tzinfo=UTC)  # 27 April 00:00 in Shanghai
    reviews = [
        {"review_id": f"r{week}-{n}", "occurred_at": text(monday + timedelta(weeks=week, hours=n)), "rating": 1}
        | {"channel": "web", "tags": [TAGS["queue"]]}
        for week in range(-8, 1)
        for n in range(6)
    ]
    district = District(Settings(), reference(), reviews, [], monday + timedelta(days=9))
    house = House(district)
    for each in reversed(inputs(district)):
        house.put(*each)
        house.advance()
    house.drain()
    assert house.latest["alerts"]["trend:queue:2026-W18"]["resolution"] == "revised"
    assert_as_the_twin(house, district)


@given(districts(max_reviews=3, max_events=6), st.booleans())
def test_an_event_is_refused_only_once_it_is_known_that_its_case_is_not_on_its_way(
    district: District, opens: bool
) -> None:
    """Reading topics of long ago anew, events come before the openings, which stand in another topic."""
    openings, events = openings_and_events(district)
    house = House(district)
    for each in events:
        house.put(*each)  # their broker's timestamp is that of 1970
    house.advance()
    house.tick()
    if opens:
        for each in openings:
            house.put(*each)
    house.drain()
    if not opens:
        house.clock.time += 2 * LOOK_AGAIN
        house.tick()
    refused = house.topics[TOPICS.rejected.name, 0] + house.topics[TOPICS.rejected.name, 1]
    if opens:
        assert not refused
        cases, _ = twin.expected(
            district.reviews, district.events, district.reference, district.settings, district.now, classify
        )
        assert plain(house.latest["cases"]) == cases
    else:
        assert sorted(record.value for record in refused) == sorted(value for _, value, _ in events)
