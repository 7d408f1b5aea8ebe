"""What deadlines cost with many open cases, in CPU time, and how long the event loop is held up at most.

python benchmarks/timers.py [cases] [due]      100,000 open cases, 20,000 of them due at one midnight, unless told
"""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import orjson

from streams.agents.case_inputs import KIND_HEADER, OPENING
from streams.agents.rectify import Rectify
from streams.agents.rectify_memory import RectifyMemory
from streams.agents.refusals import Refusals
from streams.metrics import Metrics
from streams.runtime.chunks import Chunk
from streams.runtime.clock import BEGINNING
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.settings import Settings
from streams.topics import Topics
from tests.clock import SetClock

START = datetime(2026, 5, 11, 8, tzinfo=UTC)
CHUNK = 2_000


def review(number: int, received_at: datetime) -> bytes:
    """A bad review as it opens a case."""
    at = received_at.isoformat()
    return orjson.dumps(
        {
            "review_id": f"r{number:07d}",
            "occurred_at": at,
            "received_at": at,
            "rating": 1,
            "channel": "window",
            **{name: f"{name}-{number % 300}" for name in ("window_id", "staff_id", "service_id", "hall_id")},
            **{f"{name}_name": name for name in ("window", "staff", "service", "hall", "department")},
            "department_id": f"d{number % 27}",
            "categories": ["queue"],
            "cause": "process",
            "comment": "等了一个多小时",
        }
    )


@contextmanager
def timed(what: str, count: int = 0) -> Iterator[None]:
    """Print what the block took."""
    gc.collect()
    begun = time.process_time()
    yield
    took = time.process_time() - begun
    print(f"{what:<62} {took * 1000:>9.1f} ms" + (f" {took / count * 1e6:>7.1f} µs each" if count else ""))


def main(cases: int = 100_000, due: int = 20_000) -> None:
    gc.set_threshold(200_000, 20, 100)  # as the worker does
    settings = Settings()
    topics, metrics, clock = Topics.of(settings), Metrics(), SetClock(START)
    memories = Memories(topics.rectify_changelog.name, lambda: RectifyMemory(settings.zone))
    memories.adopt(0, memories.assign({0}, 0)[0])
    partitions = {topic.name: 4 for topic in topics}
    refusals = Refusals(topics.rejected.name, metrics, 1.0)
    agent = Rectify(topics, memories, settings, clock, refusals, metrics, lambda kind, record: None)
    # `due` of them all at once, a day after START; the others over the next five days.
    times = [START] * due + [START + timedelta(days=1, seconds=n) for n in range(cases - due)]
    records = [
        SimpleNamespace(offset=n, timestamp=0, key=b"", value=review(n, at), headers=[(KIND_HEADER, OPENING)])
        for n, at in enumerate(times)
    ]
    with timed(f"{cases:,} cases opened, {CHUNK:,} a chunk", cases):
        for at in range(0, cases, CHUNK):
            agent.process(Chunk(topics.case_inputs.name, 0, records[at : at + CHUNK], 0), Outbox(partitions))

    def tick(what: str, now: datetime) -> None:
        clock.time = now
        announced, slices = [], []
        while not announced or agent.due(now):
            begun = time.process_time()
            announced.append(agent.tick(now, Outbox(partitions)))
            slices.append(time.process_time() - begun)
        for each in announced:
            begun = time.process_time()
            agent.confirm(each, Outbox(partitions))
            slices.append(time.process_time() - begun)
        count = sum(len(each.alerts) for each in announced)
        spent, longest = sum(slices) * 1000, max(slices) * 1000
        print(f"{what:<62} {spent:>9.1f} ms, {count:,} alerts, the loop held up {longest:.0f} ms")

    tick("a tick, nothing due", START + timedelta(seconds=1))
    tick(f"{due:,} callbacks due soon", START + timedelta(hours=20, milliseconds=1))
    tick(f"{due:,} callbacks overdue", START + timedelta(days=1, milliseconds=1))
    tick("one callback due soon", START + timedelta(days=1, hours=20, milliseconds=1))
    with timed("gauges measured"):
        agent.measure()
    last = Chunk(topics.case_inputs.name, 0, records[-1:], 0)
    with timed("one more input"):
        agent.process(last, Outbox(partitions))
    with timed("looked through after a rebalance", cases):
        agent.recovered(0)
    assert memories[0].clock == BEGINNING


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
