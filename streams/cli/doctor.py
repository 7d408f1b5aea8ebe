"""haochaping doctor"""

import asyncio
from collections.abc import Callable

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition

from sinks import open_sink
from sinks.schema import check_schema
from streams.cli.common import load_settings
from streams.errors import HaochapingError
from streams.runtime.admin import check_topics, open_admin
from streams.runtime.identity import bound_topics, check_ids, remembered_ids, topic_ids
from streams.settings import PREFIX, Settings
from streams.topics import Topics


def doctor() -> None:
    """Check settings, broker, topics, lag and ClickHouse, and say what to do.

    Example: haochaping --env-file production.env doctor
    """
    settings = load_settings()
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
    try:
        admin = await open_admin(settings)
    except HaochapingError as exc:
        return _say(False, f"broker: {exc}")
    _say(True, f"broker: {settings.kafka_bootstrap} answers")
    topics = Topics.of(settings)
    try:
        counts = await check_topics(admin, settings)
        ids = await topic_ids(admin, bound_topics(topics))
        check_ids(await remembered_ids(settings, counts[topics.identity.name]), ids)
    except HaochapingError as exc:
        return _say(False, f"topics: {exc}")
    finally:
        await admin.close()
    _say(True, f"topics: all {len(counts)} exist, counts that must agree do, and none was made anew")
    return await _lag(settings, counts)


async def _lag(settings: Settings, counts: dict[str, int]) -> int:
    """How far the group is behind, and whether a topic was deleted and made anew under it."""
    topics = Topics.of(settings)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap,
        group_id=f"{settings.topic_prefix}haochaping",
        enable_auto_commit=False,
    )
    await consumer.start()
    problems = 0
    try:
        for topic in (topics.reviews, topics.case_events, topics.enriched, topics.case_inputs, topics.incidents):
            partitions = [TopicPartition(topic.name, number) for number in range(counts[topic.name])]
            ends = await consumer.end_offsets(partitions)
            lag = 0
            anew = False
            for partition in partitions:
                committed = await consumer.committed(partition) or 0
                anew |= committed > ends[partition]
                lag += ends[partition] - committed
            if anew:
                problems += _say(
                    False,
                    f"topic {topic.name} ends before the offsets the workers have committed: it was deleted and made "
                    "anew, and the memories belong to the old one. Restore it, or start anew under another "
                    "HCP_TOPIC_PREFIX",
                )
            else:
                _say(True, f"lag of {topic.name}: {lag} records")
    finally:
        await consumer.stop()
    return problems


def _clickhouse(settings: Settings) -> int:
    try:
        sink = open_sink(settings.sink_url)
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
            return "facts and aggregates agree on every day"

        problems = _try("schema", schema)
        return problems if problems else _try("reconciliation", reconciliation)
    finally:
        sink.close()
