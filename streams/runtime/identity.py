"""Whether the topics are still the ones the memories belong to.

A topic that was deleted and made anew starts again at offset 0. Memories are fenced by offsets, so they would take its
first records for old ones and pass them over in silence. Kafka deletes a topic's committed offsets with it, so those
tell nothing. But it gives every topic an id of its own (KIP-516), and the ids of all topics that memories hang on are
kept in an internal compacted topic. So are the partition counts of topics with a memory: with more of them a key's
records would meet the memory of others. aiokafka 0.14 speaks Metadata up to version 5, ids came with 10: hence the
code.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Schema, TaggedFields

from streams.errors import START_ANEW, HaochapingError
from streams.runtime.producer import Outbox
from streams.runtime.replay import read_to_end, start_consumer
from streams.settings import Settings
from streams.topics import Topics

_NO_ID = uuid.UUID(int=0)


class _Uuid:
    """A UUID on the wire: 16 bytes."""

    @staticmethod
    def encode(value: uuid.UUID) -> bytes:
        return value.bytes

    @staticmethod
    def decode(data: Any) -> uuid.UUID:
        return uuid.UUID(bytes=data.read(16))


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("topic_authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestV12(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestV12]):  # type: ignore[misc]
    API_KEY: ClassVar[int] = 3

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_MetadataRequestV12]) -> _MetadataRequestV12:
        return request_struct_class([(_NO_ID, name, {}) for name in self._names], False, False, {})


def bound_topics(topics: Topics) -> list[str]:
    """The topics whose offsets memories and commits refer to, and the changelogs."""
    return [
        topic.name
        for topic in (
            topics.reviews,
            topics.case_events,
            topics.enriched,
            topics.case_inputs,
            topics.incidents,
            topics.aggregate_changelog,
            topics.rectify_changelog,
            topics.repeat_changelog,
        )
    ]


async def topic_ids(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, str]:
    """Kafka's id of each topic; empty where the broker does not speak this version, or gives none."""
    try:
        response = await admin._send_request(_MetadataRequest(names))
    except (IncompatibleBrokerVersion, NotImplementedError):
        return {}
    return {
        name: str(topic_id)
        for error, name, topic_id, *_ in response.topics
        if not error and name is not None and topic_id != _NO_ID
    }


async def remembered_ids(settings: Settings, partitions: int) -> dict[str, str]:
    """The ids of the topics that the memories were built from."""
    name = Topics.of(settings).identity.name
    consumer = await start_consumer(settings, fetch_max_wait_ms=100)
    try:
        each = [TopicPartition(name, number) for number in range(partitions)]
        found: dict[str, str] = {}

        def take(_: TopicPartition, records: Sequence[Any]) -> None:
            found.update((record.key.decode(), record.value.decode()) for record in records if record.value)

        await read_to_end(consumer, each, settings.stall_timeout, take)
        return found
    finally:
        await consumer.stop()


def sizes(topics: Topics, counts: Mapping[str, int]) -> dict[str, str]:
    """The partition count of each topic with a memory, under a key that is no topic's name."""
    return {f"{topic.keyed_with} partitions": str(counts[topic.keyed_with]) for topic in topics if topic.keyed_with}


def check_ids(known: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Compare what is, ids and sizes, with what the memories were built from.

    Raises:
        HaochapingError: a topic was deleted and made anew, or was given more partitions.
    """
    for name, topic_id in found.items():
        topic, _, size = name.partition(" ")
        if size and known.get(name, topic_id) != topic_id:
            raise HaochapingError(
                f"the topic {topic} has {topic_id} partitions and had {known[name]} when the workers' memory was made: "
                f"keys would meet the wrong memory, and count again. Kafka takes no partition away: {START_ANEW}"
            )
        if known.get(name, topic_id) != topic_id:
            raise HaochapingError(
                f"the topic {name} was deleted and made anew (its id was {known[name]} and is {topic_id}): what the "
                "workers remember belongs to the old one, and records of the new one would be passed over. Restore "
                f"it, or {START_ANEW}"
            )


def remember_ids(topic: str, known: Mapping[str, str], found: Mapping[str, str], out: Outbox) -> None:
    """Write down the ids and sizes that are new."""
    for name in found.keys() - known.keys():
        out.produce(topic, name.encode(), found[name].encode())
