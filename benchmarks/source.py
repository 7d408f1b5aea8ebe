"""The job's input, a broker for it, and what every program must give: generated, published once, expected."""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import orjson
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from benchmarks.domain import District, cells, count_all, no_counts, validate_batch
from streams.district import Plan, references, timeline
from streams.runtime.embedded_broker import start_broker
from streams.runtime.producer import BatchProducer, Outbox
from streams.settings import Settings
from tests.house import free_port
from tests.services.kafka import start_cluster

PARTITIONS = 4

Record = tuple[bytes, bytes]  # key, value


def plan(records: int) -> Plan:
    """The district of the job: 2 % bad reviews, 5 % with a comment, 8 % with tags; nothing to refuse, no duplicates."""
    return Plan(reviews=records, bad=records // 50, duplicates=0.0, rejects=0)


def reviews_of(plan: Plan) -> list[Record]:
    """Key and value of each review, in the order in which they are published."""
    return [(key or b"", value) for topic, key, value in timeline(plan) if topic == "reviews"]


def write_reference(plan: Plan, file: Path) -> None:
    """One `[topic, record]` a line: reading it is a program's start-up."""
    file.write_bytes(b"\n".join(orjson.dumps(each) for each in references(plan)))


@contextmanager
def broker(folder: Path) -> Iterator[tuple[str, str]]:
    """(bootstrap, what it is): Apache Kafka where Java and Maven are there to run it, else the embedded one."""
    if which("java") and which("mvn"):
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # every try before it answers would be an error
        cluster = start_cluster(folder / "kafka")
        try:
            yield cluster.bootstrap, "Apache Kafka 4.1.0, one node"
        finally:
            cluster.stop()
    else:
        port = free_port()
        process = start_broker(port)
        try:
            yield f"127.0.0.1:{port}", "Tansu (embedded), one node"
        finally:
            process.terminate()
            process.wait()


async def create_topics(bootstrap: str, *names: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
    finally:
        await admin.close()


async def publish(bootstrap: str, topic: str, records: Iterable[Record]) -> None:
    """Send all and wait for the acknowledgements; a key's partition is what the pipeline would choose."""
    producer = BatchProducer(Settings(kafka_bootstrap=bootstrap))
    await producer.start()
    try:
        out, waiting = Outbox({topic: PARTITIONS}), 0
        for key, value in records:
            out.produce(topic, key, value)
            waiting += 1
            if waiting == 10_000:
                await producer.deliver(out.messages)
                out, waiting = Outbox({topic: PARTITIONS}), 0
        await producer.deliver(out.messages)
    finally:
        await producer.stop()


@dataclass(frozen=True)
class Result:
    """What a program gave, in a form to compare."""

    enriched: int
    content: int  # the sum of the hashes of all enriched records, their fields sorted
    bad: frozenset[str]
    counts: dict[str, int]

    def differs_from(self, other: "Result") -> list[str]:
        """In which parts."""
        return [name for name in self.__annotations__ if getattr(self, name) != getattr(other, name)]


def digest(records: Iterable[Record]) -> tuple[int, int]:
    """How many, and the sum of their hashes whatever the order of records or fields."""
    number, total = 0, 0
    for key, value in records:
        number += 1
        total += hash((key, orjson.dumps(orjson.loads(value), option=orjson.OPT_SORT_KEYS)))
    return number, total


def expected(district: District, reviews: list[Record]) -> Result:
    """The right answer, reckoned here."""
    number, content, bad, counts = 0, 0, set[str](), no_counts()
    for start in range(0, len(reviews), 10_000):  # not all at once: they would fill the machine's memory
        batch = validate_batch(value for _, value in reviews[start : start + 10_000])
        enriched = [district.enrich(review) for review in batch]
        found, hashes = digest((record["review_id"].encode(), orjson.dumps(record)) for record in enriched)
        number, content = number + found, content + hashes
        bad |= {record["review_id"] for record in enriched if record["bad"]}
        count_all(counts, enriched)
    return Result(number, content, frozenset(bad), cells(counts))


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="haochaping-bench-") as name:
        yield Path(name)


def read_topic(bootstrap: str, topic: str) -> Iterator[Record]:
    """Every record of a topic."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "compare", "enable.auto.commit": False})
    try:
        partitions = [TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(PARTITIONS)]
        wanted = sum(consumer.get_watermark_offsets(each, timeout=10)[1] for each in partitions)
        consumer.assign(partitions)
        while wanted > 0:
            for message in consumer.consume(10_000, timeout=1):
                if message.error():
                    raise KafkaException(message.error())
                wanted -= 1
                yield message.key(), message.value()
    finally:
        consumer.close()
