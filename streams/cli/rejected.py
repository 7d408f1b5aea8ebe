"""haochaping rejected list | export | replay"""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from pydantic import TypeAdapter, ValidationError

from streams.agents.refusals import LEFT_BEHIND, Reason
from streams.cli.common import load_settings, show_help_alone
from streams.cli.publishing import KEYS, WRITE
from streams.cli.rights import needs, partitions_of
from streams.errors import HaochapingError
from streams.rules.masking import mask
from streams.runtime.producer import BatchProducer, Outbox
from streams.runtime.replay import read_to_end, start_consumer
from streams.schemas.fields import Id
from streams.settings import Settings
from streams.topics import Topics

app = typer.Typer(
    help="Records that could not be used: see them, mend them, send them again.\n\nExample: haochaping rejected list"
)
app.callback(invoke_without_command=True)(show_help_alone)

_Reason = Annotated[Reason | None, typer.Option(help="Only this reason.")]
_Source = Annotated[str | None, typer.Option(help="Only the record from this topic/partition/offset.")]

#: The field a record is told from others by.
_IDS = KEYS | {"cases.events": "event_id"}

_ID: TypeAdapter[str] = TypeAdapter(Id)

#: Bytes of a record whose id is looked for: of a larger one there may be thousands, small as they are in Kafka.
_MOST_SHOWN = 1 << 20


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record of reviews.rejected."""

    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str]
    topic: str  # where it was published, without HCP_TOPIC_PREFIX

    @property
    def source(self) -> str:
        """Where it was published: topic/partition/offset."""
        return self.headers.get("hcp-source", "?")

    @property
    def reason(self) -> str:
        """Why it was refused."""
        return self.headers.get("hcp-reason", "?")

    @property
    def place(self) -> tuple[str, int, int]:
        """The source, to be ordered by."""
        topic, partition, offset = self.source.rsplit("/", 2)
        return topic, int(partition), int(offset)

    @property
    def known_as(self) -> str:
        """The record's id; "-" if it has none that may be shown: the bytes may be anything, personal data too."""
        with suppress(orjson.JSONDecodeError, LookupError, TypeError, ValidationError):
            name = _ID.validate_python(orjson.loads(self.value or b"")[_IDS[self.topic]])
            return name if mask(name) == name else "-"
        return "-"

    @property
    def as_sent(self) -> bool:
        """Whether these are the publisher's bytes: of a conflict of reviews what stands there is the enriched one, and
        of what fits no topic there are none."""
        conflict = self.reason == Reason.CONFLICT and self.topic == "reviews"
        return not (conflict or self.headers.get("hcp-detail", "").endswith(LEFT_BEHIND))

    @property
    def line(self) -> bytes:
        """The bytes on one line. In JSON a line's end is a space like any other: inside a string it is written \\n."""
        return (self.value or b"").replace(b"\r", b" ").replace(b"\n", b" ").strip()


@app.command("list")
def list_(
    reason: _Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest.")] = 50,
) -> None:
    """Show refused records: when, why, where from, which (review_id, event_id or the reference's id), what is wrong.

    Example: haochaping rejected list --reason schema
    """
    settings = load_settings()
    found = [each for each in asyncio.run(_rejected(settings, most=_MOST_SHOWN)) if reason in (None, each.reason)]
    found.sort(key=lambda each: each.headers.get("hcp-rejected-at", ""))
    for each in found[-limit:]:
        # Beside its id the record itself is not shown: it may hold personal data.
        at, detail = (each.headers.get(name, "?") for name in ("hcp-rejected-at", "hcp-detail"))
        typer.echo("  ".join((at, each.reason, each.source, each.known_as, detail)))
    typer.echo(f"{len(found)} refused records{' of this reason' if reason else ''}")


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(help="A new file, for its owner alone to read; without it: standard output.")
    ] = None,
    reason: _Reason = None,
    source: _Source = None,
    topic: Annotated[str | None, typer.Option(help=f"Only records of one of {', '.join(KEYS)}.")] = None,
) -> None:
    """Write refused records of one topic as they came, a line each, to be mended and published again.

    They hold PERSONAL DATA as it came, names and telephone numbers too: only whoever mends them may see the file, and
    it must be deleted after.

    What is not JSON is written as well, with its line ends as spaces; `publish` refuses such a line until it is mended
    (one in GBK: iconv -f gbk -t utf-8). Conflicts of reviews are left out: what was sent does not stand there.

    Example: haochaping rejected export --reason schema mend.jsonl; $EDITOR mend.jsonl; haochaping publish mend.jsonl
    --topic reviews --dry-run
    """
    if topic is not None and topic not in KEYS:
        raise HaochapingError(f"nothing of a topic {topic!r} is refused: choose one of {', '.join(KEYS)}")
    if file is None and sys.stdout.isatty():
        raise HaochapingError("the records may hold personal data, and anything else: name a file, or use a pipe")
    chosen = [
        each
        for each in _once(asyncio.run(_rejected(load_settings())), reason, source)
        if each.line and topic in (None, each.topic)
    ]
    if not chosen:
        raise HaochapingError("no refused record matches (conflicts of reviews, and what is empty, cannot be exported)")
    if len(topics := sorted({each.topic for each in chosen})) > 1:
        raise HaochapingError(f"the records are of {' and '.join(topics)}: choose one with --topic")
    lines = b"".join(each.line + b"\n" for each in chosen)
    if file is None:
        sys.stdout.buffer.write(lines)
        return
    _write_new(file, lines)
    broken = [str(number) for number, each in enumerate(chosen, 1) if each.reason == Reason.NOT_JSON]
    said = f"; not JSON: line {', '.join(broken)}" if broken else ""
    typer.echo(f"{len(chosen)} records of {topics[0]} written to {file}, personal data and all{said}")


