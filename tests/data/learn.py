"""Learn the weights of streams/rules/likeness.json from the labelled comments, those under `tune` alone.

pip install -e '.[learn]' && python tests/data/learn.py     after comments or lexicon have changed
"""

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from score_comments import comments
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from streams.rules.categories import CATEGORIES, LIKENESS, Lexicon, load_lexicon
from streams.rules.clauses import normalise
from streams.rules.likeness import LONGEST, signs_of

#: Seldom is not often enough to learn from, and what weighs next to nothing only makes the file long.
SEEN_AT_LEAST, WEIGHS_AT_LEAST = 2, 0.15
#: How freely weights grow (C of the regression).
STRENGTH = 8
#: Where the line is drawn, in log odds: since a complaint missed is worse than one too many.
LINE = -0.3
#: The lexicon was written by these comments and knows most by heart, so it would be trusted too much. So each is
#: learned from several times, and each time the lexicon is made to miss a category, or to find a wrong one, about as
#: often as in comments it has not seen (docs/categories.md).
MISSES, ALARMS, TIMES = 0.08, 0.004, 4
#: Of the comments here one in four complains about nothing, of citizens' nearly all: each of these counts for so many.
CONTENT = 4.0
#: What the lexicon found stands by so much where nothing else is known of a text.
STANDS = 0.1


def features(comment: dict[str, Any], lexicon: Lexicon) -> dict[str, float]:
    """Signs and pairs of signs, and under `=category` what the lexicon found, or `=nothing`."""
    found = lexicon.classify(comment.get("tags"), comment["comment"])
    return dict.fromkeys([*signs_of(normalise(comment["comment"])), *marks(found)], 1.0)


def marks(found: Iterable[str]) -> list[str]:
    """How the lexicon's categories stand among features."""
    return [f"={name}" for name in found] or ["=nothing"]


def unsure(table: list[dict[str, float]]) -> Iterator[dict[str, float]]:
    """The features as often as TIMES, the lexicon making its mistakes; the same ones at every run."""
    chance = random.Random(0)
    for each in table:
        for _ in range(TIMES):
            found = (name for name in CATEGORIES if chance.random() < (1 - MISSES if f"={name}" in each else ALARMS))
            yield {name: 1.0 for name in each if name[0] != "="} | dict.fromkeys(marks(found), 1.0)


def main() -> None:
    learned_from = [each for each in comments("tune") if len(each["comment"]) <= LONGEST]
    lexicon = load_lexicon(likeness=None)
    table = [features(each, lexicon) for each in learned_from]
    seen = Counter(name for each in table for name in each)
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform(
        [{name: 1.0 for name in each if seen[name] >= SEEN_AT_LEAST} for each in unsure(table)]
    )
    counts = [1.0 if each["categories"] else CONTENT for each in learned_from for _ in range(TIMES)]
    weights: dict[str, dict[str, float]] = {}
    trust: dict[str, float] = {}
    nothing: dict[str, float] = {}
    base: dict[str, float] = {}
    for category in CATEGORIES:
        labels = [category in each["categories"] for each in learned_from for _ in range(TIMES)]
        model = LogisticRegression(C=STRENGTH / TIMES, max_iter=1000).fit(matrix, labels, counts)
        base[category] = round(float(model.intercept_[0]) - LINE, 3)
        for name, weight in zip(vectorizer.feature_names_, model.coef_[0], strict=True):
            if name == f"={category}":
                trust[category] = round(max(float(weight), STANDS - base[category]), 3)
            elif name == "=nothing":
                nothing[category] = round(float(weight), 3)
            elif not name.startswith("=") and abs(weight) >= WEIGHS_AT_LEAST:
                weights.setdefault(name, {})[category] = round(float(weight), 2)
    lines = ",\n".join(
        f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(weights[name])}" for name in sorted(weights)
    )
    known = {"learned_from": len(learned_from), "base": base, "trust": trust, "nothing": nothing}
    head = ",\n".join(f'"{name}": {json.dumps(value)}' for name, value in known.items())
    LIKENESS.write_text(f'{{\n{head},\n"weights": {{\n{lines}\n}}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
