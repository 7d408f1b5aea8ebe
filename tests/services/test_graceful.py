"""SIGTERM under load: the worker ends in time, and what it has done is not done again."""

import asyncio
import signal
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from streams.cli.publishing import KEYS
from tests.house import House, until
from tests.integration.test_crash import REFERENCE, load
from tests.integration.test_pipeline import furnish, review
from tests.oracle import check

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

Make = Callable[..., House]

RECORDS = 60_000


def committed(house: House) -> dict[str, int]:
    """Topic without prefix → records committed, over its partitions."""

    async def ask() -> dict[str, int]:
        admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
        await admin.start()
        try:
            offsets = await admin.list_consumer_group_offsets(f"{house.prefix}haochaping")
        finally:
            await admin.close()
        sums: Counter[str] = Counter()
        for partition, offset in offsets.items():
            sums[partition.topic.removeprefix(house.prefix)] += max(0, offset.offset)
        return dict(sums)

    return asyncio.run(ask())


def test_a_worker_told_to_stop_under_load_ends_in_ten_seconds_and_nothing_is_done_twice(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    reviews, events = load(RECORDS)
    worker = house.start()
    stopped_at = []

    # Events behind reviews, and without a pause: to an idle worker in event time that would mean that all is over.
    records = [
        (topic, each[KEYS[topic]].encode(), each)
        for topic, loaded in (("reviews", reviews), ("cases.events", events))
        for each in loaded
    ]
    publisher = threading.Thread(target=house.publish_all, args=(records,))
    publisher.start()
    for share in (0.05, 0.15, 0.3):  # a worker does the rest in two seconds, asking what is committed takes half of one
        enough = share * RECORDS
        until("it is in the midst of it", lambda enough=enough: committed(house).get("reviews", 0) > enough)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(10) == 0, worker.tail()
        assert "without a last checkpoint" not in worker.said()
        done = committed(house)
        # Each review is valid, so it stands in the next topic once if it was done once.
        assert len(house.read("reviews.enriched")) == done["reviews"]
        stopped_at.append(done["reviews"])
        worker = house.start()
    publisher.join()
    assert stopped_at[-1] < len(reviews), f"the load was over too early: {stopped_at}"
    house.settle(worker)
    assert len(house.read("reviews.enriched")) == len(reviews)
    # In event time the last worker's clock knows only what it has seen itself: one more review brings it to the end.
    last = review("last", "2026-07-01T00:00:00+08:00")
    house.publish("reviews", [last])
    house.settle(worker)
    check(house, worker, [*reviews, last], events, REFERENCE)
