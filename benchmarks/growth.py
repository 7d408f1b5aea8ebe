"""What a review costs as the district grows: by staff, by the share of bad reviews, by cases open already."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.chart import draw_lines
from benchmarks.source import broker, folder, plan, reviews_of
from benchmarks.worker import clickhouse, district, process
from streams.district import Plan

STAFF = (322, 1000, 3000, 10_000)
BAD_PERCENT = (0, 2, 5, 10, 20)
OPEN_CASES = (0, 5000, 20_000, 50_000)

Point = tuple[str, float, Plan, int]  # what grows, how large it is, the district, cases open before


def points(records: int) -> Iterator[Point]:
    """The districts to measure."""
    usual = replace(plan(records), stories=False)
    for staff in STAFF:
        yield "staff", staff, replace(usual, windows=staff), 0
    for percent in BAD_PERCENT:
        yield "bad", percent, replace(usual, bad=records * percent // 100), 0
    for cases in OPEN_CASES:
        yield "open", cases, usual, cases


def measure(records: int, what: str) -> dict[str, list[tuple[float, float]]]:
    """What grows: (its size, CPU seconds of the worker a million reviews)."""
    curves: dict[str, list[tuple[float, float]]] = {}
    with folder() as place, broker(place) as (bootstrap, _), clickhouse(place) as server:
        for number, (name, size, district_plan, cases) in enumerate(points(records)):
            if what not in (name, "all"):
                continue
            url = {"HCP_CLICKHOUSE_URL": f"{server}_{number}"} if server else {}
            with district(bootstrap, place / str(number), f"growth{number}.", district_plan, **url) as made:
                if cases:
                    before = replace(district_plan, reviews=cases, bad=cases, seed=district_plan.seed + 1)
                    process(
                        made,
                        [(b"old-" + key, value.replace(b'"R-', b'"old-R-', 1)) for key, value in reviews_of(before)],
                    )
                    made.settle(made.workers[0])
                    made.workers[0].stop()
                took = process(made, reviews_of(district_plan))
            cost = round(took.cpu / records * 1e6, 1)
            curves.setdefault(name, []).append((size, cost))
            print(f"{name} {size:,}: {cost} CPU s a million, {records / took.seconds:,.0f} reviews/s", file=sys.stderr)
    return curves


LABELS = {"staff": "staff", "bad": "bad reviews, %", "open": "cases open already"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=50_000)
    parser.add_argument("--what", choices=[*LABELS, "all"], default="all")
    parser.add_argument("--charts", type=Path, help="a folder to draw them in")
    options = parser.parse_args()
    for name, curve in measure(options.records, options.what).items():
        print(name, *(f"{size:g}: {cost}" for size, cost in curve), sep="\t")
        if options.charts:
            file = options.charts / f"growth-{name}.svg"
            draw_lines({name: curve}, LABELS[name], "CPU seconds a million reviews", file)


if __name__ == "__main__":
    main()
