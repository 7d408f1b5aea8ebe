"""Learn the weights of streams/rules/likeness.json from the labelled comments under `tune` and `learn`.

pip install -e '.[learn]' && python tests/data/learn.py     after comments or lexicon have changed
"""

import json
import math
import random
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from score_comments import comments
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from streams.rules.categories import CATEGORIES, LIKENESS, Lexicon, load_lexicon
from streams.rules.likeness import LONGEST
from streams.rules.signs import normalise

#: Seldom is not often enough to learn from, and what weighs next to nothing only makes the file long.
SEEN_AT_LEAST, WEIGHS_AT_LEAST = 2, 0.15
#: How freely weights grow (C of the regression).
STRENGTH = 8
#: Where the line is drawn, in log odds: since a complaint missed is worse than one too many.
LINE = -0.6
#: The lexicon was written by the comments of `tune` and knows most by heart, so it would be trusted too much. So each
#: is learned from several times, and each time the lexicon is made to miss a category, or to find a wrong one, about as
#: often as in comments it has not seen (docs/categories.md).
MISSES, ALARMS, TIMES = 0.12, 0.008, 4
#: Those of `learn` it has not seen: each counts for so many.
UNSEEN = 3.0
#: Of the comments here one in four complains about nothing, of citizens' nearly all: each of these counts for so many.
CONTENT = 4.0
#: What the lexicon found stands by so much where nothing else is known of a text.
STANDS = 0.5

#: What may stand behind the = of what the lexicon found.
FOUND = {*CATEGORIES, "nothing"}


def features(comment: dict[str, Any], lexicon: Lexicon) -> dict[str, float]:
    """Signs and pairs of signs; `=category` for what the lexicon found, or `=nothing`; `=not category`, it cleared."""
    text = comment["comment"]
    cleared = [f"=not {name}" for name in lexicon.speaks_well_of(text)]
    found = lexicon.classify(comment.get("tags"), text)
    return dict.fromkeys([*signs_of(normalise(text)), *marks(found), *cleared], 1.0)


def signs_of(text: str) -> set[str]:
    """The signs of a text (normalised) and its pairs of neighbouring ones; none with an emoji, as in likeness.py."""
    return {*text, *("".join(pair) for pair in pairwise(text) if max(pair) <= "\uffff")}


def marks(found: Iterable[str]) -> list[str]:
    """How the lexicon's categories stand among features."""
    return [f"={name}" for name in found] or ["=nothing"]


def unsure(known: dict[str, float], chance: random.Random) -> dict[str, float]:
    """The same features, the lexicon making its mistakes."""
    found = (name for name in CATEGORIES if chance.random() < (1 - MISSES if f"={name}" in known else ALARMS))
    return {name: 1.0 for name in known if name[1:] not in FOUND} | dict.fromkeys(marks(found), 1.0)


def main() -> None:
    learned_from = [each for each in [*comments("tune"), *comments("learn")] if len(each["comment"]) <= LONGEST]
    lexicon = load_lexicon(likeness=None)
    table = [features(each, lexicon) for each in learned_from]
    seen = Counter(name for each in table for name in each)
    chance = random.Random(0)  # the same mistakes at every run
    lessons = [
        unsure(known, chance) if each["split"] == "tune" else known
        for each, known in zip(learned_from, table, strict=True)
        for _ in range(TIMES)
    ]
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform([{name: 1.0 for name in each if seen[name] >= SEEN_AT_LEAST} for each in lessons])
    for each in ("indices", "indptr"):  # liblinear takes no longer ones
        setattr(matrix, each, getattr(matrix, each).astype("int32"))
    counts = [
        (UNSEEN if each["split"] == "learn" else 1.0) * (1.0 if each["categories"] else CONTENT)
        for each in learned_from
        for _ in range(TIMES)
    ]
    weights: dict[str, dict[str, float]] = {}
    trust: dict[str, dict[str, float]] = {name: {} for name in CATEGORIES}
    cleared: dict[str, dict[str, float]] = {name: {} for name in CATEGORIES}
    nothing: dict[str, float] = {}
    base: dict[str, float] = {}
    for category in CATEGORIES:
        labels = [category in each["categories"] for each in learned_from for _ in range(TIMES)]
        # liblinear keeps the base small as well as the weights: F1 of `blind` 0.866, without that 0.863.
        model = LogisticRegression(C=STRENGTH / TIMES, solver="liblinear", random_state=0).fit(matrix, labels, counts)
        base[category] = round(float(model.intercept_[0]) - LINE, 3)
        for name, weight in zip(vectorizer.feature_names_, model.coef_[0], strict=True):
            if name == "=nothing":
                nothing[category] = round(float(weight), 3)
            elif name[1:] in trust:
                least = STANDS - base[category] if name == f"={category}" else -math.inf
                trust[name[1:]][category] = round(max(float(weight), least), 3)
            elif name.startswith("=not "):
                cleared[name.removeprefix("=not ")][category] = round(float(weight), 3)
            elif name[0] != "=" and abs(weight) >= WEIGHS_AT_LEAST:
                weights.setdefault(name, {})[category] = round(float(weight), 2)
    lines = ",\n".join(
        f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(weights[name])}" for name in sorted(weights)
    )
    known = {"learned_from": len(learned_from), "base": base, "trust": trust, "cleared": cleared, "nothing": nothing}
    head = ",\n".join(f'"{name}": {json.dumps(value)}' for name, value in known.items())
    LIKENESS.write_text(f'{{\n{head},\n"weights": {{\n{lines}\n}}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
