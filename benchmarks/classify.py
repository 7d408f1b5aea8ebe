"""What reading a comment costs, in µs of processor time, so that a busy machine counts less.

`read`: uncached. `as they come`: by a worker, which remembers the last 8,192 comments.

python -m benchmarks.classify
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.source import plan, reviews_of
from streams.rules.categories import load_lexicon
from streams.rules.masking import mask

COMMENTS = Path(__file__).parents[1] / "tests" / "data" / "comments.jsonl"
ROUNDS = 5
AGAIN = 200  # so few that all that is needed to read them stays in the processor's cache


def of_the_district() -> list[str]:
    """The comments of 30,000 synthetic reviews: few texts, short ones, which recur."""
    found = (json.loads(value).get("comment") for _, value in reviews_of(plan(30_000)))
    return [comment for comment in found if comment]


def cost(read: Callable[[str], object], texts: Sequence[str]) -> float:
    """The best of some rounds, µs a text."""
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for text in texts:
            read(text)
        times.append((time.process_time() - begun) / len(texts) * 1e6)
    return min(times)


def main() -> None:
    lexicon = load_lexicon()
    labelled = [json.loads(line)["comment"] for line in COMMENTS.read_text(encoding="utf-8").splitlines()]
    for name, texts in (
        ("labelled ones, no two alike", labelled),
        (f"{AGAIN} of them, again and again", labelled[:: len(labelled) // AGAIN]),
        ("the synthetic district's", of_the_district()),
    ):
        length = sum(map(len, texts)) / len(texts)
        print(f"{name:<28} {len(texts):>6} comments of {length:4.1f} signs: ", end="", flush=True)
        uncached, as_they_come = cost(lexicon._of_text, texts), cost(lambda text: lexicon.classify(None, text), texts)
        print(f"{uncached:5.1f} µs read, {as_they_come:5.1f} as they come, {cost(mask, texts):4.1f} masked")


if __name__ == "__main__":
    main()
