"""Whatever happens to the workers, the results are those of the set of records."""

import random
import re
import signal
import time
import zlib
from collections.abc import Callable

import pytest
from aiokafka.partitioner import murmur2

from tests.house import House, WorkerProcess, until
from tests.services.load import district, finish, furnish, publishing
from tests.services.table import Fault
from tests.supervisor import Supervisor, works_again

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

Make = Callable[..., House]


def test_one_of_two_workers_is_killed_ten_times(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="wall"), district()
    furnish(house, load)
    chance = random.Random(11)
    with Supervisor(house, 2) as supervisor:
        with publishing(house, load, 45):
            for number in range(10):
                if number % 2:
                    supervisor.ready()
                time.sleep(chance.uniform(0.2, 2))  # anywhere in work; by turns in start and recovery too
                supervisor.workers[chance.randrange(2)].kill()
            fault.recovered(works_again(house))
        assert supervisor.exits == [-signal.SIGKILL] * 10
        finish(house, supervisor.left(), load)
    fault.done(len(load))


def test_a_worker_stopped_beyond_its_session_takes_nothing_back(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    with Supervisor(house, 2) as supervisor:
        supervisor.ready()
        with publishing(house, load, 30):
            time.sleep(2)
            stopped = supervisor.workers[1].process
            stopped.send_signal(signal.SIGSTOP)
            fault.recovered(works_again(house))  # its session of 2 s is over; the other has its partitions
            time.sleep(8)
            stopped.send_signal(signal.SIGCONT)
            fault.recovered(works_again(house))
        assert supervisor.exits == []
        finish(house, supervisor.left(), load)
    fault.done(len(load))


def test_workers_are_restarted_one_by_one(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    with Supervisor(house, 2) as supervisor:
        supervisor.ready()
        with publishing(house, load, 30):
            for number in (0, 1, 0, 1):
                time.sleep(2)
                supervisor.replace(number)
                fault.recovered(works_again(house))
                supervisor.ready()
        assert supervisor.exits == []
        finish(house, supervisor.left(), load)
    fault.done(len(load))


def test_one_worker_becomes_three_and_one_again(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    with Supervisor(house, 1) as supervisor:
        supervisor.ready()
        with publishing(house, load, 30):
            for workers in (3, 1, 3, 1):
                time.sleep(2)
                supervisor.scale(workers)
                fault.recovered(works_again(house))
                supervisor.ready()
        assert supervisor.exits == []
        finish(house, supervisor.left(), load)
    fault.done(len(load))


def test_a_standby_has_little_to_read_when_it_takes_over(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event", HCP_STANDBY_REPLICAS="1"), district()
    furnish(house, load)
    left, lost = house.start(wait=False), house.start(wait=False)
    with publishing(house, load, 10):
        pass
    for worker in (left, lost):
        house.settle(worker)
    until("the stand-by knows all that the other remembers", lambda: 0 < entries(lost, own=True) == entries(left))
    remembered = entries(lost, own=True)
    lost.kill()
    fault.recovered(works_again(house))
    finish(house, left, load)
    taken_over = int(re.findall(r"recovered (\d+) records", left.log.read_text())[-1])
    assert taken_over < remembered / 100, (taken_over, remembered)
    fault.done(len(load))


def entries(worker: WorkerProcess, *, own: bool = False) -> float:
    """What a worker remembers of its own partitions, or of those it stands by for."""
    name = "haochaping_state_entries"
    return sum(
        value
        for sample, value in worker.metrics().items()
        if sample.startswith(name) and (sample == f'{name}{{state="standby"}}') != own
    )


def test_an_event_waits_for_a_review_that_another_worker_has_yet_to_read(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event", HCP_SESSION_TIMEOUT="20")
    left, other = house.start(), house.start()
    until("both have their share", lambda: [len(worker.lags()) for worker in (left, other)] == [16, 16])
    ours, others = left.lags(), other.lags()
    other.process.send_signal(signal.SIGSTOP)
    case_id = key_in(ours, "haochaping-case-inputs", zlib.crc32)
    later = case_id + "-" + key_in(ours, "reviews.enriched", lambda key: zlib.crc32(case_id.encode() + b"-" + key))
    bad = {"review_id": case_id, "occurred_at": "2026-05-12T10:00:00+08:00", "rating": 1, "channel": "web"}
    called_back = {"event_id": "e1", "case_id": case_id, "type": "called_back", "at": "2026-05-12T15:00:00+08:00"}
    in_june = bad | {"review_id": later, "occurred_at": "2026-06-30T10:00:00+08:00", "rating": 5}
    house.publish("reviews", [bad], keys=[key_in(others, "reviews", murmur2).encode()])
    house.publish("cases.events", [called_back], keys=[key_in(ours, "cases.events", murmur2).encode()])
    house.publish("reviews", [in_june], keys=[key_in(ours, "reviews", murmur2).encode()])
    until("the event waits", lambda: house.read("haochaping-case-inputs"))
    time.sleep(3)  # the event's seven days are over, and the worker that has it has nothing to do
    assert not any(left.lags().values())
    other.process.send_signal(signal.SIGCONT)
    until("the case is open", lambda: case_id in house.newest("cases"))
    house.settle(left)
    assert house.newest("cases")[case_id]["called_back_at"] == called_back["at"]
    assert house.rejected() == []


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_what_was_published_just_before_a_rebalance_is_read_after_it(new_house: Make, known: bool) -> None:
    """Of a partition of which something was committed, or nothing; no record comes behind it."""
    house = new_house(HCP_CLOCK="event")
    left, other = house.start(), house.start()
    until("both have their share", lambda: [len(worker.lags()) for worker in (left, other)] == [16, 16])
    review = {"occurred_at": "2026-05-12T10:00:00+08:00", "rating": 5, "channel": "web"}
    if known:
        house.publish("reviews", [review | {"review_id": f"r{number}"} for number in range(100)])
        until("it is committed", lambda: sum(done for done, _ in house.progress("reviews").values()) == 100)
    key = key_in(other.lags(), "reviews", murmur2)
    before = len(house.read("reviews.enriched"))
    other.process.send_signal(signal.SIGSTOP)
    house.publish("reviews", [review | {"review_id": "last"}], keys=[key.encode()])
    until("the worker that is left has read it", lambda: len(house.read("reviews.enriched")) > before)


def key_in(lags: dict[str, float], topic: str, hashed: Callable[[bytes], int]) -> str:
    """A key whose partition is among these."""
    owned = {int(each) for each in re.findall(rf'partition="(\d+)",topic="[^"]*{re.escape(topic)}"', " ".join(lags))}
    return next(key for key in (f"R-{n}" for n in range(1000)) if (hashed(key.encode()) & 0x7FFFFFFF) % 4 in owned)
