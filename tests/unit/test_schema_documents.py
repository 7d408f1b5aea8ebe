"""docs/schemas: made from the models, and of their opinion."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from streams.schemas.documents import MODELS, documents, main
from tests.unit.test_review_schema import GOOD as REVIEW

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
SCHEMAS = {topic: json.loads(documents()[f"{topic}.json"]) for topic in MODELS}

EVENT = {"event_id": "e1", "case_id": "r1", "type": "rectified", "at": "2026-05-13T15:00:00+08:00"}
WINDOW = {
    **{"window_id": "W1", "name": "1 号", "hall_id": "H1", "hall_name": "厅"},
    **{"department_id": "D1", "department_name": "局"},
}
GOOD = {
    "reviews": REVIEW,
    "cases.events": EVENT,
    "reference.windows": WINDOW,
    "reference.staff": {"staff_id": "S1", "name": "席"},
    "reference.services": {"service_id": "V1", "name": "落户"},
}

#: Topic, what is changed, whether it may be sent.
CHANGES: list[tuple[str, dict[str, Any], bool]] = [
    *((topic, {}, True) for topic in GOOD),
    *((topic, {"colour": "red"}, True) for topic in GOOD),
    *(("reviews", {"occurred_at": at}, True) for at in ("2026-05-12 09:30:00", "2026-05-12t09:30:00.1234567z")),
    *(("reviews", {"occurred_at": at}, False) for at in ("2026-05-12", "2026-05-12T09:30:00+0800", 1778549400, None)),
    *(("reviews", {"occurred_at": at}, False) for at in ("1968-01-01T09:00:00Z", "2026-05-12T24:00:00Z")),
    ("reviews", {"occurred_at": "2026-13-12T09:00:00Z"}, False),
    ("reviews", {"received_at": None}, True),
    *(("reviews", {"rating": rating}, rating in (1, 5)) for rating in (0, 1, 5, 6)),
    *(("reviews", {"rating": rating}, False) for rating in ("5", True, None, 4.5)),
    *(("reviews", {"channel": channel}, False) for channel in ("fax", None)),
    *(("reviews", {"review_id": each}, False) for each in ("", "a b", "评", "x" * 65, 7)),
    *(("reviews", {"comment": "好" * length}, length == 2000) for length in (2000, 2001)),
    *(("reviews", {"tags": tags}, False) for tags in (["x"] * 21, ["x" * 33], [1], "slow")),
    *(("reviews", {"tags": tags}, True) for tags in (["x" * 32] * 20, [], None)),
    *(("reviews", {"reviewer": reviewer}, True) for reviewer in (None, {}, {"phone": "1", "age": 3}, {"name": None})),
    *(("reviews", {"reviewer": reviewer}, False) for reviewer in ("Wang", {"phone": 1}, {"name": "x" * 201})),
    *(("cases.events", {"type": kind}, kind == "dismissed") for kind in ("dismissed", "closed")),
    *(("cases.events", {"note": note}, good) for note, good in ((None, True), ("x" * 2001, False))),
    ("cases.events", {"at": "yesterday"}, False),
    *(("reference.windows", {"roster": roster}, True) for roster in (None, [], [{"since": "2026-05-12 09:30:00"}])),
    *(("reference.windows", {"roster": roster}, False) for roster in ([{"staff_id": "S1"}], {}, [None])),
    ("reference.windows", {"hall_name": ""}, False),
    ("reference.staff", {"name": "x" * 201}, False),
    ("reference.services", {"department_id": None}, True),
]  # fmt: skip

TYPES = {"string": str, "array": list, "object": dict, "null": type(None)}


def takes(schema: dict[str, Any], value: Any, whole: dict[str, Any]) -> bool:
    """Whether a JSON Schema takes a value: of the standard what our documents use, and nothing passed over."""
    said = {
        key: each for key, each in schema.items() if key not in {"title", "description", "default", "$defs", "$comment"}
    }
    said.pop("$schema", None)
    if reference := said.pop("$ref", None):
        return takes(whole["$defs"][reference.removeprefix("#/$defs/")], value, whole)
    if kinds := said.pop("anyOf", None):
        assert not said
        return any(takes(each, value, whole) for each in kinds)
    kind = said.pop("type")
    if kind == "integer":
        if type(value) is not int:
            return False
    elif not isinstance(value, TYPES[kind]):
        return False
    rules = {
        "minimum": lambda least: value >= least,
        "maximum": lambda most: value <= most,
        "minLength": lambda least: len(value) >= least,
        "maxLength": lambda most: len(value) <= most,
        "maxItems": lambda most: len(value) <= most,
        "enum": lambda values: value in values,
        "pattern": lambda pattern: re.search(pattern, value),
        "items": lambda each: all(takes(each, item, whole) for item in value),
        "required": lambda names: all(name in value for name in names),
        "properties": lambda fields: all(
            takes(fields[name], value[name], whole) for name in fields.keys() & value.keys()
        ),
    }
    return all(rules[key](each) for key, each in said.items())


def test_the_files_are_made_from_the_models(tmp_path: Path) -> None:
    main(tmp_path)
    made = {file.name: file.read_text("utf-8") for file in tmp_path.iterdir()}
    assert made == documents() == {file.name: file.read_text("utf-8") for file in FOLDER.iterdir()}


@pytest.mark.parametrize(("topic", "change", "good"), CHANGES)
def test_schema_and_model_are_of_one_opinion(topic: str, change: dict[str, Any], good: bool) -> None:
    record = GOOD[topic] | change
    assert takes(SCHEMAS[topic], record, SCHEMAS[topic]) is good
    try:
        TypeAdapter(MODELS[topic]).validate_python(record)
    except ValidationError:
        assert not good
    else:
        assert good


@pytest.mark.parametrize("topic", GOOD)
def test_a_field_that_is_required_is_so_in_both(topic: str) -> None:
    for name in SCHEMAS[topic]["required"]:
        record = {key: value for key, value in GOOD[topic].items() if key != name}
        assert not takes(SCHEMAS[topic], record, SCHEMAS[topic])
        with pytest.raises(ValidationError):
            TypeAdapter(MODELS[topic]).validate_python(record)
