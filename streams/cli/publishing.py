"""Publishing many records with a progress bar. Not in common.py: most commands start without Kafka's client."""

from collections.abc import Iterable, Iterator

from streams.cli.common import progress
from streams.runtime.admin import check_topics, open_admin
from streams.runtime.producer import BatchProducer, Outbox
from streams.settings import Settings

#: Records published together.
BATCH = 2000

#: Topic, key, value.
Published = tuple[str, bytes | None, bytes]


async def publish_records(settings: Settings, records: Iterable[Published], total: int, what: str) -> int:
    """Publish with a progress bar, `total` being its end; returns how many.

    Raises:
        HaochapingError: no broker answers, or a topic is missing.
    """
    admin = await open_admin(settings)
    try:
        partitions = await check_topics(admin, settings)
    finally:
        await admin.close()
    producer = BatchProducer(settings)
    await producer.start()
    sent = 0
    try:
        with progress() as bar:
            task = bar.add_task(f"publishing {what}", total=total)
            for batch in _batches(records):
                out = Outbox(partitions)
                for topic, key, value in batch:
                    out.produce(topic, key, value)
                await producer.deliver(out.messages)
                sent += len(batch)
                bar.update(task, completed=min(sent, total))
            bar.update(task, total=sent, completed=sent)
    finally:
        await producer.stop()
    return sent


def _batches(records: Iterable[Published]) -> Iterator[list[Published]]:
    batch: list[Published] = []
    for record in records:
        batch.append(record)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
