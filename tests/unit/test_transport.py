"""Our Kafka consumer between Faust and aiokafka, where neither can be had."""

import asyncio
import logging
from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, KafkaTimeoutError
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from streams.runtime.chunks import WaitingChunks
from streams.runtime.transport import ChunkedConsumer, ChunkedConsumerThread


def fetching() -> Any:
    """A consumer whose next fetch comes when no agent may have any of it."""
    consumer = object.__new__(ChunkedConsumer)
    made: dict[str, Any] = {
        "app": SimpleNamespace(consumer_generation_id=3),
        "flow_active": True,
        "log": logging.getLogger("test"),
        "_waiting": WaitingChunks(),
        "_handed": {},
        "_handing": False,
        "rebalances": 1,
        "_sought": 1,
        "_stopped": asyncio.Event(),
        "_crashed": asyncio.Event(),
    }
    for name, value in made.items():
        setattr(consumer, name, value)

    async def records(timeout: float) -> Any:
        consumer.flow_active = False
        return {("reviews", 0): [SimpleNamespace(offset=1)]}, None

    consumer._wait_next_records = records
    return consumer


async def test_partitions_that_go_away_while_it_seeks_back_end_nothing() -> None:
    consumer, sought = fetching(), []
    consumer.rebalances += 1

    async def seek() -> None:
        sought.append(True)
        raise IllegalStateError("No current assignment for partition")

    consumer._read_offset, consumer.seek_to_committed = {}, seek
    assert [message async for message in consumer.getmany(1.0)] == []
    assert sought == [True]


async def test_what_was_read_before_is_no_chunk_for_what_comes_behind_to_join() -> None:
    consumer = fetching()
    consumer._read_offset = {("reviews", 0): 5}
    fetches = [[3, 4], [5, 6]]

    async def records(timeout: float) -> Any:
        record = [SimpleNamespace(offset=offset, timestamp=0, timestamp_type=0) for offset in fetches.pop(0)]
        return {TP("reviews", 0): record}, None

    consumer._wait_next_records = records
    assert [message async for message in consumer.getmany(1.0)] == []
    ((_, message),) = [message async for message in consumer.getmany(1.0)]
    assert [record.offset for record in message.value.records] == [5, 6]


async def test_who_cannot_seek_back_after_a_rebalance_does_not_go_on() -> None:
    consumer = fetching()

    async def seek() -> None:
        raise KafkaTimeoutError

    consumer._read_offset, consumer.seek_to_committed = {}, seek
    with pytest.raises(KafkaTimeoutError):
        await consumer._drain_messages(SimpleNamespace(should_stop=False))
    assert "KafkaTimeoutError" in consumer.failure


async def test_what_ends_the_fetcher_is_noted_as_the_consumers_failure() -> None:
    async def fails(timeout: float) -> None:
        raise RuntimeError("no more")

    consumer = fetching()
    consumer._wait_next_records = fails
    with pytest.raises(RuntimeError):
        await consumer._drain_messages(SimpleNamespace(should_stop=False))
    assert "hands records over has failed (RuntimeError('no more'))" in consumer.failure


async def test_records_flow_only_once_partitions_stand_where_the_last_rebalance_wants_them() -> None:
    consumer, flowing = fetching(), asyncio.Event()
    gate: asyncio.Queue[None] = asyncio.Queue()

    async def seek() -> dict[TP, int | None]:
        await gate.get()
        return {}

    async def revoked(partitions: set[TP]) -> None: ...

    made: dict[str, Any] = {
        "app": SimpleNamespace(consumer_generation_id=3, _start_span_from_rebalancing=lambda name: nullcontext()),
        "can_resume_flow": flowing,
        "suspend_flow": asyncio.Event(),
        "seek_to_committed": seek,
        "diag": SimpleNamespace(set_flag=str, unset_flag=str),  # mode's, of no interest here
        "_read_offset": {},
        "_committed_offset": {},
        "_active_partitions": set(),
        "_paused_partitions": set(),
        "_on_partitions_revoked": revoked,
    }
    for name, value in made.items():
        setattr(consumer, name, value)

    await consumer.on_partitions_revoked(set())
    late = asyncio.create_task(consumer.perform_seek())
    await asyncio.sleep(0)
    await consumer.on_partitions_revoked(set())
    gate.put_nowait(None)
    await late
    consumer.resume_flow()
    assert not flowing.is_set(), "the next rebalance has begun"
    gate.put_nowait(None)
    await consumer.perform_seek()
    consumer.resume_flow()
    assert flowing.is_set()


async def test_records_asked_for_before_a_rebalance_are_read_again_after_it() -> None:
    consumer, sought = fetching(), []

    async def seek() -> dict[TP, int | None]:
        sought.append(True)
        return {}

    async def records(timeout: float) -> Any:
        consumer.rebalances += 1  # begins and ends meanwhile
        return {TP("reviews", 0): [SimpleNamespace(offset=1, timestamp=0, timestamp_type=0)]}, set()

    consumer._read_offset, consumer._committed_offset = {TP("reviews", 0): None}, {}
    consumer.seek_to_committed, consumer._wait_next_records = seek, records
    assert [message async for message in consumer.getmany(1.0)] == []
    assert sought == [True]


