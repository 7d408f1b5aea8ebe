"""The words of a lexicon file: reading it, checking it, finding its words in a text. Source: CONTRACT §3, Categories.

A file is TOML; its form is described at the top of `lexicon.toml`. Reading two files gives the first one's words with
the second one's added; where both give a word a meaning of its own, the second one's counts.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path
from typing import Any

from streams.errors import HaochapingError
from streams.rules.durations import DURATION, length
from streams.rules.finder import Finder, check


class Part(Enum):
    """What a word does to the words around it: the lists under [grammar], and the punctuation."""

    NOT = auto()  # denies what stands right behind it
    NEVER = auto()  # denies everything to the end of the clause
    NEEDLESS = auto()  # no need of what follows: it cannot be a complaint
    NONE = auto()  # denies what stands right before it
    WISH = auto()
    NEED = auto()
    WISHED = auto()  # behind what is wished for
    KEEP = auto()
    PAST = auto()
    NOW = auto()
    CONTRAST = auto()
    BARRIER = auto()
    NEUTRAL = auto()
    COMMA = auto()  # ends a clause
    STOP = auto()  # ends a sentence


_PUNCTUATION = {**dict.fromkeys("。!?;\n", Part.STOP), **dict.fromkeys(", \t.~()…—·", Part.COMMA)}
_GRAMMAR = {part.name.lower(): part for part in Part if part not in (Part.COMMA, Part.STOP)}
_ALONE = ("says", "lacks", "weak", "vague")
_IN_RULES = ("about", "bad", "good", "asked")
_TIMES = ("@short", "@long", "@days")
_REGEX = re.compile(r"[(\[{|?+*\\]")


_ALARMING = (Part.NOT, Part.NEVER, Part.NONE, Part.WISH, Part.NEED, Part.WISHED)
_ENDING = (Part.COMMA, Part.STOP, Part.CONTRAST)


@dataclass(slots=True)
class Word:
    """What one entry means. Categories and rules are bits: bit n is the nth category, or the nth `when`."""

    says: int = 0
    lacks: int = 0
    weak: int = 0
    vague: int = 0
    about: int = 0
    bad: int = 0
    good: int = 0
    asked: int = 0
    part: Part | None = None
    praises: bool = False
    time: bool = False  # stands for how long something took
    alone: bool = field(init=False)  # whether it says something without an aspect
    by_rules: bool = field(init=False)  # whether it judges aspects
    judges: bool = field(init=False)  # either
    ends: bool = field(init=False)  # ends a clause
    alarms: bool = field(init=False)  # a text without any such word can complain only of aspects in `bad` words

    def __post_init__(self) -> None:
        self.alone = any((self.says, self.lacks, self.weak, self.vague))
        self.by_rules = any((self.bad, self.good, self.asked))
        self.judges = self.alone or self.by_rules
        self.ends = self.part in _ENDING
        self.alarms = any((self.says, self.weak, self.vague)) or self.part in _ALARMING

    def __or__(self, other: "Word") -> "Word":
        bits = {name: getattr(self, name) | getattr(other, name) for name in _ALONE + _IN_RULES}
        return Word(**bits, part=self.part or other.part, praises=self.praises or other.praises)

    @classmethod
    def of(cls, role: str, bits: int) -> "Word":
        """A word with one role: says, lacks, weak, vague, about, bad, good or asked."""
        roles: dict[str, Any] = {role: bits}
        return cls(**roles)


#: A word as found in a text: its start, its end, its meaning. A plain tuple, for there are millions.
Token = tuple[int, int, Word]


@dataclass(frozen=True, slots=True)
class Rule:
    """The consequence of a `when`: the bit of its category, and whether it is `weak`."""

    category: int
    weak: bool


@dataclass
class _Draft:
    """A lexicon while its files are read, one after the other."""

    version: str = ""
    long_wait_minutes: float = 20
    macros: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    meanings: dict[str, Word] = field(default_factory=dict)  # a word's own meaning, says to neutral
    added: set[str] = field(default_factory=set)  # words whose meaning the files after the first decide
    rules: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)  # category, its `when`


class Vocabulary:
    """Every word of a lexicon, ready to be found in texts."""

    def __init__(self, draft: _Draft, categories: Sequence[str]) -> None:
        self.version = draft.version
        self.tags: Mapping[str, tuple[str, ...]] = draft.tags
        self._rules = tuple(
            Rule(1 << categories.index(category), bool(rule.get("weak"))) for category, rule in draft.rules
        )
        self.categories_of = lru_cache(maxsize=4096)(self._categories_of)
        self._long_wait = draft.long_wait_minutes
        meanings = _all_meanings(draft)
        self._times = {name: meanings.pop(name, Word()) for name in _TIMES}
        for each in self._times.values():
            each.time = True
        words = {entry: word for entry, word in meanings.items() if not _is_pattern(entry)}
        patterns = [(_expand(entry, draft.macros), word) for entry, word in meanings.items() if _is_pattern(entry)]
        self._finder = Finder[Word](words, patterns, foremost=(DURATION, self._time))
        added = [
            _expand(each, draft.macros) if _is_pattern(each) else re.escape(each)
            for each in sorted(draft.added - {*_TIMES})
        ]
        self._added = re.compile("|".join(f"(?:{each})" for each in added)) if added else None

    def _categories_of(self, rules: int) -> tuple[int, int]:
        """The categories of some rules, and those of the weak ones among them."""
        found = weak = 0
        for number, rule in enumerate(self._rules):
            if rules >> number & 1:
                weak |= rule.category if rule.weak else 0
                found |= 0 if rule.weak else rule.category
        return found, weak

    def find(self, text: str) -> list[Token]:
        """The words of a normalised text in order, none overlapping; patterns go before words, then the longest."""
        return self._finder.find(text)

    def has_added(self, text: str) -> bool:
        """Whether a normalised text holds a word whose meaning a file after the first decides."""
        return self._added is not None and self._added.search(text) is not None

    def _time(self, text: str) -> Word:
        """An expression of time stands for one of three words."""
        return self._times[length(text, self._long_wait)]


def read(paths: Sequence[Path], categories: Sequence[str]) -> Vocabulary:
    """Read lexicon files, each over those before it.

    Raises:
        HaochapingError: naming the file and the entry that cannot be used.
    """
    draft = _Draft()
    draft.meanings.update({sign: Word(part=part) for sign, part in _PUNCTUATION.items()})
    for number, path in enumerate(paths):
        try:
            rules, known = len(draft.rules), _all_meanings(draft).keys()
            words = _add(draft, tomllib.loads(path.read_text(encoding="utf-8")), categories)
            if number:
                # Of a rule its aspects, and what else it names if that is new: 少 stands in half of all comments.
                parts = _parts_in_rules(draft.rules[rules:], draft)
                draft.added |= words | {entry for entry, word in parts if word.about or entry not in known}
        except OSError as error:
            raise HaochapingError(f"lexicon {path}: cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise HaochapingError(f"lexicon {path}: is not TOML: {' '.join(str(error).split())}") from None
        except _BadEntry as error:
            raise HaochapingError(f"lexicon {path}: {error}") from None
    return Vocabulary(draft, categories)


class _BadEntry(Exception):
    """What is wrong with an entry; `read` puts the file before it."""


def _add(draft: _Draft, data: Mapping[str, Any], categories: Sequence[str]) -> set[str]:
    """Check one file and take over what it says; returns the words it gives a meaning of their own."""
    own: dict[str, str] = {}  # entry to where this file defines it
    sections = {"macros": _add_macros, "lists": _add_lists}
    for name in ("macros", "lists"):  # the entries checked below may use them
        sections[name](draft, _table(data, name))
    for name, value in data.items():
        if name == "version":
            if not isinstance(value, str) or not value:
                raise _BadEntry("version: must be a text such as 2026.1")
            draft.version = f"{draft.version}+{value}" if draft.version else value
        elif name == "long_wait_minutes":
            if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
                raise _BadEntry("long_wait_minutes: must be a number above 0")
            draft.long_wait_minutes = value
        elif name == "grammar":
            _add_grammar(draft, _table(data, name), own)
        elif name == "tags":
            _add_tags(draft, _table(data, name), categories)
        elif name in categories:
            _add_category(draft, name, 1 << categories.index(name), _table(data, name), own)
        elif name not in sections:
            raise _BadEntry(f"[{name}]: no such category or section; categories are {', '.join(categories)}")
    return set(own)


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, dict):
        raise _BadEntry(f"{name}: must be a section, [{name}]")
    return value


def _add_macros(draft: _Draft, table: Mapping[str, Any]) -> None:
    for name, value in table.items():
        if not isinstance(value, str):
            raise _BadEntry(f"[macros] {name}: must be a text")
        draft.macros[name] = f"(?:{value})"
        _check_pattern(f"[macros] {name}", value, draft.macros)


def _add_lists(draft: _Draft, table: Mapping[str, Any]) -> None:
    for name, value in table.items():
        entries = _entries(f"[lists] {name}", value, draft)
        draft.lists[name] = [*draft.lists.get(name, []), *entries]


def _add_grammar(draft: _Draft, table: Mapping[str, Any], own: dict[str, str]) -> None:
    for name, value in table.items():
        if name not in _GRAMMAR:
            raise _BadEntry(f"[grammar] {name}: no such list; there are {', '.join(_GRAMMAR)}")
        for entry in _entries(f"[grammar] {name}", value, draft):
            _define(draft, own, entry, f"[grammar] {name}", Word(part=_GRAMMAR[name]))


def _add_tags(draft: _Draft, table: Mapping[str, Any], categories: Sequence[str]) -> None:
    for tag, value in table.items():
        if not isinstance(value, list) or any(each not in categories for each in value):
            raise _BadEntry(f"[tags] {tag}: must be a list of categories: {', '.join(categories)}")
        draft.tags[tag] = tuple(value)


def _add_category(draft: _Draft, category: str, bit: int, table: Mapping[str, Any], own: dict[str, str]) -> None:
    for name, value in table.items():
        where = f"[{category}] {name}"
        if name == "when":
            for rule in value if isinstance(value, list) else [value]:
                _check_rule(where, rule, draft)
                draft.rules.append((category, rule))
        elif name in _ALONE:
            for entry in _entries(where, value, draft):
                _define(draft, own, entry, where, Word.of(name, bit))
        else:
            raise _BadEntry(f"{where}: no such list; there are {', '.join(_ALONE)} and when")


def _define(draft: _Draft, own: dict[str, str], entry: str, where: str, word: Word) -> None:
    """Give an entry its meaning: once in a file (but one list goes with another), the last file's counts."""
    if entry in own and own[entry] == where:
        raise _BadEntry(f"{where}: {entry} stands there twice")
    draft.meanings[entry] = draft.meanings[entry] | word if entry in own else word
    own[entry] = where


