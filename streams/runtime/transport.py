"""Faust's Kafka consumer, changed in three ways: it delivers chunks, commits only what it is told to, and passes over
nothing amid rebalances.

Stock Faust delivers one message a record and commits by itself what agents acknowledged. Here a fetch of a partition
is one message (see chunks.py), agents acknowledge nothing, and `runtime/checkpoint.py` alone commits.
"""

import asyncio
import functools
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiokafka
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.runtime.chunks import Chunk, WaitingChunks

#: How long the broker may hold a fetch that has nothing to return. Faust's 1.5 s is too long for a pipeline whose
#: topics share a connection: a partition that was just read misses the fetch under way and waits for it to end.
FETCH_MAX_WAIT_MS = 50

#: Seconds a commit may take; one that takes longer is owed, and tried again with the next.
COMMIT_TIMEOUT = 10.0


#: Seconds until a consumer that has enough waiting for its agents looks again.
LOOK_AGAIN = 0.02


class ChunkedConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread that owns the aiokafka consumer."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust gives no setting for it (faust-streaming 0.15.3); the value is read when the fetcher starts.
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        # What a publisher has taken back was never published. Faust reads so only if it writes in transactions itself.
        consumer._isolation_level = "read_committed"
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        consumer = self._ensure_consumer()
        # Without one of these a consumer does nothing more, and aiokafka tells nobody (see connection.py).
        parts = {
            "refreshes metadata": consumer._client._sync_task,
            "fetches": consumer._fetcher._fetch_task,
            "coordinates the group": consumer._coordinator._coordination_task,
        }
        for what, task in parts.items():
            task.add_done_callback(functools.partial(self._part_ended, what))
        self._note_heartbeats(consumer._coordinator)

    def _part_ended(self, what: str, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (exc := task.exception()) is not None:
            self.log.error("the part of the consumer that %s has failed", what, exc_info=exc)
            self.consumer.failure = f"the part of the consumer that {what} has failed ({exc!r})"

    def _note_heartbeats(self, coordinator: Any) -> None:
        heartbeat = coordinator._do_heartbeat

        async def noted() -> bool:
            alive: bool = await heartbeat()
            if alive:
                self.consumer.heard_at = time.monotonic()
            return alive

        coordinator._do_heartbeat = noted

    async def seek_to_committed(self) -> Mapping[TP, int | None]:
        """Put every partition back to where to go on from, and return what was committed.

        aiokafka's leaves a partition where it is if nothing was committed of it. What was fetched of one amid a
        rebalance, and so handed to nobody, would be passed over.
        """
        committed: Mapping[TP, int | None] = await self.call_thread(self._seek_to_committed)
        return committed

    async def _seek_to_committed(self) -> Mapping[TP, int | None]:
        consumer = self._ensure_consumer()
        if not consumer.assignment():
            return {}
        committed: Mapping[TP, int | None] = await consumer.seek_to_committed()
        if untouched := [partition for partition, offset in committed.items() if not offset]:
            await consumer.seek_to_beginning(*untouched)
        await self._note_deleted(consumer, committed)
        return committed

    async def _note_deleted(self, consumer: aiokafka.AIOKafkaConsumer, committed: Mapping[TP, int | None]) -> None:
        """What the group was to read next may be gone: its worker was away for longer than Kafka keeps records, or a
        publisher gave records a timestamp of long ago, by which Kafka deletes them.
        """
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT):
                begins = await consumer.beginning_offsets(list(committed))
        except (KafkaError, TimeoutError) as exc:
            self.log.debug("whether records were deleted before they were read is not known: %r", exc)
            return
        for partition, done in committed.items():
            if done and (gone := begins[partition] - done) > 0:
                self.log.error(
                    "%s/%d: Kafka has deleted the records %d to %d before they were read; the publisher must send them "
                    "again, and leave the timestamps of records to Kafka (docs/runbook.md)",
                    *(partition.topic, partition.partition, done, begins[partition] - 1),
                )
                self.consumer.deleted[partition.topic] += gone

    async def group_offsets(self, topic: str, partitions: int) -> tuple[dict[int, int], dict[int, int]]:
        """By partition: up to where the group is done with a topic, whichever worker it is for, and where it ends.

        Raises:
            KafkaError: no broker tells.
            TimeoutError: none did in `COMMIT_TIMEOUT` seconds.
        """
        offsets: tuple[dict[int, int], dict[int, int]] = await self.call_thread(self._group_offsets, topic, partitions)
        return offsets

    async def _group_offsets(self, topic: str, partitions: int) -> tuple[dict[int, int], dict[int, int]]:
        consumer = self._ensure_consumer()
        each = [aiokafka.TopicPartition(topic, number) for number in range(partitions)]
        async with asyncio.timeout(COMMIT_TIMEOUT):
            # consumer.committed() asks for one partition at a time.
            committed = await consumer._coordinator.fetch_committed_offsets(each)
            begins, ends = await asyncio.gather(consumer.beginning_offsets(each), consumer.end_offsets(each))
        done = {partition.partition: offset for partition, (offset, _) in committed.items()}
        return (
            {tp.partition: max(begin, done.get(tp.partition, 0)) for tp, begin in begins.items()},
            {tp.partition: end for tp, end in ends.items()},
        )

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit, and say whether it was done. Unlike Faust's, it survives a broker that is away."""
        try:
            # aiokafka tries again for ever, and holds one of the two workers of this thread's queue meanwhile.
            async with asyncio.timeout(COMMIT_TIMEOUT):
                await self._ensure_consumer().commit(
                    {aiokafka.TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
                )
        except (CommitFailedError, IllegalStateError):
            return False  # no longer ours: whoever has the partition reads it again
        except (KafkaError, TimeoutError) as exc:
            self.log.warning("offsets not committed, to be tried again: %r", exc)
            return False
        return True


class ChunkedConsumer(driver.Consumer):  # type: ignore[misc]
    """Yields one message a partition and fetch; keeps no account of acknowledgements."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting = WaitingChunks()
        self.rebalances = 0  # how many have begun
        self._handed: dict[tuple[str, int], int] = {}  # of a partition, the offset behind what was handed over last
        self._handing = False  # fetched records are being handed over
        self.deleted: Counter[str] = Counter()  # records of each topic that Kafka deleted before they were read
        self._sought = 0  # the rebalance after which partitions were last put where to go on from

    failure: str | None = None  # why this consumer cannot go on
    heard_at: float | None = None  # when the group last answered a heartbeat (monotonic seconds)

    def fetched_at(self, tp: TP) -> int | None:
        """When the broker last answered a fetch of this partition (ms since the epoch).

        None while we do not ask: records of it wait for their agent, or it was never fetched.
        """
        inner = self._thread._ensure_consumer()
        partition = aiokafka.TopicPartition(*tp)
        if partition in inner._fetcher._records or not inner._subscription.is_assigned(partition):
            return None
        at: int | None = inner.last_poll_timestamp(partition)
        return at

    def end(self, tp: TP) -> int | None:
        """Where a partition ended when it was last fetched, open transactions aside; None: it was not fetched yet."""
        end: int | None = self._thread._ensure_consumer().last_stable_offset(aiokafka.TopicPartition(*tp))
        return end

    def committed_before(self, tp: TP) -> int:
        """The offset that was committed of a partition when partitions last came; 0 for none."""
        committed: int = self._committed_offset[tp] or 0
        return committed

    def read_to(self, topic: str, partition: int, done: int) -> int | None:
        """The offset to be read next, if all that was handed over of the partition is done; else None."""
        assigned = self._thread._ensure_consumer()._subscription.subscription
        tp = aiokafka.TopicPartition(topic, partition)
        if self._handing or self._handed.get(tp, 0) > done or assigned is None or assigned.assignment is None:
            return None
        state = assigned.assignment.state_value(tp)
        at: int | None = None if state is None else state._position
        return at

    async def read_again(self, topic: str, partition: int, offset: int) -> bool:
        """Go back to an offset; False if that cannot be done now."""
        try:
            await self._thread.seek_wait({TP(topic, partition): offset})
        except Exception as exc:
            self.log.debug("did not go back in %s/%d: %r", topic, partition, exc)
            return False
        return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """A rebalance begins. Faust stops the flow as well, but not of a worker that has no partitions yet."""
        self.rebalances += 1
        self._handed.clear()
        self.stop_flow()
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """A rebalance is over: go on from what was committed."""
        rebalance = self.rebalances
        await super().perform_seek()
        self._sought = rebalance

    def resume_flow(self) -> None:
        """Let records flow, but not if the next rebalance has begun since partitions were put where to go on from.

        Faust does not look. It would hand over records amid that rebalance, before what is remembered of their
        partitions is there, and forget what it has handed over when the rebalance ends.
        """
        if self._sought == self.rebalances:
            super().resume_flow()

    async def group_offsets(self, topic: str, partitions: int) -> tuple[dict[int, int], dict[int, int]]:
        """By partition: up to where the group is done with a topic, and where it ends (see above)."""
        offsets: tuple[dict[int, int], dict[int, int]] = await self._thread.group_offsets(topic, partitions)
        return offsets

    async def group_lag(self, topic: str, partitions: int) -> int:
        """Records of a topic that the group has not committed, whichever worker they are for (see above)."""
        done, ends = await self.group_offsets(topic, partitions)
        # Not below 0: the embedded broker tells too low an end (`_ends` in cli/doctor.py). Its one worker knows better.
        return sum(max(0, end - done[number]) for number, end in ends.items())

    def _new_consumer_thread(self) -> ChunkedConsumerThread:
        return ChunkedConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        if self._waiting.full(self.app.consumer_generation_id):
            await self.sleep(LOOK_AGAIN)
            return
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        rebalance = self.rebalances
        records, _ = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id
        if not records or self.should_stop:
            return
        # Asked for before a rebalance they may be of a partition that is new to us, or come from before it was sought.
        if not self.flow_active or self.rebalances != rebalance:
            await self._seek_back()
            return
        self._handing = True
        try:
            for tp, batch in records.items():
                if not self.flow_active or self.app.consumer_generation_id != generation:
                    return
                last, read = batch[-1], self._read_offset[tp]
                if read is not None and last.offset < read:
                    continue  # before it is a chunk that waits: what comes behind would join what nobody is given
                self._read_offset[tp] = last.offset
                self._handed[tp] = last.offset + 1
                chunk = self._waiting.add(tp.topic, tp.partition, batch, generation)
                if chunk is not None:
                    yield tp, _message(tp, chunk, last, generation)
        finally:
            self._handing = False

    async def _seek_back(self) -> None:
        """What was fetched amid a rebalance is not handed over, so read it again.

        Partitions may go away meanwhile, as Faust's own getmany knows; the rebalance ends with the same.

        Raises:
            Exception: it failed, and no rebalance is under way that would: the consumer cannot go on.
        """
        try:
            await super().perform_seek()
        except Exception as exc:
            if self._sought == self.rebalances:
                raise
            self.log.warning("did not seek back, the rebalance under way will: %r", exc)

    async def _drain_messages(self, fetcher: Any) -> None:
        """Hand over what comes in, until told to stop.

        Faust's own makes two tasks for each message. That takes rounds of the event loop, with a chunk processed in
        each; so the next fetch was looked at only when all chunks of the last one were done.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self.sleep(0)  # there may be nothing to wait for
                async for _, message in self.getmany(timeout=1.0):
                    await self._hand_over(message)
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except Exception as exc:
            if isinstance(exc, self.consumer_stopped_errors) and self.app.should_stop:
                return
            # Faust's fetcher ends with it and tells nobody: the worker would go on with nothing to do.
            self.failure = f"the part of the consumer that hands records over has failed ({exc!r})"
            raise

    async def _hand_over(self, message: ConsumerMessage) -> None:
        if self.app.flow_control.is_active():
            await self.callback(message)  # waits for nothing
        else:
            await self.wait_first(self.callback(message), self.suspend_flow.wait())

    def take(self, chunk: Chunk) -> bool:
        """Whether its agent may begin with a chunk; not amid a rebalance, or when one has gone by since.

        Raises:
            RuntimeError: what comes before it was never begun with (see chunks.py).
        """
        if not self.flow_active or chunk.generation != self.app.consumer_generation_id:
            return False
        self._waiting.take(chunk)
        return True

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets between two messages are the inside of a chunk, not a gap to be committed."""

    async def commit_offsets(self, offsets: Mapping[tuple[str, int], int]) -> bool:
        """Commit where to go on from, by (topic, partition); False if they were not committed."""
        done: bool = await self._thread.commit({TP(*tp): offset for tp, offset in offsets.items()})
        return done


def _message(tp: TP, chunk: Chunk, last: Any, generation: int) -> ConsumerMessage:
    """What Faust hands to agents, with a chunk for its value; `last` is the chunk's last record as it was fetched."""
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000.0,
        last.timestamp_type,
        [],
        None,
        chunk,
        None,
        tp=tp,
        generation_id=generation,  # Faust drops a message without one
    )


class ChunkedTransport(driver.Transport):  # type: ignore[misc]
    """The aiokafka transport with the consumer above."""

    Consumer = ChunkedConsumer
