"""Whatever breaks on ClickHouse's side, the results are those of the set of records."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house import House, until
from tests.services.clickhouse import PASSWORD, ClickHouse, start_clickhouse
from tests.services.load import district, finish, furnish, publishing
from tests.services.proxy import Proxy
from tests.services.table import Fault
from tests.supervisor import Supervisor, works_again

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

Make = Callable[..., House]


@pytest.fixture
def own_clickhouse(tmp_path: Path) -> Iterator[ClickHouse]:
    server = start_clickhouse(tmp_path / "clickhouse")
    yield server
    server.stop()


def test_clickhouse_is_killed_for_twenty_seconds_and_a_worker_with_it(
    new_house: Make, clickhouse: ClickHouse, fault: Fault
) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    with Supervisor(house) as supervisor:
        supervisor.ready()
        (worker,) = supervisor.workers
        with publishing(house, load, 35):
            until("reviews reach the sink", lambda: worker.metrics().get('haochaping_sink_rows_total{table="reviews"}'))
            clickhouse.kill()
            until("sink_up is 0", lambda: worker.metrics()["haochaping_sink_up"] == 0)
            time.sleep(15)
            status, _ = worker.get("/readyz")
            assert status == 503
            assert worker.process.poll() is None
            worker.kill()  # with what it had read and could not write
            time.sleep(5)
            clickhouse.start()
            fault.recovered(works_again(house))
        finish(house, supervisor.left(), load)
        assert supervisor.workers[0].metrics()["haochaping_sink_up"] == 1
    fault.done(len(load))


def test_clickhouse_is_killed_in_the_middle_of_an_insert(
    new_house: Make, own_clickhouse: ClickHouse, fault: Fault
) -> None:
    with Proxy(own_clickhouse.port) as proxy:
        behind = own_clickhouse.url.replace(f":{own_clickhouse.port}/", f":{proxy.port}/")
        house, load = new_house(HCP_CLOCK="event", HCP_CLICKHOUSE_URL=behind), district()
        furnish(house, load)
        worker = house.start()
        with publishing(house, load, 25):
            for cut in (200_000, 450_000, 700_001):
                assert proxy.after(cut, own_clickhouse.kill).wait(60)
                own_clickhouse.start()
                fault.recovered(works_again(house))
        finish(house, worker, load)
        assert worker.metrics()["haochaping_sink_failures_total"] >= 3
    fault.done(len(load))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_clickhouses_disk_is_full_until_somebody_makes_room(new_house: Make, tmp_path: Path, fault: Fault) -> None:
    disk = tmp_path / "clickhouse" / "data"
    disk.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", str(disk)], check=True)
    try:
        server = start_clickhouse(tmp_path / "clickhouse")
        try:
            house, load = new_house(HCP_CLOCK="event", HCP_CLICKHOUSE_URL=server.url), district()
            furnish(house, load)
            worker = house.start()
            with publishing(house, load, 30):
                time.sleep(5)
                ballast = disk / "ballast"
                with ballast.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
                    while True:
                        stream.write(bytes(65536))
                until("sink_up is 0", lambda: worker.metrics()["haochaping_sink_up"] == 0)
                refused = worker.metrics()["haochaping_sink_failures_total"]
                until("it is tried again", lambda: worker.metrics()["haochaping_sink_failures_total"] > refused)
                assert "nothing is lost" in worker.said()
                time.sleep(5)
                ballast.unlink()
                fault.recovered(works_again(house))
            finish(house, worker, load)
        finally:
            server.kill()
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)
    fault.done(len(load))


def test_the_password_of_a_running_worker_is_changed(new_house: Make, own_clickhouse: ClickHouse, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event", HCP_CLICKHOUSE_URL=own_clickhouse.url), district()
    furnish(house, load)
    worker = house.start()
    with publishing(house, load, 25):
        time.sleep(4)
        own_clickhouse.kill()
        own_clickhouse.set_password("another-one-of-a-test")
        own_clickhouse.start()
        until("it says why", lambda: "refuses the password: check HCP_CLICKHOUSE_URL" in worker.said())
        assert worker.process.poll() is None, "a person may yet change the password back"
        assert PASSWORD not in worker.log.read_text()
        assert worker.stop() == 0
        worker = house.start(HCP_CLICKHOUSE_URL=own_clickhouse.url)
        fault.recovered(works_again(house))
    finish(house, worker, load)
    fault.done(len(load))


def test_a_worker_that_starts_in_an_outage_of_clickhouse_goes_on_without_it(
    new_house: Make, own_clickhouse: ClickHouse, fault: Fault
) -> None:
    house, load = new_house(HCP_CLOCK="event", HCP_CLICKHOUSE_URL=own_clickhouse.url), district(2000)
    furnish(house, load)
    worker = house.start()
    # What is done about cases that are not open yet comes later: a worker that has all there is would refuse it.
    half = load.published[: len(load) // 2]
    opened = {record["review_id"] for topic, _, record in half if topic == "reviews"}
    first = [entry for entry in half if entry[0] == "reviews" or entry[2]["case_id"] in opened]
    then = [entry for entry in half if entry not in first] + load.published[len(load) // 2 :]
    house.publish_all(first)
    house.settle(worker)
    worker.kill()
    before = len(house.latest("alerts"))
    own_clickhouse.kill()
    worker = house.start(wait=False)
    house.publish_all(then)
    until("alerts are raised all the same", lambda: len(house.latest("alerts")) > before)
    assert worker.metrics()["haochaping_kafka_up"] == 1 and worker.metrics()["haochaping_sink_up"] == 0
    assert worker.get("/readyz")[0] == 503
    assert "going on without ClickHouse" in worker.said()
    own_clickhouse.start()
    fault.recovered(works_again(house))
    finish(house, worker, load)
    fault.done(len(load))


def test_before_any_worker_has_worked_a_clickhouse_that_does_not_answer_is_a_wrong_address(new_house: Make) -> None:
    house = new_house()
    assert house.command("topics").returncode == 0
    done = house.command("worker", HCP_CLICKHOUSE_URL="clickhouse://127.0.0.1:1/haochaping", HCP_HTTP_PORT="0")
    assert done.returncode == 1
    assert "127.0.0.1:1 does not answer" in done.stderr.splitlines()[-1]


def test_a_worker_told_to_stop_while_it_starts_does_so(new_house: Make, own_clickhouse: ClickHouse) -> None:
    """What it asks hangs: it was stopped, or a network was cut."""
    with Proxy(own_clickhouse.port) as proxy:
        behind = own_clickhouse.url.replace(f":{own_clickhouse.port}/", f":{proxy.port}/")
        house = new_house(HCP_CLICKHOUSE_URL=behind)
        furnish(house, district(1000))
        proxy.cut()
        worker = house.start(wait=False)
        until("it asks", lambda: worker.get("/healthz")[0] == 200)
        time.sleep(3)  # Kafka has answered by then
        assert worker.stop() == 0
        assert "does not answer" not in worker.said()


def test_a_wrong_password_is_said_and_nothing_is_lost(new_house: Make) -> None:
    house, load = new_house(HCP_CLOCK="event"), district(1000)
    furnish(house, load)
    right = house.settings["HCP_CLICKHOUSE_URL"]
    wrong = right.replace(PASSWORD, "not-the-password")
    for command in ("worker", "migrate", "doctor"):
        done = house.command(command, HCP_CLICKHOUSE_URL=wrong, HCP_HTTP_PORT="0")
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert "password" in said and "HCP_CLICKHOUSE_URL" in said
        assert "not-the-password" not in said
    house.publish_all(load.published)
    finish(house, house.start(), load)
