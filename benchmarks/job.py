"""`make bench`: one job, one machine, one broker, every program; see docs/performance.md.

Runs go round by round, so that what disturbs the machine disturbs every program. A program whose output differs from
what is expected has no figure, and the exit code says so.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import orjson

from benchmarks.chart import draw_job
from benchmarks.domain import District
from benchmarks.source import (
    Record,
    Result,
    broker,
    create_topics,
    digest,
    expected,
    folder,
    plan,
    publish,
    read_topic,
    reviews_of,
    write_reference,
)
from benchmarks.task import Task
from benchmarks.worker import district, given, process

#: System: its module.
PROGRAMS = {
    "haochaping": "benchmarks.ours",
    "faust": "benchmarks.peers.faust_stock",
    "quixstreams": "benchmarks.peers.quix",
    "bytewax": "benchmarks.peers.bytewax_flow",
    "faststream": "benchmarks.peers.faststream_app",
    "aiokafka": "benchmarks.peers.aiokafka_loop",
    "confluent-kafka": "benchmarks.peers.confluent_loop",
}
#: The worker as it is shipped: two hops, exact counts with their changelog, cases, alerts, ClickHouse in the process.
EXACT = "haochaping-exact"
PATIENCE = 300  # seconds a run may take
SOURCE = "bench-reviews"


@dataclass(frozen=True)
class Run:
    """One run's figures."""

    seconds: float
    cpu: float
    peak_mib: float
    startup: float  # from the start of the process to its first record
    wrong: tuple[str, ...] = ()  # what differs from what is expected


def run_program(module: str, task: Task, right: Result) -> Run:
    """Run a program to its end and look at what it gave."""
    begun = time.time()
    log = task.report.with_suffix(".log")
    with log.open("wb") as stream:
        process = subprocess.Popen([sys.executable, "-m", module, *task.arguments()], stdout=stream, stderr=stream)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.returncode != 0 or not task.report.exists():
        print(log.read_text(errors="replace")[-3000:], file=sys.stderr)
        return Run(0, 0, 0, 0, (f"ended with exit code {process.returncode}",))
    report = orjson.loads(task.report.read_bytes())
    given = Result(
        *digest(read_topic(task.bootstrap, task.enriched)),
        frozenset(orjson.loads(value)["review_id"] for _, value in read_topic(task.bootstrap, task.bad)),
        report["counts"],
    )
    return Run(
        report["ended"] - report["started"],
        report["cpu"],
        report["peak_mib"],
        report["started"] - begun,
        tuple(given.differs_from(right)),
    )


def run_worker(bootstrap: str, place: Path, prefix: str, reviews: Sequence[Record], right: Result) -> Run:
    """`haochaping worker` on a district of its own with the same input."""
    with district(bootstrap, place, prefix, plan(len(reviews))) as made:
        took = process(made, reviews)
        wrong = tuple(given(made).differs_from(right))
    return Run(took.seconds, took.cpu, took.peak_mib, took.startup, wrong)


def measure(records: int, runs: int, systems: Sequence[str]) -> tuple[dict[str, list[Run]], str]:
    """Every system's runs, and the broker they ran on."""
    found: dict[str, list[Run]] = {system: [] for system in systems}
    with folder() as place, broker(place) as (bootstrap, broker_name):
        reviews = reviews_of(plan(records))
        write_reference(plan(records), reference := place / "reference.jsonl")
        right = expected(District(reference), reviews)
        asyncio.run(create_topics(bootstrap, SOURCE))
        asyncio.run(publish(bootstrap, SOURCE, reviews))
        print(f"{len(reviews):,} reviews published to {broker_name}", file=sys.stderr)
        for number in range(runs):
            for system in systems:
                name = f"bench-{system}-{number}"
                if system == EXACT:
                    one = run_worker(bootstrap, place / name, f"{name}.", reviews, right)
                else:
                    outputs = f"{name}-enriched", f"{name}-bad"
                    asyncio.run(create_topics(bootstrap, *outputs))
                    task = Task(
                        bootstrap, SOURCE, name, *outputs, len(reviews), reference, report=place / f"{name}.json"
                    )
                    one = run_program(PROGRAMS[system], task, right)
                found[system].append(one)
                print(f"  {system} {number + 1}/{runs}: {_line(one, len(reviews))}", file=sys.stderr)
    return found, broker_name


def _line(one: Run, records: int) -> str:
    if one.wrong:
        return f"no figure: differs in {', '.join(one.wrong)}"
    return (
        f"{records / one.seconds:,.0f} records/s, {one.cpu / records * 1e6:.1f} CPU s a million, "
        f"{one.peak_mib:.0f} MiB, first record after {one.startup:.1f} s"
    )


def summary(found: dict[str, list[Run]], records: int) -> list[dict[str, str | float]]:
    """The median run of each system, by records a second; a system with a wrong run is left out."""
    rows: list[dict[str, str | float]] = []
    for system, runs in found.items():
        if runs and not any(one.wrong for one in runs):
            rows.append(
                {
                    "system": system,
                    "records_per_second": round(records / median(one.seconds for one in runs)),
                    "cpu_seconds_per_million": round(median(one.cpu for one in runs) / records * 1e6, 2),
                    "peak_mib": round(median(one.peak_mib for one in runs)),
                }
            )
    return rows


def show(rows: list[dict[str, str | float]]) -> None:
    """The table, with each system's ratio to the first."""
    if not rows:
        return
    first = rows[0]
    print(f"{'system':20} {'records/s':>10} {'ratio':>6} {'CPU s/M':>8} {'ratio':>6} {'peak MiB':>9}")
    for row in rows:
        speed, cpu = float(row["records_per_second"]), float(row["cpu_seconds_per_million"])
        print(
            f"{row['system']:20} {speed:>10,.0f} {speed / float(first['records_per_second']):>6.2f} "
            f"{cpu:>8.2f} {cpu / float(first['cpu_seconds_per_million']):>6.2f} {row['peak_mib']:>9}"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description="The same job by haochaping and its peers.")
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="systems, with commas between")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--chart", type=Path, help="draw them here (.svg or .png)")
    options = parser.parse_args()
    systems = options.only.split(",") if options.only else [*PROGRAMS, EXACT]
    found, broker_name = measure(options.records, options.runs, systems)
    rows = summary(found, options.records)
    show(rows)
    print(f"(median of {options.runs} runs of {options.records:,} reviews; {broker_name}; ratios to {systems[0]})")
    if options.json:
        # The worker does more than the job, so it stands apart.
        job, worker = [row for row in rows if row["system"] != EXACT], [row for row in rows if row["system"] == EXACT]
        options.json.write_text(json.dumps({"job": job, "worker": worker}, indent=2) + "\n")
    if options.chart:
        draw_job(rows, options.chart)
    wrong = [system for system, runs in found.items() if any(one.wrong for one in runs)]
    if wrong:
        print(f"no figure, because their output is wrong: {', '.join(wrong)}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
