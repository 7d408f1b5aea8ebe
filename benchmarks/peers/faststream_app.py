"""FastStream: a batch subscriber that publishes batches. The body is validated at once, as its batch of bytes comes."""

import asyncio

import orjson
import uvloop
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker, KafkaMessage, KafkaPublishMessage

from benchmarks.domain import District, cells, count_all, no_counts, validate_batch
from benchmarks.task import Stopwatch, Task

#: Enriched reviews in one published batch: a broker takes 1 MiB.
BATCH = 1000


async def raw(message: KafkaMessage) -> list[bytes]:
    """No decoder: pydantic reads the bytes."""
    return [each.value for each in message.raw_message]


async def main(task: Task) -> None:
    district, counts, watch = District(task.reference), no_counts(), Stopwatch(task)
    broker = KafkaBroker(
        task.bootstrap, acks="all", max_batch_size=1 << 20, linger_ms=20, apply_types=False, logger=None
    )
    app = FastStream(broker)
    read = 0

    @broker.subscriber(
        task.source,
        batch=True,
        max_records=4000,
        group_id=task.group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.ACK,  # commits a batch once it is handled
        max_partition_fetch_bytes=4 << 20,
        decoder=raw,
        no_reply=True,
    )
    async def job(values: list[bytes]) -> None:
        nonlocal read
        watch.start()
        enriched = [district.enrich(review) for review in validate_batch(values)]
        documents = [KafkaPublishMessage(orjson.dumps(each), key=each["review_id"].encode()) for each in enriched]
        bad = [each for each, record in zip(documents, enriched, strict=True) if record["bad"]]
        batches = [documents[start : start + BATCH] for start in range(0, len(documents), BATCH)]
        await asyncio.gather(*[broker.publish_batch(*batch, topic=task.enriched) for batch in batches])
        if bad:
            await broker.publish_batch(*bad, topic=task.bad)
        count_all(counts, enriched)
        read += len(values)
        if read >= task.records:
            app.exit()

    await app.run()
    watch.stop()
    watch.report(cells(counts))


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(Task.from_arguments()))
