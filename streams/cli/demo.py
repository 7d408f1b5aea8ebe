"""haochaping demo"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import orjson
import typer
from rich.console import Console

from streams.cli.common import load_settings, progress
from streams.cli.figures import SOURCES, WIDTH, Figures, print_figures
from streams.cli.publishing import publish_records
from streams.district import Plan, references, timeline
from streams.errors import HaochapingError
from streams.runtime.admin import admin_client, create_topics
from streams.runtime.embedded_broker import start_broker
from streams.settings import Settings

_REFERENCES = ("reference.windows", "reference.staff", "reference.services")
_LIVE = ("reviews", "cases.events")

#: The demo gives up when the worker has processed nothing for this long (seconds).
PATIENCE = 60


def demo(
    reviews: Annotated[int, typer.Option(min=1000, help="How many reviews there are.")] = 220_000,
    seed: Annotated[int, typer.Option(help="Another seed is another district.")] = 2026,
    serve: Annotated[bool, typer.Option("--serve", help="Keep the board up at the end, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the board; 0 takes a free one.")] = 6066,
) -> None:
    """Replay eight months of a district on embedded parts: Kafka, one worker, ClickHouse, all on this machine.

    Example: haochaping demo --reviews 20000 --serve
    """
    load_settings()  # it has settings of its own; but one that is misspelt stops this as it stops all else
    plan = Plan(reviews=reviews, seed=seed)
    for sign in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal, too: broker and worker are not to live on
        signal.signal(sign, lambda number, _: sys.exit(128 + number))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="haochaping-demo-")))
        broker_port = _free_port()
        broker = start_broker(broker_port)
        stack.callback(_stop, broker)
        settings = Settings(
            kafka_bootstrap=f"127.0.0.1:{broker_port}",
            data_dir=folder,
            http_port=port or _free_port(),
            clock="event",
        )
        asyncio.run(_create(settings))
        typer.echo(f"好差评 demo: {reviews:,} reviews, embedded Kafka and ClickHouse, one worker", err=True)
        asyncio.run(publish_records(settings, _REFERENCES, _references(plan), 900, "reference"))
        worker, log = _start_worker(settings, folder)
        stack.callback(_stop, worker)
        try:
            figures, published, seconds = asyncio.run(_replay(settings, plan, worker))
        except HaochapingError:
            sys.stderr.write(log.read_text(errors="replace")[-2000:])
            raise
        print_figures(Console(width=WIDTH), figures, "政务服务“好差评” · the district's eight months")
        speed = sum(row["reviews"] for row in figures.district) / seconds
        typer.echo(f"\n{published:,} records published and processed in {seconds:.1f} s: {speed:,.0f} reviews/s")
        if serve:
            typer.echo(f"\nThe board is at http://127.0.0.1:{settings.http_port}/  (Ctrl-C ends it)")
            try:
                signal.pause()
            except KeyboardInterrupt:
                typer.echo("stopped")
        else:
            typer.echo("\nSee it on the board: make demo SERVE=1")


def _references(plan: Plan) -> Iterator[tuple[str, bytes | None, bytes]]:
    """The references as records, keyed by their ids."""
    for topic, record in references(plan):
        # Each record's id is its first field.
        yield topic, str(next(iter(record.values()))).encode(), orjson.dumps(record)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _start_worker(settings: Settings, folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """A worker as anybody would start one: by the command, with its settings in the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HCP_")}
    environment |= {
        "HCP_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "HCP_DATA_DIR": str(settings.data_dir),
        "HCP_HTTP_PORT": str(settings.http_port),
        "HCP_CLOCK": settings.clock,
        # For the demo alone: a real deployment keeps its key secret.
        "HCP_PSEUDONYM_KEY": "demo",
    }
    log = folder / "worker.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams", "worker"],
            env=environment,
            stdout=stream,
            stderr=stream,
            start_new_session=True,  # Ctrl-C is ours; we stop it in order
        )
    return process, log


async def _create(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        await create_topics(admin, settings)


class _Worker:
    """The worker, seen from outside."""

    def __init__(self, settings: Settings, process: subprocess.Popen[bytes], session: aiohttp.ClientSession) -> None:
        self._url = f"http://127.0.0.1:{settings.http_port}"
        self._process = process
        self._session = session

    async def get(self, path: str, **parameters: str | int) -> Any:
        """GET a JSON answer; None while there is none.

        Raises:
            HaochapingError: the worker has ended.
        """
        if self._process.poll() is not None:
            raise HaochapingError(f"the worker ended with exit code {self._process.returncode}")
        try:
            async with self._session.get(self._url + path, params=parameters) as response:
                return orjson.loads(await response.read()) if response.status in (200, 503) else None
        except aiohttp.ClientError:
            return None

    async def until(self, path: str, wanted: str) -> Any:
        """Wait until an answer's field is true."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = await self.get(path)
            if answer and answer.get(wanted):
                return answer
            await asyncio.sleep(0.1)
        raise HaochapingError(f"the worker was not {wanted} within {PATIENCE} s")

    async def processed(self) -> int:
        """How many reviews the aggregates hold."""
        rows = await self.get("/api/views/bi_daily", dimension="district", limit=10_000)
        return sum(row["reviews"] for row in rows) if isinstance(rows, list) else 0


async def _replay(settings: Settings, plan: Plan, process: subprocess.Popen[bytes]) -> tuple[Figures, int, float]:
    """Publish them all, wait until it is processed; returns the views' figures, records published, seconds."""
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        worker = _Worker(settings, process, session)
        await worker.until("/readyz", "ready")
        started = time.monotonic()
        published = await publish_records(settings, _LIVE, timeline(plan), plan.reviews, "reviews")
        with progress() as bar:
            task = bar.add_task("processing", total=plan.reviews)
            done, moved = 0, time.monotonic()
            while True:
                answer = await worker.get("/readyz")
                now_done = await worker.processed()
                if now_done > done:
                    done, moved = now_done, time.monotonic()
                    bar.update(task, completed=min(done, plan.reviews))
                if answer and answer.get("idle") and done >= plan.reviews:
                    break
                if time.monotonic() - moved > PATIENCE:
                    raise HaochapingError(f"the worker stopped at {done} of {plan.reviews} reviews")
                await asyncio.sleep(0.25)
        seconds = time.monotonic() - started
        rows: dict[str, Any] = {
            field: await worker.get(f"/api/views/{view}", limit=100_000, **parameters)
            for field, (view, parameters) in SOURCES.items()
        }
        return Figures(evidence=rows["cases"], **rows), published, seconds
