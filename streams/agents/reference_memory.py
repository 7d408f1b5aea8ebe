"""reference.* → the reference in memory, of every worker: they are small."""

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from aiokafka import TopicPartition

from streams.agents.refusals import unusable
from streams.rules.enrichment import Reference
from streams.schemas.reference import Item, Service, Staff, Window, parse_reference
from streams.topics import Topics

log = logging.getLogger(__name__)


def models(topics: Topics) -> dict[str, type[Item]]:
    """The model of each reference topic."""
    return {topics.windows.name: Window, topics.staff.name: Staff, topics.services.name: Service}


class Newest(NamedTuple):
    """The record of an id that counts: what it says (None deletes), where and when it was published."""

    timestamp: int
    partition: int
    item: Item | None


class ReferenceMemory:
    """Keeps `reference` equal to the compacted topics.

    Publishers may place one key differently (by CRC-32, by murmur2), and partitions are read in any order: of records
    of one id in several the newest by Kafka's timestamp counts, so that it is the same one after each start.
    """

    def __init__(self, topics: Topics, zone: ZoneInfo, reference: Reference) -> None:
        self._models = models(topics)
        self._zone = zone
        self._reference = reference
        self._newest: dict[tuple[type[Item], str], Newest] = {}

    def take(self, partition: TopicPartition, records: Sequence[Any]) -> None:
        """Learn these records, and forget what null values delete."""
        model = self._models[partition.topic]
        for record in records:
            try:
                item = None if record.value is None else parse_reference(model, record.value, self._zone, record.key)
            except ValueError as exc:
                # agents/reference.py refuses it in public; the record before it stays in force.
                _, detail = unusable(record, exc)
                log.warning("unusable %s/%d/%d: %s", partition.topic, partition.partition, record.offset, detail)
                continue
            key = item.key if item else (record.key or b"").decode("utf-8", "replace")
            self._put(model, key, Newest(record.timestamp, partition.partition, item))

    def _put(self, model: type[Item], key: str, record: Newest) -> None:
        """Take a record; what is newer in another partition is taken once more, as if it had been read after it."""
        known = self._newest.get((model, key), record)
        self._apply(model, key, record)
        if record.partition != known.partition and record[:2] < known[:2]:
            self._apply(model, key, known)
        else:
            self._newest[model, key] = record._replace(timestamp=max(record.timestamp, known.timestamp))

    def _apply(self, model: type[Item], key: str, record: Newest) -> None:
        if record.item is None:
            self._reference.forget(model, key)
        else:
            self._reference.learn(record.item)
