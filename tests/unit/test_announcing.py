"""An announcement that is cut short on its way out is made again."""

import asyncio
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from streams.runtime.checkpoint import Checkpoint
from streams.runtime.clock import WallClock
from streams.runtime.producer import Outbox
from streams.runtime.timers import Timers
from tests.unit.test_checkpoint import COUNTS, Stage, checkpoint, stage, turns

__all__ = ["checkpoint", "stage"]  # fixtures


class Agent:
    """Has one thing to announce, which must be marked first."""

    name, topic = "agent", "in"

    def __init__(self) -> None:
        self.retracted: list[str] = []

    def tick(self, now: datetime, out: Outbox) -> str:
        out.first["out"][0].append((b"k", b"mark", [], None))
        out.produce("out", b"k", b"alert")
        return "alert"

    def retract(self, announced: str) -> None:
        self.retracted.append(announced)


@pytest.mark.parametrize("how", ["the worker stops", "the broker refuses"])
async def test_what_did_not_get_out_is_announced_again(how: str, stage: Stage, checkpoint: Checkpoint) -> None:
    agent: Any = Agent()
    timers = Timers([agent], WallClock(), checkpoint, COUNTS | {"in": 1}, SimpleNamespace(idle=True))  # type: ignore[arg-type]
    tick = asyncio.create_task(timers.tick())
    await turns()
    assert stage.happened == ["sent what comes first"]
    assert agent.retracted == []
    if how == "the worker stops":
        tick.cancel()
    else:
        stage.delivery.set_exception(TimeoutError())
    await asyncio.gather(tick, return_exceptions=True)
    assert agent.retracted == ["alert"]
