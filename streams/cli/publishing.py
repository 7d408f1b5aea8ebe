"""Publishing many records with a progress bar. Not in common.py: most commands start without Kafka's client."""

from collections.abc import Iterator, Sequence
from itertools import islice

from aiokafka.errors import KafkaError

from streams.cli.common import progress
from streams.cli.rights import needs, partitions_of
from streams.errors import HaochapingError
from streams.runtime.producer import BatchProducer, Outbox
from streams.settings import Settings

#: What may be published, and the field its key is taken from.
KEYS = {
    "reviews": "review_id",
    "reference.windows": "window_id",
    "reference.staff": "staff_id",
    "reference.services": "service_id",
    "cases.events": "case_id",
}

#: Records published together.
BATCH = 2000

#: The right that it takes.
WRITE = "write to"

#: Topic, key, value.
Published = tuple[str, bytes | None, bytes]


async def publish_records(
    settings: Settings, topics: Sequence[str], records: Iterator[Published], total: int, what: str
) -> int:
    """Publish to these topics with a progress bar, `total` being its end; returns how many.

    Raises:
        HaochapingError: no broker answers, a topic is missing or not ours to write to, or the broker did not take a
            record.
    """
    partitions = await partitions_of(settings, WRITE, topics)
    producer = BatchProducer(settings)
    with needs(settings, WRITE, *topics):
        await producer.start()
    sent = 0
    try:
        with progress() as bar:
            task = bar.add_task(f"publishing {what}", total=total)
            while batch := list(islice(records, BATCH)):
                out = Outbox(partitions)
                for topic, key, value in batch:
                    out.produce(topic, key, value)
                try:
                    with needs(settings, WRITE, *topics):
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
