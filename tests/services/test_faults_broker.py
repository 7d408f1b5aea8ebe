"""Whatever breaks on the broker's side, the results are those of the set of records.

`fault.recovered` notes the seconds from the end of a fault until every partition of `reviews` is committed further.
A supervisor starts anew whatever ends, as in real life; a worker that heals by itself is not started anew.
"""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import House
from tests.services.clickhouse import ClickHouse
from tests.services.kafka import Cluster, start_cluster
from tests.services.load import district, finish, furnish, publishing
from tests.services.proxy import Proxy
from tests.services.table import Fault
from tests.supervisor import Supervisor, works_again

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

Make = Callable[..., House]


def test_the_broker_is_killed_and_restarted_three_times(new_house: Make, kafka: Cluster, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    with Supervisor(house, 2) as supervisor:
        supervisor.ready()
        with publishing(house, load, 30):
            for _ in range(3):
                time.sleep(3)
                kafka.brokers[0].kill()
                time.sleep(3)
                kafka.brokers[0].start()
                kafka.wait()
                fault.recovered(works_again(house))
        finish(house, supervisor.left(), load)
        assert supervisor.exits == [], "the workers were to heal by themselves"
    fault.done(len(load))


def test_the_broker_stands_still_for_a_minute(new_house: Make, kafka: Cluster, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    broker = kafka.brokers[0].process
    assert broker is not None
    with Supervisor(house, 2) as supervisor:
        supervisor.ready()
        with publishing(house, load, 30):
            time.sleep(5)
            broker.send_signal(signal.SIGSTOP)
            time.sleep(60)
            broker.send_signal(signal.SIGCONT)
            kafka.wait()
            fault.recovered(works_again(house))
        finish(house, supervisor.left(), load)
        assert supervisor.exits == [], "the workers were to heal by themselves"
    fault.done(len(load))


def test_workers_that_the_broker_left_alone_for_too_long_are_started_anew(
    new_house: Make, kafka: Cluster, fault: Fault
) -> None:
    house, load = new_house(HCP_CLOCK="event", HCP_STALL_TIMEOUT="5"), district()
    furnish(house, load)
    with Supervisor(house, 2) as supervisor:
        supervisor.ready()
        with publishing(house, load, 30):
            time.sleep(5)
            kafka.brokers[0].kill()
            time.sleep(12)
            kafka.brokers[0].start()
            kafka.wait()
            fault.recovered(works_again(house))
        assert len(supervisor.exits) >= 2
        assert set(supervisor.exits) == {1}
        for worker in house.workers[:2]:  # those after them may have come before the broker was back
            assert "stopping, so that a new process can start at the last commit" in worker.said().splitlines()[-1]
        finish(house, supervisor.left(), load)
    fault.done(len(load))


@pytest.mark.parametrize("cut_off", ["one of two workers", "both workers"])
def test_the_network_is_cut_for_half_a_minute(new_house: Make, kafka: Cluster, fault: Fault, cut_off: str) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    behind = {"HCP_KAFKA_BOOTSTRAP": f"127.0.0.1:{kafka.brokers[0].proxy}"}
    near = behind if cut_off == "both workers" else {}
    with (
        Proxy(kafka.brokers[0].far, kafka.brokers[0].proxy) as proxy,
        Supervisor(house, **behind) as far,
        Supervisor(house, **near) as other,
    ):
        far.ready()
        other.ready()
        with publishing(house, load, 40):
            time.sleep(5)
            proxy.cut()
            cut_at = time.monotonic()
            if cut_off == "one of two workers":
                fault.recovered(works_again(house))  # the other has taken over
            time.sleep(cut_at + 30 - time.monotonic())
            proxy.mend()
            fault.recovered(works_again(house))
        assert far.exits == other.exits == [], "the workers were to heal by themselves"
        far.scale(0)
        finish(house, other.left(), load)
    fault.done(len(load))


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Cluster]:
    cluster = start_cluster(tmp_path / "three", 3)
    yield cluster
    cluster.stop()


def test_one_of_three_brokers_is_killed(new_house: Make, three: Cluster, clickhouse: ClickHouse, fault: Fault) -> None:
    house, load = new_house(three, HCP_CLOCK="event", HCP_REPLICATION="3"), district()
    furnish(house, load)
    with Supervisor(house, 2) as supervisor:
        supervisor.ready()
        with publishing(house, load, 30):
            for broker in three.brokers[1:]:
                time.sleep(4)
                broker.kill()
                fault.recovered(works_again(house))
                time.sleep(4)
                broker.start()
                three.wait()
        finish(house, supervisor.left(), load)
        assert supervisor.exits == [], "the workers were to heal by themselves"
    fault.done(len(load))
