"""Cells and admission under re-reading: the heart of “nothing is counted twice”."""

from itertools import permutations
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.agents.aggregate import Aggregate
from streams.agents.aggregate_memory import AggregateMemory
from streams.agents.enrich import SENT_HEADER
from streams.agents.refusals import Refusals
from streams.metrics import Metrics
from streams.rules.admission import offset_of
from streams.runtime.chunks import Chunk
from streams.runtime.clock import EventClock
from streams.runtime.memory import Memories
from streams.runtime.producer import Message, Outbox
from streams.topics import Topics

TOPICS = Topics.under("")
COUNTS = {topic.name: 2 for topic in TOPICS}
DEDUPE_DAYS = 30
BEGAN, HOUR = 1_800_000_000_000, 60 * 60 * 1000  # ms
DAY = 24 * HOUR


def record(offset: int, number: int, sent: bytes | None = None, arrived: int = BEGAN, **fields: Any) -> Any:
    """A record of the enriched topic; `sent` is what it says of the published one."""
    rating = 1 + number % 5
    at = f"2026-05-{1 + number % 3:02d}T10:00:00+08:00"
    review = {
        "review_id": f"r{number}",
        "occurred_at": at,
        "received_at": at,
        "rating": rating,
        "channel": "window",
        "bad": rating <= 2,
        "three_match": True,
        "hidden_negative": False,
        "matched": {"window": True, "staff": True, "service": True},
        "categories": ["slow"] if number % 2 else [],
        "cause": "process",
        "tags": [],
    }
    review |= dict.fromkeys(
        ["window_id", "staff_id", "service_id", "hall_id", "department_id"], f"x{number % 4}"
    ) | dict.fromkeys(["window_name", "staff_name", "service_name", "hall_name", "department_name"], "name")
    review |= {"case_no": None, "comment": None, "reviewer_key": None} | fields
    headers = [(SENT_HEADER, number.to_bytes(8, "big") if sent is None else sent)]
    return SimpleNamespace(offset=offset, key=b"k", value=orjson.dumps(review), timestamp=arrived, headers=headers)


class Run:
    """One partition's life: chunks, crashes, and what the outside keeps (changelog, sink)."""

    def __init__(self) -> None:
        self.changelog: list[tuple[bytes, bytes | None]] = []
        self.cells: dict[Any, tuple[int, int]] = {}  # key: version, reviews
        self.names: dict[Any, str] = {}  # key: member's name
        self.facts: dict[str, dict[str, Any]] = {}  # review_id: its row
        self.refused: list[Message] = []
        self.restart()

    def restart(self) -> None:
        memories = Memories(TOPICS.aggregate_changelog.name, AggregateMemory)
        self.metrics, self.clock = Metrics(), EventClock()
        refusals = Refusals(TOPICS.rejected.name, self.metrics, 1)
        self.agent = Aggregate(TOPICS, memories, DEDUPE_DAYS, self.clock, refusals, self.metrics, lambda *_: None)
        self.memory = memories.assign({0}, 1)[0]
        memories.adopt(0, self.memory)
        for key, value in self.changelog:
            self.memory.recall(key, value)
        self.agent.recovered(0)

    def process(self, records: list[Any], *, written: float = 1.0) -> None:
        """`written`: the share of the changelog that arrives."""
        out = Outbox(COUNTS)
        self.agent.process(Chunk(TOPICS.enriched.name, 0, records, 1), out)
        changelog = [(key, value) for key, value, _, _ in out.messages[TOPICS.aggregate_changelog.name][0]]
        self.changelog += [(key or b"", value) for key, value in changelog[: round(len(changelog) * written)]]
        for batch in out.messages[TOPICS.rejected.name].values():
            self.refused += batch
        for table, columns in out.rows:
            if table == "reviews":
                for values in zip(*columns.values(), strict=True):
                    row = dict(zip(columns, values, strict=True))
                    self.facts[row["review_id"]] = row
            else:
                fields = ("day", "dimension", "member_id", "member_name", "version", "reviews")
                for day, dimension, member, name, version, reviews in zip(*(columns[n] for n in fields), strict=True):
                    key = (day, dimension, member)
                    self.names[key] = name
                    if version >= self.cells.get(key, (0, 0))[0]:
                        self.cells[key] = (version, reviews)

    def counts(self) -> dict[Any, int]:
        return {key: reviews for key, (_, reviews) in self.cells.items()}


@settings(max_examples=60)
@given(st.lists(st.integers(0, 25), min_size=1, max_size=60), st.integers(1, 20), st.data())
def test_crashes_and_other_chunk_bounds_change_no_count(numbers: list[int], at_once: int, data: st.DataObject) -> None:
    """However a partition is cut into chunks, re-read after crashes, its changelog half written: the same cells."""
    records = [record(offset, number) for offset, number in enumerate(numbers)]
    calm = Run()
    calm.process(records)
    with patch("streams.runtime.chunks.AT_ONCE", at_once):
        rough = through_crashes(records, data)
    assert rough.counts() == calm.counts()
    assert rough.facts == calm.facts
    assert rough.facts.keys() == {f"r{number}" for number in numbers}


