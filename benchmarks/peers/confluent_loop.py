"""confluent-kafka, a plain loop: consume many, produce, commit. librdkafka and Python with nothing between."""

import orjson
from confluent_kafka import Consumer, Producer

from benchmarks.domain import District, cells, count_all, no_counts, validate_batch
from benchmarks.task import Stopwatch, Task


def main(task: Task) -> None:
    district, counts, watch = District(task.reference), no_counts(), Stopwatch(task)
    consumer = Consumer(
        {
            "bootstrap.servers": task.bootstrap,
            "group.id": task.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "max.partition.fetch.bytes": 4 << 20,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": task.bootstrap,
            "linger.ms": 20,
            "batch.size": 512 * 1024,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    consumer.subscribe([task.source])
    read = 0
    while read < task.records:
        messages = consumer.consume(num_messages=1000, timeout=0.1)
        if not messages:
            continue
        watch.start()
        enriched = [district.enrich(review) for review in validate_batch([each.value() for each in messages])]
        for message, record in zip(messages, enriched, strict=True):
            value = orjson.dumps(record)
            producer.produce(task.enriched, value, message.key())
            if record["bad"]:
                producer.produce(task.bad, value, message.key())
        count_all(counts, enriched)
        producer.poll(0)
        before, read = read, read + len(messages)
        if read // 40_000 > before // 40_000 or read >= task.records:
            producer.flush()
            consumer.commit(asynchronous=False)
    watch.stop()
    watch.report(cells(counts))
    consumer.close()


if __name__ == "__main__":
    main(Task.from_arguments())
