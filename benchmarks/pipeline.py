"""The whole pipeline, from Kafka to `bi_daily`: into the embedded ClickHouse and a server, with one worker and two."""

import argparse
import sys
from pathlib import Path

from benchmarks.source import Record, broker, folder, plan, reviews_of
from benchmarks.worker import clickhouse, district, process


def measure(records: int, runs: int) -> list[dict[str, str | float]]:
    """A row a run."""
    rows: list[dict[str, str | float]] = []
    reviews = reviews_of(plan(records))
    with folder() as place, broker(place) as (bootstrap, _), clickhouse(place) as server:
        for number in range(runs):
            for sink, workers in (("chdb", 1), ("server", 1), ("server", 2)):
                if sink == "server" and server is None:
                    continue
                name = f"{sink}{workers}-{number}"
                url = {"HCP_CLICKHOUSE_URL": f"{server}_{sink}{workers}_{number}"} if sink == "server" else {}
                rows.append(_row(bootstrap, place / name, name, reviews, workers, sink, url))
    return rows


def _row(
    bootstrap: str, place: Path, name: str, reviews: list[Record], workers: int, sink: str, url: dict[str, str]
) -> dict[str, str | float]:
    with district(bootstrap, place, f"{name}.", plan(len(reviews)), **url) as made:
        took = process(made, reviews, workers)
        made.settle(made.workers[0])
        complete = sum(row["reviews"] for row in made.workers[0].view("bi_daily", dimension="district"))
        assert complete == len(reviews), f"bi_daily has {complete} of {len(reviews)}"
    row: dict[str, str | float] = {
        "sink": sink,
        "workers": workers,
        "records_per_second": round(len(reviews) / took.seconds),
        "cpu_seconds_per_million": round(took.cpu / len(reviews) * 1e6, 1),
        "peak_mib": round(took.peak_mib),
        "startup": round(took.startup, 1),
    }
    print(row, file=sys.stderr)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    for row in measure(options.records, options.runs):
        print(*row.values(), sep="\t")


if __name__ == "__main__":
    main()
