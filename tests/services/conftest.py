"""Real services, started once for all tests of this folder, each test with topics and a database of its own."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.house import House, house
from tests.services.clickhouse import ClickHouse, binary, start_clickhouse
from tests.services.kafka import Cluster, start_cluster

_numbers = itertools.count()


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
    """Makes houses on Apache Kafka and a ClickHouse server."""
    with ExitStack() as stack:

        def make(**settings: str) -> House:
            number = next(_numbers)
            folder = tmp_path / str(number)
            folder.mkdir()
            own = {"HCP_CLICKHOUSE_URL": f"{clickhouse.url}_{number}"}
            made = stack.enter_context(house(kafka.bootstrap, f"s{number}.", folder, **{**own, **settings}))
            done = made.command("migrate")
            assert done.returncode == 0, done.stderr
            return made

        yield make
