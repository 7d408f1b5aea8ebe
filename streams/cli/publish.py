"""haochaping publish"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import orjson
import typer
from pydantic import ValidationError

from streams.agents.case_events import parse_event
from streams.cli.common import load_settings
from streams.cli.publishing import publish_records
from streams.errors import HaochapingError
from streams.runtime.reference import models, parse_reference
from streams.schemas.fields import MAX_BYTES, told
from streams.schemas.review import REVIEWS
from streams.settings import Settings
from streams.topics import Topics

#: What may be published, and the field its key is taken from.
KEYS = {
    "reviews": "review_id",
    "reference.windows": "window_id",
    "reference.staff": "staff_id",
    "reference.services": "service_id",
    "cases.events": "case_id",
}


def publish(
    file: Annotated[Path, typer.Argument(help="One JSON record a line.")],
    topic: Annotated[str, typer.Option(help=f"One of {', '.join(KEYS)}.")],
    check: Annotated[bool, typer.Option(help="Refuse the file at its first bad line, before anything is sent.")] = True,
) -> None:
    """Publish a file of records; each line is sent as it stands, keyed by its id.

    Example: haochaping publish reviews.jsonl --topic reviews
    """
    if topic not in KEYS:
        raise HaochapingError(f"there is no topic {topic!r} to publish to: choose one of {', '.join(KEYS)}")
    if not file.is_file():
        raise HaochapingError(f"the file {file} does not exist")
    settings = load_settings()
    if check:
        for number, line in _lines(file):
            _check(settings, topic, file, number, line)
    name, field = settings.topic_prefix + topic, KEYS[topic]
    records = ((name, _key(field, line), line) for _, line in _lines(file))
    total = sum(1 for _ in _lines(file))
    sent = asyncio.run(publish_records(settings, records, total, file.name))
    typer.echo(f"{sent} records published to {name}")


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line := line.rstrip(b"\r\n"):
                yield number, line


def _check(settings: Settings, topic: str, file: Path, number: int, line: bytes) -> None:
    try:
        if len(line) > MAX_BYTES and topic in ("reviews", "cases.events"):
            raise ValueError(f"{len(line)} bytes; at most {MAX_BYTES} are taken")
        if topic == "reviews":
            REVIEWS.validate_python([orjson.loads(line)], context={"zone": settings.zone})
        elif topic == "cases.events":
            parse_event(line, settings.zone)
        else:
            parse_reference(models(Topics.under(""))[topic], line, settings.zone)
    except ValueError as exc:  # pydantic's and orjson's errors are ValueErrors too
        detail = str(exc)
        if isinstance(exc, ValidationError):
            detail = told(exc.errors(include_url=False, include_input=False), within=int(topic == "reviews"))
        raise HaochapingError(
            f"{file}, line {number}: {detail} (nothing was sent; --no-check sends every line as it stands)"
        ) from None


def _key(field: str, line: bytes) -> bytes | None:
    try:
        value = orjson.loads(line)[field]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return None  # the pipeline says what is wrong with it
    return value.encode() if isinstance(value, str) else None
