"""A sink that refuses is tried again until it takes what it is given."""

import asyncio
from typing import Any

import pytest

from sinks.base import SinkUnavailable
from streams.metrics import Metrics
from streams.runtime.sink_writer import FIRST_RETRY, LAST_RETRY, SinkWriter


class Sink:
    """Refuses so many times."""

    def __init__(self, refusals: int) -> None:
        self._left = refusals
        self.got: list[Any] = []

    def insert(self, table: str, columns: Any) -> int:
        if self._left:
            self._left -= 1
            raise SinkUnavailable("it is away")
        self.got.append((table, columns))
        return 1

    def close(self) -> None:
        pass


async def test_pauses_between_tries_double_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is told within seconds that ClickHouse is back, however long that was away."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    sink, metrics = Sink(20), Metrics()
    writer = SinkWriter("", metrics)
    writer._opened = sink  # type: ignore[assignment]
    monkeypatch.setattr(asyncio, "sleep", sleep)
    await writer.write([("reviews", {"review_id": ["r1"]})])
    writer.close()
    assert sink.got == [("reviews", {"review_id": ["r1"]})]
    assert metrics.sink_failures._value.get() == len(pauses) == 20
    assert pauses[:5] == [FIRST_RETRY * 2**number for number in range(5)]
    assert max(pauses) == pauses[-1] == LAST_RETRY
