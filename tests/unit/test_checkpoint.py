"""The order that the guarantee rests on: acknowledged, then in the sink, then committed."""

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from streams.errors import HaochapingError
from streams.metrics import Metrics
from streams.runtime.checkpoint import MAX_RECORDS, Checkpoint
from streams.runtime.chunks import Chunk
from streams.runtime.producer import Outbox

COUNTS = {"out": 1}


class Stage:
    """Producer, sink and commit in one, each under the test's hand, and a log of what happened."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.acknowledge: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sink: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.delivery: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def send(self, messages: Mapping[str, Any]) -> list[Any]:
        self.happened.append("sent")
        return [self.acknowledge]

    async def deliver(self, messages: Mapping[str, Any]) -> None:
        self.happened.append("sent what comes first")
        await self.delivery

    async def write(self, rows: Sequence[Any]) -> None:
        self.happened.append(f"sink got {len(rows)}")
        await self.sink

    async def commit(self, offsets: Mapping[tuple[str, int], int]) -> bool:
        self.happened.append(f"committed {dict(offsets)}")
        return True


@pytest.fixture
async def stage() -> Stage:
    return Stage()


@pytest.fixture
async def checkpoint(stage: Stage) -> Checkpoint:
    return Checkpoint(stage, stage, stage.commit, Metrics())  # type: ignore[arg-type]


def chunk(first: int, last: int, partition: int = 0) -> Chunk:
    records = [SimpleNamespace(offset=offset, timestamp=1) for offset in (first, last)]
    return Chunk("in", partition, records, 1)


def outbox() -> Outbox:
    out = Outbox(COUNTS)
    out.produce("out", b"k", b"v")
    out.insert("reviews", {"review_id": ["r"]})
    return out


async def turns() -> None:
    """Everybody else goes as far as they can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_first_is_safe_before_the_rest_is_sent(stage: Stage, checkpoint: Checkpoint) -> None:
    out = outbox()
    out.first["out"][0].append((b"k", b"mark", [], None))
    adding = asyncio.create_task(checkpoint.add(out))
    await turns()
    assert stage.happened == ["sent what comes first"]
    stage.delivery.set_result(None)
    await adding
    assert stage.happened == ["sent what comes first", "sent"]


async def test_the_rest_is_not_sent_once_its_partition_is_gone(stage: Stage, checkpoint: Checkpoint) -> None:
    out = outbox()
    out.first["out"][0].append((b"k", b"mark", [], None))
    adding = asyncio.create_task(checkpoint.add(out))
    await turns()
    checkpoint.abandon()
    stage.delivery.set_result(None)
    assert (await adding).cancelled()
    assert stage.happened == ["sent what comes first"]
    assert checkpoint.idle


async def test_offsets_are_committed_only_after_outputs_and_sink(stage: Stage, checkpoint: Checkpoint) -> None:
    done = await checkpoint.add(outbox(), chunk(0, 9))
    flush = asyncio.create_task(checkpoint.flush())
    await turns()
    assert stage.happened == ["sent"]
    stage.acknowledge.set_result(None)
    await turns()
    assert stage.happened == ["sent", "sink got 1"]
    assert not done.done()
    stage.sink.set_result(None)
    await flush
    assert stage.happened == ["sent", "sink got 1", "committed {('in', 0): 10}"]
    assert done.done()
    assert checkpoint.idle


async def test_the_next_epoch_fills_while_one_is_made_safe(stage: Stage, checkpoint: Checkpoint) -> None:
    await checkpoint.add(outbox(), chunk(0, 9))
    stage.acknowledge.set_result(None)
    flush = asyncio.create_task(checkpoint.flush())
    await turns()
    await checkpoint.add(outbox(), chunk(10, 19))
    stage.sink.set_result(None)
    await flush
    assert stage.happened[-1] == "committed {('in', 0): 10}", "the second chunk is not safe yet"
    await checkpoint.flush()
    assert stage.happened[-1] == "committed {('in', 0): 20}"


async def test_a_commit_that_failed_is_made_up_for_though_nothing_more_comes(
    stage: Stage, checkpoint: Checkpoint
) -> None:
    answers = iter([False, True])

    async def commit(offsets: Mapping[tuple[str, int], int]) -> bool:
        stage.happened.append(f"committed {dict(offsets)}")
        return next(answers)

    checkpoint._commit = commit
    await checkpoint.add(outbox(), chunk(0, 9))
    stage.acknowledge.set_result(None)
    stage.sink.set_result(None)
    await checkpoint.flush()
    assert not checkpoint.idle
    assert not checkpoint.committed
    await checkpoint.flush()
    assert checkpoint.committed == {("in", 0): 10}
    assert checkpoint.idle


async def test_what_was_sent_before_partitions_went_away_must_arrive_before_anything_is_committed(
    stage: Stage, checkpoint: Checkpoint
) -> None:
    """A memory that is kept has it, so to read its chunk again does not send it again."""
    await checkpoint.add(outbox(), chunk(0, 9))
    checkpoint.abandon()
    lost, stage.acknowledge = stage.acknowledge, asyncio.get_running_loop().create_future()
    stage.acknowledge.set_result(None)
    await checkpoint.add(outbox(), chunk(0, 9))
    lost.set_exception(TimeoutError())
    with pytest.raises(TimeoutError):
        await checkpoint.flush()
    assert stage.happened == ["sent", "sent"]


