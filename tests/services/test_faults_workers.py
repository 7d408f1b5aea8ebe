"""Whatever happens to the workers, the results are those of the set of records."""

import random
import re
import signal
import time
from collections.abc import Callable

import pytest

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
