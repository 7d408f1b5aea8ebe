"""haochaping rejected list | replay"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from streams.cli.common import load_settings, show_help_alone
from streams.errors import HaochapingError
from streams.runtime.admin import admin_client, check_topics
from streams.runtime.producer import BatchProducer, Outbox
from streams.runtime.replay import read_to_end, start_consumer
from streams.settings import Settings
from streams.topics import Topics

app = typer.Typer(
    help="Records that could not be used: see them, send them again.\n\nExample: haochaping rejected list"
)
app.callback(invoke_without_command=True)(show_help_alone)

Reason = Annotated[str | None, typer.Option(help="Only this reason (not_json, schema, too_large, future, …).")]


@app.command("list")
def list_(
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest.")] = 50,
) -> None:
    """Show refused records: when, why, where from.

    Example: haochaping rejected list --reason schema
    """
    asyncio.run(_list(load_settings(), reason, limit))


@app.command()
def replay(
    reason: Reason = None,
    source: Annotated[str | None, typer.Option(help="Only the record from this topic/partition/offset.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Send refused records to their source topics again, bytes unchanged: after a rule, not a record, was wrong.

    Example: haochaping rejected replay --reason unknown_case --yes
    """
    asyncio.run(_replay(load_settings(), reason, source, yes))


async def _rejected(settings: Settings, take: Callable[[Any, dict[str, str]], None]) -> None:
    """Every record of reviews.rejected up to its present end, with its hcp-* headers."""
    async with admin_client(settings) as admin:
        partitions = await check_topics(admin, settings)
    topic = Topics.of(settings).rejected.name

    def each(_: TopicPartition, records: Sequence[Any]) -> None:
        for record in records:
            take(record, {name: value.decode("utf-8", "replace") for name, value in record.headers})

    consumer = await start_consumer(settings)
    try:
        everywhere = [TopicPartition(topic, number) for number in range(partitions[topic])]
        await read_to_end(consumer, everywhere, settings.stall_timeout, each)
    finally:
        await consumer.stop()


async def _list(settings: Settings, reason: str | None, limit: int) -> None:
    found: list[dict[str, str]] = []
    await _rejected(settings, lambda _, headers: found.append(headers))
    if reason is not None:
        found = [headers for headers in found if headers.get("hcp-reason") == reason]
    found.sort(key=lambda headers: headers.get("hcp-rejected-at", ""))
    for headers in found[-limit:]:
        # The record itself is not shown: it may hold personal data.
        typer.echo(
            "  ".join(headers.get(name, "?") for name in ("hcp-rejected-at", "hcp-reason", "hcp-source", "hcp-detail"))
        )
    typer.echo(f"{len(found)} refused records{' of this reason' if reason else ''}")


async def _replay(settings: Settings, reason: str | None, source: str | None, yes: bool) -> None:
    chosen: dict[str, Any] = {}  # by source: a crash may have left a record there twice

    def choose(record: Any, headers: dict[str, str]) -> None:
        place, why = headers.get("hcp-source"), headers.get("hcp-reason")
        # Of a conflict what stands there is the enriched record, not what was published; it would conflict again.
        if place is not None and why != "conflict" and reason in (None, why) and source in (None, place):
            chosen[place] = record

    await _rejected(settings, choose)
    if not chosen:
        raise HaochapingError("no refused record matches (conflicts cannot be replayed)")
    if not yes:
        typer.confirm(f"send {len(chosen)} records again?", abort=True)
    producer = BatchProducer(settings)
    await producer.start()
    try:
        async with admin_client(settings) as admin:
            out = Outbox(await check_topics(admin, settings))
        for place, record in chosen.items():
            out.produce(place.rsplit("/", 2)[0], record.key, record.value)
        try:
            await producer.deliver(out.messages)
        except KafkaError as exc:
            raise HaochapingError(
                f"the broker did not take all of the records ({exc!r}): replay again, what is there twice counts once"
            ) from exc
    finally:
        await producer.stop()
    typer.echo(f"{len(chosen)} records sent again")
