"""Finding thousands of words and patterns in a text in one pass, in microseconds.

The standard `re` tries the branches of an alternation one by one; with thousands that takes longer than all else.
So entries are sorted by the sign they begin with, and each sign has a small expression of its own: its patterns in
order, then its words as a tree, the longest first. It is compiled when a text first has the sign: all of them take
seconds, and a worker is to start at once.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from re import _parser as parser  # type: ignore[attr-defined]  # what a pattern begins with, only the parser knows
from typing import Any, Generic, TypeAlias, TypeVar

Value = TypeVar("Value")
#: What an entry stands for may depend on what it found.
Meaning: TypeAlias = Value | Callable[[str], Value]
Tree = dict[str, Any]
Match = Callable[[str, int], re.Match[str] | None]
_REPEATING = ("?", "*", "+", "{")  # what may stand behind a part of a pattern


class Finder(Generic[Value]):
    """Finds entries and what they stand for: words as they are, patterns without capturing groups.

    A pattern's value may be a function of the text it found.
    """

    def __init__(
        self,
        words: Mapping[str, Value],
        patterns: Sequence[tuple[str, Meaning[Value]]],
        foremost: tuple[str, Meaning[Value]],
    ) -> None:
        """
        Args:
            words: What they stand for.
            patterns: The same of patterns, in the order in which they are tried.
            foremost: A pattern that goes before all others; should it be long and begin with many signs, it has no copy
                among those of each.
        """
        self._words = dict(words)
        self._trees = _tree(words)
        self._foremost = re.compile(f"(?:{foremost[0]})()").match, first_signs(foremost[0]), foremost[1]
        under: dict[str, list[tuple[str, Meaning[Value]]]] = {sign: [] for sign in {*self._trees, *self._foremost[1]}}
        for pattern, value in patterns:
            for sign in first_signs(pattern):
                under.setdefault(sign, []).append((pattern, value))
        self._by_sign = {sign: self._when_needed(sign, mine) for sign, mine in under.items()}

    def _when_needed(
        self, sign: str, patterns: Sequence[tuple[str, Meaning[Value]]]
    ) -> tuple[Match, list[Meaning[Value]]]:
        """A match that compiles the sign's expression when first called, and then gives way to it; and its values."""
        first, at, value_of_first = self._foremost
        values: list[Meaning[Value]] = []

        def match(text: str, start: int) -> re.Match[str] | None:
            mine = [(_left_of(pattern, sign), value) for pattern, value in patterns]
            # Those that begin with the sign itself last, side by side: `re` then tests it once for all of them.
            mine.sort(key=lambda each: each[0].startswith(sign))
            compiled = _match_of(sign, [pattern for pattern, _ in mine], self._trees)
            if sign in at:
                compiled = _either(first, compiled)
            values[:] = value_of_first, *(value for _, value in mine)
            self._by_sign[sign] = compiled, values
            return compiled(text, start)

        return match, values

    def find(self, text: str) -> list[tuple[int, int, Value]]:
        """(start, end, value) of all that is found, left to right, none overlapping: a sign's patterns before
        its words, the longest word first."""
        found = []
        by_sign, words, at, end = self._by_sign, self._words, 0, len(text)
        while at < end:
            here = by_sign.get(text[at])
            match = here[0](text, at) if here else None
            if here is None or match is None:
                at += 1
                continue
            start, at = at, match.end()
            group = match.lastindex
            if group is None:
                found.append((start, at, words[text[start:at]]))
                continue
            value = here[1][group - 1]
            found.append((start, at, value(text[start:at]) if callable(value) else value))
        return found


def _match_of(sign: str, patterns: Sequence[str], trees: Tree) -> Match:
    # An empty group behind each pattern tells which one matched; the first is that of the foremost, tried elsewhere.
    numbered = [f"(?:{pattern})()" for pattern in patterns]
    others = sum(not pattern.startswith(sign) for pattern in patterns)
    same = "|".join(numbered[others:] + _branch(trees, sign))
    return re.compile("|".join(["(?!)()", *numbered[:others], *([f"(?:{same})"] if same else [])])).match


def _either(first: Match, then: Match) -> Match:
    return lambda text, at: first(text, at) or then(text, at)


def _left_of(pattern: str, sign: str) -> str:
    """What is to be tried of a pattern where a text has the sign. A \\ may hide a bracket; such patterns stay."""
    return pattern if "\\" in pattern else _beginning_with(sign, f"(?:{pattern})")


