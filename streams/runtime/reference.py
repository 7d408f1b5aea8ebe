"""The reference topics in memory: read to their ends before the first review, and followed after."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from streams.rules.enrichment import Reference
from streams.runtime.replay import read_to_end, start_consumer
from streams.runtime.unpacking import LeftPacked
from streams.schemas.fields import told
from streams.schemas.reference import Item, Service, Staff, Window
from streams.settings import Settings
from streams.topics import Topics

log = logging.getLogger(__name__)


def parse_reference(model: type[Item], value: bytes, zone: ZoneInfo, key: bytes | None = None) -> Item:
    """A reference record; a time in it without an offset is local time in `zone`.

    Kafka keeps the last record of a key, and deletes by key: under another than its id a record would stand beside the
    one it should replace, and which of them is read last would change from start to start.

    Raises:
        ValueError: it is not one, or has another key; the message says why.
    """
    if isinstance(value, LeftPacked):
        raise ValueError(value.why)
    try:
        item = model.model_validate(orjson.loads(value), context={"zone": zone})
    except orjson.JSONDecodeError as exc:
        raise ValueError(f"not JSON: {exc}") from None
    except ValidationError as exc:
        raise ValueError(told(exc.errors(include_url=False, include_input=False))) from None
    if key is not None and key != item.key.encode():
        raise ValueError(f"the record's key must be its id, {item.key}: by it Kafka keeps the last one, and deletes")
    return item


def models(topics: Topics) -> dict[str, type[Item]]:
    """The model of each reference topic."""
    return {topics.windows.name: Window, topics.staff.name: Staff, topics.services.name: Service}


class ReferenceReader:
    """Keeps `reference` equal to the compacted topics. Every worker reads all of them: they are small."""

    def __init__(self, settings: Settings, reference: Reference) -> None:
        self._settings = settings
        self._reference = reference
        self._models = models(Topics.of(settings))
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self, counts: Mapping[str, int]) -> None:
        """Read everything there is; `counts` gives the partitions of each topic.

        Raises:
            HaochapingError: no broker answers, or it stopped giving.
        """
        self._consumer = consumer = await start_consumer(
            self._settings, fetch_max_wait_ms=100, auto_offset_reset="earliest"
        )
        partitions = [TopicPartition(topic, p) for topic in self._models for p in range(counts[topic])]
        await read_to_end(consumer, partitions, self._settings.stall_timeout, self._learn)
        log.info("reference read: %s", self._reference)

    async def run(self) -> None:
        """Follow changes for ever."""
        assert self._consumer is not None, "start() comes first"
        while True:
            try:
                for partition, records in (await self._consumer.getmany(timeout_ms=1000)).items():
                    self._learn(partition, records)
            except KafkaError as exc:
                log.warning("reference not followed, to be tried again: %r", exc)
                await asyncio.sleep(1)

    def _learn(self, partition: TopicPartition, records: Sequence[Any]) -> None:
        model = self._models[partition.topic]
        for record in records:
            key = (record.key or b"").decode("utf-8", "replace")
            if record.value is None:
                self._reference.forget(model, key)
                continue
            try:
                self._reference.learn(parse_reference(model, record.value, self._settings.zone, record.key))
            except ValueError as exc:
                # agents/reference.py refuses it in public; the record before it stays in force.
                log.warning("unusable %s/%d/%d: %s", partition.topic, partition.partition, record.offset, exc)

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()
