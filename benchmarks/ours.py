"""The job by this pipeline's own parts: Faust in chunks, the agent `enrich`, the batch producer, the checkpoint.

The worker does more than the job (exact counts, cases, alerts, ClickHouse): see `haochaping-exact` in job.py.
"""

import asyncio
import os
from collections import Counter
from dataclasses import replace
from itertools import repeat
from typing import Any

import orjson
import uvloop

from benchmarks.domain import ZONE, District
from benchmarks.task import Stopwatch, Task
from streams.agents.enrich import Enrich
from streams.agents.refusals import Refusals
from streams.app import faust_app
from streams.metrics import Metrics
from streams.rules.pseudonym import pseudonymiser
from streams.runtime.checkpoint import Checkpoint
from streams.runtime.chunks import Chunk
from streams.runtime.producer import BatchProducer, Outbox
from streams.settings import Settings
from streams.topics import Topic, Topics

#: Dimension: the field of an enriched review that names its member.
DIMENSIONS = {each: f"{each}_id" for each in ("department", "hall", "window", "staff", "service")} | {
    "channel": "channel"
}


class NoSink:
    """The job ends in Kafka."""

    async def write(self, rows: Any) -> None:
        assert not rows


class Counts:
    """Reviews by day and dimension, counted a column at a time."""

    def __init__(self) -> None:
        self._columns = {dimension: Counter[tuple[str, str | None]]() for dimension in ("district", *DIMENSIONS)}

    def add(self, reviews: list[dict[str, Any]]) -> None:
        days = [review["occurred_at"][:10] for review in reviews]
        self._columns["district"].update(zip(days, repeat("all")))
        for dimension, field in DIMENSIONS.items():
            self._columns[dimension].update(zip(days, [review[field] for review in reviews], strict=True))

    def cells(self) -> dict[str, int]:
        return {
            f"{day}|{dimension}|{member or ''}": count
            for dimension, column in self._columns.items()
            for (day, member), count in column.items()
        }


async def main(task: Task) -> None:
    watch, counts, metrics = Stopwatch(task), Counts(), Metrics()
    settings = Settings(kafka_bootstrap=task.bootstrap, topic_prefix=f"{task.group}.", data_dir=task.report.parent)
    topics = replace(Topics.of(settings), reviews=Topic(task.source), enriched=Topic(task.enriched))
    partitions = {task.enriched: settings.partitions, task.bad: settings.partitions}
    district = District(task.reference)
    enrich = Enrich(
        topics,
        settings.partitions,
        district.reference,
        district.lexicon,
        pseudonymiser(None),
        ZONE,
        Refusals(topics.rejected.name, metrics, settings.reject_limit),
    )
    app = faust_app(settings)
    producer = BatchProducer(settings)
    await producer.start()
    checkpoint = Checkpoint(producer, NoSink(), lambda offsets: app.consumer.commit_offsets(offsets), metrics)  # type: ignore[arg-type]
    done = asyncio.Event()
    read = 0

    async def agent(stream: Any) -> None:
        nonlocal read
        async for event in stream.noack().events():
            watch.start()
            chunk: Chunk = event.value
            await checkpoint.room()
            out = Outbox(partitions)
            enrich.process(chunk, out)
            messages = [each for batch in out.messages[task.enriched].values() for each in batch]
            reviews = orjson.loads(b"[" + b",".join([value for _, value, *_ in messages]) + b"]")
            counts.add(reviews)
            for review, (key, value, *_) in zip(reviews, messages, strict=True):
                if review["bad"]:
                    out.produce(task.bad, key, value)
            await checkpoint.add(out, chunk)
            read += len(chunk.records)
            if read >= task.records:
                done.set()

    app.agent(app.topic(task.source, key_serializer="raw", value_serializer="raw"), name="job")(agent)
    flushing = asyncio.create_task(checkpoint.run())
    await app.start()
    await done.wait()
    await checkpoint.flush()
    watch.stop(counts.cells())
    flushing.cancel()
    await app.stop()
    await producer.stop()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(Task.from_arguments()))
    os._exit(0)