def _beginning_with(sign: str, pattern: str) -> str:
    """What is left of a pattern in a text that begins with a sign, to save time: 没叫 of (?:不|没)叫."""
    if pattern.startswith("["):
        end = pattern.index("]", 2) + 1
        return pattern if pattern[end : end + 1] in _REPEATING else re.escape(sign) + pattern[end:]
    if not pattern.startswith("(?:"):
        return pattern
    ways, end = _ways(pattern)
    firsts = [_begins(way) for way in ways]
    if pattern[end : end + 1] in _REPEATING or any(empty for _, empty in firsts):
        return pattern
    left = [_beginning_with(sign, way) for way, (signs, _) in zip(ways, firsts, strict=True) if sign in signs]
    return (left[0] if len(left) == 1 else f"(?:{'|'.join(left)})") + pattern[end:]


def _ways(pattern: str) -> tuple[list[str], int]:
    """The alternatives of the group a pattern begins with, and where the group ends."""
    ways, depth, begin, in_class = [], 0, 3, False
    for at, each in enumerate(pattern):
        in_class = each == "[" or (in_class and each != "]")
        depth += 0 if in_class else (each == "(") - (each == ")")
        if (depth == 1 and each == "|" and not in_class) or depth == 0:
            ways.append(pattern[begin:at])
            begin = at + 1
        if depth == 0:
            return ways, at + 1
    raise ValueError("has a group that does not end")


def first_signs(pattern: str) -> set[str]:
    """The signs that texts matching a pattern can begin with.

    Raises:
        ValueError: it can begin with any sign, or match nothing at all.
    """
    signs, empty = _begins(pattern)
    if empty:
        raise ValueError("can match nothing")
    return signs


def check(pattern: str) -> None:
    """Refuse what a finder cannot use as a pattern, without the time it takes to compile it.

    Raises:
        re.error: it is no regular expression.
        ValueError: it has capturing groups or flags, can begin with any sign, or match nothing at all.
    """
    if "(?<" in pattern:
        re.compile(pattern)  # nothing else sees a look-behind of no fixed width
    state = _parsed(pattern).state
    if state.groups > 1:
        raise ValueError("group with (?:…) instead of (…)")
    if state.flags != re.UNICODE:
        raise ValueError("flags such as (?i) are not taken; texts are in small letters")
    first_signs(pattern)


@lru_cache(maxsize=4096)
def _parsed(pattern: str) -> Any:
    return parser.parse(pattern)


@lru_cache(maxsize=4096)
def _begins(pattern: str) -> tuple[set[str], bool]:
    """The first signs of a pattern, and whether it can match the empty text."""
    return _first(_parsed(pattern))


def _first(items: Iterable[tuple[Any, Any]]) -> tuple[set[str], bool]:
    """The first signs of a sequence of parsed items, and whether it can match the empty text."""
    signs: set[str] = set()
    for kind, value in items:
        found, empty = _first_of(str(kind), value)
        signs |= found
        if not empty:
            return signs, False
    return signs, True


def _first_of(kind: str, value: Any) -> tuple[set[str], bool]:
    match kind:
        case "LITERAL":
            return {chr(value)}, False
        case "IN" if all(str(each[0]) in ("LITERAL", "RANGE") for each in value):
            return {sign for each in value for sign in _members(*each)}, False
        case "SUBPATTERN":
            return _first(value[-1])
        case "BRANCH":
            branches = [_first(each) for each in value[1]]
            return set().union(*(signs for signs, _ in branches)), any(empty for _, empty in branches)
        case "MAX_REPEAT" | "MIN_REPEAT":
            signs, empty = _first(value[2])
            return signs, empty or value[0] == 0
        case "ASSERT" | "ASSERT_NOT" | "AT":
            return set(), True
    raise ValueError("must begin with certain signs, not with any")


def _members(kind: Any, value: Any) -> Iterator[str]:
    if str(kind) == "LITERAL":
        yield chr(value)
    else:
        yield from map(chr, range(value[0], value[1] + 1))


def _tree(words: Iterable[str]) -> Tree:
    """{"好": {"": {}, "看": {"": {}}}} for 好 and 好看: an empty key where a word may end."""
    tree: Tree = {}
    for word in words:
        node = tree
        for sign in word:
            node = node.setdefault(sign, {})
        node[""] = {}
    return tree


def _branch(tree: Tree, sign: str) -> list[str]:
    """One sign's words as an expression for the longest of them; [] if it has none."""
    return [re.escape(sign) + _rest(tree[sign])] if sign in tree else []


def _rest(tree: Tree) -> str:
    ways = "|".join(way for sign in tree if sign for way in _branch(tree, sign))
    return f"(?:{ways})" + ("?" if "" in tree else "") if ways else ""