def through_crashes(records: list[Any], data: st.DataObject) -> Run:
    rough = Run()
    committed = 0
    while committed < len(records):
        end = data.draw(st.integers(committed + 1, len(records)))
        crash = data.draw(st.booleans())
        rough.process(records[committed:end], written=data.draw(st.floats(0, 1)) if crash else 1.0)
        if not crash:
            committed = end
        else:
            rough.restart()
        if crash and data.draw(st.booleans()):
            # This time it works, so that the test ends.
            rough.process(records[committed:end])
            committed = end
    return rough


@pytest.mark.parametrize("committed", [0, 20])
def test_a_changelog_record_written_late_by_another_worker_takes_nothing_back(committed: int) -> None:
    calm, run = Run(), Run()
    calm.process([record(offset, offset) for offset in range(30)])
    run.process([record(offset, offset) for offset in range(10)])
    early = list(run.changelog)
    run.process([record(offset, offset) for offset in range(10, 20)])
    run.changelog += early  # a worker that had been cut off writes what it knew then
    run.restart()
    run.process([record(offset, offset) for offset in range(committed, 30)])
    assert run.counts() == calm.counts()


def test_whoever_wrote_last_the_first_record_of_a_review_is_the_one_that_counts() -> None:
    """One of two workers, cut off, met its copy first: the changelog has both, in either order."""
    found = []
    for offset in (3, 17):
        one = Run()
        one.process([record(offset, 0)])
        found.append(one.changelog)
    for first, last in permutations(found):
        run = Run()
        run.changelog = [*first, *last]
        run.restart()
        assert offset_of(run.memory.seen["r0"]) == 3


def test_a_resend_within_the_days_promised_is_a_duplicate_however_often_it_is_read() -> None:
    """A crash has it read again after later reviews, by whose time the first might have been forgotten."""
    run, in_time = Run(), BEGAN + DEDUPE_DAYS * DAY - HOUR
    run.process([record(0, 0)])
    once = run.counts()
    later = [record(1, 0, arrived=in_time), record(2, 1, arrived=in_time + 2 * HOUR)]
    for each in later:
        run.process([each])
    run.restart()
    run.process(later)
    assert {key: run.counts()[key] for key in once} == once


def test_an_id_that_leads_nowhere_is_unmatched_and_one_that_was_not_given_is_not() -> None:
    """An online review has no window."""
    run = Run()
    matched = {"window": False, "staff": True, "service": False}
    run.process([record(0, 0, three_match=False, matched=matched, channel="web", window_id=None)])
    assert {entity: run.metrics.unmatched.labels(entity)._value.get() for entity in matched} == {
        "window": 0,
        "staff": 0,
        "service": 1,
    }


def test_a_department_that_one_review_names_has_its_name_whichever_comes_last() -> None:
    unnamed = record(1, 4, department_name=None)  # its staff's record has the id alone
    for records in ([record(0, 0), unnamed], [unnamed, record(2, 0)]):
        run = Run()
        run.process(records)
        assert [name for (_, dimension, _), name in run.names.items() if dimension == "department"] == ["name", "name"]


def test_a_conflict_names_what_was_published_however_often_it_is_enriched() -> None:
    run = Run()
    places = {b"3/17": b"k", b"3/18/": None, b"3/19/=": b"", b"3/20/=a/key": b"a/key"}
    changed = [record(n, 0, b"changed!" + place) for n, place in enumerate([*places, *places, b""], start=1)]
    run.process([record(0, 0), *changed])
    told = [(dict(headers)["hcp-source"].decode(), key) for key, _, headers, _ in run.refused]
    published = [(f"reviews/{place[:4].decode()}", key) for place, key in places.items()]
    assert sorted(told, key=str) == sorted([*published, *published, ("reviews.enriched/0/9", b"k")], key=str)


def test_the_event_clock_goes_on_from_where_it_was() -> None:
    run = Run()
    run.process([record(offset, offset) for offset in range(3)])
    reached = run.clock.now()
    assert reached.isoformat() == "2026-05-03T02:00:00+00:00"
    run.restart()
    assert run.clock.now() == reached
    run.process([record(3, 0)])  # a resend of older days
    run.restart()
    assert run.clock.now() == reached


@pytest.mark.parametrize("restarted", [False, True])
def test_reviews_seen_are_forgotten_in_the_order_of_their_arrival(restarted: bool) -> None:
    memory, kept = AggregateMemory(), []
    for number in range(4):
        memory.seen[f"r{number}"] = number
        kept += memory.keep([f"r{number}"], [number], [bytes(8)], number * DAY)
    if restarted:
        memory = AggregateMemory()
        for key, value, _, _ in kept:
            memory.recall(key, value)
    assert [(key, value) for key, value, _, _ in memory.expire(9 * DAY, DAY)] == [(b"s0-0", None), (b"s1-1", None)]
    assert set(memory.seen) == {"r2", "r3"}
    assert list(memory.expire(9 * DAY, DAY)) == []


def test_a_record_of_a_machine_whose_clock_is_far_ahead_makes_no_others_old() -> None:
    memory = AggregateMemory()
    for number, arrived in enumerate((0, 1 * DAY, 500 * DAY, 1 * DAY)):
        memory.seen[f"r{number}"] = number
        list(memory.keep([f"r{number}"], [number], [bytes(8)], arrived))
    assert list(memory.expire(1 * DAY, 2 * DAY)) == []
    assert [key for key, *_ in memory.expire(2 * DAY, 2 * DAY)] == [b"s0-0"]
