"""A second opinion on a text: which labelled comments its signs and pairs of signs remind of.

The lexicon knows what somebody thought of writing down. Here every sign and every pair of neighbouring signs has a
weight for each category, learned from labelled comments (tests/data/learn.py); so has each category the lexicon found
or found spoken well of, and that it found none. What they add up to decides. The weights stand in likeness.json, to be
read:

    "排号": {"calling": 0.31, "queue": 0.58}
"""

import sys
from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Self

import orjson

#: A text is reminded of others as a whole; in one much longer than those it learned from, little things add up.
LONGEST = 100

#: One addition for all categories: their sums stand side by side in one integer, a lane of 32 bits each, in millionths,
#: and half a lane up. So the highest bit of a lane tells which side of the line its sum is on.
_LANE = 32
_SCALE = 1_000_000


_UTF_16 = f"utf-16-{sys.byteorder[0]}e"


def _codes_of(text: str) -> set[int]:
    """The signs of a text (normalised) and its pairs of neighbouring signs, as integers: 16 bits a sign.

    A text's bytes read at every second place as integers of two and of four are just these. To take it to pieces and
    join them to pairs costs twice as much (8 µs of a comment's 50).
    """
    units = text.encode(_UTF_16, "surrogatepass")
    length = len(units)
    return {
        *array("H", units),
        *array("I", units[: length & ~3]),
        *array("I", units[2 : 2 + (length - 2 & ~3)]),
    }


def _code(signs: str) -> int:
    """The integer that a sign or a pair of signs is in a text."""
    return int.from_bytes(signs.encode(_UTF_16, "surrogatepass"), sys.byteorder)


class Likeness:
    """Weights by sign or pair of signs. Safe to share between threads."""

    def __init__(
        self,
        categories: Sequence[str],
        weights: Mapping[str, Mapping[str, float]],
        trust: Mapping[str, Mapping[str, float]],
        cleared: Mapping[str, Mapping[str, float]],
        nothing: Mapping[str, float],
        base: Mapping[str, float],
    ) -> None:
        """
        Args:
            categories: All of them; the bit of each is its place.
            weights: By sign or pair of signs, what it says for or against each category.
            trust: By category, what it says for or against each that the lexicon found that one.
            cleared: The same of each that the lexicon found spoken well of.
            nothing: What it says against each that the lexicon found none at all.
            base: What each begins with.
        """
        places = {name: place for place, name in enumerate(categories)}

        def packed(by_category: Mapping[str, float]) -> int:
            return sum(round(weight * _SCALE) << (_LANE * places[name]) for name, weight in by_category.items())

        self._weights = {_code(signs): packed(each) for signs, each in weights.items()}
        self._trust = [packed(trust[name]) for name in categories]
        self._cleared = [packed(cleared.get(name, {})) for name in categories]
        self._nothing = packed(nothing)
        halves = sum(1 << (_LANE * place + _LANE - 1) for place in places.values())
        self._base = packed(base) + halves
        self._halves = halves
        self._known = lru_cache(maxsize=4096)(self._sum_of_lexicon)
        self._bits = lru_cache(maxsize=1024)(self._bits_of)

    @classmethod
    def load(cls, path: Path, categories: Sequence[str]) -> Self:
        """Read likeness.json."""
        document = orjson.loads(path.read_bytes())
        return cls(categories, *map(document.__getitem__, ("weights", "trust", "cleared", "nothing", "base")))

    def decide(self, text: str, found: int, cleared: int) -> int:
        """The categories of a text (normalised), as bits; the lexicon says `found`, and `cleared` of praise."""
        if len(text) > LONGEST:
            return found
        total = sum(filter(None, map(self._weights.get, _codes_of(text))), self._known(found, cleared))
        return self._bits(total & self._halves)

    def _sum_of_lexicon(self, found: int, cleared: int) -> int:
        trust = sum(each for place, each in enumerate(self._trust) if found >> place & 1) if found else self._nothing
        return self._base + trust + sum(each for place, each in enumerate(self._cleared) if cleared >> place & 1)

    def _bits_of(self, halves: int) -> int:
        return sum(1 << place for place in range(len(self._trust)) if halves >> (_LANE * place + _LANE - 1) & 1)
