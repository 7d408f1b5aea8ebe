"""cases.events → case inputs: validates each event and sends it where its case lives."""

from zoneinfo import ZoneInfo

from streams.agents.case_inputs import ARRIVED_HEADER, EVENT, KIND_HEADER, SOURCE_HEADER, SOURCE_KEY_HEADER
from streams.agents.refusals import Reason, Refusals, too_large, unusable
from streams.runtime.chunks import Chunk, Record
from streams.runtime.producer import Outbox
from streams.schemas.case_event import parse_event
from streams.topics import Topics


class CaseEvents:
    """The way in for what people did. Any key is accepted; `case_id` decides the partition from here on."""

    name = "case_events"

    def __init__(self, topics: Topics, zone: ZoneInfo, refusals: Refusals) -> None:
        self.topic = topics.case_events.name
        self._case_inputs = topics.case_inputs.name
        self._zone = zone
        self._refusals = refusals

    def process(self, chunk: Chunk, out: Outbox) -> None:
        """Every record becomes a case input, its bytes unchanged, or a refusal."""
        refused = 0
        for record in chunk.records:
            refused += not self._take(chunk, record, out)
        self._refusals.watch(chunk.topic, chunk.partition, len(chunk.records), refused)

    def _take(self, chunk: Chunk, record: Record, out: Outbox) -> bool:
        source = f"{chunk.topic}/{chunk.partition}/{record.offset}"
        if detail := too_large(record):
            self._refusals.refuse(out, Reason.TOO_LARGE, detail, source, record.key, record.value)
            return False
        try:
            event = parse_event(record.value, self._zone)
        except ValueError as exc:
            reason, detail = unusable(record, exc)
        else:
            headers = [
                (KIND_HEADER, EVENT),
                (SOURCE_HEADER, source.encode()),
                (ARRIVED_HEADER, b"%d" % record.timestamp),
            ]
            if record.key is not None:
                headers.append((SOURCE_KEY_HEADER, record.key))
            key = event.case_id.encode()
            out.produce(self._case_inputs, key, record.value, headers)
            return True
        self._refusals.refuse(out, reason, detail, source, record.key, record.value)
        return False
