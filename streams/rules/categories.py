"""What a review complains about: fourteen categories, and whose doing it is. Source: CONTRACT §3, Categories."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from streams.rules.clauses import said
from streams.rules.likeness import Likeness
from streams.rules.signs import normalise
from streams.rules.vocabulary import Vocabulary, read

Cause = Literal["conduct", "process", "mixed", "unknown"]

#: Category: Chinese title, English title; in the contract's order.
_NAMES = {
    "attitude": ("态度差", "Bad attitude"),
    "obstruct": ("刁难推诿", "Obstruction and buck-passing"),
    "unskilled": ("业务不熟", "Staff do not know their work"),
    "slow": ("办理速度慢", "Slow handling"),
    "queue": ("排队时间长", "Long queue"),
    "calling": ("叫号不合理", "Unfair or unclear calling of numbers"),
    "understaffed": ("人员不足", "Too few staff or open windows"),
    "not_informed": ("告知不清", "Not clearly informed"),
    "repeat_visit": ("多次跑", "Sent away and back again"),
    "materials": ("材料繁多", "Too much paperwork"),
    "system": ("系统故障", "System failure"),
    "facility": ("环境设施", "Premises and facilities"),
    "fees": ("收费", "Fees"),
    "experience": ("体验差", "Bad experience overall"),
}

CATEGORIES: tuple[str, ...] = tuple(_NAMES)
TITLES: Mapping[str, str] = MappingProxyType({name: chinese for name, (chinese, _) in _NAMES.items()})
TITLES_EN: Mapping[str, str] = MappingProxyType({name: english for name, (_, english) in _NAMES.items()})

_long_number = re.compile(r"[0-9](?:[ -]?[0-9]){6}").search

#: What a person at the window answers for; everything else is the process.
CONDUCT = frozenset({"attitude", "obstruct", "unskilled"})

_SHIPPED = Path(__file__).with_name("lexicon.toml")
#: What tests/data/learn.py learned from the labelled comments.
LIKENESS = Path(__file__).with_name("likeness.json")
_BITS = {name: 1 << at for at, name in enumerate(CATEGORIES)}
#: The last comments of up to so many characters are remembered: short ones recur (“很好”, “排队太久”), longer ones when
#: they are sent again or by many. A few MB at most.
_REMEMBERED, _OF_AT_MOST = 8192, 200


def cause_of(categories: Sequence[str]) -> Cause:
    """Whether the people, the process, or both are complained about; `unknown` with no category."""
    conduct = any(each in CONDUCT for each in categories)
    process = any(each not in CONDUCT for each in categories)
    if conduct and process:
        return "mixed"
    if conduct:
        return "conduct"
    return "process" if process else "unknown"


class Lexicon:
    """Finds the categories of reviews: by its words, and by likeness to labelled comments. Safe to share."""

    def __init__(self, vocabulary: Vocabulary, likeness: Likeness | None) -> None:
        self._vocabulary = vocabulary
        self._likeness = likeness
        self._tags = {tag: sum(_BITS[each] for each in set(named)) for tag, named in vocabulary.tags.items()}
        self._of_known_text = lru_cache(maxsize=_REMEMBERED)(self._of_text)
        self._of_known_tags = lru_cache(maxsize=_REMEMBERED)(self._of_tags)
        self._names = lru_cache(maxsize=1024)(_names)

    @property
    def version(self) -> str:
        """The shipped lexicon's version; with a district's file its version behind a +."""
        return self._vocabulary.version

    def classify(self, tags: Sequence[str] | None, comment: str | None) -> tuple[str, ...]:
        """The categories a review's ticked tags and comment complain about.

        Returns:
            Names in the order of CATEGORIES, none twice; () when it complains about nothing.
        """
        found = 0
        if tags:
            found = self._of_known_tags(tuple(tags))
        if comment:
            found |= (self._of_known_text if len(comment) <= _OF_AT_MOST else self._of_text)(comment)
        return self._names(found)

    def speaks_well_of(self, comment: str) -> tuple[str, ...]:
        """The categories of which, by the lexicon alone, a comment says that nothing is wrong with them."""
        return self._names(said(normalise(comment), self._vocabulary).cleared)

    def _of_tags(self, tags: tuple[str, ...]) -> int:
        found = 0
        for tag in tags:
            exact = self._tags.get(tag.strip())
            found |= self._of_text(tag) if exact is None else exact
        return found

    def _of_text(self, text: str) -> int:
        text = normalise(text)
        complained, cleared = said(text, self._vocabulary)
        # Labelled comments say nothing of a district's own words, nor in English, and where one of them has a telephone
        # it is that nobody answers, not whom to call back: there the lexicon alone decides.
        if self._likeness is None or text.isascii() or _long_number(text) or self._vocabulary.has_added(text):
            return complained
        return self._likeness.decide(text, complained, cleared)


def load_lexicon(extra: Path | None = None, likeness: Path | None = LIKENESS) -> Lexicon:
    """The shipped lexicon, with a district's own file over it (`HCP_LEXICON`).

    Args:
        extra: The district's file. Of the words in it, it alone says what they mean.
        likeness: The weights of a second opinion; None to hear the lexicon alone.

    Raises:
        HaochapingError: naming the file and the entry that cannot be used.
    """
    vocabulary = read([_SHIPPED, extra] if extra else [_SHIPPED], CATEGORIES)
    return Lexicon(vocabulary, Likeness.load(likeness, CATEGORIES) if likeness else None)


def _names(bits: int) -> tuple[str, ...]:
    return tuple(name for name, bit in _BITS.items() if bits & bit)
