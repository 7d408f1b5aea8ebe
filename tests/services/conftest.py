"""Real services, started once for all tests of this folder, each test with topics and a database of its own."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.house import House, house
from tests.services.clickhouse import ClickHouse, binary, start_clickhouse
from tests.services.kafka import Cluster, start_cluster
from tests.services.table import Fault

_numbers = itertools.count()


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Iterator[Fault]:
    """The row of this test in the table of faults."""
    told = Fault(request.node.name.removeprefix("test_").replace("_", " "))
    yield told
    # With the test's report it reaches the process that prints, which need not be this one.
    request.node.user_properties.append(("fault", asdict(told)))


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = start_cluster(tmp_path_factory.mktemp("kafka"))
    yield cluster
    cluster.stop()


@pytest.fixture(scope="session")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    if binary() is None:
        pytest.fail("clickhouse-server is not installed: apt-get install clickhouse-server")
    server = start_clickhouse(tmp_path_factory.mktemp("clickhouse"))
    yield server
    server.stop()


@pytest.fixture
def new_house(kafka: Cluster, clickhouse: ClickHouse, tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Makes houses on Apache Kafka (the shared one unless another is given) and a ClickHouse server."""
    with ExitStack() as stack:

        def make(cluster: Cluster = kafka, **settings: str) -> House:
            number = next(_numbers)
            folder = tmp_path / str(number)
            folder.mkdir()
            own = {"HCP_CLICKHOUSE_URL": f"{clickhouse.url}_{number}"}
            made = stack.enter_context(house(cluster.bootstrap, f"s{number}.", folder, **{**own, **settings}))
            done = made.command("migrate")
            assert done.returncode == 0, done.stderr
            return made

        yield make
