"""haochaping rewind"""

import asyncio
from datetime import datetime
from typing import Annotated

import typer
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, KafkaError, UnknownMemberIdError

from streams.cli.common import load_settings
from streams.errors import HaochapingError
from streams.runtime.admin import admin_client, broker_error, check_topics
from streams.runtime.replay import start_consumer
from streams.schemas.fields import parse_time
from streams.settings import Settings
from streams.topics import Topics

_Since = Annotated[
    str | None, typer.Option(help="Of reviews, only those since 2026-11-23T02:00:00+08:00 or the like; default: all.")
]


def rewind(since: _Since = None) -> None:
    """Have the workers write to ClickHouse again what Kafka keeps: for a database that is new, or restored.

    They must be stopped. Their memory stays, so that nothing is counted or announced twice.

    Example: haochaping rewind --since 2026-11-23T02:00:00+08:00
    """
    settings = load_settings()
    try:
        start = None if since is None else parse_time(since, settings.zone)
    except ValueError as exc:
        raise HaochapingError(f"--since {exc}") from None
    for name, records in asyncio.run(_rewind(settings, start)).items():
        typer.echo(f"{name}: {records} records will be read again")


async def _rewind(settings: Settings, start: datetime | None) -> dict[str, int]:
    """Take the group's offsets back on the topics whose readers write to ClickHouse; returns by how much."""
    topics = Topics.of(settings)
    async with admin_client(settings) as admin:
        counts = await check_topics(admin, settings)
    names = [topic.name for topic in (topics.enriched, topics.case_inputs, topics.incidents)]
    partitions = [TopicPartition(name, number) for name in names for number in range(counts[name])]
    again = dict.fromkeys(names, 0)
    consumer = await start_consumer(settings, group_id=settings.group, enable_auto_commit=False)
    try:
        consumer.assign(partitions)
        first = await consumer.beginning_offsets(partitions)
        if start is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(partitions, int(start.timestamp() * 1000)))
            ends = await consumer.end_offsets(partitions)
            # Bad reviews are few, and what time alone brought about one of long ago (a deadline passed since) is told
            # again only with the review itself: of those, all.
            for tp in partitions:
                if tp.topic == topics.enriched.name:
                    first[tp] = at.offset if (at := found[tp]) else ends[tp]
        offsets = {}
        for tp in partitions:
            done = await consumer.committed(tp)
            if done is not None and done > first[tp]:  # never forward: that would leave records out
                offsets[tp] = first[tp]
                again[tp.topic] += done - first[tp]
        if offsets:
            await consumer.commit(offsets)
    except (CommitFailedError, IllegalGenerationError, UnknownMemberIdError):
        raise HaochapingError(
            "workers are running, or an embedded broker has not noticed yet that they ended, which may take "
            "minutes: stop them all, then rewind"
        ) from None
    except (KafkaError, OSError) as exc:
        raise broker_error(settings, exc) from exc
    finally:
        await consumer.stop()
    return again
