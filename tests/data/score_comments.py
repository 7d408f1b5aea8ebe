"""How well the lexicon finds what hand-labelled comments complain about.

python tests/data/score_comments.py     prints the tables of docs/categories.md
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from streams.rules.categories import CATEGORIES, TITLES, Lexicon, load_lexicon

COMMENTS = Path(__file__).with_name("comments.jsonl")


class Score(NamedTuple):
    """Counts of right, wrong and missed categories."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / ((self.right + self.wrong) or 1)

    @property
    def recall(self) -> float:
        return self.right / ((self.right + self.missed) or 1)

    @property
    def f1(self) -> float:
        return 2 * self.right / ((2 * self.right + self.wrong + self.missed) or 1)


def comments(split: str) -> list[dict[str, Any]]:
    """The labelled comments of one part: `tune`, which the lexicon was written by, `learn`, `keep`, `blind`, …."""
    labelled: list[dict[str, Any]] = [json.loads(line) for line in COMMENTS.read_text(encoding="utf-8").splitlines()]
    return [each for each in labelled if each["split"] == split]


def scores(lexicon: Lexicon, split: str) -> dict[str, Score]:
    """The score of each category, and under `all` that of all together (micro)."""
    right, wrong, missed = Counter[str](), Counter[str](), Counter[str]()
    for each in comments(split):
        expected = set(each["categories"])
        found = set(lexicon.classify(each.get("tags"), each["comment"]))
        right.update(found & expected)
        wrong.update(found - expected)
        missed.update(expected - found)
    table = {name: Score(right[name], wrong[name], missed[name]) for name in CATEGORIES}
    return table | {"all": Score(right.total(), wrong.total(), missed.total())}


def main() -> None:
    lexicon = load_lexicon()
    for split in ("tune", "keep", "blind", "mended", "fresh"):
        labelled = comments(split)
        nothing = [each for each in labelled if not each["categories"]]
        alarms = sum(bool(lexicon.classify(each.get("tags"), each["comment"])) for each in nothing)
        print(f"\n`{split}`: {len(labelled)} comments, {len(nothing)} of them complain about nothing ", end="")
        print(f"({alarms} of these were given a category).\n")
        print("| category | | precision | recall | F1 | labelled |\n| --- | --- | --- | --- | --- | --- |")
        for name, score in scores(lexicon, split).items():
            ratios = f"{score.precision:.2f} | {score.recall:.2f} | {score.f1:.2f}"
            print(f"| {name} | {TITLES.get(name, '')} | {ratios} | {score.right + score.missed} |")


if __name__ == "__main__":
    main()
