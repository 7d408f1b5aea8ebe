"""Quix Streams: a StreamingDataFrame over librdkafka, a record at a time, committed by its checkpoints."""

from typing import Any

from quixstreams import Application
from quixstreams.models import BytesDeserializer, JSONSerializer

from benchmarks.domain import District, cells, count_one, no_counts, validate
from benchmarks.task import Stopwatch, Task


def main(task: Task) -> None:
    district, counts, watch = District(task.reference), no_counts(), Stopwatch(task)
    app = Application(
        broker_address=task.bootstrap,
        consumer_group=task.group,
        auto_offset_reset="earliest",
        commit_interval=1.0,
        consumer_extra_config={"max.partition.fetch.bytes": 4 << 20},
        producer_extra_config={
            "linger.ms": 20,
            "batch.size": 512 * 1024,
            "queue.buffering.max.messages": 1_000_000,
        },
        auto_create_topics=False,
        state_dir=task.report.with_suffix(".state"),
        loglevel="WARNING",
    )
    source = app.topic(task.source, value_deserializer=BytesDeserializer())
    enriched = app.topic(task.enriched, value_serializer=JSONSerializer())
    bad = app.topic(task.bad, value_serializer=JSONSerializer())
    read = 0

    def enrich(value: bytes) -> dict[str, Any]:
        watch.start()
        return district.enrich(validate(value))

    def count(record: dict[str, Any]) -> None:
        nonlocal read
        count_one(counts, record)
        read += 1
        if read == task.records:
            app.stop()

    reviews = app.dataframe(source).apply(enrich).update(count)
    reviews = reviews.to_topic(enriched)
    reviews[reviews["bad"]].to_topic(bad)

    app.run()  # its last checkpoint flushes and commits
    watch.stop()
    watch.report(cells(counts))


if __name__ == "__main__":
    main(Task.from_arguments())
