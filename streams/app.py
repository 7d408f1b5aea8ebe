"""The wiring: one place that knows every part. Builds the Faust app and a worker around it from settings."""

import asyncio
import logging
import signal
import time
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from typing import Any

import faust

from sinks.base import SinkUnavailable
from sinks.schema import EMPTY, check_schema, is_empty, migrate
from streams.agents.aggregate import Aggregate
from streams.agents.aggregate_memory import AggregateMemory
from streams.agents.case_events import CaseEvents
from streams.agents.enrich import Enrich
from streams.agents.rectify import Rectify
from streams.agents.rectify_memory import RectifyMemory
from streams.agents.reference import ReferenceAudit
from streams.agents.reference_memory import ReferenceMemory, models
from streams.agents.refusals import Refusals
from streams.agents.repeat import Repeat
from streams.agents.repeat_memory import RepeatMemory
from streams.errors import HaochapingError
from streams.folders import make_private
from streams.metrics import Metrics
from streams.rules.categories import load_lexicon
from streams.rules.enrichment import Reference
from streams.rules.pseudonym import pseudonymiser
from streams.runtime.access import kafka_access
from streams.runtime.admin import admin_client, check_topics, create_topics
from streams.runtime.agent import Agent, StatefulAgent, TimedAgent
from streams.runtime.baton import Baton
from streams.runtime.checkpoint import Checkpoint
from streams.runtime.chunks import MAX_CHUNK, Chunk
from streams.runtime.clock import Clock, EventClock, WallClock
from streams.runtime.follower import Follower
from streams.runtime.identity import bound_topics, check_ids, remember_ids, remembered_ids, sizes, topic_ids
from streams.runtime.memory import Memories, Memory, recover
from streams.runtime.producer import BatchProducer, Outbox
from streams.runtime.pulse import Pulse
from streams.runtime.sink_writer import SinkWriter
from streams.runtime.standby import Standbys
from streams.runtime.timers import Timers
from streams.runtime.transport import ChunkedTransport
from streams.settings import Settings
from streams.topics import Topics
from streams.web.server import WebServer
from streams.web.stream import EventStream

log = logging.getLogger(__name__)

#: Seconds a checkpoint may take when partitions are about to go, or the worker to stop; and each part to stop after it.
LAST_FLUSH = 5
LAST_STOP = 3


def faust_app(settings: Settings) -> faust.App:
    """The Faust app: consumer group, partitions, streams. What Faust lacks is in runtime/."""
    app = faust.App(
        settings.group,
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap.split(",")],
        broker_credentials=_credentials(settings),
        datadir=str(settings.data_dir),  # Faust makes a folder there; nothing is kept in it
        consumer_auto_offset_reset="earliest",
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        broker_max_poll_records=MAX_CHUNK,
        consumer_max_fetch_size=4 << 20,
        # The consumer bounds what waits for agents by records (runtime/chunks.py). Faust would count chunks, and look
        # at a partition again only seconds after its agent has emptied the buffer.
        stream_buffer_maxsize=1024,
        # Agents acknowledge nothing, so Faust must not wait for it, neither at a rebalance nor at the end.
        stream_wait_empty=False,
        # With 0 nobody follows; the group still names stand-bys, which keeps partitions where they were.
        table_standby_replicas=max(1, settings.standby_replicas),
        broker_session_timeout=settings.session_timeout,
        broker_heartbeat_interval=settings.session_timeout / 5,
        broker_rebalance_timeout=settings.rebalance_timeout,
        # Commits are the checkpoint's; Faust's own loop finds nothing to commit and need not look often.
        broker_commit_interval=3600.0,
    )
    app.transport = ChunkedTransport(app.conf.broker_consumer, app)
    return app


def _credentials(settings: Settings) -> Any:
    """How the broker lets us in, as Faust wants to be told."""
    access = kafka_access(settings)
    context = access["ssl_context"]
    if "sasl_mechanism" in access:
        return faust.SASLCredentials(
            username=access["sasl_plain_username"],
            password=access["sasl_plain_password"],
            ssl_context=context,
            mechanism=access["sasl_mechanism"],
        )
    return faust.SSLCredentials(context) if context else None


