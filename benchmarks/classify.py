"""What reading a comment costs, uncached: the mean over the labelled comments.

python benchmarks/classify.py      processor time, so that a busy machine does not count
"""

import json
import time
from pathlib import Path

from streams.rules.categories import load_lexicon
from streams.rules.masking import mask

COMMENTS = Path(__file__).parents[1] / "tests" / "data" / "comments.jsonl"
ROUNDS = 20


def main() -> None:
    lexicon = load_lexicon()
    labelled = [json.loads(line) for line in COMMENTS.read_text(encoding="utf-8").splitlines()]
    complaining = [each["comment"] for each in labelled if each["categories"]]
    content = [each["comment"] for each in labelled if not each["categories"]]
    for name, texts in (("all", complaining + content), ("complaints", complaining), ("nothing named", content)):
        best = {}
        for what, read in (("read", lexicon._of_text), ("masked", mask)):
            times = []
            for _ in range(ROUNDS):
                begun = time.process_time()
                for text in texts:
                    read(text)
                times.append((time.process_time() - begun) / len(texts) * 1e6)
            best[what] = min(times)
        length = sum(map(len, texts)) / len(texts)
        print(f"{name:<14} {len(texts):>4} comments of {length:4.1f} characters: ", end="")
        print(f"{best['read']:5.1f} µs read, {best['masked']:4.1f} µs masked, each")


if __name__ == "__main__":
    main()