@app.command()
def replay(
    reason: _Reason = None,
    source: _Source = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Send refused records to their source topics again, bytes unchanged: after a rule, not a record, was wrong.

    Example: haochaping rejected replay --reason unknown_case --yes
    """
    asyncio.run(_replay(load_settings(), reason, source, yes))


async def _rejected(settings: Settings, most: int | None = None) -> list[Refusal]:
    """Every record of reviews.rejected up to its present end; without its bytes if they are more than `most`."""
    name = Topics.of(settings).rejected.name
    partitions = await partitions_of(settings, "read", [name])
    found: list[Refusal] = []

    def each(_: TopicPartition, records: Any) -> None:
        for record in records:
            headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
            topic = headers.get("hcp-source", "").rsplit("/", 2)[0].removeprefix(settings.topic_prefix)
            fits = most is None or len(record.value or b"") <= most
            found.append(Refusal(record.key, record.value if fits else None, headers, topic))

    consumer = await start_consumer(settings)
    try:
        everywhere = [TopicPartition(name, number) for number in range(partitions[name])]
        with needs(settings, "read", name):
            await read_to_end(consumer, everywhere, settings.stall_timeout, each)
    finally:
        await consumer.stop()
    return found


def _once(found: list[Refusal], reason: Reason | None, source: str | None) -> list[Refusal]:
    """Those to be sent again, in the order they came in; a crash may have left a record there twice."""
    chosen = {
        each.source: each
        for each in found
        if each.topic in KEYS and each.as_sent and reason in (None, each.reason) and source in (None, each.source)
    }
    return sorted(chosen.values(), key=lambda each: each.place)


def _write_new(file: Path, lines: bytes) -> None:
    """Never over a file that is there: that would keep who may read it."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(lines)
    except OSError as exc:
        raise HaochapingError(f"cannot write {file}: {exc.strerror}") from exc


async def _replay(settings: Settings, reason: Reason | None, source: str | None, yes: bool) -> None:
    # A conflict of events would conflict again, too.
    chosen = [each for each in _once(await _rejected(settings), reason, source) if each.reason != Reason.CONFLICT]
    if not chosen:
        raise HaochapingError("no refused record matches (conflicts cannot be replayed)")
    if not yes:
        typer.confirm(f"send {len(chosen)} records again?", abort=True)
    topics = sorted({settings.topic_prefix + each.topic for each in chosen})
    out = Outbox(await partitions_of(settings, WRITE, topics))
    for each in chosen:
        out.produce(settings.topic_prefix + each.topic, each.key, each.value)
    producer = BatchProducer(settings)
    try:
        with needs(settings, WRITE, *topics):
            await producer.start()
            await producer.deliver(out.messages)
    except KafkaError as exc:
        raise HaochapingError(
            f"the broker did not take all of the records ({exc!r}): replay again, what is there twice counts once"
        ) from exc
    finally:
        await producer.stop()
    typer.echo(f"{len(chosen)} records sent again")
