"""Learn the weights of streams/rules/likeness.json from the labelled comments, those under `tune` alone.

pip install -e '.[learn]' && python tests/data/learn.py     after comments or lexicon have changed
"""

import json
from collections import Counter
from typing import Any

from score_comments import comments
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression

from streams.rules.categories import CATEGORIES, LIKENESS, Lexicon, load_lexicon
from streams.rules.clauses import normalise
from streams.rules.likeness import LONGEST, signs_of

#: Seldom is not often enough to learn from, and what weighs next to nothing only makes the file long.
SEEN_AT_LEAST, WEIGHS_AT_LEAST = 2, 0.15
#: Where the line is drawn, in log odds: at two in five, since a complaint missed is worse than one too many.
LINE = -0.4
#: What the lexicon found stands by so much where nothing else is known of a text.
STANDS = 0.5


def features(comment: dict[str, Any], lexicon: Lexicon) -> dict[str, float]:
    """Signs and pairs of signs, and under `=category` what the lexicon found."""
    found = lexicon.classify(comment.get("tags"), comment["comment"])
    return dict.fromkeys([*signs_of(normalise(comment["comment"])), *(f"={name}" for name in found)], 1.0)


def main() -> None:
    learned_from = [each for each in comments("tune") if len(each["comment"]) <= LONGEST]
    lexicon = load_lexicon(likeness=None)
    table = [features(each, lexicon) for each in learned_from]
    seen = Counter(name for each in table for name in each)
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform([{name: 1.0 for name in each if seen[name] >= SEEN_AT_LEAST} for each in table])
    weights: dict[str, dict[str, float]] = {}
    trust: dict[str, float] = {}
    base: dict[str, float] = {}
    for category in CATEGORIES:
        labels = [category in each["categories"] for each in learned_from]
        model = LogisticRegression(C=2, max_iter=1000).fit(matrix, labels)
        base[category] = round(float(model.intercept_[0]) - LINE, 3)
        for name, weight in zip(vectorizer.feature_names_, model.coef_[0], strict=True):
            if name == f"={category}":
                trust[category] = round(max(float(weight), STANDS - base[category]), 3)
            elif not name.startswith("=") and abs(weight) >= WEIGHS_AT_LEAST:
                weights.setdefault(name, {})[category] = round(float(weight), 2)
    lines = ",\n".join(
        f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(weights[name])}" for name in sorted(weights)
    )
    head = f'"learned_from": {len(learned_from)},\n"base": {json.dumps(base)},\n"trust": {json.dumps(trust)}'
    LIKENESS.write_text(f'{{\n{head},\n"weights": {{\n{lines}\n}}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
