"""`doctor` and the start of a worker, run as commands against what they must notice."""

import asyncio
from collections.abc import Callable

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.house import House, until
from tests.services.load import district, finish, furnish

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

Make = Callable[..., House]


def make_anew(house: House, topic: str) -> None:
    """Delete a topic and create it again."""

    async def make() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
        await admin.start()
        await admin.delete_topics([house.prefix + topic])
        await admin.close()

    asyncio.run(make())
    until("it can be created again", lambda: asyncio.run(_created(house, topic)))


async def _created(house: House, topic: str) -> bool:
    admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic(house.prefix + topic, 4, 1)])
        return all(code == 0 for _, code, _ in response.topic_errors)
    finally:
        await admin.close()


@pytest.mark.parametrize("topic", ["reviews", "reviews.enriched", "haochaping-aggregate-changelog"])
def test_a_topic_made_anew_is_refused_by_worker_and_doctor(new_house: Make, topic: str) -> None:
    house, load = new_house(HCP_CLOCK="event"), district(1000)
    furnish(house, load)
    house.publish_all(load.published)
    worker = house.start()
    finish(house, worker, load)
    assert worker.stop() == 0
    assert house.start().stop() == 0, "the same topics are no reason to refuse"
    make_anew(house, topic)
    refused = house.command("worker", HCP_HTTP_PORT="0")
    assert refused.returncode == 1
    assert f"{house.prefix}{topic} was deleted and made anew" in refused.stderr
    assert "HCP_TOPIC_PREFIX" in refused.stderr
    assert "HCP_CLICKHOUSE_URL" in refused.stderr
    found = house.command("doctor")
    assert found.returncode == 1
    assert f"FAIL  topics: the topic {house.prefix}{topic} was deleted and made anew" in found.stdout


def test_more_partitions_are_refused_also_where_the_memory_was_given_as_many(new_house: Make) -> None:
    house = new_house()
    assert house.start().stop() == 0

    async def grow(*topics: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
        await admin.start()
        await admin.create_partitions({house.prefix + topic: NewPartitions(6) for topic in topics})
        await admin.close()

    asyncio.run(grow("reviews", "cases.events", "reference.windows", "cases", "alerts"))  # no memory hangs on these
    assert house.start().stop() == 0
    asyncio.run(grow("haochaping-case-inputs", "haochaping-rectify-changelog"))
    refused = house.command("worker", HCP_HTTP_PORT="0")
    assert refused.returncode == 1
    assert f"{house.prefix}haochaping-case-inputs has 6 partitions and had 4" in refused.stderr
    assert f"{house.prefix}haochaping-case-inputs has 6 partitions and had 4" in house.command("doctor").stdout


def test_doctor_says_what_is_wrong_and_what_to_do(new_house: Make) -> None:
    house, load = new_house(HCP_CLOCK="event"), district(1000)
    done = house.command("doctor")
    assert done.returncode == 1
    assert "does not exist: run `haochaping topics`" in done.stdout

    furnish(house, load)
    worker = house.start()
    house.publish_all(load.published)
    finish(house, worker, load)
    well = house.command("doctor")
    assert well.returncode == 0, well.stdout
    assert "-     workers: 1 in the group" in well.stdout
    for line in ("broker: ", "topics: all ", f"lag of {house.prefix}reviews: 0 records", "schema: up to date"):
        assert f"ok    {line}" in well.stdout
    assert "facts and aggregates agree on every day" in well.stdout

    assert worker.stop() == 0
    house.publish_all([("reviews", b"more", {**load.reviews[0], "review_id": "more"})])
    waiting = house.command("doctor")
    assert waiting.returncode == 1
    assert f"FAIL  lag of {house.prefix}reviews: 1 records wait, and no worker is running" in waiting.stdout

    url = house.settings["HCP_CLICKHOUSE_URL"]
    absent = house.command("doctor", HCP_CLICKHOUSE_URL=url + "_absent")
    assert absent.returncode == 1
    assert "has no such database: run `haochaping migrate`" in absent.stdout
    away = house.command("doctor", HCP_CLICKHOUSE_URL="clickhouse://127.0.0.1:1/haochaping")
    assert away.returncode == 1
    assert "FAIL  ClickHouse: ClickHouse at 127.0.0.1:1 does not answer" in away.stdout


def test_a_changelog_that_kafka_deletes_from_is_said(new_house: Make) -> None:
    house = new_house()

    async def make() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(f"{house.prefix}haochaping-rectify-changelog", 4, 1)])  # as by hand
        await admin.close()

    asyncio.run(make())
    assert house.command("topics").returncode == 0
    found = house.command("doctor")
    assert found.returncode == 1
    assert f"FAIL  topics: {house.prefix}haochaping-rectify-changelog: Kafka deletes old records" in found.stdout
    assert "cleanup.policy=compact" in found.stdout


def test_whose_timestamps_records_have_is_said(new_house: Make) -> None:
    house = new_house()
    assert house.command("topics").returncode == 0
    names = [house.prefix + topic for topic in ("reviews", "cases.events")]
    assert f"timestamps: by publishers on {names[0]} and {names[1]}" in house.command("doctor").stdout

    async def alter() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=house.bootstrap)
        await admin.start()
        settings = {"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, settings) for name in names])
        await admin.close()

    asyncio.run(alter())
    assert "timestamps: by publishers" not in house.command("doctor").stdout
