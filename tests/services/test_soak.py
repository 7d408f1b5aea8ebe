"""Minutes of steady work with a fault every half minute: the results stay right and memory stays flat.

HAOCHAPING_SOAK_MINUTES says how many (10). In the first third of the time a year is published, and once that is known,
in each of the others all of it again: what workers remember grows no more then, and neither may memory. One worker
lives through it all.
"""

import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from tests.house import House, until
from tests.services.clickhouse import ClickHouse
from tests.services.kafka import Cluster
from tests.services.load import district, finish, furnish, publishing
from tests.services.table import Fault
from tests.supervisor import Supervisor, works_again

MINUTES = float(os.environ.get("HAOCHAPING_SOAK_MINUTES", "10"))

pytestmark = [pytest.mark.services, pytest.mark.timeout(MINUTES * 60 + 400)]


class Memory:
    """Samples of one process's resident memory, in MiB, while its block lasts."""

    def __init__(self, pid: int) -> None:
        self.samples: list[tuple[float, float]] = []  # seconds since the start, MiB
        self._status = Path(f"/proc/{pid}/status")
        self._started = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def _sample(self) -> None:
        while not self._over.wait(1):
            line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmRSS"))
            self.samples.append((time.monotonic() - self._started, int(line.split()[1]) / 1024))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def median(self, first: float, last: float) -> float:
        """Of the samples between these shares of the time."""
        end = self.samples[-1][0]
        return statistics.median(mib for at, mib in self.samples if first * end <= at <= last * end)

    def story(self) -> str:
        """Ten figures over time."""
        step = max(1, len(self.samples) // 10)
        return ", ".join(f"{at:.0f} s {mib:.0f}" for at, mib in self.samples[::step])


def test_soak(new_house: Callable[..., House], kafka: Cluster, clickhouse: ClickHouse, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    twice = replace(load, published=load.published * 2)
    chance = random.Random(4)

    def kill_worker() -> None:
        other.workers[0].kill()

    def stop_worker_beyond_its_session() -> None:
        process = other.workers[0].process
        process.send_signal(signal.SIGSTOP)
        time.sleep(5)
        process.send_signal(signal.SIGCONT)

    def replace_worker() -> None:
        other.replace(0)

    def kill_clickhouse() -> None:
        clickhouse.kill()
        time.sleep(5)
        clickhouse.start()

    def kill_broker() -> None:
        kafka.brokers[0].kill()
        time.sleep(3)
        kafka.brokers[0].start()
        kafka.wait()

    faults = [kill_worker, stop_worker_beyond_its_session, replace_worker, kill_clickhouse, kill_broker]
    happened: list[str] = []
    third = MINUTES * 60 / 3

    def break_things(seconds: float) -> None:
        ends = time.monotonic() + seconds
        at = time.monotonic() + chance.uniform(5, 20)  # not before the publisher has found its broker
        while at < ends:
            time.sleep(max(0.0, at - time.monotonic()))
            if len(happened) % len(faults) == 0:
                chance.shuffle(faults)
            breaks = faults[len(happened) % len(faults)]
            happened.append(breaks.__name__)
            at = time.monotonic() + chance.uniform(20, 40)
            breaks()
            fault.recovered(works_again(house))

    with Supervisor(house) as steady, Supervisor(house) as other:
        steady.ready()
        other.ready()
        with publishing(house, load, third):
            break_things(third)
        until(
            "the year is known", lambda: all(each.state().get("idle") for each in steady.workers + other.workers), 300
        )
        with Memory(steady.workers[0].process.pid) as memory, publishing(house, twice, 2 * third):
            break_things(2 * third)
        assert steady.exits == [], steady.ended[0].tail()
        other.scale(0)
        finish(house, steady.left(), load)
    first, second = memory.median(0, 1 / 2), memory.median(1 / 2, 1)
    fault.note(f"soak of {MINUTES:g} minutes, {len(happened)} faults; RSS of a worker in MiB: {memory.story()}")
    assert len(happened) >= MINUTES
    assert second <= first * 1.1 + 5, memory.story()
    fault.done(3 * len(load))
