"""aiokafka, a plain loop: getmany, the batch producer, commit. asyncio and Python with nothing between."""

import asyncio

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.domain import District, cells, count_all, no_counts, validate_batch
from benchmarks.task import Stopwatch, Task

Record = tuple[bytes | None, bytes]  # key, value


async def send(producer: AIOKafkaProducer, topic: str, partition: int, records: list[Record]) -> None:
    """As many batches as it takes; to the partition its source had, since keys are the same."""
    batch = producer.create_batch()
    for key, value in records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    if batch.record_count():
        await producer.send_batch(batch, topic, partition=partition)


async def main(task: Task) -> None:
    district, counts, watch = District(task.reference), no_counts(), Stopwatch(task)
    consumer = AIOKafkaConsumer(
        task.source,
        bootstrap_servers=task.bootstrap,
        group_id=task.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 << 20,
    )
    producer = AIOKafkaProducer(bootstrap_servers=task.bootstrap, acks="all", max_batch_size=512 * 1024)
    await consumer.start()
    await producer.start()
    read = committed = 0
    while read < task.records:
        for partition, messages in (await consumer.getmany(timeout_ms=100, max_records=1000)).items():
            watch.start()
            enriched = [district.enrich(review) for review in validate_batch([each.value for each in messages])]
            values = [orjson.dumps(record) for record in enriched]
            out = [(message.key, value) for message, value in zip(messages, values, strict=True)]
            bad = [each for each, record in zip(out, enriched, strict=True) if record["bad"]]
            await send(producer, task.enriched, partition.partition, out)
            await send(producer, task.bad, partition.partition, bad)
            count_all(counts, enriched)
            read += len(messages)
        if read - committed >= 40_000 or read >= task.records:
            await producer.flush()
            await consumer.commit()
            committed = read
    watch.stop()
    watch.report(cells(counts))
    await producer.stop()
    await consumer.stop()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(Task.from_arguments()))
