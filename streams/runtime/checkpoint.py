"""The guarantee, in one file: what a chunk gave is safe before its offsets are committed.

    chunk ─ agent ─→ outputs and changelog ──acknowledged──→ sink ──flushed──→ offsets ──committed──→ done
                     (sent at once)                          (absolute values)

Chunks are gathered into an *epoch*. While one epoch is made safe, agents fill the next; epochs are committed in order.
A crash at any arrow means that the epoch's chunks are read again. That changes nothing, because every effect is
idempotent: outputs are functions of the record and the memory before it, memories are sets keyed by ids or counters
fenced by offsets, and the sink holds absolute values. ClickHouse gone: the epoch waits here, nothing is committed,
agents stop when the next epoch is full, fetching pauses, and Kafka is the buffer.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from streams.errors import HaochapingError
from streams.metrics import Metrics
from streams.runtime.chunks import Chunk
from streams.runtime.producer import BatchProducer, Outbox
from streams.runtime.sink_writer import SinkWriter

log = logging.getLogger(__name__)

#: An epoch is made safe this often (seconds): a ClickHouse insert costs the same for 10 rows as for 10,000, and
#: nothing but the board and BI waits for it; outputs to Kafka are under way already.
INTERVAL = 0.25

#: Records an epoch may hold before agents wait for it. It bounds memory while the sink is away.
MAX_RECORDS = 40_000

Commit = Callable[[Mapping[tuple[str, int], int]], Awaitable[bool]]


class CutShort(HaochapingError):
    """An earlier flush did not end: only what was committed before it is safe."""


class Epoch:
    """What has been processed and is not yet safe."""

    def __init__(self) -> None:
        self.acks: list[Awaitable[Any]] = []
        self.rows: list[tuple[str, Mapping[str, Sequence[Any]]]] = []  # tables and their columns
        self.offsets: dict[tuple[str, int], int] = {}  # by topic and partition, where to go on from
        self.oldest: list[float] = []  # of each chunk, the broker's timestamp of its first record, in seconds
        self.records = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def empty(self) -> bool:
        """Nothing to make safe."""
        return not (self.acks or self.rows or self.offsets)


class Checkpoint:
    """Makes epochs safe, one after the other."""

    def __init__(self, producer: BatchProducer, sink: SinkWriter, commit: Commit, metrics: Metrics) -> None:
        self._producer = producer
        self._sink = sink
        self._commit = commit
        self._metrics = metrics
        self._epoch = self._current = Epoch()
        self._owed: dict[tuple[str, int], int] = {}  # offsets that are safe but not yet committed
        self._term = 0  # grows when partitions go away
        self._adding = 0  # chunks processed whose outputs are being sent
        # A flush failed or was cancelled: its epoch is not safe, so nothing after it may be committed.
        self._cut = False
        self._flushing = asyncio.Lock()
        self._room = asyncio.Event()
        self._room.set()
        self.committed: dict[tuple[str, int], int] = {}  # since partitions last came, where to go on from
        #: Monotonic seconds: when something was last got on with, and when a flush last came to its end.
        self.progressed_at = self.flushed_at = time.monotonic()

    @property
    def idle(self) -> bool:
        """Nothing is waiting to be made safe."""
        return self._epoch.empty and not self._owed and not self._flushing.locked()

    def progressed(self) -> None:
        """Note that the worker gets on."""
        self.progressed_at = time.monotonic()

    async def room(self) -> None:
        """Wait until another chunk may be processed."""
        await self._room.wait()

    async def add(self, outbox: Outbox, chunk: Chunk | None = None) -> asyncio.Future[None]:
        """Send what processing gave, what must be safe `first` before the rest, and remember the rows.

        The future is done once all of it is safe, and cancelled once its partition is another's.
        """
        term = self._term
        self._adding += 1
        try:
            if outbox.first:
                await self._producer.deliver(outbox.first)
            acks = await self._producer.send(outbox.messages) if term == self._term else []
        finally:
            self._adding -= 1
        epoch = self._epoch
        if term != self._term:  # the partition went away meanwhile: its next owner reads the chunk again
            epoch.acks.extend(acks)
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            gone.cancel()
            return gone
        # From here on nothing awaits: an epoch never holds a chunk's offset without all of its outputs.
        epoch.acks.extend(acks)
        epoch.rows.extend(outbox.rows)
        if chunk is not None:
            epoch.offsets[chunk.source] = chunk.next_offset
            epoch.records += len(chunk.records)
            epoch.oldest.append(chunk.records[0].timestamp / 1000)
        else:  # what time alone gave
            epoch.records += sum(len(next(iter(columns.values()))) for _, columns in outbox.rows)
        if epoch.records >= MAX_RECORDS:
            self._room.clear()
        return epoch.done

    def pass_over(self, topic: str, partition: int, offset: int) -> None:
        """Commit up to an offset, with the next epoch, where nothing was left to process (see gaps.py)."""
        self._epoch.offsets.setdefault((topic, partition), offset)

    async def flush(self) -> None:
        """Make what has been processed so far safe.

        Raises:
            CutShort: an earlier flush was.
            KafkaError: an output was not acknowledged. (The sink is waited for, and a commit that failed is owed.)
        """
        async with self._flushing:
            if self._epoch.empty and not self._owed:
                return
            if self._cut:
                raise CutShort("an earlier checkpoint was cut short")
            self._cut = True
            self._current = epoch = self._epoch
            self._epoch = Epoch()
            self._room.set()
            with self._metrics.step("acknowledge"):
                # Shielded: a flush that is cut short must not take back what is on its way (see `abandon`).
                await asyncio.gather(*map(asyncio.shield, epoch.acks))
            now = time.time()
            for oldest in epoch.oldest:
                self._metrics.event_delay.observe(max(0.0, now - oldest))
            with self._metrics.step("sink"):
                await self._sink.write(epoch.rows)
            # A commit that failed, because the broker was away, is owed: no later chunk of that partition may come.
            self._owed.update(epoch.offsets)
            with self._metrics.step("commit"):
                if self._owed and await self._commit(offsets := dict(self._owed)):
                    self.committed.update(offsets)
                    self._owed.clear()
            self.flushed_at = time.monotonic()
            if not self._owed:
                self.progressed_at = self.flushed_at
            self._cut = False
            if not epoch.done.cancelled():
                epoch.done.set_result(None)

    async def finish(self) -> None:
        """Make safe what agents have begun as well; nobody may begin a chunk meanwhile."""
        await self.flush()
        while self._adding or not self._epoch.empty:
            await asyncio.sleep(0.01)  # their turn to send
            await self.flush()

    async def run(self) -> None:
        """Flush for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            # Whoever cuts a flush short, because partitions go away, abandons its epoch right after; we may have waited
            # for its end, and be quicker.
            with suppress(CutShort):
                await self.flush()

    def abandon(self) -> None:
        """Forget what is not safe: its partitions are another's now, who will read it again."""
        self._term += 1
        self._cut = False
        self._owed.clear()
        self._current.offsets.clear()  # it may still reach the sink, where an old absolute value loses
        # A flush that was cut short tells nobody: whoever waits for its epoch must not wait for ever.
        self._current.done.cancel()
        self._epoch.done.cancel()
        # What was sent must arrive all the same before anything is committed: a memory that is kept has it, so reading
        # its chunk again does not send it again.
        sent = self._current.acks + self._epoch.acks
        self._epoch = Epoch()
        self._epoch.acks = sent
        self.committed.clear()
        self._room.set()
