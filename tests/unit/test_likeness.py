"""Weights learned from labelled comments: what they add up to, and what they may not do."""

import re
from itertools import pairwise

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.rules.categories import CATEGORIES, LIKENESS
from streams.rules.likeness import LONGEST, Likeness

NAMES = ("queue", "slow", "fees")
QUEUE, SLOW, FEES = 1, 2, 4
WEIGHTS = {
    "排号": {"queue": 3.0, "fees": -1.5},
    "慢": {"slow": 2.5},
    "钱": {"fees": 2.5},
    "号": {"queue": -0.25},
    "💰": {"fees": 2.5},
}
TRUST = {name: {name: 4.0} for name in NAMES} | {"slow": {"slow": 4.0, "queue": -0.5}}
CLEARED = {"queue": {"queue": -3.0, "fees": 0.25}}
BASE, NOTHING = dict.fromkeys(NAMES, -2.0), {"slow": -0.25}


@pytest.fixture
def likeness() -> Likeness:
    return Likeness(NAMES, WEIGHTS, TRUST, CLEARED, NOTHING, BASE)


@pytest.mark.parametrize(
    ("text", "found", "decided"),
    [
        ("", 0, 0),
        ("办好了", 0, 0),
        ("排号", 0, QUEUE),
        ("排了个号", 0, 0),
        ("慢慢慢", 0, SLOW),  # however often
        ("排号慢", 0, QUEUE | SLOW),
        ("办好了", FEES, FEES),
        ("排号要钱", 0, QUEUE),  # 钱 alone would do
        ("排号要钱", FEES, QUEUE | FEES),
        ("排号", SLOW, QUEUE | SLOW),
        ("排号呢", QUEUE | SLOW, QUEUE | SLOW),
        ("排了个号", QUEUE | SLOW, QUEUE | SLOW),
        ("排号" + "了" * LONGEST, SLOW, SLOW),
        ("要💰", 0, FEES),
        ("排号\ud83d", 0, QUEUE),  # half an emoji
    ],
)
def test_what_signs_say_adds_up(likeness: Likeness, text: str, found: int, decided: int) -> None:
    assert likeness.decide(text, found, 0) == decided


def test_what_is_spoken_well_of_needs_more_against_it(likeness: Likeness) -> None:
    assert likeness.decide("排号", 0, QUEUE) == 0
    assert likeness.decide("排号", QUEUE, QUEUE) == QUEUE
    assert likeness.decide("排号", 0, SLOW) == QUEUE


@given(st.text("排号慢钱了个", max_size=30), st.integers(0, 7), st.integers(0, 7), st.data())
def test_sums_side_by_side_are_the_sums_one_by_one(text: str, found: int, cleared: int, data: st.DataObject) -> None:
    weight = st.integers(-400, 400).map(lambda each: each / 100)
    signs = st.sampled_from(["排", "号", "慢", "钱", "排号", "号慢", "慢钱", "了个"])
    weights = data.draw(st.dictionaries(signs, st.dictionaries(st.sampled_from(NAMES), weight)))
    seen = {*text, *map("".join, pairwise(text))}
    decided = Likeness(NAMES, weights, TRUST, CLEARED, NOTHING, BASE).decide(text, found, cleared)
    for place, name in enumerate(NAMES):
        total = sum(round(100 * weights[each].get(name, 0)) for each in seen & weights.keys())
        trusted = [TRUST[each].get(name, 0) for at, each in enumerate(NAMES) if found >> at & 1]
        against = [CLEARED.get(each, {}).get(name, 0) for at, each in enumerate(NAMES) if cleared >> at & 1]
        total += round(100 * (BASE[name] + (sum(trusted) if found else NOTHING.get(name, 0)) + sum(against)))
        assert bool(decided >> place & 1) == (total >= 0)


def test_what_is_shipped() -> None:
    shipped = orjson.loads(LIKENESS.read_bytes())
    assert tuple(shipped["base"]) == tuple(shipped["trust"]) == tuple(shipped["nothing"]) == CATEGORIES
    for name in CATEGORIES:  # what the lexicon finds in a text of no known sign stands, and without it nothing does
        assert shipped["base"][name] < 0 < shipped["base"][name] + shipped["trust"][name][name]
    assert all(re.fullmatch(r".{1,2}", signs, re.DOTALL) for signs in shipped["weights"])
    assert {name for each in shipped["weights"].values() for name in each} <= set(CATEGORIES)
