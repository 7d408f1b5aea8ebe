"""reference.* → the reference in memory, of every worker: they are small."""

import logging
from collections.abc import Sequence
from typing import Any
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


class ReferenceMemory:
    """Keeps `reference` equal to the compacted topics."""

    def __init__(self, topics: Topics, zone: ZoneInfo, reference: Reference) -> None:
        self._models = models(topics)
        self._zone = zone
        self._reference = reference

    def take(self, partition: TopicPartition, records: Sequence[Any]) -> None:
        """Learn these records, and forget what null values delete."""
        model = self._models[partition.topic]
        for record in records:
            if record.value is None:
                self._reference.forget(model, (record.key or b"").decode("utf-8", "replace"))
                continue
            try:
                self._reference.learn(parse_reference(model, record.value, self._zone, record.key))
            except ValueError as exc:
                # agents/reference.py refuses it in public; the record before it stays in force.
                _, detail = unusable(exc)
                log.warning("unusable %s/%d/%d: %s", partition.topic, partition.partition, record.offset, detail)
