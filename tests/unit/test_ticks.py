"""Time goes on while what it gave is not safe yet, and nothing is remembered as announced before it is."""

import asyncio
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from streams.app import Worker
from streams.metrics import Metrics
from streams.runtime.baton import Baton
from streams.runtime.checkpoint import MAX_RECORDS, Checkpoint
from streams.runtime.chunks import Chunk
from streams.runtime.clock import WallClock
from streams.runtime.producer import Outbox
from streams.runtime.timers import SETTLED_AT_ONCE, Timers
from tests.unit.test_checkpoint import COUNTS, Stage, checkpoint, chunk, stage

__all__ = ["checkpoint", "stage"]  # fixtures


class Agent:
    """Has so many things to announce, one a tick, and notes what becomes of them."""

    name, topic = "agent", "in"

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.happened: list[str] = []
        self.rows = 1  # that an announcement gives

    def tick(self, now: datetime, out: Outbox) -> str | None:
        if not self.waiting:
            return None
        name = self.waiting.pop(0)
        self.happened.append(f"announced {name}")
        out.produce("out", b"k", name.encode())
        out.insert("alerts", {"alert_id": [name] * self.rows})
        return name

    def process(self, chunk: Chunk, out: Outbox) -> None:
        self.happened.append(f"processed {chunk.partition}")

    def due(self, now: datetime) -> bool:
        return bool(self.waiting)

    def confirm(self, announced: str, out: Outbox) -> None:
        self.happened.append(f"confirmed {announced}")

    def retract(self, announced: str) -> None:
        self.happened.append(f"retracted {announced}")


class Quiet:
    """Nothing that was reported waits to be read, unless told."""

    idle = True

    def __init__(self) -> None:
        self.read = True

    async def group_idle(self) -> bool:
        return self.read

    def partitions_came(self) -> None:
        pass

    async def caught_up(self) -> bool:
        return self.read


@pytest.fixture
def agent() -> Agent:
    return Agent()


@pytest.fixture
def quiet() -> Quiet:
    return Quiet()


@pytest.fixture
def timers(agent: Agent, checkpoint: Checkpoint, quiet: Quiet) -> Timers:
    agents: Any = [agent]
    return Timers(agents, WallClock(), checkpoint, COUNTS | {"in": 2}, quiet)


async def test_what_falls_due_while_clickhouse_is_away_is_announced_all_the_same(
    stage: Stage, checkpoint: Checkpoint, agent: Agent, timers: Timers
) -> None:
    agent.waiting = ["a", "b"]
    await timers.tick()
    stage.acknowledge.set_result(None)
    flush = asyncio.create_task(checkpoint.flush())
    await asyncio.sleep(0.01)
    agent.waiting = ["c"]
    await timers.tick()
    assert agent.happened == ["announced a", "announced b", "announced c"]
    stage.sink.set_result(None)
    await flush
    agent.happened.clear()
    await timers.tick()
    assert agent.happened == ["confirmed a", "confirmed b"], "c is in the next epoch"
    await checkpoint.flush()
    await timers.tick()
    assert agent.happened[2:] == ["confirmed c"]


async def test_what_may_be_lost_with_its_partition_is_taken_back_the_last_first(
    checkpoint: Checkpoint, agent: Agent, timers: Timers
) -> None:
    agent.waiting = ["a", "b"]
    await timers.tick()
    checkpoint.abandon()
    agent.happened.clear()
    await timers.tick()
    assert agent.happened == ["retracted b", "retracted a"]


async def test_what_was_sent_while_its_partition_went_away_is_taken_back(
    stage: Stage, checkpoint: Checkpoint, agent: Agent, timers: Timers
) -> None:
    send, gate = stage.send, asyncio.Event()

    async def slow_send(messages: Any) -> list[Any]:
        await gate.wait()
        return await send(messages)

    stage.send = slow_send  # type: ignore[method-assign]
    agent.waiting = ["a"]
    tick = asyncio.create_task(timers.tick())
    await asyncio.sleep(0.01)
    checkpoint.abandon()
    gate.set()
    await tick
    await timers.tick()
    assert agent.happened == ["announced a", "retracted a"]