async def _within(what: str, *stopping: Coroutine[Any, Any, None]) -> None:
    """Let parts stop, but not for ever: one that waits for a broker which is away must not keep the process.

    Nor may its error take the place of the one we stop for.
    """
    # Not wait_for(): it waits for the cancelled call too, and Faust's stop can ignore being cancelled.
    done, late = await asyncio.wait([asyncio.create_task(each) for each in stopping], timeout=LAST_STOP)
    if late:
        log.warning("%s did not stop in %s s; leaving", what, LAST_STOP)
    for task in done:  # aiokafka's consumer, when its broker is away, ends as if it had been cancelled
        exc = asyncio.CancelledError() if task.cancelled() else task.exception()
        if exc is not None:
            log.warning("%s did not stop well: %r", what, exc)


async def _cancel(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """End tasks, and wait until they have, well or badly."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class Worker:
    """One process of the consumer group: agents, checkpoint, timers, web."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topics = Topics.of(settings)
        self.metrics = Metrics()
        self.events = EventStream()
        self.clock: Clock = EventClock() if settings.clock == "event" else WallClock()
        self.reference = Reference()
        self.baton = Baton()
        self.recovered = False
        self._failure: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            HaochapingError: something that a person must mend, or a new process.
            Exception: a part of it failed in a way nobody foresaw.
        """
        loop = asyncio.get_running_loop()
        self._failure = loop.create_future()
        stop = asyncio.Event()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, stop.set)
        self._make_folder()
        web = WebServer(self)
        self.sink = SinkWriter(self.settings.sink_url, self.metrics)
        self.producer = BatchProducer(self.settings)
        learn = ReferenceMemory(self.topics, self.settings.zone, self.reference).take
        follower = Follower(self.settings, models(self.topics), learn)
        app = faust_app(self.settings)
        tasks: list[asyncio.Task[Any]] = []
        try:
            await web.start()
            stopping = asyncio.create_task(stop.wait(), name="stop")
            await self._until_first([self._prepare(follower), stopping])
            if stop.is_set():
                return
            self.app = app
            self.checkpoint = Checkpoint(self.producer, self.sink, self._commit, self.metrics)
            self._make_agents()
            for agent in self.agents:
                self._attach(app, agent)
            app.on_partitions_revoked.connect(self._on_revoked)
            app.on_rebalance_complete.connect(self._on_assigned)
            self.standbys = Standbys(self.settings)
            self.pulse = Pulse(self)
            self.timers = Timers(self.timed, self.clock, self.checkpoint, self.partitions, self.pulse)
            tasks = [
                asyncio.create_task(each, name=name)
                for name, each in (
                    ("checkpoint", self.checkpoint.run()),
                    ("reference", follower.run()),
                    ("timers", self.timers.run()),
                    ("pulse", self.pulse.run()),
                    ("standbys", self.standbys.run()),
                )
            ]
            ends: list[Awaitable[Any]] = [*tasks, stopping, self._failure]
            await self._until_first([app.start(), *ends])
            await self._until_first(ends)
        finally:
            self.recovered = False
            # The checkpoint's own task last: what it is about to make safe must not be cut short.
            flushing, others = tasks[:1], tasks[1:]
            await _cancel(others)
            await self._stop(app)
            await _cancel(flushing)
            await _within("connections", follower.stop(), self.producer.stop(), web.stop())
            self.sink.close()

    @property
    def idle(self) -> bool:
        """Everything published is processed and safe, and so is what followed from it in time."""
        return self.recovered and self.pulse.idle and self.timers.up_to_date

    async def _until_first(self, ends: Sequence[Awaitable[Any]]) -> None:
        """Wait until one of these ends or fails: a step, somebody asks us to stop, a part that should run for ever.

        A step that is not done by then, because what it asks hangs, is given up; parts stop in their own order.
        """
        waited = [asyncio.ensure_future(end) for end in ends]
        try:
            done, _ = await asyncio.wait(waited, return_when="FIRST_COMPLETED")
            for end in done:
                end.result()  # raises what it failed with
        finally:
            for task, given in zip(waited, ends, strict=True):
                if task is not given:
                    task.cancel()

    async def _stop(self, app: faust.App) -> None:
        """Finish what is under way, commit it, and leave the group."""
        if not app.started:
            return
        app.consumer.stop_flow()
        try:
            await asyncio.wait_for(self.checkpoint.finish(), LAST_FLUSH)
        except TimeoutError:
            log.warning("stopping without a last checkpoint: what is not committed will be read again")
        except Exception as exc:
            log.warning("stopping without a last checkpoint (%s): what is not committed will be read again", exc)
        await _within("Faust", app.stop())

    async def _prepare(self, follower: Follower) -> None:
        """Everything that must be there before the first record."""
        await self._prepare_topics()
        self.metrics.kafka_up.set(1)
        known = await self._known_ids()
        await self._prepare_sink(established=bool(known))
        await self.producer.start()
        await self._remember_ids(known)
        await follower.start(self.partitions)
        log.info("reference read: %s", self.reference)

    async def _prepare_topics(self) -> None:
        async with admin_client(self.settings) as admin:
            for name in await create_topics(admin, self.settings):
                log.info("created topic %s", name)
            self.partitions: Mapping[str, int] = await check_topics(admin, self.settings)
            ids = await topic_ids(admin, bound_topics(self.topics))
        self._ids = ids | sizes(self.topics, self.partitions)

    def _make_folder(self) -> None:
        folder = self.settings.data_dir
        try:
            make_private(folder)
        except OSError as exc:
            raise HaochapingError(f"the folder {folder} cannot be used ({exc.strerror}): set HCP_DATA_DIR") from exc

    async def _known_ids(self) -> Mapping[str, str]:
        """The topics that workers before us worked on; refuses to work where one of them is no longer the same."""
        known = await remembered_ids(self.settings, self.partitions[self.topics.identity.name])
        check_ids(known, self._ids)
        return known

    async def _remember_ids(self, known: Mapping[str, str]) -> None:
        """Write down the topics that are new to us."""
        out = Outbox(self.partitions)
        remember_ids(self.topics.identity.name, known, self._ids, out)
        await self.producer.deliver(out.messages)

    async def _prepare_sink(self, *, established: bool) -> None:
        """The embedded database is brought up to date; a server is only checked: its schema has an owner.

        Where workers have worked before, a server that is away has an outage, in which deadlines go on; before that its
        address is the likelier to be wrong.
        """
        settings = self.settings
        await self.sink.open()
        if settings.sink_url.startswith("chdb:"):
            await self.sink.read(
                lambda sink: migrate(sink, zone=settings.timezone, repeat_window_days=settings.repeat_window_days)
            )
        try:
            if not settings.sink_url.startswith("chdb:"):
                await self.sink.read(check_schema)
            if established and await self.sink.read(is_empty):
                log.warning("%s", EMPTY)
        except SinkUnavailable as exc:
            if not established:
                raise
            log.warning("going on without ClickHouse, its schema unchecked: %s", exc)

    def _make_agents(self) -> None:
        settings, topics, metrics = self.settings, self.topics, self.metrics
        refusals = Refusals(topics.rejected.name, metrics, settings.reject_limit)
        key = settings.pseudonym_key
        enrich = Enrich(
            topics,
            self.partitions[topics.enriched.name],
            self.reference,
            load_lexicon(settings.lexicon),
            pseudonymiser(key.get_secret_value().encode() if key else None),
            settings.zone,
            refusals,
        )
        aggregate = Aggregate(
            topics,
            Memories(topics.aggregate_changelog.name, AggregateMemory),
            settings.dedupe_days,
            self.clock,
            refusals,
            metrics,
            self.events.publish,
        )
        rectify = Rectify(
            topics,
            Memories(topics.rectify_changelog.name, lambda: RectifyMemory(settings.zone)),
            settings,
            self.clock,
            refusals,
            metrics,
            self.events.publish,
            lambda: self.pulse.group_was_idle,
            lambda: self.timers.catching_up,
        )
        repeat = Repeat(
            topics,
            Memories(topics.repeat_changelog.name, RepeatMemory),
            settings,
            self.clock,
            metrics,
            self.events.publish,
        )
        self.stateful: tuple[StatefulAgent, ...] = (aggregate, rectify, repeat)
        self.timed: tuple[TimedAgent[Any], ...] = (rectify, repeat)
        # In the order of a review's way; of agents with a chunk each the last of these goes first (runtime/baton.py).
        self.agents: tuple[Agent, ...] = (
            *(ReferenceAudit(topics, each, settings.zone, refusals) for each in models(topics)),
            enrich,
            aggregate,
            CaseEvents(topics, settings.zone, refusals),
            rectify,
            repeat,
        )

    def _attach(self, app: faust.App, agent: Agent) -> None:
        """Make a Faust agent of ours."""
        channel = app.topic(agent.topic, key_serializer="raw", value_serializer="raw")

        async def stream_agent(stream: Any) -> None:
            # noack: what may be committed is the checkpoint's to say.
            async for event in stream.noack().events():
                await self._process(agent, event.value)

        app.agent(channel, name=agent.name)(stream_agent)

    async def _process(self, agent: Agent, chunk: Chunk) -> None:
        try:
            await self.checkpoint.room()
            async with self.timers.turn(agent, chunk.partition):
                async with self.baton.held(-self.agents.index(agent)):
                    if not self.app.consumer.take(chunk):
                        return  # a rebalance is under way, or over: whoever owns the partition now reads the chunk
                    out = Outbox(self.partitions)
                    started = time.perf_counter()
                    agent.process(chunk, out)
                    self.metrics.agent_seconds.labels(agent.name).inc(time.perf_counter() - started)
                    self.metrics.chunk_records.labels(chunk.topic).observe(len(chunk.records))
                await self.checkpoint.add(out, chunk)
        except Exception as exc:
            # Faust would start the agent anew behind the failed chunk, and so lose it. The worker stops instead, and
            # its supervisor starts a new one at the last commit.
            self.fail(exc)
            await asyncio.Event().wait()

    def fail(self, exc: Exception) -> None:
        """Stop the worker with this reason."""
        assert self._failure is not None, "run() comes first"
        if not self._failure.done():
            self._failure.set_exception(exc)

    async def _commit(self, offsets: Mapping[tuple[str, int], int]) -> bool:
        done: bool = await self.app.consumer.commit_offsets(offsets)
        return done

    def _stand_by(self, app: faust.App) -> None:
        """Follow what Faust's assignor has this worker stand by for."""
        agents = {agent.topic: agent.memories for agent in self.stateful}
        named = [tp for tp in app.assignor.assigned_standbys() if tp.topic in agents]
        self.standbys.follow({(agents[tp.topic].changelog, tp.partition): agents[tp.topic].empty for tp in named})

    async def _on_revoked(self, app: faust.App, revoked: Any, **kwargs: Any) -> None:
        """Partitions are about to go: make safe what is done, forget the rest."""
        self.recovered = False
        self.timers.hold()
        try:
            await asyncio.wait_for(self.checkpoint.finish(), LAST_FLUSH)
        except TimeoutError:
            log.warning("partitions went before the checkpoint was done: what is not committed will be read again")
        except Exception as exc:
            self.fail(exc)
        self.checkpoint.abandon()

    async def _on_assigned(self, app: faust.App, **kwargs: Any) -> None:
        """Partitions came: recover what is remembered of them, before their first chunk."""
        self.recovered = False
        try:
            started, rebalance = time.monotonic(), app.consumer.rebalances
            generation, assignment = app.consumer_generation_id, app.consumer.assignment()
            wanted: dict[tuple[str, int], Memory] = {}
            known: dict[tuple[str, int], int] = {}
            fresh: list[tuple[StatefulAgent, int, Memory]] = []
            for agent in self.stateful:
                mine = {tp.partition for tp in assignment if tp.topic == agent.topic}
                for partition, memory in agent.memories.assign(mine, generation).items():
                    source = agent.memories.changelog, partition
                    copy = self.standbys.take(source)
                    if copy is not None:
                        memory, known[source] = copy
                    wanted[source] = memory
                    fresh.append((agent, partition, memory))
            records = await recover(self.settings, wanted, self.checkpoint.progressed, known)
            if self.settings.standby_replicas:
                self._stand_by(app)
            for agent, partition, memory in fresh:
                agent.memories.adopt(partition, memory)
                agent.recovered(partition)
            seconds = time.monotonic() - started
            self.metrics.recovery_seconds.set(seconds)
            self.recovered = rebalance == app.consumer.rebalances  # else the next has begun, and we are called again
            if self.recovered:
                self.timers.look_again()
            self.checkpoint.progressed()
            log.info("partitions assigned: %d; recovered %d records in %.1f s", len(assignment), records, seconds)
        except Exception as exc:
            self.fail(exc)
