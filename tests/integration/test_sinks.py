"""The embedded database: the suite every sink must pass."""

from pathlib import Path

import pytest

from tests.integration.sink_suite import SinkSuite


class TestEmbedded(SinkSuite):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"chdb://{tmp_path}/clickhouse"
