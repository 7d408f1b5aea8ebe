"""What alerts on repeats cost, in CPU time, where a hall has very many bad reviews of one category in the window.

Each alert lists the reviews it counts, so what is written is a square of their number, whatever it costs to find it.

python -m benchmarks.repeats [reviews ...]     1,000, 2,000 and 4,000, unless told
"""

import gc
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import orjson

from streams.agents.alert_book import VERSIONS
from streams.agents.repeat import Repeat
from streams.agents.repeat_memory import RepeatMemory
from streams.metrics import Metrics
from streams.rules.history import Incident
from streams.runtime.chunks import Chunk
from streams.runtime.clock import WallClock
from streams.runtime.memory import Memories
from streams.runtime.producer import Outbox
from streams.settings import Settings
from streams.topics import Topics

START = datetime(2026, 5, 11, 8, tzinfo=UTC)
CHUNK = 500


class Hall:
    """An agent that knows one hall, and what came to it so far."""

    def __init__(self) -> None:
        self._topics = topics = Topics.under("")
        self._memories = Memories(topics.repeat_changelog.name, RepeatMemory)
        self._memories.adopt(0, self._memories.assign({0}, 0)[0])
        self._agent = Repeat(topics, self._memories, Settings(), WallClock(), Metrics(), lambda kind, record: None)
        self._offset = 0

    def take(self, incidents: Iterable[Incident]) -> tuple[float, int, int]:
        """CPU seconds, alerts, and their bytes."""
        records = []
        for incident in incidents:
            value = orjson.dumps({"version": self._offset * VERSIONS, "incident": incident})
            records.append(SimpleNamespace(offset=self._offset, key=b"hall|h1|queue", value=value))
            self._offset += 1
        out = Outbox({topic.name: 4 for topic in self._topics})
        begun = time.process_time()
        self._agent.process(Chunk(self._topics.incidents.name, 0, records, 0), out)
        spent = time.process_time() - begun
        alerts = [value for sent in out.messages[self._topics.alerts.name].values() for _, value, *_ in sent]
        return spent, len(alerts), sum(len(value or b"") for value in alerts)


def incident(number: int) -> Incident:
    """One of many complaints about the queue, ten seconds apart."""
    return Incident(
        review_id=f"r{number:07d}",
        occurred_at=START + number * timedelta(seconds=10),
        hall_id="h1",
        hall_name="石化街道社区事务受理服务中心",
        service_id=f"v{number % 40}",
        categories=("queue",),
        cause="process",
    )


def main() -> None:
    gc.set_threshold(200_000, 20, 100)  # as the worker does
    print("| bad reviews | CPU s | of the worst 500 | alerts, MB | one case closed, CPU ms |")
    print("| --- " * 5 + "|")
    for reviews in list(map(int, sys.argv[1:])) or [1000, 2000, 4000]:
        hall, spent, written = Hall(), [], 0
        for begin in range(0, reviews, CHUNK):
            seconds, _, size = hall.take(map(incident, range(begin, begin + CHUNK)))
            spent.append(seconds)
            written += size
        closed, _, _ = hall.take([replace(incident(0), closed_at=START + timedelta(days=1))])
        figures = f"{sum(spent):.2f} | {max(spent):.2f} | {written / 1e6:.0f} | {closed * 1000:.1f}"
        print(f"| {reviews:,} | {figures} |")


if __name__ == "__main__":
    main()
