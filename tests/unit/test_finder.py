"""Finding words and patterns in one pass over a text."""

import pytest

from streams.rules.finder import Finder

FINDER = Finder(
    {"没有": "a longer word", "没": "a word"},
    [
        ("(?:不|没)[叫喊]号?", "alternatives first"),
        ("[没未]来", "a class first"),
        ("(?:未|没)?完", "what may be missing first"),
        ("(?:没(?:办|搞)|[(|]办)成", "a group in a group"),
        ("没(?=的)", "the sign itself first"),
        ("[哪那]边|里面|(?:很?|太)远", "alternatives all over"),
        (r"(?:\(急\)|加急)办", "an escaped bracket"),
    ],
    foremost=("[没零0]完?没了|一", "the foremost"),
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("没有没", [(0, 2, "a longer word"), (2, 3, "a word")]),
        ("没叫号不喊", [(0, 3, "alternatives first"), (3, 5, "alternatives first")]),
        ("没来未来", [(0, 2, "a class first"), (2, 4, "a class first")]),
        ("没完完", [(0, 2, "what may be missing first"), (2, 3, "what may be missing first")]),
        ("没搞成|办成", [(0, 3, "a group in a group"), (3, 6, "a group in a group")]),
        ("没的", [(0, 1, "the sign itself first")]),
        (
            "里面边很远远",
            [(0, 2, "alternatives all over"), (3, 5, "alternatives all over"), (5, 6, "alternatives all over")],
        ),
        ("(急)办加急办", [(0, 4, "an escaped bracket"), (4, 7, "an escaped bracket")]),
        ("不有", []),
        ("没完没了没完", [(0, 4, "the foremost"), (4, 6, "what may be missing first")]),
        ("一零没了没有", [(0, 1, "the foremost"), (1, 4, "the foremost"), (4, 6, "a longer word")]),
    ],
)
def test_patterns_are_found_at_every_sign_they_begin_with(text: str, found: list[tuple[int, int, str]]) -> None:
    assert FINDER.find(text) == found


def test_what_a_pattern_stands_for_may_depend_on_the_text_found() -> None:
    finder = Finder[object]({"分": "a word"}, [("[0-9]+分", len)], foremost=("[0-9]+秒", str.upper))
    assert finder.find("10分分1秒") == [(0, 3, 3), (3, 4, "a word"), (4, 6, "1秒")]