async def test_a_flush_cut_short_takes_nothing_back_that_is_on_its_way(stage: Stage, checkpoint: Checkpoint) -> None:
    await checkpoint.add(outbox(), chunk(0, 9))
    flush = asyncio.create_task(checkpoint.flush())
    await turns()
    flush.cancel()
    await asyncio.gather(flush, return_exceptions=True)
    checkpoint.abandon()
    stage.acknowledge.set_result(None)
    stage.sink.set_result(None)
    await checkpoint.flush()
    assert stage.happened == ["sent", "sink got 0"]


async def test_who_waits_for_a_flush_that_is_cut_short_is_told_so(stage: Stage, checkpoint: Checkpoint) -> None:
    """An alert announced must be taken back, and announced anew."""
    safe = await checkpoint.add(outbox(), chunk(0, 9))
    flush = asyncio.create_task(checkpoint.flush())
    await turns()
    flush.cancel()
    await asyncio.gather(flush, return_exceptions=True)
    checkpoint.abandon()
    assert safe.cancelled()


async def test_a_flush_cut_short_while_the_next_waits_for_it_ends_nothing(
    stage: Stage, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partitions go away before the checkpoint is done, which the one that runs for ever waits for."""
    monkeypatch.setattr("streams.runtime.checkpoint.INTERVAL", 0)
    await checkpoint.add(outbox(), chunk(0, 9))
    last = asyncio.create_task(checkpoint.finish())
    await turns()
    running = asyncio.create_task(checkpoint.run())
    await checkpoint.add(outbox(), chunk(10, 19))
    await turns()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(last, 0.01)
    checkpoint.abandon()
    stage.acknowledge.set_result(None)
    stage.sink.set_result(None)
    await turns()
    await checkpoint.add(outbox(), chunk(0, 9))
    await turns()
    assert stage.happened[-1] == "committed {('in', 0): 10}"
    running.cancel()


async def test_what_was_abandoned_is_never_committed(stage: Stage, checkpoint: Checkpoint) -> None:
    await checkpoint.add(outbox(), chunk(0, 9))
    stage.acknowledge.set_result(None)
    flush = asyncio.create_task(checkpoint.flush())
    await turns()
    waiting = await checkpoint.add(outbox(), chunk(10, 19))
    checkpoint.abandon()
    stage.sink.set_result(None)
    await flush
    await checkpoint.flush()
    assert not [what for what in stage.happened if what.startswith("committed")]
    assert waiting.cancelled()


async def test_of_a_chunk_sent_while_its_partition_went_away_nothing_is_written_or_committed(
    stage: Stage, checkpoint: Checkpoint
) -> None:
    gate = asyncio.Event()
    send = stage.send

    async def slow_send(messages: Mapping[str, Any]) -> list[Any]:
        await gate.wait()
        return await send(messages)

    stage.send = slow_send  # type: ignore[method-assign]
    adding = asyncio.create_task(checkpoint.add(outbox(), chunk(0, 9)))
    await turns()
    checkpoint.abandon()
    gate.set()
    await adding
    stage.acknowledge.set_result(None)
    stage.sink.set_result(None)
    await checkpoint.flush()
    assert stage.happened == ["sent", "sink got 0"]
    assert checkpoint.idle


async def test_agents_wait_when_an_epoch_is_full(stage: Stage, checkpoint: Checkpoint) -> None:
    records = [SimpleNamespace(offset=offset, timestamp=1) for offset in range(MAX_RECORDS)]
    await checkpoint.add(outbox(), Chunk("in", 0, records, 1))
    waiting = asyncio.create_task(checkpoint.room())
    await turns()
    assert not waiting.done()
    stage.acknowledge.set_result(None)
    stage.sink.set_result(None)
    await checkpoint.flush()
    await asyncio.wait_for(waiting, 1)


async def test_the_last_checkpoint_waits_for_a_chunk_whose_outputs_are_being_sent(
    stage: Stage, checkpoint: Checkpoint
) -> None:
    gate = asyncio.Event()
    send = stage.send

    async def slow_send(messages: Mapping[str, Any]) -> list[Any]:
        await gate.wait()
        return await send(messages)

    stage.send = slow_send  # type: ignore[method-assign]
    stage.acknowledge.set_result(None)
    stage.sink.set_result(None)
    adding = asyncio.create_task(checkpoint.add(outbox(), chunk(0, 9)))
    await turns()
    finish = asyncio.create_task(checkpoint.finish())
    await turns()
    assert not finish.done()
    gate.set()
    await asyncio.gather(adding, finish)
    assert checkpoint.committed == {("in", 0): 10}


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_nothing_is_committed_beyond_a_checkpoint_that_was_cut_short(
    how: str, stage: Stage, checkpoint: Checkpoint
) -> None:
    await checkpoint.add(outbox(), chunk(0, 9))
    stage.acknowledge.set_result(None)
    flush = asyncio.create_task(checkpoint.flush())
    await turns()
    if how == "cancelled":
        flush.cancel()
    else:
        stage.sink.set_exception(ValueError("no column takes it"))
    await asyncio.gather(flush, return_exceptions=True)
    stage.sink = asyncio.get_running_loop().create_future()
    stage.sink.set_result(None)
    await checkpoint.add(outbox(), chunk(10, 19))
    with pytest.raises(HaochapingError, match="cut short"):
        await checkpoint.flush()
    assert not [what for what in stage.happened if what.startswith("committed")]
