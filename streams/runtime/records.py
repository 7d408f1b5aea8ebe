"""Kafka records as aiokafka decodes them, without the copy it makes of each.

Its consumer wraps every decoded record in a ConsumerRecord with the topic, the partition and sizes. Here topic and
partition are the chunk's (chunks.py), nobody asks for sizes, and the decoded record has all else under the same names.
"""

from typing import Any

from aiokafka.consumer import fetcher


class _Decoded(fetcher.PartitionRecords):  # type: ignore[misc]
    def _consumer_record(self, tp: Any, record: Any) -> Any:
        return record


def take_decoded_records() -> None:
    """From now on every aiokafka consumer of this process gives decoded records: no `topic`, no `partition`."""
    fetcher.PartitionRecords = _Decoded
