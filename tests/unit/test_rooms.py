"""The rooms of ARCHITECTURE.md: what each may know of the others, and that what is named there is there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")

#: Room: what of ours it may import, beside itself. Kafka's clients and Faust belong to the runtime alone.
ROOMS = {
    "streams/schemas": (),
    "streams/rules": ("streams.schemas", "streams.settings", "streams.errors"),
    "streams/runtime": ("streams.settings", "streams.topics", "streams.metrics", "streams.errors", "sinks"),
    "streams/district": ("streams.errors",),
    "sinks": ("streams.rules", "streams.schemas", "streams.errors", "streams.folders"),
}
KAFKA = ("aiokafka", "faust")


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def within(module: str, *rooms: str) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_only_what_it_may(room: str) -> None:
    known = room.replace("/", "."), *ROOMS[room], *(KAFKA if room == "streams/runtime" else ())
    unwanted = {
        (file.name, module)
        for file in (ROOT / room).rglob("*.py")
        for module in imported(file)
        if within(module, "streams", "sinks", *KAFKA) and not within(module, *known)
    }
    assert unwanted == set()


def test_files_named_in_the_architecture_exist() -> None:
    named = set(re.findall(r"`([a-z_/]+\.py)`", ARCHITECTURE))
    assert len(named) > 30
    missing = [each for each in named if not (ROOT / each).is_file() and not any((ROOT / "streams").rglob(each))]
    assert missing == []


def test_every_file_of_rules_is_named_in_the_architecture() -> None:
    rules = {f"rules/{file.name}" for file in (ROOT / "streams/rules").glob("*.py") if file.stem != "__init__"}
    assert [each for each in sorted(rules) if f"`{each}`" not in ARCHITECTURE] == []
