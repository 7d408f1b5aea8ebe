"""Publishing many records with a progress bar. Not in common.py: most commands start without Kafka's client."""

from collections.abc import Iterable, Iterator

from aiokafka.errors import KafkaError

from streams.cli.common import progress
from streams.errors import HaochapingError
from streams.runtime.admin import admin_client, check_topics
from streams.runtime.producer import BatchProducer, Outbox
from streams.settings import Settings

#: Records published together.
BATCH = 2000

#: Topic, key, value.
Published = tuple[str, bytes | None, bytes]


async def publish_records(settings: Settings, records: Iterable[Published], total: int, what: str) -> int:
    """Publish with a progress bar, `total` being its end; returns how many.

    Raises:
        HaochapingError: no broker answers, a topic is missing, or the broker did not take a record.
    """
    async with admin_client(settings) as admin:
        partitions = await check_topics(admin, settings)
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
                try:
                    await producer.deliver(out.messages)
                except KafkaError as exc:
                    raise HaochapingError(
                        f"the broker took {sent} of the records and perhaps some of the next {BATCH}, then failed "
                        f"({exc!r}): publish all again, what is there twice counts once"
                    ) from exc
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
