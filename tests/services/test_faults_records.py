"""However records come, late, again, by several publishers, the results are those of their set."""

import asyncio
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.house import House
from tests.services.load import district, finish, furnish, weeks_late
from tests.services.table import Fault

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

Make = Callable[..., House]


def test_the_same_year_by_three_publishers_at_once_with_different_keys(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    worker = house.start()
    rekeyed = [
        load.published,
        [(topic, b"%d" % (number % 97), record) for number, (topic, _, record) in enumerate(load.published)],
        [(topic, b"one", record) for topic, _, record in load.published],
    ]
    publishers = [threading.Thread(target=house.publish_all, args=(entries,)) for entries in rekeyed]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    finish(house, worker, load)
    fault.done(3 * len(load))


def test_everything_is_sent_again_when_all_was_done(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    worker = house.start()
    house.publish_all(load.published)
    finish(house, worker, load)
    house.publish_all(load.published)
    finish(house, worker, load)
    fault.done(2 * len(load))


def test_two_weeks_of_records_arrive_late(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    late = weeks_late(load)
    assert sorted(map(str, late.published)) == sorted(map(str, load.published))
    assert late.published != load.published
    worker = house.start()
    house.publish_all(late.published)
    finish(house, worker, late)
    fault.done(len(load))


def good(number: int) -> dict[str, Any]:
    """A review; its number is its id and its partition."""
    return {"review_id": f"r{number}", "occurred_at": "2026-05-12T10:00:00+08:00", "rating": 5, "channel": "web"}


async def publish_in_transactions(house: House) -> None:
    """Three reviews in a transaction that is committed, and three in one that is aborted."""
    producer = AIOKafkaProducer(bootstrap_servers=house.bootstrap, transactional_id=f"{house.prefix}upstream")
    await producer.start()
    try:
        for numbers, committed in ((range(3), True), (range(3, 6), False)):
            await producer.begin_transaction()
            for number in numbers:
                value = orjson.dumps(good(number))
                await producer.send_and_wait(f"{house.prefix}reviews", value, partition=number % 3)
            await (producer.commit_transaction() if committed else producer.abort_transaction())
    finally:
        await producer.stop()


def publish_compressed(
    house: House, topic: str, values: list[bytes | None], key: bytes = b"large", compression: str = "gzip"
) -> None:
    """Values that fit the broker only because they are compressed."""

    async def publish() -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=house.bootstrap,
            compression_type=compression,
            max_request_size=1 << 30,
            max_batch_size=1 << 29,
        )
        await producer.start()
        try:
            for value in values:
                await producer.send_and_wait(house.prefix + topic, value, key=key)
        finally:
            await producer.stop()

    asyncio.run(publish())


def test_what_is_far_too_large_is_refused_with_its_bytes_unchanged(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    assert house.command("topics").returncode == 0
    report = {"event_id": "e1", "case_id": "r0", "type": "called_back", "at": "2026-05-12T15:00:00+08:00"}
    sent = {
        "reviews": [b"x" * 4_000_000],
        "reference.staff": [b"y" * 2_500_000],
        "cases.events": [b"z" * 1_500_000, orjson.dumps(report | {"scan": "\1" * 174_000})],
    }
    for topic, values in sent.items():
        publish_compressed(house, topic, values)
    house.publish("reviews", [good(0)], keys=[b"k" * 1_000_000])
    house.publish("reviews", [good(1)])
    worker = house.start()
    house.settle(worker)
    assert {row["review_id"] for row in worker.view("bi_reviews")} == {"r1"}
    refused = [(headers["hcp-reason"], value) for headers, _, value in house.rejected()]
    reasons = {"reference.staff": "not_json"}
    wanted = [(reasons.get(topic, "too_large"), value) for topic, values in sent.items() for value in values]
    assert sorted(refused) == sorted([*wanted, ("too_large", orjson.dumps(good(0)))])
    sources = {value: headers["hcp-source"] for headers, _, value in house.rejected()}
    replayed = house.command("rejected", "replay", "--source", sources[b"x" * 4_000_000], "--yes")
    assert replayed.returncode == 0, replayed.stderr
    house.settle(worker)
    assert [value for _, _, value in house.rejected()].count(b"x" * 4_000_000) == 2


def test_nothing_that_fits_the_broker_stops_what_is_behind_it(new_house: Make) -> None:
    """A key may be large, too; and what repeats only far on, gzip cannot compress."""
    house = new_house(HCP_CLOCK="event", HCP_STALL_TIMEOUT="20")
    assert house.command("topics").returncode == 0
    block = os.urandom(600 * 1024)
    sent = [(b"k" * 3_200_000, b"{}", "gzip"), (b"k" * 2_500_000, None, "gzip"), (b"r0", block * 6, "zstd")]
    for key, value, compression in sent:
        publish_compressed(house, "reviews", [value], key, compression)
    house.publish("reviews", [good(1)])
    worker = house.start()
    house.settle(worker)
    assert {row["review_id"] for row in worker.view("bi_reviews")} == {"r1"}
    wanted = [("too_large", key, value) for key, value, _ in sent]
    refused = [(headers["hcp-reason"], key, value) for headers, key, value in house.rejected()]
    assert sorted(refused, key=repr) == sorted(wanted, key=repr)


def test_a_batch_that_is_small_only_while_it_is_packed_stops_nothing(new_house: Make) -> None:
    """Unpacked it would take more memory than a worker has."""
    house = new_house(HCP_CLOCK="event")
    assert house.command("topics").returncode == 0
    bomb = bytes(400 << 20)
    for topic, compression in (("reviews", "zstd"), ("cases.events", "gzip"), ("reference.staff", "zstd")):
        publish_compressed(house, topic, [bomb], compression=compression)
    house.publish("reviews", [good(number) for number in range(8)])
    worker = house.start()
    house.settle(worker)
    assert {row["review_id"] for row in worker.view("bi_reviews")} == {f"r{number}" for number in range(8)}
    refused = sorted(
        (headers["hcp-source"].split("/")[0], headers["hcp-reason"], value) for headers, _, value in house.rejected()
    )
    topics = sorted(house.prefix + topic for topic in ("cases.events", "reference.staff", "reviews"))
    assert refused == [(topic, "too_large", None) for topic in topics]
    assert worker.metrics()["process_resident_memory_bytes"] < 1 << 30


async def delete_all(house: House, topic: str) -> None:
    """What retention does to a topic in the end: it begins where it ends."""
    admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
    await admin.start()
    try:
        each = [TopicPartition(house.prefix + topic, number) for number in range(4)]
        await admin.delete_records({partition: RecordsToDelete(before_offset=-1) for partition in each})
    finally:
        await admin.close()


def test_a_transactions_markers_are_no_records_and_what_was_aborted_is_none(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event", HCP_STALL_TIMEOUT="8")
    assert house.command("topics").returncode == 0
    worker = house.start()
    asyncio.run(publish_in_transactions(house))
    house.settle(worker)
    assert {row["review_id"] for row in worker.view("bi_reviews")} == {"r0", "r1", "r2"}
    time.sleep(10)  # longer than a worker may do nothing about what is left to do
    assert worker.process.poll() is None, worker.tail()
    assert all(done == end for done, end in house.progress("reviews").values())


def test_what_kafka_deleted_unread_is_nothing_to_wait_for(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event", HCP_STALL_TIMEOUT="8")
    assert house.command("topics").returncode == 0
    house.publish("reviews", [good(number) for number in range(40)])
    asyncio.run(delete_all(house, "reviews"))
    worker = house.start()
    house.settle(worker)
    house.publish("reviews", [good(40)])
    house.settle(worker)
    assert {row["review_id"] for row in worker.view("bi_reviews")} == {"r40"}
    time.sleep(10)
    assert worker.process.poll() is None, worker.tail()
