"""The job by this pipeline's own parts: Faust in chunks, the agent `enrich`, the batch producer, the checkpoint.

The worker does more than the job (exact counts, cases, alerts, ClickHouse): see `haochaping-exact` in job.py.
"""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import compress, groupby
from operator import attrgetter
from typing import Any

import uvloop

from benchmarks.domain import DIMENSIONS, ZONE, Counts, District, cells, no_counts
from benchmarks.task import Stopwatch, Task
from streams.agents.enrich import Enrich, Valid
from streams.agents.refusals import Refusals
from streams.app import faust_app
from streams.metrics import Metrics
from streams.rules.enrichment import Match
from streams.rules.pseudonym import pseudonymiser
from streams.runtime.checkpoint import Checkpoint
from streams.runtime.chunks import Chunk
from streams.runtime.connection import mend_connections
from streams.runtime.producer import BatchProducer, Outbox
from streams.runtime.records import take_decoded_records
from streams.schemas.review import BAD_RATING
from streams.settings import Settings
from streams.topics import Topic, Topics

#: The dimensions whose members the reference says. The channel is the review's own.
MATCHED = {dimension: field for dimension, field in DIMENSIONS.items() if dimension != "channel"}
_MEMBERS = attrgetter(*MATCHED.values())


class NoSink:
    """The job ends in Kafka."""

    async def write(self, rows: Any) -> None:
        assert not rows


def count(counts: Counts, valid: Valid, matches: Sequence[Match]) -> None:
    """Count some reviews, day by day and dimension by dimension."""
    reviews = zip(valid.occurred, valid.reviews, matches, strict=True)
    for day, group in groupby(reviews, lambda each: each[0][:10]):
        _, of_day, matched = zip(*group, strict=True)
        counts[day, "channel"].update([review["channel"] for review in of_day])
        for dimension, members in zip(MATCHED, zip(*map(_MEMBERS, matched), strict=True), strict=True):
            counts[day, dimension].update(members)


async def main(task: Task) -> None:
    watch, counts, metrics = Stopwatch(task), no_counts(), Metrics()
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
            if not app.consumer.take(chunk):
                continue
            out = Outbox(partitions)
            for part in chunk.parts():
                valid = enrich.valid(part, out)
                matches = enrich.match(valid.reviews)
                messages = enrich.enrich(valid, matches, out)
                for key, value, _, _ in compress(messages, [each["rating"] <= BAD_RATING for each in valid.reviews]):
                    out.produce(task.bad, key, value)
                count(counts, valid, matches)
            await checkpoint.add(out, chunk)
            read += len(chunk.records)
            if read >= task.records:
                done.set()

    app.agent(app.topic(task.source, key_serializer="raw", value_serializer="raw"), name="job")(agent)
    flushing = asyncio.create_task(checkpoint.run())
    await app.start()
    await done.wait()
    await checkpoint.flush()
    watch.stop()
    watch.report(cells(counts))
    flushing.cancel()
    await app.stop()
    await producer.stop()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    mend_connections()
    take_decoded_records()
    asyncio.run(main(Task.from_arguments()))
    os._exit(0)