async def test_announcements_wait_when_the_epoch_is_full(
    stage: Stage, checkpoint: Checkpoint, agent: Agent, timers: Timers
) -> None:
    agent.waiting, agent.rows = ["a", "b"], MAX_RECORDS
    tick = asyncio.create_task(timers.tick())
    await asyncio.sleep(0.01)
    assert agent.happened == ["announced a"]
    stage.acknowledge.set_result(None)
    stage.sink.set_result(None)
    await checkpoint.flush()
    await asyncio.wait_for(tick, 1)
    assert agent.happened[:2] == ["announced a", "announced b"]


async def test_what_falls_due_next_waits_for_no_long_list_of_confirmations(
    stage: Stage, checkpoint: Checkpoint, agent: Agent, timers: Timers
) -> None:
    agent.waiting = [f"{number}" for number in range(SETTLED_AT_ONCE + 1)]
    await timers.tick()
    stage.acknowledge.set_result(None)
    stage.sink.set_result(None)
    await checkpoint.flush()
    agent.happened.clear()
    agent.waiting = ["next"]
    await timers.tick()
    assert agent.happened == ["announced next", *(f"confirmed {number}" for number in range(SETTLED_AT_ONCE))]


async def test_time_waits_until_what_follows_from_input_is_on_its_way(agent: Agent, timers: Timers) -> None:
    """Both may say something of one alert, and the last to be said must be the last to be sent."""
    agent.waiting = ["a"]
    async with timers.turn(agent, 1):  # type: ignore[arg-type]
        tick = asyncio.create_task(timers.tick())
        await asyncio.sleep(0.01)
        assert agent.happened == []
    await tick
    assert agent.happened == ["announced a"]


async def test_a_worker_takes_its_turn_before_it_gives_an_agent_input(
    agent: Agent, checkpoint: Checkpoint, timers: Timers
) -> None:
    worker: Any = object.__new__(Worker)
    taken: list[Chunk] = []

    def take(chunk: Chunk) -> bool:
        taken.append(chunk)
        return True

    worker.app = SimpleNamespace(consumer=SimpleNamespace(take=take))
    worker.checkpoint, worker.timers, worker.partitions, worker.metrics = checkpoint, timers, COUNTS, Metrics()
    worker.agents, worker.baton = (agent,), Baton()
    async with timers.turn(agent, 0):  # type: ignore[arg-type]
        processing = asyncio.create_task(worker._process(agent, chunk(0, 9)))
        await asyncio.sleep(0.01)
        assert agent.happened == []
        assert taken == [], "it may grow meanwhile"
    await processing
    assert agent.happened == ["processed 0"]
    assert taken


async def test_nobody_looks_before_partitions_have_come_and_what_was_reported_is_read(
    agent: Agent, timers: Timers, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.runtime.timers.INTERVAL", 0.01)
    running = asyncio.create_task(timers.run())
    agent.waiting = ["a"]
    await asyncio.sleep(0.05)
    assert (agent.happened, timers.catching_up) == ([], True), "no partitions yet"
    quiet.read = False
    timers.look_again()
    await asyncio.sleep(0.05)
    assert (agent.happened, timers.catching_up) == ([], True), "not read yet"
    quiet.read = True
    await asyncio.sleep(0.05)
    assert (agent.happened, timers.catching_up) == (["announced a"], False)
    timers.hold()
    agent.waiting = ["b"]
    await asyncio.sleep(0.05)
    assert (agent.happened, timers.catching_up) == (["announced a"], True), "a rebalance is under way"
    running.cancel()


@pytest.mark.parametrize("change", ["hold", "look_again"])
async def test_a_tick_under_way_ends_when_partitions_go_or_come(
    stage: Stage, checkpoint: Checkpoint, agent: Agent, timers: Timers, change: str
) -> None:
    """It may take seconds; of what comes meanwhile nothing that was reported has been read."""
    agent.waiting, agent.rows = ["a", "b"], MAX_RECORDS
    tick = asyncio.create_task(timers.tick())
    await asyncio.sleep(0.01)  # it waits for room
    getattr(timers, change)()
    stage.acknowledge.set_result(None)
    stage.sink.set_result(None)
    await checkpoint.flush()
    await asyncio.wait_for(tick, 1)
    assert [each for each in agent.happened if each.startswith("announced")] == ["announced a"]


async def test_partitions_do_not_wait_for_one_another(agent: Agent, timers: Timers) -> None:
    async with timers.turn(agent, 0), asyncio.timeout(1), timers.turn(agent, 1):  # type: ignore[arg-type]
        pass
