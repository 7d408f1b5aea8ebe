"""Bytewax: a dataflow between its Kafka connectors, a batch at a time; its consumer commits as it closes."""

from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSinkMessage, KafkaSourceMessage
from bytewax.connectors.kafka import operators as kop
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import cluster_main

from benchmarks.domain import Counts, District, cells, count_all, no_counts, validate_batch
from benchmarks.task import Stopwatch, Task

Enriched = tuple[bytes, dict[str, Any]]  # key, review


class Keep(DynamicSink, StatelessSinkPartition):  # type: ignore[type-arg]
    """The counts, when the source is at its end."""

    def __init__(self) -> None:
        self.counts = no_counts()

    def build(self, step_id: str, worker_index: int, worker_count: int) -> "Keep":
        return self

    def write_batch(self, items: list[tuple[str, Counts]]) -> None:
        for _, counts in items:
            self.counts = counts


def add(total: Counts, batch: list[dict[str, Any]]) -> Counts:
    count_all(total, batch)
    return total


def main(task: Task) -> None:
    district, watch, kept = District(task.reference), Stopwatch(task), Keep()
    producer = {"linger.ms": "20", "batch.size": str(512 * 1024), "queue.buffering.max.messages": "1000000"}

    def enrich(messages: list[KafkaSourceMessage[bytes, bytes]]) -> list[Enriched]:
        watch.start()
        reviews = validate_batch([each.value for each in messages])
        return [(message.key, district.enrich(each)) for message, each in zip(messages, reviews, strict=True)]

    def documents(batch: list[Enriched]) -> list[KafkaSinkMessage[bytes, bytes]]:
        return [KafkaSinkMessage(key, orjson.dumps(record)) for key, record in batch]

    def together(batch: list[Enriched]) -> list[tuple[str, list[dict[str, Any]]]]:
        return [("all", [record for _, record in batch])]

    flow = Dataflow("job")
    source = kop.input(
        "reviews",
        flow,
        brokers=[task.bootstrap],
        topics=[task.source],
        tail=False,  # to the end, then stop
        batch_size=1000,
        add_config={
            "group.id": task.group,
            "enable.auto.commit": "true",
            "max.partition.fetch.bytes": str(4 << 20),
        },
    )
    enriched = op.flat_map_batch("enrich", source.oks, enrich)
    kop.output(
        "enriched",
        op.flat_map_batch("documents", enriched, documents),
        brokers=[task.bootstrap],
        topic=task.enriched,
        add_config=producer,
    )
    bad = op.filter("is_bad", enriched, lambda each: each[1]["bad"])
    kop.output(
        "bad",
        op.flat_map_batch("bad_documents", bad, documents),
        brokers=[task.bootstrap],
        topic=task.bad,
        add_config=producer,
    )
    op.output("counts", op.fold_final("sum", op.flat_map_batch("together", enriched, together), no_counts, add), kept)
    cluster_main(flow, [], 0)
    watch.stop()
    watch.report(cells(kept.counts))


if __name__ == "__main__":
    main(Task.from_arguments())
