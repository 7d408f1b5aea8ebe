"""What systemd or Kubernetes does for the workers of a house: what ends is started again."""

import threading
import time
from types import TracebackType
from typing import Self

from tests.house import House, WorkerProcess, until


def _leave(worker: WorkerProcess) -> None:
    """Stop a worker, which ends in good order; one that Python has only begun to load knows of no signals yet."""
    assert worker.stop() == 0 or not worker.said(), worker.tail()


class Supervisor:
    """Keeps a number of workers running. What a test takes down itself (`stop`, `scale`) is not started again."""

    def __init__(self, house: House, workers: int = 1, **settings: str) -> None:
        self.house = house
        self.settings = settings
        self.exits: list[int] = []  # codes of workers that ended by themselves
        self.ended: list[WorkerProcess] = []
        self.workers = [house.start(wait=False, **settings) for _ in range(workers)]
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            with self._lock:
                for number, worker in enumerate(self.workers):
                    if (code := worker.process.poll()) is not None:
                        self.exits.append(code)
                        self.ended.append(worker)
                        self.workers[number] = self.house.start(wait=False, **self.settings)

    def ready(self, patience: float = 90) -> None:
        """Wait until every worker is ready."""

        def check() -> bool:
            with self._lock:
                workers = list(self.workers)
            return all((worker.json("/readyz") or {}).get("ready") for worker in workers)

        until("every worker is ready", check, patience)

    def scale(self, workers: int) -> None:
        """Start more, or stop the newest, which leave in good order."""
        with self._lock:
            while len(self.workers) < workers:
                self.workers.append(self.house.start(wait=False, **self.settings))
            leaving = self.workers[workers:]
            self.workers = self.workers[:workers]
        for worker in leaving:
            _leave(worker)

    def replace(self, number: int) -> None:
        """SIGTERM one, and start another in its place."""
        with self._lock:
            _leave(self.workers[number])
            self.workers[number] = self.house.start(wait=False, **self.settings)

    def left(self) -> WorkerProcess:
        """Leave one worker, ready, and watch no more."""
        self.scale(1)
        self.ready()
        self._over.set()
        self._thread.join()
        (worker,) = self.workers
        return worker


def works_again(house: House, patience: float = 120) -> float:
    """Seconds from now until every partition of `reviews` is committed further, or to its end."""
    started = time.monotonic()
    before = until("the broker tells offsets", lambda: house.progress("reviews"), patience)

    def moved() -> bool:
        now = house.progress("reviews")
        # A partition that nobody had committed to before the fault has been committed further as soon as it is there.
        return now.keys() >= before.keys() and all(
            number not in before or done > before[number][0] or done >= end for number, (done, end) in now.items()
        )

    until("the workers commit again", moved, patience)
    return time.monotonic() - started
