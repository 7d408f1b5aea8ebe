"""The job by this pipeline's own parts: Faust in chunks, the agent `enrich`, the batch producer, the checkpoint.

The worker does more than the job (exact counts, cases, alerts, ClickHouse): see `haochaping-exact` in job.py.
"""

import asyncio
import os
from collections import Counter
from dataclasses import replace
from typing import Any

import uvloop

from benchmarks.domain import ZONE, District
from benchmarks.task import Stopwatch, Task
from streams.agents.enrich import CONTENT_HEADER, Enrich
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
from streams.topics import Topic, Topics, partition_of

_OCCURRED = b',"occurred_at":"'


class NoSink:
    """The job ends in Kafka."""

    async def write(self, rows: Any) -> None:
        assert not rows


class Counts:
    """Reviews by day, by what they matched and by channel: one addition a review. The dimensions follow at the end.

    The reference gives one Match for the same ids (rules/enrichment.py), so there are some thousand a day at most.
    """

    def __init__(self) -> None:
        self._counts = Counter[tuple[bytes, Match, str]]()

    def add(self, days: list[bytes], matches: list[Match], channels: list[str]) -> None:
        self._counts.update(zip(days, matches, channels, strict=True))

    def cells(self) -> dict[str, int]:
        cells = Counter[str]()
        for (date, match, channel), count in self._counts.items():
            day = date.decode()
            cells[f"{day}|district|all"] += count
            cells[f"{day}|channel|{channel}"] += count
            for dimension in ("department", "hall", "window", "staff", "service"):
                cells[f"{day}|{dimension}|{getattr(match, f'{dimension}_id') or ''}"] += count
        return cells


def local_day(enriched: bytes) -> bytes:
    """The day of an enriched record: it is written in local time."""
    start = enriched.index(_OCCURRED) + len(_OCCURRED)
    return enriched[start : start + 10]


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
            matches = [enrich.match(review) for _, _, review in valid]
            enriched = out.messages[task.enriched]
            days = []
            for (record, sent, review), match in zip(valid, matches, strict=True):
                key = review["review_id"].encode()
                value, content = enrich.enrich(sent, review, match)
                message = (key, value, [(CONTENT_HEADER, content)], record.timestamp)
                enriched[partition_of(key, settings.partitions)].append(message)
                days.append(local_day(value))
                if review["rating"] <= BAD_RATING:
                    out.produce(task.bad, key, value)
            counts.add(days, matches, [review["channel"] for _, _, review in valid])
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
    mend_connections()
    take_decoded_records()
    asyncio.run(main(Task.from_arguments()))
    os._exit(0)
