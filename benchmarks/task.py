"""What a program is told, and what it tells: arguments, and a report with its own clock and counts."""

import argparse
import gc
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import orjson


@dataclass(frozen=True)
class Task:
    """Read `records` reviews from `source` under `group`; write to `enriched` and `bad`; report to `report`."""

    bootstrap: str
    source: str
    group: str
    enriched: str
    bad: str
    records: int
    reference: Path
    report: Path

    @classmethod
    def from_arguments(cls) -> Self:
        parser = argparse.ArgumentParser(description=cls.__doc__)
        for name, kind in cls.__annotations__.items():
            parser.add_argument(f"--{name}", type=kind, required=True)
        # As `haochaping worker` does (streams/cli/worker.py says why); no program is to lose by its collector.
        gc.set_threshold(200_000, 20, 100)
        return cls(**vars(parser.parse_args()))

    def arguments(self) -> list[str]:
        """The other way round."""
        return [f"--{name}={getattr(self, name)}" for name in self.__annotations__]


class Stopwatch:
    """From the first record to the last commit; what came before is start-up."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._started: tuple[float, float] | None = None
        self._stopped: tuple[float, float] | None = None

    def start(self) -> None:
        """At the first record; later calls change nothing."""
        if self._started is None:
            self._started = time.time(), _cpu()

    def stop(self) -> None:
        """After the last commit."""
        self._stopped = time.time(), _cpu()

    def report(self, counts: Mapping[str, int]) -> None:
        """Write what was measured, and the counts by cell."""
        assert self._started is not None and self._stopped is not None, "start() and stop() come first"
        report = {
            "started": self._started[0],
            "ended": self._stopped[0],
            "cpu": self._stopped[1] - self._started[1],
            "peak_mib": _peak_mib(),
            "counts": counts,
        }
        self._task.report.write_bytes(orjson.dumps(report))


def _cpu() -> float:
    """CPU seconds of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak_mib() -> float:
    """The most memory this process had resident; unlike ru_maxrss, without that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))
