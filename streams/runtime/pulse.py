"""Four times a second: how far behind are we, are we stuck? And now and then what takes longer to find out."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

import faust
from aiokafka.errors import KafkaError
from faust.types import TP

from streams.errors import HaochapingError
from streams.metrics import Metrics
from streams.runtime.agent import Agent, StatefulAgent
from streams.runtime.catch_up import CatchUp
from streams.runtime.checkpoint import Checkpoint
from streams.runtime.gaps import Gaps
from streams.runtime.sink_writer import SinkWriter
from streams.runtime.standby import Standbys
from streams.settings import Settings
from streams.topics import Topics

log = logging.getLogger(__name__)

#: Seconds between two beats.
INTERVAL = 0.25

#: Seconds between looks at what costs more: state sizes, whether the sink answers, reconciliation.
SLOW_INTERVAL = 10.0

#: Seconds between looks at whether facts and aggregates agree, if this worker has written nothing meanwhile; and, as it
#: reads every fact, its share of the time at most.
RECONCILE_INTERVAL, RECONCILE_SHARE = 300.0, 0.02

#: Days that differ must not cancel each other out.
_DIFFERENCE = "SELECT sum(abs(difference)) FROM bi_reconcile"

#: Seconds it may take to ask how far the whole group is: nobody else would notice that this worker is stuck meanwhile.
GROUP_TIMEOUT = 10.0

#: Seconds for which it counts that the whole group was seen idle: as long as it takes to be asked again, and more.
FRESH = 5.0


class Watched(Protocol):
    """What the pulse looks at; the worker."""

    settings: Settings
    metrics: Metrics
    app: faust.App
    checkpoint: Checkpoint
    sink: SinkWriter
    standbys: Standbys
    agents: tuple[Agent, ...]
    stateful: tuple[StatefulAgent, ...]
    topics: Topics
    partitions: Mapping[str, int]
    recovered: bool


def _stalled(why: str) -> HaochapingError:
    return HaochapingError(
        f"{why}: stopping, so that a new process can start at the last commit. "
        "If it happens again, run `haochaping doctor`"
    )


class Pulse:
    """Measures, and stops a worker that makes no progress though there is work."""

    def __init__(self, worker: Watched) -> None:
        self._worker = worker
        self._lags: dict[tuple[str, int], int] = {}
        self._gaps = Gaps(worker.checkpoint)
        reports = (worker.topics.case_events.name, worker.topics.case_inputs.name)
        self._catch_up = CatchUp([(name, worker.partitions[name]) for name in reports])
        self._left: dict[tuple[str, int], tuple[int, int]] = {}  # committed up to where, and the end, if that is behind
        self._began_at = self._busy_at = time.monotonic()
        self._slow_at = self._reconciled_at = self._reconcile_took = 0.0
        self._slowly: asyncio.Task[None] | None = None
        self._heard: dict[TP, tuple[int | None, float]] = {}  # its last answered fetch, and when we saw that first
        self._recovered_at = self._busy_at
        self._group_idle_at = -FRESH
        self._asked = False  # whether the whole group is idle
        self.lag: int | None = None  # records; None while it is not known

    @property
    def idle(self) -> bool:
        """Everything published has been processed and made safe, for half a second at least.

        Half a second, because an output on its way to the next agent is in no partition's lag yet.
        """
        busy_at = max(self._busy_at, self._worker.checkpoint.flushed_at)
        return self._worker.recovered and self.lag == 0 and time.monotonic() - busy_at > 0.5

    @property
    def _to_be_measured(self) -> bool:
        """Whether it is time to measure what takes longer: now and then, and as soon as all is quiet after a change.

        So whoever has seen an alert, or that a worker is ready again, need not wait to find the same in the metrics.
        """
        changed_at = max(self._busy_at, self._worker.checkpoint.flushed_at)
        return time.monotonic() - self._slow_at > SLOW_INTERVAL or (self.idle and self._slow_at < changed_at)

    async def group_idle(self) -> bool:
        """Everything published has been processed and made safe, by whatever worker of the group; asks the broker."""
        worker = self._worker
        consumer: Any = worker.app.consumer
        try:
            async with asyncio.timeout(GROUP_TIMEOUT):
                # In the order of a review's way: what comes of a record is published before the record is committed.
                for agent in worker.agents:
                    if not self.idle or await consumer.group_lag(agent.topic, worker.partitions[agent.topic]):
                        return False
        except (KafkaError, TimeoutError) as exc:
            log.debug("whether the group is idle is not known: %r", exc)
            return False
        self._group_idle_at = time.monotonic()
        return True

    def partitions_came(self) -> None:
        """From now on `caught_up` waits for what was reported before."""
        self._catch_up.begin()

    async def caught_up(self) -> bool:
        """Whether what people had reported when partitions came has been read, or waited for long enough."""
        return await self._catch_up.over(self._worker.app.consumer)

    @property
    def group_was_idle(self) -> bool:
        """Whether that was so a moment ago. It is not known until after it was asked for, so ask again."""
        self._asked = True
        return self.idle and time.monotonic() - self._group_idle_at < FRESH

    async def run(self) -> None:
        """Beat for ever.

        Raises:
            HaochapingError: no progress for HCP_STALL_TIMEOUT seconds.
        """
        while True:
            await asyncio.sleep(INTERVAL)
            if not self._worker.recovered:
                self._recovered_at = time.monotonic()
            self._measure_lag()
            await self._gaps.look(self._worker.app.consumer, self._left)
            if self.lag != 0 or not self._worker.checkpoint.idle:
                self._busy_at = time.monotonic()
            self._check_progress()
            if self._asked:
                self._asked = False
                await self.group_idle()
            if self._to_be_measured and (self._slowly is None or self._slowly.done()):
                if self._slowly is not None:
                    self._slowly.result()  # raises what it failed with
                # Beside the rest: somebody's long query holds up whoever asks ClickHouse after it.
                self._slowly = asyncio.create_task(self._measure_slowly())
                self._slow_at = time.monotonic()

    def _measure_lag(self) -> None:
        worker = self._worker
        gauge = worker.metrics.consumer_lag
        lags: dict[tuple[str, int], int] = {}
        self._left = {}
        known = worker.recovered
        if worker.recovered:
            consumer: Any = worker.app.consumer
            for tp in consumer.assignment():
                end = consumer.end(tp)
                if end is None:  # nothing was fetched from it yet
                    known = False
                    continue
                done = worker.checkpoint.committed.get((tp.topic, tp.partition))
                if done is None:
                    done = consumer.committed_before(tp)
                lags[tp.topic, tp.partition] = max(0, end - done)
                if end > done:
                    self._left[tp.topic, tp.partition] = done, end
        for gone in self._lags.keys() - lags.keys():
            gauge.remove(gone[0], str(gone[1]))  # another worker's now
        for (topic, partition), lag in lags.items():
            gauge.labels(topic, str(partition)).set(lag)
        self._lags = lags
        for topic, gone in worker.app.consumer.deleted.items():
            worker.metrics.deleted_unread.labels(topic).set(gone)
        self.lag = sum(lags.values()) if known else None

    def _check_progress(self) -> None:
        worker = self._worker
        consumer: Any = worker.app.consumer
        now = time.monotonic()
        # Two sessions, because nobody asks for heartbeats while the group shares its partitions out; and from when we
        # began, since the broker answered a moment before, and the first heartbeat is yet to come.
        heard = now - max(self._began_at, consumer.heard_at or 0.0) < 2 * worker.settings.session_timeout
        worker.metrics.kafka_up.set(heard)
        self._check_work(now)
        if worker.recovered:
            self._check_consumer(consumer, now)
        else:
            self._heard.clear()

    def _check_work(self, now: float) -> None:
        """Whether what there is to do gets on."""
        worker, settings = self._worker, self._worker.settings
        if self.lag == 0 and worker.checkpoint.idle:
            worker.checkpoint.progressed_at = now
        # A sink that refuses is being tried again, which is progress of a kind; one that hangs is not.
        stuck = now - max(worker.checkpoint.progressed_at, worker.sink.tried_at)
        # Who joins the group waits until the broker has given up the members that are gone. To end sooner would make
        # one more of those, and with a short timeout workers would keep each other waiting for ever.
        sharing = 0 if worker.recovered else settings.session_timeout + settings.rebalance_timeout
        if stuck > settings.stall_timeout + sharing:
            doing = "has not got its partitions or their state" if not worker.recovered else "has work"
            raise _stalled(f"no progress for {stuck:.0f} s although the worker {doing} (lag {self.lag})")

    def _check_consumer(self, consumer: Any, now: float) -> None:
        """Whether the consumer lives and the broker answers it, also when there is nothing to do."""
        timeout = self._worker.settings.stall_timeout
        if consumer.failure is not None:
            raise _stalled(consumer.failure)
        silent = now - max(self._recovered_at, consumer.heard_at or 0.0)
        if silent > timeout:
            raise _stalled(f"the broker has answered no heartbeat for {silent:.0f} s")
        for tp in consumer.assignment():
            at = consumer.fetched_at(tp)
            if at is None or self._heard.get(tp, (None, 0.0))[0] != at:
                self._heard[tp] = at, now
            elif now - self._heard[tp][1] > timeout:
                raise _stalled(f"the broker has answered no fetch of {tp.topic}/{tp.partition} for {timeout:.0f} s")

    async def _measure_slowly(self) -> None:
        worker = self._worker
        worker.metrics.state_entries.labels("standby").set(len(worker.standbys))
        for agent in worker.stateful:
            worker.metrics.state_entries.labels(agent.name).set(len(agent.memories))
            agent.measure()
        up = await worker.sink.ping()
        worker.metrics.ready.set(worker.recovered and up)
        # It changes only with what is written; other workers write, too.
        now, last = time.monotonic(), self._reconciled_at
        wait = self._reconcile_took / RECONCILE_SHARE if worker.checkpoint.flushed_at > last else RECONCILE_INTERVAL
        if up and self.idle and now - last > wait:
            try:
                rows = await worker.sink.read(lambda sink: sink.query(_DIFFERENCE).rows)
                worker.metrics.reconcile_difference.set(float(rows[0][0] or 0))
                self._reconciled_at, self._reconcile_took = now, time.monotonic() - now
            except HaochapingError as exc:
                log.debug("reconciliation not measured: %s", exc)