def _check_rule(where: str, rule: Any, draft: _Draft) -> None:
    if not isinstance(rule, dict) or "about" not in rule:
        raise _BadEntry(f"{where}: must be a section [[…]] with an `about` list")
    for name, value in rule.items():
        if name == "weak" and isinstance(value, bool):
            continue
        if name not in _IN_RULES:
            raise _BadEntry(f"{where}: {name}: no such list; there are {', '.join(_IN_RULES)}")
        _entries(f"{where}: {name}", value, draft)


def _entries(where: str, value: Any, draft: _Draft) -> list[str]:
    """Check a list of entries and put the members of its @lists in their place."""
    if not isinstance(value, list):
        raise _BadEntry(f"{where}: must be a list of texts")
    entries: list[str] = []
    for entry in value:
        if not isinstance(entry, str) or not entry.strip():
            raise _BadEntry(f"{where}: {entry!r} is not a text")
        if entry in _TIMES:
            entries.append(entry)
        elif entry.startswith("@"):
            if entry[1:] not in draft.lists:
                raise _BadEntry(f"{where}: {entry}: no such list under [lists]")
            entries += draft.lists[entry[1:]]
        else:
            if _is_pattern(entry):
                _check_pattern(where, entry, draft.macros)
            entries.append(entry)
    return entries


