"""The worker as it is shipped, seen from outside: from its first record to the commit of the last one's daily cells.

Reviews are committed by the second agent when ClickHouse has their facts and cells, so `bi_daily` is complete by then.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from benchmarks.source import PARTITIONS, Record, Result, digest, publish, read_topic
from streams.district import Plan, references
from tests.house import House, WorkerProcess, house
from tests.services.clickhouse import binary, start_clickhouse

POLL = 0.05  # seconds between two looks, and so how exact a time is
PATIENCE = 300


@dataclass
class Progress:
    """How far a group is, by Kafka alone: asking the worker would cost it time."""

    bootstrap: str
    prefix: str
    consumer: Consumer = field(init=False)

    def __post_init__(self) -> None:
        self.consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": f"{self.prefix}haochaping"})

    def end(self, topic: str) -> int:
        """Records of a topic that was never deleted from."""
        return sum(self.consumer.get_watermark_offsets(each, timeout=10)[1] for each in self._partitions(topic))

    def committed(self, topic: str) -> int:
        """Of them, those the group has done with."""
        return sum(max(0, each.offset) for each in self.consumer.committed(self._partitions(topic), timeout=10))

    def done(self, reviews: int) -> bool:
        """Whether so many reviews went all the way."""
        return self.committed("reviews.enriched") >= reviews and self.committed("reviews") >= reviews

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self.prefix + topic, number) for number in range(PARTITIONS)]


@dataclass(frozen=True)
class Measured:
    """What the workers of one district took together."""

    seconds: float
    cpu: float
    peak_mib: float
    startup: float


@contextmanager
def clickhouse(folder: Path) -> Iterator[str | None]:
    """A server's URL, up to the end of the database's name; None where none is installed, and chdb serves."""
    if binary() is None:
        yield None
        return
    logging.getLogger("clickhouse_driver").setLevel(logging.CRITICAL)  # every try before it answers would be an error
    server = start_clickhouse(folder / "clickhouse")
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def district(bootstrap: str, folder: Path, prefix: str, plan: Plan, **settings: str) -> Iterator[House]:
    """A district of its own, its topics created and its references published; no worker yet."""
    folder.mkdir()
    with house(bootstrap, prefix, folder, **settings) as made:
        for command in ("topics", "migrate"):
            done = made.command(command)
            assert done.returncode == 0, done.stderr
        for topic in ("reference.windows", "reference.staff", "reference.services"):
            made.publish(topic, [record for name, record in references(plan) if name == topic])
        yield made


def process(made: House, reviews: Sequence[Record], workers: int = 1) -> Measured:
    """Publish the reviews, start workers, and wait until all is committed. The workers go on."""
    progress = Progress(made.bootstrap, made.prefix)
    before = progress.end("reviews.enriched")
    asyncio.run(publish(made.bootstrap, f"{made.prefix}reviews", reviews))
    begun = time.monotonic()
    running = [made.start(wait=False) for _ in range(workers)]
    until(running, lambda: progress.end("reviews.enriched") > before)
    started, spent = time.monotonic(), sum(map(cpu, running))
    until(running, lambda: progress.done(before + len(reviews)))
    ended, after = time.monotonic(), sum(map(cpu, running))
    return Measured(ended - started, after - spent, sum(map(peak_mib, running)), started - begun)


def given(made: House) -> Result:
    """What the district's topics and views hold once all is done."""
    worker = made.workers[-1]
    made.settle(worker)
    counts = {
        f"{row['day']}|{row['dimension']}|{row['member_id']}": row["reviews"]
        for dimension in ("district", "department", "hall", "window", "staff", "service", "channel")
        for row in worker.view("bi_daily", dimension=dimension)
    }
    enriched = digest(read_topic(made.bootstrap, f"{made.prefix}reviews.enriched"))
    cases = frozenset(key.decode() for key, _ in read_topic(made.bootstrap, f"{made.prefix}cases"))
    return Result(*enriched, cases, counts)


def cpu(worker: WorkerProcess) -> float:
    """CPU seconds of a running worker so far."""
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(worker: WorkerProcess) -> float:
    """The most memory it had resident."""
    return _memory(worker, "VmHWM:")


def resident_mib(worker: WorkerProcess) -> float:
    """The memory it has resident now."""
    return _memory(worker, "VmRSS:")


def _memory(worker: WorkerProcess, field: str) -> float:
    status = Path(f"/proc/{worker.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith(field))


def until(running: Sequence[WorkerProcess], check: Callable[[], bool]) -> None:
    """Wait, as long as the workers live."""
    deadline = time.monotonic() + PATIENCE
    while not check():
        for worker in running:
            assert worker.process.poll() is None, worker.tail()
        assert time.monotonic() < deadline, f"not within {PATIENCE} s"
        time.sleep(POLL)
