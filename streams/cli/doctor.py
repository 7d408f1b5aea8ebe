"""haochaping doctor"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from functools import partial
from typing import TypeVar

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from sinks import open_sink
from sinks.base import SinkInUse
from sinks.schema import EMPTY, check_schema, is_empty
from streams.cli.common import load_settings
from streams.errors import START_ANEW, HaochapingError
from streams.runtime.admin import (
    admin_client,
    broker_error,
    check_topics,
    members,
    not_compacted,
    stamped_by_publishers,
)
from streams.runtime.identity import bound_topics, check_ids, remembered_ids, sizes, topic_ids
from streams.runtime.replay import start_consumer
from streams.settings import PREFIX, Settings
from streams.topics import Topics

READ_TIMEOUT = 5  # seconds

T = TypeVar("T")


def doctor() -> None:
    """Check settings, broker, topics, lag and ClickHouse, and say what to do.

    Example: haochaping --env-file production.env doctor
    """
    settings = load_settings()
    if settings.warning:
        typer.echo(f"warn  settings: {settings.warning}")
    problems = asyncio.run(_kafka(settings)) + _clickhouse(settings)
    if problems:
        raise HaochapingError(f"{problems} of the checks failed: what to do stands beside each")
    typer.echo("all is well")


doctor.__doc__ = (
    f"{doctor.__doc__}\n\n    Settings: {', '.join(PREFIX + name.upper() for name in Settings.model_fields)}"
)


def _say(good: bool, what: str) -> int:
    typer.echo(f"{'ok  ' if good else 'FAIL'}  {what}")
    return not good


def _try(what: str, check: Callable[[], str]) -> int:
    try:
        return _say(True, f"{what}: {check()}")
    except HaochapingError as exc:
        return _say(False, f"{what}: {exc}")


async def _kafka(settings: Settings) -> int:
    names, asked = bound_topics(Topics.of(settings)), "broker"
    try:
        async with admin_client(settings) as admin:
            _say(True, f"broker: {settings.kafka_bootstrap} answers")
            asked = "topics"
            counts = await check_topics(admin, settings)
            ids = await topic_ids(admin, names)
            losing = await _told(not_compacted(admin, Topics.of(settings)))
            running = await _told(members(admin, settings.group))
            stamped = await _told(stamped_by_publishers(admin, Topics.of(settings)))
        known = await remembered_ids(settings, counts[Topics.of(settings).identity.name])
        check_ids(known, ids | sizes(Topics.of(settings), counts))
        if losing:
            raise HaochapingError(
                f"{', '.join(losing)}: Kafka deletes old records, and with them what workers remember; set "
                "cleanup.policy=compact (kafka-configs --alter --add-config)"
            )
    except HaochapingError as exc:
        return _say(False, f"{asked}: {exc}")
    same = ids.keys() & known.keys()
    anew = "none was made anew" if same.issuperset(names) else "no worker has remembered the ids of all of them yet"
    _say(True, f"topics: all {len(counts)} exist, counts that must agree do, and {anew}")
    if running is not None:
        typer.echo(f"-     workers: {running} in the group")
    if stamped:
        typer.echo(
            f"-     timestamps: by publishers on {' and '.join(stamped)}; by a wrong one Kafka deletes a record "
            "before it is read: see docs/contract.md, For publishers"
        )
    return await _lags(settings, counts, same, idle=running == 0)


async def _told(answer: Awaitable[T]) -> T | None:
    """None if the broker does not tell: the embedded one closes the connection on what it does not know."""
    try:
        return await answer
    except KafkaError:
        return None


async def _lags(settings: Settings, counts: Mapping[str, int], same: Set[str], *, idle: bool) -> int:
    """How far the group is behind; `same` are the topics that are known to be those it committed on.

    `idle`: no worker runs, so that what waits will wait.
    """
    topics = Topics.of(settings)
    problems = 0
    try:
        consumer = await start_consumer(settings, group_id=settings.group, enable_auto_commit=False)
    except HaochapingError as exc:
        return _say(False, f"broker: {exc}")
    try:
        for topic in (topics.reviews, topics.case_events, topics.enriched, topics.case_inputs, topics.incidents):
            partitions = [TopicPartition(topic.name, number) for number in range(counts[topic.name])]
            ends = await _ends(consumer, partitions)
            progress = [(await consumer.committed(each) or 0, ends[each]) for each in partitions]
            problems += _try(f"lag of {topic.name}", partial(_lag, progress, topic.name in same, idle=idle))
    except (KafkaError, OSError) as exc:
        return _say(False, f"broker: {broker_error(settings, exc)}")
    finally:
        await consumer.stop()
    return problems


async def _ends(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Where partitions end.

    The embedded broker, when asked, gives the first offset of the last batch, plus one; what it says when it is read
    from is right.
    """
    ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
    read = [each for each in partitions if ends[each]]
    consumer.assign(read)
    for each in read:
        consumer.seek(each, ends[each] - 1)
    deadline = time.monotonic() + READ_TIMEOUT
    while any(consumer.highwater(each) is None for each in read) and time.monotonic() < deadline:
        await consumer.getmany(timeout_ms=200)
    return ends | {each: max(ends[each], consumer.highwater(each) or 0) for each in read}


def _lag(progress: Sequence[tuple[int, int]], same: bool, *, idle: bool) -> str:
    """What to say of (committed, end) of each partition of a topic.

    Raises:
        HaochapingError: a commit lies beyond the end of a topic that may be another than the one it was made on; or
            records wait and no worker runs.
    """
    if not same and any(committed > end for committed, end in progress):
        raise HaochapingError(
            "the topic ends before the offsets the workers have committed: it was deleted and made anew, and the "
            f"memories belong to the old one. Restore it, or {START_ANEW}"
        )
    waiting = sum(max(0, end - committed) for committed, end in progress)
    if waiting and idle:
        raise HaochapingError(f"{waiting} records wait, and no worker is running: start one")
    return f"{waiting} records"


def _clickhouse(settings: Settings) -> int:
    try:
        sink = open_sink(settings.sink_url)
    except SinkInUse:
        # That it runs is no failure, and whether all is well only it can tell.
        typer.echo(
            "-     ClickHouse: a running worker has the embedded one open, and not this command: its /readyz and "
            "/api/views/bi_reconcile answer for it"
        )
        return 0
    except HaochapingError as exc:
        return _say(False, f"ClickHouse: {exc}")
    try:
        problems = _try("ClickHouse", lambda: f"version {sink.server_version()}")
        if problems:
            return problems

        def schema() -> str:
            check_schema(sink)
            return "up to date"

        def reconciliation() -> str:
            rows = sink.query("SELECT day, difference FROM bi_reconcile WHERE difference != 0").rows
            if rows:
                raise HaochapingError(
                    f"facts and aggregates differ on {len(rows)} days, first {rows[0][0]}: while reviews are coming "
                    "in that is normal; in a quiet pipeline see docs/runbook.md"
                )
            if is_empty(sink):
                typer.echo(f"-     {EMPTY}")
            return "facts and aggregates agree on every day"

        problems = _try("schema", schema)
        return problems if problems else _try("reconciliation", reconciliation)
    finally:
        sink.close()
