"""The same views from a real server as from the embedded database. The suite itself is in tests/integration."""

import pytest

from tests.integration.sink_suite import SinkSuite
from tests.services.clickhouse import ClickHouse

pytestmark = pytest.mark.services


class TestServer(SinkSuite):
    @pytest.fixture
    def url(self, clickhouse: ClickHouse, request: pytest.FixtureRequest) -> str:
        return f"{clickhouse.url}_{abs(hash(request.node.name))}"
