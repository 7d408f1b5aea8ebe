"""A worker that cannot go on says so and ends, for its supervisor to start another; nothing is lost by it."""

from collections.abc import Callable, Iterator

import orjson
import pytest

from tests.house import House, WorkerProcess, until
from tests.services.clickhouse import ClickHouse
from tests.services.kafka import Cluster
from tests.services.load import Load, district, finish, furnish
from tests.services.proxy import Proxy

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

Make = Callable[..., House]

FETCH = 1  # Kafka's number of the request


@pytest.fixture
def proxy(kafka: Cluster) -> Iterator[Proxy]:
    with Proxy(kafka.brokers[0].far, kafka.brokers[0].proxy) as made:
        yield made


@pytest.fixture
def load() -> Load:
    return district(1000)


@pytest.fixture
def far_house(new_house: Make, proxy: Proxy, load: Load) -> House:
    """A house whose workers reach the broker through the proxy."""
    house = new_house(HCP_CLOCK="event", HCP_STALL_TIMEOUT="5", HCP_LOG_FORMAT="json")
    furnish(house, load)
    return house


def far(proxy: Proxy) -> dict[str, str]:
    return {"HCP_KAFKA_BOOTSTRAP": f"127.0.0.1:{proxy.port}"}


def gives_up(worker: WorkerProcess) -> str:
    """Wait until the worker ends; its last words."""
    until("the worker ends", lambda: worker.process.poll() is not None, 90)
    assert worker.process.returncode == 1
    last = orjson.loads(worker.log.read_bytes().splitlines()[-1])
    assert last["level"] == "critical"
    return str(last["message"])


def test_a_clickhouse_that_takes_calls_and_never_answers(new_house: Make, clickhouse: ClickHouse, load: Load) -> None:
    house = new_house(HCP_CLOCK="event", HCP_STALL_TIMEOUT="5", HCP_LOG_FORMAT="json")
    furnish(house, load)
    with Proxy(clickhouse.port) as proxy:
        url = house.settings["HCP_CLICKHOUSE_URL"]
        worker = house.start(HCP_CLICKHOUSE_URL=url.replace(f":{clickhouse.port}/", f":{proxy.port}/"))
        proxy.cut()
        house.publish_all(load.published)
        assert "although the worker has work" in gives_up(worker)
    finish(house, house.start(), load)


def test_fetches_that_are_not_answered(far_house: House, proxy: Proxy, load: Load) -> None:
    worker = far_house.start(**far(proxy))
    far_house.settle(worker)
    proxy.hold(FETCH)
    far_house.publish_all(load.published)
    assert "the broker has answered no fetch of " in gives_up(worker)
    proxy.mend()
    finish(far_house, far_house.start(**far(proxy)), load)


def test_a_broker_that_is_silent(far_house: House, proxy: Proxy, load: Load) -> None:
    worker = far_house.start(**far(proxy))
    far_house.settle(worker)
    proxy.cut()
    assert "the broker has answered no " in gives_up(worker)
    proxy.mend()
    far_house.publish_all(load.published)
    finish(far_house, far_house.start(**far(proxy)), load)


def test_a_recovery_that_gets_nothing(far_house: House, proxy: Proxy, load: Load) -> None:
    near = far_house.start()
    far_house.publish_all(load.published)
    worker = far_house.start(**far(proxy))
    far_house.settle(near)
    proxy.hold(FETCH)
    near.kill()  # its partitions, and the need to recover them, come to the one whose fetches are held
    said = gives_up(worker)  # whichever of the two that watch it comes first
    assert "has not got its partitions or their state" in said or "-changelog is stuck" in said
    proxy.mend()
    finish(far_house, far_house.start(**far(proxy)), load)


def test_a_start_that_gets_nothing(far_house: House, proxy: Proxy, load: Load) -> None:
    assert far_house.start().stop() == 0  # the topics are there, and something stands in them
    proxy.hold(FETCH)
    worker = far_house.start(wait=False, **far(proxy))
    assert "is stuck: the broker gave nothing" in gives_up(worker)
    proxy.mend()
    far_house.publish_all(load.published)
    finish(far_house, far_house.start(**far(proxy)), load)


def test_logs_are_json_and_hold_no_personal_data(new_house: Make, clickhouse: ClickHouse) -> None:
    house, load = new_house(HCP_CLOCK="event", HCP_LOG_FORMAT="json", HCP_LOG_LEVEL="debug"), district(2000)
    furnish(house, load)
    worker = house.start()
    personal = {"name": "not-a-name", "phone": "19900001234", "id_no": "310116190001010000"}
    bad = [
        {**load.reviews[0], "review_id": "conflict-1", "reviewer": personal},
        {
            **load.reviews[0],
            "review_id": "conflict-1",
            "reviewer": personal,
            "rating": 3,
            "comment": "电话 19900001234",
        },
        {**load.reviews[0], "review_id": "no-rating", "reviewer": personal, "rating": "19900001234"},
        {**load.reviews[0], "review_id": "bad-reviewer", "reviewer": {**personal, "phone": [personal["phone"]]}},
    ]
    house.publish_all([*load.published, *(("reviews", b"k", record) for record in bad)])
    house.publish("reviews", [b'{"review_id": "rubbish", "reviewer": {"phone": "19900001234"'])
    house.publish("reference.staff", [{"staff_id": "S1", "name": ["not-a-name"]}])
    clickhouse.kill()  # a write that fails has rows of ours in its hands
    house.publish("reviews", [{**load.reviews[0], "review_id": "during", "reviewer": personal}])
    until("the write fails", lambda: worker.metrics()["haochaping_sink_failures_total"] > 0)
    clickhouse.start()
    house.settle(worker)
    assert worker.stop() == 0
    lines = worker.log.read_text().splitlines()
    assert len(lines) > 10
    for line in lines:
        assert {"time", "level", "logger", "message"} <= orjson.loads(line).keys()
        assert not any(secret in line for secret in (*personal.values(), "1990000", "not-a-name"))
