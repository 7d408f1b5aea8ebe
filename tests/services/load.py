"""A load worth breaking things under: a small district's year with both stories, out of order, with duplicates."""

import itertools
import random
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson

from streams.district.places import references
from streams.district.plan import Plan
from streams.district.timeline import timeline
from tests.house import House, WorkerProcess, until
from tests.oracle import Wanted, compare, want

Record = dict[str, Any]

RECORDS = 50_000

#: The alert of Mr Wang's story, and Ms Xi's case.
WANG, XI = "repeat_staff:S0004:R-20260611-FOLLOWUP", "R-20260624-XI"
_NOT_DISMISSED = {f"{case}.dismissed" for case in ("R-20260512-WANG", "R-20260611-FOLLOWUP", XI)}

#: Brings the clock of whoever is left to the end of all time seen by anyone: two workers in event time each have a
#: clock of their own.
LAST = {"review_id": "last", "occurred_at": "2026-09-30T00:00:00+08:00", "rating": 5, "channel": "web"}


@dataclass
class Load:
    """What is published, in order, as (topic, key, record)."""

    published: list[tuple[str, bytes, Record]]
    reference: dict[str, list[Record]]
    made_by: tuple[int, int]  # arguments of `district`: loads of one district are the same set, in whatever order

    @property
    def reviews(self) -> list[Record]:
        return [record for topic, _, record in self.published if topic == "reviews"]

    @property
    def events(self) -> list[Record]:
        return [record for topic, _, record in self.published if topic == "cases.events"]

    def __len__(self) -> int:
        return len(self.published)


@lru_cache
def district(reviews: int = RECORDS, seed: int = 7) -> Load:
    """60 windows, 600 bad reviews, some of them answered late, dismissed, extended or never."""
    plan = Plan(
        seed=seed,
        reviews=reviews,
        bad=600,
        windows=60,
        rejects=0,
        late_cases=0.1,
        unhandled=0.1,
        dismissed=0.1,
        extended=0.1,
        unmatched=0.01,
    )
    published = [(topic, key or b"", orjson.loads(value)) for topic, key, value in timeline(plan)]
    # Chance may have dismissed what the stories need.
    published = [entry for entry in published if entry[2].get("event_id") not in _NOT_DISMISSED]
    load = Load(list(_muddled(published, seed)), {"windows": [], "staff": [], "services": []}, (reviews, seed))
    for topic, record in references(plan):
        load.reference[topic.removeprefix("reference.")].append(record)
    return load


def _muddled(records: Iterable[Any], seed: int) -> Iterator[Any]:
    """The same, each a little before or after its time."""
    chance = random.Random(seed)
    rest = iter(records)
    while block := list(itertools.islice(rest, 500)):
        chance.shuffle(block)
        yield from block


def weeks_late(load: Load, share: float = 0.2, seed: int = 3) -> Load:
    """The same records, a share of them published two weeks later than the others of their time."""
    chance = random.Random(seed)
    late = timedelta(days=14)

    def when(entry: tuple[str, bytes, Record]) -> str:
        record = entry[2]
        return str(record.get("occurred_at") or record["at"])

    order = sorted(
        load.published,
        key=lambda entry: datetime.fromisoformat(when(entry)) + (late if chance.random() < share else timedelta()),
    )
    return replace(load, published=order)


def furnish(house: House, load: Load) -> None:
    """Topics and reference data."""
    done = house.command("topics")
    assert done.returncode == 0, done.stderr
    for name, records in load.reference.items():
        house.publish(f"reference.{name}", records)


@lru_cache
def _wanted(reviews: int, seed: int, by_events: bool) -> Wanted:
    """What must be found at the end, worked out once: it is a function of the set of records alone.

    By the wall's clock every deadline of these records is long past, so the exact instant does not matter.
    """
    load = district(reviews, seed)
    return want([*load.reviews, LAST], load.events, load.reference, None if by_events else datetime.now(UTC))


def finish(house: House, worker: WorkerProcess, load: Load) -> None:
    """Let the one worker that is left bring everything to its end, and compare with the oracle."""
    until("the worker that is left has every partition", lambda: len(worker.lags()) == 4 * 8)
    house.publish("reviews", [LAST])
    house.settle(worker)
    compare(house, worker, _wanted(*load.made_by, house.settings.get("HCP_CLOCK") == "event"))
    alert, case = house.newest("alerts")[WANG], house.newest("cases")[XI]
    assert alert["severity"] == "critical"
    assert "R-20260512-WANG" in alert["review_ids"]
    assert case["cause"] == "process"


@contextmanager
def publishing(house: House, load: Load, seconds: float) -> Iterator[None]:
    """Publish beside the block, evenly over so many seconds; ends when both have ended."""
    failed: list[BaseException] = []

    def publish() -> None:
        try:
            house.publish_all(load.published, seconds)
        except BaseException as exc:
            failed.append(exc)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        thread.join()
    assert not failed, failed