def _is_pattern(entry: str) -> bool:
    """Whether an entry is a regular expression and not a word; a single sign is itself (the question mark)."""
    return len(entry) > 1 and _REGEX.search(entry) is not None


def _check_pattern(where: str, entry: str, macros: Mapping[str, str]) -> None:
    try:
        check(_expand(entry, macros))
    except (re.error, KeyError, ValueError) as error:
        raise _BadEntry(f"{where}: {entry}: cannot be used as a pattern: {error}") from None


def _expand(entry: str, macros: Mapping[str, str]) -> str:
    """Put macros in: {very}. A count such as {1,3} stays."""
    return re.sub(r"\{([a-z_]+)\}", lambda match: macros[match[1]], entry)


def _all_meanings(draft: _Draft) -> dict[str, Word]:
    """Each entry's own meaning and its parts in rules together. What is neutral stays so, whatever rules name it."""
    meanings = dict(draft.meanings)
    for entry, part in _parts_in_rules(draft.rules, draft):
        word = meanings.get(entry, Word())
        if word.part is not Part.NEUTRAL:
            meanings[entry] = word | part
    for entry, word in meanings.items():
        positive = meanings.get(entry[1:]) if entry[0] == "不" else None
        if positive and word.part is None:
            meanings[entry] = word | Word(bad=positive.good)  # 不清晰 is bad wherever 清晰 is good
    for entry in _entries("", ["@praise"], draft) if "praise" in draft.lists else ():
        if entry in meanings:
            meanings[entry] |= Word(praises=True)
    return meanings


def _parts_in_rules(rules: Sequence[tuple[str, Mapping[str, Any]]], draft: _Draft) -> Iterator[tuple[str, Word]]:
    for number, (_, rule) in enumerate(rules):
        for name in _IN_RULES:
            for entry in _entries(name, rule.get(name, []), draft):
                yield entry, Word.of(name, 1 << number)
