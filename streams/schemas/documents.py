"""JSON Schemas of what publishers send, as files: `python -m streams.schemas.documents docs/schemas`."""

import sys
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from streams.schemas.case_event import CaseEvent
from streams.schemas.reference import Service, Staff, Window
from streams.schemas.review import Review

#: Topic: what its records are.
MODELS: dict[str, Any] = {
    "reviews": Review,
    "cases.events": CaseEvent,
    "reference.windows": Window,
    "reference.staff": Staff,
    "reference.services": Service,
}

_NOTE = (
    "Made by `python -m streams.schemas.documents docs/schemas`. What it refuses is refused; what it takes may be "
    "refused for what it cannot say: a day that does not exist, a rating of 5.0 (it must be written 5), a time in "
    "UTC outside the years 1970 to 2105, a review or a case event of more than 64 KiB. `haochaping publish --dry-run` "
    "tells all of these."
)


class _Untitled(GenerateJsonSchema):
    """Without titles, which would only say the fields' names once more."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def documents() -> dict[str, str]:
    """File name: the JSON Schema (2020-12) of a topic's records."""
    return {f"{topic}.json": _document(topic, model) for topic, model in MODELS.items()}


def _document(topic: str, model: Any) -> str:
    schema = TypeAdapter(model).json_schema(schema_generator=_Untitled)
    head = {"$schema": GenerateJsonSchema.schema_dialect, "title": topic, "$comment": _NOTE}
    return (
        orjson.dumps(
            head | {key: value for key, value in schema.items() if key != "title"}, option=orjson.OPT_INDENT_2
        ).decode()
        + "\n"
    )


def main(folder: Path) -> None:
    """Write them all."""
    for name, text in documents().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
