"""reference.* → reviews.rejected: says of unusable reference records, once, that they are.

Every worker keeps the reference in memory (reference_memory.py) and passes over what it cannot use; this agent reads
the same topics within the consumer group, so that each bad record is refused in public by one of them.
"""

from zoneinfo import ZoneInfo

from streams.agents.reference_memory import models
from streams.agents.refusals import Refusals, unusable
from streams.runtime.chunks import Chunk
from streams.runtime.producer import Outbox
from streams.schemas.reference import parse_reference
from streams.topics import Topics


class ReferenceAudit:
    """One of these for each reference topic."""

    def __init__(self, topics: Topics, topic: str, zone: ZoneInfo, refusals: Refusals) -> None:
        self.name = f"reference_audit:{topic}"
        self.topic = topic
        self._model = models(topics)[topic]
        self._zone = zone
        self._refusals = refusals

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Refuse what is not a reference record; null values delete and are fine."""
        for record in chunk.records:
            if record.value is None:
                continue
            try:
                parse_reference(self._model, record.value, self._zone, record.key)
            except ValueError as exc:
                reason, detail = unusable(record, exc)
                source = f"{chunk.topic}/{chunk.partition}/{record.offset}"
                self._refusals.refuse(out, reason, detail, source, record.key, record.value)