async def test_an_agent_begins_with_nothing_amid_a_rebalance_or_after_it() -> None:
    consumer = fetching()
    chunk = consumer._waiting.add("reviews", 0, [SimpleNamespace(offset=0)], 3)
    consumer.flow_active = False
    assert not consumer.take(chunk)
    consumer.flow_active = True
    assert consumer.take(chunk)
    consumer.app.consumer_generation_id = 4
    assert not consumer.take(chunk)


async def test_a_partition_of_which_nothing_was_committed_is_put_back_too() -> None:
    done, untouched = TopicPartition("reviews", 0), TopicPartition("reviews", 1)
    begun: list[TopicPartition] = []

    class Inner:
        def assignment(self) -> set[TopicPartition]:
            return {done, untouched}

        async def seek_to_committed(self) -> dict[TopicPartition, int | None]:
            return {done: 5, untouched: None}

        async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
            begun.extend(partitions)

        async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
            return dict.fromkeys(partitions, 5)

    thread: Any = object.__new__(ChunkedConsumerThread)
    thread._ensure_consumer = Inner
    thread.consumer = SimpleNamespace(deleted=Counter())
    assert await thread._seek_to_committed() == {done: 5, untouched: None}
    assert (begun, thread.consumer.deleted) == ([untouched], {})


async def test_what_kafka_has_deleted_before_it_was_read_is_told(caplog: pytest.LogCaptureFixture) -> None:
    fine, behind = TopicPartition("reviews", 0), TopicPartition("reviews", 1)

    class Inner:
        fails = False

        def assignment(self) -> set[TopicPartition]:
            return {fine, behind}

        async def seek_to_committed(self) -> dict[TopicPartition, int | None]:
            return {fine: 5, behind: 7}

        async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
            if self.fails:
                raise KafkaError("away")
            return {fine: 2, behind: 10}

    inner = Inner()
    thread: Any = object.__new__(ChunkedConsumerThread)
    thread._ensure_consumer = lambda: inner
    thread.log = logging.getLogger("test")
    thread.consumer = SimpleNamespace(deleted=Counter())
    await thread._seek_to_committed()
    assert thread.consumer.deleted == {"reviews": 3}
    assert "reviews/1: Kafka has deleted the records 7 to 9" in caplog.text
    inner.fails = True  # then nobody knows, and partitions are put where to go on from all the same
    assert await thread._seek_to_committed() == {fine: 5, behind: 7}
    assert thread.consumer.deleted == {"reviews": 3}


async def test_the_lag_of_the_group_is_that_of_every_partition_whoever_has_it() -> None:
    begins, ends, committed = (3, 0, 0, 0), (10, 4, 5, 2), (None, None, 5, 3)  # of the last an embedded broker tells

    class Inner:
        _coordinator: Any

        async def fetch_committed_offsets(self, each: list[TopicPartition]) -> dict[TopicPartition, Any]:
            found = zip(each, committed, strict=True)
            return {partition: OffsetAndMetadata(offset, "") for partition, offset in found if offset is not None}

        async def beginning_offsets(self, each: list[TopicPartition]) -> dict[TopicPartition, int]:
            return dict(zip(each, begins, strict=True))

        async def end_offsets(self, each: list[TopicPartition]) -> dict[TopicPartition, int]:
            return dict(zip(each, ends, strict=True))

    inner = Inner()
    inner._coordinator = inner
    thread: Any = object.__new__(ChunkedConsumerThread)
    thread._ensure_consumer = lambda: inner
    consumer: Any = object.__new__(ChunkedConsumer)
    consumer._thread = SimpleNamespace(group_offsets=thread._group_offsets)
    assert await consumer.group_offsets("reviews", 4) == ({0: 3, 1: 0, 2: 5, 3: 3}, {0: 10, 1: 4, 2: 5, 3: 2})
    assert await consumer.group_lag("reviews", 4) == (10 - 3) + 4


async def test_who_has_read_on_says_so_only_when_all_that_was_handed_over_is_done() -> None:
    consumer: Any = fetching()
    state = SimpleNamespace(_position=9)
    assignment = SimpleNamespace(state_value=lambda tp: state if tp == ("reviews", 0) else None)
    inner = SimpleNamespace(_subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)))
    consumer._thread = SimpleNamespace(_ensure_consumer=lambda: inner)
    assert consumer.read_to("reviews", 0, 5) == 9
    assert consumer.read_to("reviews", 1, 5) is None, "it is another worker's"
    consumer._handed = {("reviews", 0): 6}
    assert consumer.read_to("reviews", 0, 5) is None, "a record is being processed"
    assert consumer.read_to("reviews", 0, 6) == 9
    consumer._handing = True
    assert consumer.read_to("reviews", 0, 6) is None, "records are on their way"
