"""How late alerts of missed callbacks are, from a worker on the wall clock that holds 100,000 open cases.

Most cases have their day before them. The others were opened almost a day ago, so that their callbacks are missed in
the next minutes: some one by one, and 1,000, 10,000 and 20,000 at one instant, as by `workdays` all of a day are.
"""

import argparse
import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles

import orjson
from confluent_kafka import Consumer, TopicPartition

from benchmarks.domain import ZONE
from benchmarks.source import PARTITIONS, Record, broker, folder, publish
from benchmarks.worker import Progress, clickhouse, district, process, until
from streams.district import Plan, references

DAY = timedelta(days=1)  # HCP_CALLBACK_DAYS
WINDOWS = 10_000  # so many that a person's repeats, which are another matter, stay few
PATIENCE = timedelta(seconds=60)


@dataclass(frozen=True)
class Group:
    """Cases whose callbacks are missed together."""

    name: str
    cases: int
    after: float  # seconds from the beginning to the first of them
    over: float = 0.0  # seconds from the first to the last


GROUPS = (
    Group("one by one, 50 a second", 1000, 0, 20),
    Group("1,000 at one instant", 1000, 25),
    Group("10,000 at one instant", 10_000, 30),
    Group("20,000 at one instant", 20_000, 40),
    Group("one by one in the seconds after", 500, 40.01, 10),
)


@dataclass
class Late:
    """By how much alerts were late, in seconds."""

    written: list[float]  # by the record's timestamp
    read: list[float]  # by when a consumer had it


def bad_review(review_id: str, window_id: str, at: datetime) -> Record:
    """A bad review that was received as it happened."""
    body = {"review_id": review_id, "occurred_at": at.isoformat(), "rating": 1, "channel": "window"}
    return review_id.encode(), orjson.dumps({**body, "window_id": window_id})


def moments(groups: Sequence[Group], begin: datetime) -> Iterator[tuple[Group, datetime]]:
    """When each callback is due."""
    for group in groups:
        for number in range(group.cases):
            yield group, begin + timedelta(seconds=group.after + group.over * number / group.cases)


class Alerts:
    """The topic `alerts` from now on."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "lateness", "enable.auto.commit": False})
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        for each in partitions:
            each.offset = self._consumer.get_watermark_offsets(each, timeout=10)[1]
        self._consumer.assign(partitions)

    def missed(self, due: Mapping[str, tuple[Group, datetime]], until: datetime) -> dict[Group, Late]:
        """How late the first alert of each of these callbacks is; those not there by `until` are left out."""
        late: defaultdict[Group, Late] = defaultdict(lambda: Late([], []))
        waiting = dict(due)
        while waiting and datetime.now(ZONE) < until:
            messages = self._consumer.consume(1000, timeout=0.05)
            now = time.time()
            for message in messages:
                kind, _, case_id = (message.key() or b"").decode().partition(":")
                if kind == "callback_overdue" and case_id in waiting:
                    group, at = waiting.pop(case_id)
                    late[group].written.append(message.timestamp()[1] / 1000 - at.timestamp())
                    late[group].read.append(now - at.timestamp())
        self._consumer.close()
        return late


def measure(cases: int, groups: Sequence[Group], notice: float) -> dict[Group, Late]:
    """How late the alerts of each group are; the last cases are published `notice` seconds before the beginning."""
    now, soon = datetime.now(ZONE), sum(group.cases for group in groups)
    whole = Plan(reviews=cases, windows=WINDOWS, stories=False)
    windows = [record["window_id"] for name, record in references(whole) if name == "reference.windows"]
    with folder() as place, broker(place) as (bootstrap, what), clickhouse(place) as server:
        url = {"HCP_CLICKHOUSE_URL": server} if server else {}
        with district(bootstrap, place / "deadlines", "deadlines.", whole, HCP_CLOCK="wall", **url) as made:
            open_long = [
                bad_review(f"open-{n}", windows[n % WINDOWS], now - timedelta(hours=1, seconds=n / 100))
                for n in range(cases - soon)
            ]
            took = process(made, open_long)
            worker = made.workers[-1]
            made.settle(worker)
            print(f"{what}; {cases - soon:,} cases opened in {took.seconds:.0f} s", file=sys.stderr)
            begin = datetime.now(ZONE) + timedelta(seconds=notice)
            due = {f"soon-{n}": each for n, each in enumerate(moments(groups, begin))}
            alerts = Alerts(bootstrap, f"{made.prefix}alerts")
            reviews = [
                bad_review(name, windows[n % WINDOWS], at - DAY) for n, (name, (_, at)) in enumerate(due.items())
            ]
            asyncio.run(publish(bootstrap, f"{made.prefix}reviews", reviews))
            progress = Progress(bootstrap, made.prefix)
            until([worker], lambda: progress.done(cases))
            made.settle(worker)
            spare = (begin - datetime.now(ZONE)).total_seconds()
            assert spare > 0, f"the cases were open {-spare:.0f} s too late: give more --notice"
            return alerts.missed(due, max(at for _, at in due.values()) + PATIENCE)


def row(late: Sequence[float]) -> str:
    """p50, p99 and the most, in ms."""
    cuts = quantiles(late, n=100, method="inclusive")
    return " | ".join(f"{seconds * 1000:,.0f}" for seconds in (cuts[49], cuts[98], max(late)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--notice", type=float, default=60, help="seconds to open the cases that will be missed")
    options = parser.parse_args()
    found = measure(options.cases, GROUPS, options.notice)
    print("| callbacks missed | alerts | written, ms late: p50 | p99 | max | read, ms late: p50 | p99 | max |")
    print("| --- " * 8 + "|")
    for group in GROUPS:
        late = found[group]
        assert len(late.read) == group.cases, f"{group.name}: {len(late.read):,} alerts of {group.cases:,}"
        print(f"| {group.name} | {group.cases:,} | {row(late.written)} | {row(late.read)} |")


if __name__ == "__main__":
    main()
