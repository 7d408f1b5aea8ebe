"""What the worker remembers costs: recovery and start-up time, memory and changelog bytes, by reviews remembered.

One district grows; its worker is stopped and started anew at each size.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from benchmarks.source import broker, folder, plan, publish, read_topic, reviews_of
from benchmarks.worker import Progress, clickhouse, district, resident_mib, until

CHANGELOGS = ("aggregate-changelog", "rectify-changelog", "repeat-changelog")


def measure(sizes: Sequence[int]) -> list[dict[str, float]]:
    """A row a size."""
    rows: list[dict[str, float]] = []
    reviews = reviews_of(plan(sizes[-1]))
    with folder() as place, broker(place) as (bootstrap, _), clickhouse(place) as server:
        url = {"HCP_CLICKHOUSE_URL": server} if server else {}
        with district(bootstrap, place / "state", "state.", plan(sizes[-1]), **url) as made:
            progress, worker, sent = Progress(bootstrap, made.prefix), made.start(), 0
            for size in sizes:
                asyncio.run(publish(bootstrap, f"{made.prefix}reviews", reviews[sent:size]))
                sent = size
                until([worker], lambda size=size: progress.done(size))  # type: ignore[misc]
                made.settle(worker)
                grown = resident_mib(worker)
                worker.stop()
                begun = time.monotonic()
                worker = made.start()
                row = {
                    "reviews": size,
                    "start_seconds": round(time.monotonic() - begun, 2),
                    "recovery_seconds": round(worker.metrics()["haochaping_recovery_seconds"], 2),
                    "resident_mib_before": round(grown),
                    "resident_mib_after": round(resident_mib(worker)),
                    "changelog_mib": round(_bytes(bootstrap, f"{made.prefix}haochaping-") / 2**20, 1),
                }
                rows.append(row)
                print(row, file=sys.stderr)
    return rows


def _bytes(bootstrap: str, prefix: str) -> int:
    """Keys and values of all changelogs, as the broker has them."""
    return sum(
        len(key) + len(value or b"") for name in CHANGELOGS for key, value in read_topic(bootstrap, prefix + name)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 100_000, 300_000, 1_000_000])
    for row in measure(sorted(parser.parse_args().sizes)):
        print(*row.values(), sep="\t")


if __name__ == "__main__":
    main()
