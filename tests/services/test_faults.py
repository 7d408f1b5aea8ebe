"""Whatever breaks, the results are those of the set of records: on Apache Kafka and a real ClickHouse server.

Some tests have two workers in event time, where each one's clock follows what it has seen: those end with one worker
and one last review, so that the clock of whoever is left stands where the oracle's does.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.house import House, WorkerProcess, until
from tests.integration.test_crash import REFERENCE, load
from tests.integration.test_pipeline import furnish, review
from tests.oracle import check
from tests.services.clickhouse import PASSWORD, ClickHouse

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

Make = Callable[..., House]

RECORDS = 50_000


@contextmanager
def publishing(house: House, reviews: list[Any], events: list[Any]) -> Iterator[threading.Thread]:
    """Publish beside the block, which may go on before all is sent."""
    failed: list[BaseException] = []

    def publish() -> None:
        try:
            house.publish("cases.events", events)
            house.publish("reviews", reviews)
        except BaseException as exc:
            failed.append(exc)

    thread = threading.Thread(target=publish)
    thread.start()
    yield thread
    thread.join()
    assert not failed, failed


def finish(house: House, worker: WorkerProcess, reviews: list[Any], events: list[Any]) -> None:
    """Bring the survivor's clock to the end of all time seen by anyone, and check."""
    # Partitions of a worker that was killed come only when its session is over.
    until(
        "the survivor has every partition",
        lambda: sum(name.startswith("haochaping_consumer_lag") for name in worker.metrics()) == 4 * 8,
    )
    last = review("last", "2026-07-01T00:00:00+08:00")
    house.publish("reviews", [last])
    house.settle(worker)
    check(house, worker, [*reviews, last], events, REFERENCE)


def at_work(worker: WorkerProcess) -> None:
    until("the worker is ready", lambda: (worker.json("/readyz") or {}).get("ready"), 90)


def test_one_of_two_workers_is_killed_again_and_again(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    reviews, events = load(RECORDS)
    chance = random.Random(11)
    workers = [house.start(wait=False), house.start(wait=False)]
    with publishing(house, reviews, events):
        for _ in range(10):
            time.sleep(chance.uniform(0.5, 2.5))  # anywhere in start, recovery and work
            victim = chance.randrange(2)
            workers[victim].kill()
            workers[victim] = house.start(wait=False)
    workers[1].kill()
    at_work(workers[0])
    finish(house, workers[0], reviews, events)


def test_clickhouse_is_killed_for_twenty_seconds(new_house: Make, clickhouse: ClickHouse) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    reviews, events = load(RECORDS)
    worker = house.start()
    with publishing(house, reviews, events):
        until("reviews reach the sink", lambda: worker.metrics().get('haochaping_sink_rows_total{table="reviews"}'))
        clickhouse.kill()
        until("sink_up is 0", lambda: worker.metrics()["haochaping_sink_up"] == 0)
        time.sleep(20)
        status, _ = worker.get("/readyz")
        assert status == 503
        assert worker.process.poll() is None
        clickhouse.start()
    house.settle(worker)
    assert worker.metrics()["haochaping_sink_up"] == 1
    check(house, worker, reviews, events, REFERENCE)


def test_a_full_resend_with_other_keys_changes_nothing(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    reviews, events = load(RECORDS // 2)
    worker = house.start()
    publishers = [
        threading.Thread(target=house.publish, args=("reviews", reviews, keys))
        for keys in (None, [b"%d" % (n % 97) for n in range(len(reviews))], [b"one"] * len(reviews))
    ]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    house.publish("cases.events", events + events)
    house.settle(worker)
    check(house, worker, reviews, events, REFERENCE)


def test_a_worker_stopped_beyond_its_session_takes_nothing_back(new_house: Make) -> None:
    import signal

    house = new_house(HCP_CLOCK="event")
    furnish(house)
    reviews, events = load(RECORDS // 2)
    first, second = house.start(wait=False), house.start(wait=False)
    at_work(first)
    at_work(second)
    with publishing(house, reviews, events):
        time.sleep(1)
        first.process.send_signal(signal.SIGSTOP)
        time.sleep(8)  # its session of 2 s is over; the other has its partitions
        first.process.send_signal(signal.SIGCONT)
        time.sleep(3)
    first.kill()
    finish(house, second, reviews, events)


def test_a_wrong_password_is_said_and_nothing_is_lost(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    right = house.settings["HCP_CLICKHOUSE_URL"]
    wrong = right.replace(PASSWORD, "not-the-password")
    for command in ("worker", "migrate", "doctor"):
        done = house.command(command, HCP_CLICKHOUSE_URL=wrong, HCP_HTTP_PORT="0")
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert "password" in said and "HCP_CLICKHOUSE_URL" in said
        assert "not-the-password" not in said
    reviews, events = load(1000)
    house.publish("reviews", reviews)
    house.publish("cases.events", events)
    worker = house.start()
    house.settle(worker)
    check(house, worker, reviews, events, REFERENCE)
