"""haochaping publish"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import orjson
import typer

from streams.agents.case_events import CaseEvents
from streams.agents.enrich import Enrich
from streams.agents.reference import ReferenceAudit
from streams.agents.refusals import Reason, Refusals
from streams.cli.common import load_settings
from streams.cli.publishing import KEYS, publish_records
from streams.errors import HaochapingError
from streams.metrics import Metrics
from streams.rules.categories import load_lexicon
from streams.rules.enrichment import Reference
from streams.runtime.chunks import AT_ONCE, Chunk
from streams.runtime.producer import Outbox
from streams.settings import Settings
from streams.topics import Topics


def publish(
    file: Annotated[Path, typer.Argument(help="One JSON record a line.")],
    topic: Annotated[str, typer.Option(help=f"One of {', '.join(KEYS)}.")],
    check: Annotated[bool, typer.Option(help="Refuse the file at its first bad line, before anything is sent.")] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: say of every line that would be refused why. No broker.")
    ] = False,
) -> None:
    """Publish a file of records; each line is sent as it stands, keyed by its id.

    What depends on other records (conflict, unknown_case) nobody can tell beforehand. JSON Schemas of what may be
    sent: docs/schemas.

    Example: haochaping publish reviews.jsonl --topic reviews
    """
    if topic not in KEYS:
        raise HaochapingError(f"there is no topic {topic!r} to publish to: choose one of {', '.join(KEYS)}")
    if not file.is_file():
        what = "is no ordinary file: save what comes by a pipe in one" if file.exists() else "does not exist"
        raise HaochapingError(f"the file {file} {what}")  # it is read several times, a pipe but once
    settings = load_settings()
    total = sum(1 for _ in _lines(file))
    if dry_run:
        _dry_run(settings, topic, file, total)
        return
    if check:
        for each in _refused(settings, topic, _lines(file)):
            if each.reason != Reason.FUTURE:  # which depends on when, and by whose clock, it reaches the broker
                raise HaochapingError(
                    f"{file}, line {each.number}: {each.detail} "
                    "(nothing was sent; --no-check sends every line as it stands)"
                )
    name, field = settings.topic_prefix + topic, KEYS[topic]
    records = ((name, _key(field, line), line) for _, line in _lines(file))
    sent = asyncio.run(publish_records(settings, [name], records, total, file.name))
    typer.echo(f"{sent} records published to {name}")


def _dry_run(settings: Settings, topic: str, file: Path, total: int) -> None:
    refused = 0
    for refused, each in enumerate(_refused(settings, topic, _lines(file)), 1):  # noqa: B007
        typer.echo(f"line {each.number}: {each.reason}: {each.detail}")
    if refused:
        raise HaochapingError(f"{refused} of {total} records of {file} would be refused; nothing was sent")
    typer.echo(f"none of {total} records would be refused; nothing was sent")


#: Bytes of a line that is read as one: far more than any record has.
_LONGEST = 4 << 20


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with file.open("rb") as stream:
            for number, line in enumerate(iter(partial(stream.readline, _LONGEST + 1), b""), 1):
                if len(line) > _LONGEST:
                    raise HaochapingError(f"{file}, line {number}: more than {_LONGEST} bytes; one record a line")
                if line := line.rstrip(b"\r\n"):
                    yield number, line
    except OSError as exc:
        raise HaochapingError(f"cannot read {file}: {exc.strerror}") from exc


class _Line(NamedTuple):
    """A line as the record it would be; its number for an offset."""

    offset: int
    value: bytes
    timestamp: int
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class _Refused(NamedTuple):
    number: int
    reason: str
    detail: str


def _refused(settings: Settings, topic: str, lines: Iterable[tuple[int, bytes]]) -> Iterator[_Refused]:
    """What workers would refuse of these lines if they came now: told by the very agents that would."""
    topics, name, lines = Topics.of(settings), settings.topic_prefix + topic, iter(lines)
    judge = _judge(settings, topics, name)
    while batch := list(islice(lines, AT_ONCE)):
        now = time.time_ns() // 1_000_000
        out = Outbox({each.name: 1 for each in topics})
        judge(Chunk(name, 0, [_Line(number, line, now) for number, line in batch], 0), out)
        found = []
        for _, _, headers, _ in out.messages[topics.rejected.name][0]:
            told = {header: value.decode() for header, value in headers}
            number = int(told["hcp-source"].rpartition("/")[2])
            found.append(_Refused(number, told["hcp-reason"], told["hcp-detail"]))
        yield from sorted(found)


def _judge(settings: Settings, topics: Topics, name: str) -> Callable[[Chunk, Outbox], Any]:
    """What reads this topic first."""
    refusals = Refusals(topics.rejected.name, Metrics(), limit=1)
    if name == topics.reviews.name:
        lexicon = load_lexicon(settings.lexicon)
        return Enrich(topics, 1, Reference(), lexicon, lambda _: None, settings.zone, refusals).valid
    if name == topics.case_events.name:
        return CaseEvents(topics, settings.zone, refusals).process
    return ReferenceAudit(topics, name, settings.zone, refusals).process


def _key(field: str, line: bytes) -> bytes | None:
    try:
        value = orjson.loads(line)[field]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return None  # the pipeline says what is wrong with it
    return value.encode() if isinstance(value, str) else None
