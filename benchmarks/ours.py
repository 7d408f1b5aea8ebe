"""The job by this pipeline's own parts: Faust in chunks, the agent `enrich`, the batch producer, the checkpoint.

The worker does more than the job (exact counts, cases, alerts, ClickHouse): see `haochaping-exact` in job.py.
"""

import asyncio
import os
from dataclasses import replace
from itertools import repeat
from operator import attrgetter
from typing import Any

import uvloop

from benchmarks.domain import DIMENSIONS, ZONE, Counts, District, cells
from benchmarks.task import Stopwatch, Task
from streams.agents.enrich import CONTENT_HEADER, Enrich
from streams.agents.refusals import Refusals
from streams.app import faust_app
from streams.metrics import Metrics
from streams.rules.pseudonym import pseudonymiser
from streams.runtime.checkpoint import Checkpoint
from streams.runtime.chunks import Chunk
from streams.runtime.connection import mend_connections
from streams.runtime.producer import BatchProducer, Outbox
from streams.runtime.records import take_decoded_records
from streams.schemas.review import BAD_RATING
from streams.settings import Settings
from streams.topics import Topic, Topics, partition_of

#: Dimension: how to get its member from what the reference says. The channel is the review's own.
MATCHED = {name: attrgetter(field) for name, field in DIMENSIONS.items() if name != "channel"}


class NoSink:
    """The job ends in Kafka."""

    async def write(self, rows: Any) -> None:
        assert not rows


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
            valid = enrich.valid(chunk, out)
            matches = [enrich.match(review) for _, review, _, _ in valid]
            enriched = out.messages[task.enriched]
            for (record, review, occurred, received), match in zip(valid, matches, strict=True):
                key = review["review_id"].encode()
                value, content = enrich.enrich(review, occurred, received, match)
                message = (key, value, [(CONTENT_HEADER, content)], record.timestamp)
                enriched[partition_of(key, settings.partitions)].append(message)
                if review["rating"] <= BAD_RATING:
                    out.produce(task.bad, key, value)
            days = [occurred[:10] for _, _, occurred, _ in valid]
            counts.update(zip(days, repeat("channel"), [review["channel"] for _, review, _, _ in valid], strict=False))
            for dimension, members in MATCHED.items():
                counts.update(zip(days, repeat(dimension), map(members, matches), strict=False))
            await checkpoint.add(out, chunk)
            read += len(chunk.records)
            if read >= task.records:
                done.set()

    app.agent(app.topic(task.source, key_serializer="raw", value_serializer="raw"), name="job")(agent)
    flushing = asyncio.create_task(checkpoint.run())
    await app.start()
    await done.wait()
    await checkpoint.flush()
    watch.stop(cells(counts))
    flushing.cancel()
    await app.stop()
    await producer.stop()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    mend_connections()
    take_decoded_records()
    asyncio.run(main(Task.from_arguments()))
    os._exit(0)
