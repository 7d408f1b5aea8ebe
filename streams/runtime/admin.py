"""Creating topics, and refusing to run on ones that cannot work."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from streams.errors import START_ANEW, HaochapingError
from streams.runtime.access import kafka_access
from streams.settings import Settings
from streams.topics import Topics

REQUEST_TIMEOUT_MS = 15_000


def broker_error(settings: Settings, exc: Exception) -> HaochapingError:
    """What to tell a person when the broker cannot be used."""
    reason = str(exc) or type(exc).__name__
    guarded = settings.kafka_tls or settings.kafka_username
    hint = "check HCP_KAFKA_TLS, _CA_FILE, _USERNAME and HCP_KAFKA_PASSWORD; " if guarded else ""
    return HaochapingError(
        f"cannot use the Kafka broker at {settings.kafka_bootstrap} ({reason}): {hint}"
        "start it (`haochaping broker` starts an embedded one) or set HCP_KAFKA_BOOTSTRAP"
    )


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, for as long as the block.

    Raises:
        HaochapingError: no broker answers, or none any more.
    """
    admin = AIOKafkaAdminClient(**kafka_access(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as exc:
        raise broker_error(settings, exc) from exc
    finally:
        await admin.close()


async def partition_counts(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """How many partitions each of these topics has; a topic that does not exist is left out."""
    existing = set(await admin.list_topics())
    wanted = [name for name in names if name in existing]
    described = await admin.describe_topics(wanted) if wanted else []
    return {topic["topic"]: len(topic["partitions"]) for topic in described if not topic["error_code"]}


async def not_compacted(admin: AIOKafkaAdminClient, topics: Topics) -> list[str]:
    """Topics, made by hand, that Kafka deletes old records from, though what they hold must stay."""
    found = await _configured(admin, "cleanup.policy", [topic.name for topic in topics if topic.compact])
    return [name for name, value in found.items() if "compact" not in value]


async def stamped_by_publishers(admin: AIOKafkaAdminClient, topics: Topics) -> list[str]:
    """Topics of publishers whose records Kafka deletes by whatever timestamps those give them."""
    found = await _configured(admin, "message.timestamp.type", [topics.reviews.name, topics.case_events.name])
    return [name for name, value in found.items() if value == "CreateTime"]


async def _configured(admin: AIOKafkaAdminClient, setting: str, names: list[str]) -> dict[str, str]:
    """What a setting is in each of these topics."""
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name, {setting: None}) for name in names]
    return {
        name: value
        for response in await admin.describe_configs(wanted)
        for error, _, _, name, configs in response.resources
        if not error
        for key, value, *_ in configs
        if key == setting
    }


async def members(admin: AIOKafkaAdminClient, group: str) -> int:
    """How many consumers a group has."""
    (response,) = await admin.describe_consumer_groups([group])
    return sum(len(each[5]) for each in response.groups)


async def create_topics(admin: AIOKafkaAdminClient, settings: Settings) -> list[str]:
    """Create the topics that are missing and return their names; those that exist stay as they are.

    Raises:
        HaochapingError: the broker refused one.
    """
    topics = Topics.of(settings)
    counts = await partition_counts(admin, [topic.name for topic in topics])
    missing = [topic for topic in topics if topic.name not in counts]
    response = await admin.create_topics(
        [
            NewTopic(
                topic.name,
                # A changelog follows the topic it remembers, even where that one was made by hand.
                num_partitions=counts.get(topic.keyed_with or "", settings.partitions),
                replication_factor=settings.replication,
                topic_configs=topic.config,
            )
            for topic in missing
        ]
    )
    for name, code, message in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):  # another worker may have been faster
            raise HaochapingError(f"the broker refused topic {name}: {message or for_code(code).__name__}")
    # A broker tells of a topic a little after it has taken it: each learns of it from the controller's log.
    names = [topic.name for topic in missing]
    deadline = time.monotonic() + REQUEST_TIMEOUT_MS / 1000
    while len(await partition_counts(admin, names)) < len(names) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return names


async def check_topics(admin: AIOKafkaAdminClient, settings: Settings) -> dict[str, int]:
    """The partition count of every topic.

    Raises:
        HaochapingError: a topic is missing, or counts that must agree do not.
    """
    topics = Topics.of(settings)
    counts = await partition_counts(admin, [topic.name for topic in topics])
    for topic in topics:
        if topic.name not in counts:
            raise HaochapingError(f"the topic {topic.name} does not exist: run `haochaping topics`")
    for topic in topics:
        if topic.keyed_with and counts[topic.name] != counts[topic.keyed_with]:
            raise HaochapingError(
                f"{topic.keyed_with} has {counts[topic.keyed_with]} partitions but {topic.name}, its memory, has "
                f"{counts[topic.name]}: keys would meet the wrong memory. Kafka takes no partition away: "
                f"{START_ANEW}"
            )
    return counts
