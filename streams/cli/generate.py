"""haochaping generate"""

import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Annotated

import orjson
import typer

from streams.cli.common import load_settings, progress
from streams.district import Plan, references, timeline
from streams.errors import HaochapingError

_Share = Annotated[float, typer.Option(help="A share from 0 to 1.")]


def generate(
    out: Annotated[Path, typer.Option(help="Folder for the JSONL files; made if need be.")],
    reviews: Annotated[int, typer.Option(min=1, help="Reviews to be accepted.")] = 220_000,
    bad: Annotated[int | None, typer.Option(min=0, help="Bad ones among them; default: 64, or all if fewer.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed is another district.")] = 2026,
    start: Annotated[str, typer.Option(help="First day.")] = "2026-01-01",
    end: Annotated[str, typer.Option(help="Last day.")] = "2026-08-31",
    departments: int = 27,
    halls: int = 14,
    windows: int = 322,
    stories: Annotated[bool, typer.Option(help="Ms Xi and Mr Wang.")] = True,
    commented: _Share = 0.05,
    tagged: _Share = 0.08,
    hidden_negative: _Share = 0.004,
    named: _Share = 0.10,
    unmatched: _Share = 0.0,
    duplicates: _Share = 0.005,
    late: _Share = 0.01,
    rejects: Annotated[int, typer.Option(min=0, help="Records that cannot be used.")] = 12,
    late_cases: _Share = 0.0,
    unhandled: _Share = 0.0,
    dismissed: _Share = 0.0,
    extended: _Share = 0.0,
) -> None:
    """Write eight months of a synthetic district as JSONL, one file a topic, for `haochaping publish`.

    Example: haochaping generate --out district --reviews 20000 --bad 4000 --late-cases 0.3
    """
    load_settings()  # none is used; but one that is misspelt stops this as it stops all else
    try:
        first, last = date.fromisoformat(start), date.fromisoformat(end)
    except ValueError:
        raise HaochapingError("--start and --end are days such as 2026-01-01") from None
    plan = Plan(
        seed=seed,
        reviews=reviews,
        bad=min(64, reviews) if bad is None else bad,
        departments=departments,
        halls=halls,
        windows=windows,
        start=first,
        end=last,
        stories=stories,
        commented=commented,
        tagged=tagged,
        hidden_negative=hidden_negative,
        named=named,
        unmatched=unmatched,
        duplicates=duplicates,
        late=late,
        rejects=rejects,
        late_cases=late_cases,
        unhandled=unhandled,
        dismissed=dismissed,
        extended=extended,
    )
    started = time.monotonic()
    counts: dict[str, int] = {}
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            files = {
                topic: stack.enter_context((out / f"{topic}.jsonl").open("wb", buffering=1 << 20))
                for topic in ("reference.windows", "reference.staff", "reference.services", "reviews", "cases.events")
            }
            for topic, record in references(plan):
                files[topic].write(orjson.dumps(record) + b"\n")
                counts[topic] = counts.get(topic, 0) + 1
            with progress() as bar:
                task = bar.add_task("generating", total=plan.reviews)
                for number, (topic, _, value) in enumerate(timeline(plan)):
                    files[topic].write(value + b"\n")
                    counts[topic] = counts.get(topic, 0) + 1
                    if number % 5000 == 0:
                        bar.update(task, completed=min(number, plan.reviews))
                bar.update(task, completed=plan.reviews)
    except OSError as exc:
        raise HaochapingError(f"cannot write to {out}: {exc.strerror}") from exc
    written = ", ".join(f"{count:,} {topic}" for topic, count in counts.items())
    typer.echo(f"{out}: {written}; {time.monotonic() - started:.1f} s")
