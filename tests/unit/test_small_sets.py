"""Sets of a few signs are kept as lists, match what they matched, and only while somebody asks for it."""

import re
import string
from collections.abc import Iterator

import pytest

from streams.rules.small_sets import LARGEST, small_sets

SIGNS = "很太真好极a0-,。\n" + string.ascii_lowercase + "一丁七万丈三上下不与丐丑专且世丘丙业丛东丝丢两严"


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """`re` remembers what it compiled."""
    re.purge()
    yield
    re.purge()


@pytest.mark.parametrize(
    "pattern",
    [
        "[很太真好极]",
        "[^很太真好极]",
        "[很太一-三好]",
        "(?:很|太|真|好)",
        "[很太真0-9]+[^,。]{0,3}",
        f"[{SIGNS[-LARGEST - 1 :]}]",
    ],
)
def test_it_matches_what_it_matched(pattern: str) -> None:
    usual = re.compile(pattern)
    re.purge()
    with small_sets():
        small = re.compile(pattern)
    for sign in SIGNS:
        for text in (sign, f"很{sign}", f"{sign}好{sign}"):
            assert [each.span() for each in small.finditer(text)] == [each.span() for each in usual.finditer(text)]


def test_it_is_small_while_asked_for() -> None:
    pattern = "[很太真好极]"
    usual = re.compile(pattern).__sizeof__()
    re.purge()
    with small_sets():
        assert re.compile(pattern).__sizeof__() < usual / 3
    re.purge()
    assert re.compile(pattern).__sizeof__() == usual


def test_a_failure_inside_leaves_re_as_it_was() -> None:
    usual = re.compile("[很太真好极]").__sizeof__()
    re.purge()
    with pytest.raises(re.error), small_sets():
        re.compile("[")
    assert re.compile("[很太真好极]").__sizeof__() == usual
