"""Every topic: its name, its clean-up and limits, and whose partition count it shares. Source: CONTRACT §1."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Self

from streams.settings import Settings

DAY_MS = 24 * 60 * 60 * 1000

#: The largest batch that reviews.rejected takes. Refused records keep their bytes and gain headers, so the largest a
#: broker took (1 MiB unless told otherwise) must fit with room to spare.
REFUSED_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it is created. `keyed_with` names the topic whose partition count it must share."""

    name: str
    compact: bool = False
    retention_ms: int | None = None  # None: the broker's default
    max_bytes: int | None = None  # likewise
    keyed_with: str | None = None

    @property
    def config(self) -> dict[str, str]:
        """Kafka's topic settings."""
        config = {"cleanup.policy": "compact" if self.compact else "delete"}
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        if self.max_bytes is not None:
            config["max.message.bytes"] = str(self.max_bytes)
        return config


@dataclass(frozen=True, slots=True)
class Topics:
    """The house's topics under one `HCP_TOPIC_PREFIX`."""

    # in
    reviews: Topic
    windows: Topic
    staff: Topic
    services: Topic
    case_events: Topic
    # out
    enriched: Topic
    rejected: Topic
    cases: Topic
    alerts: Topic
    # internal: one keyed input topic an agent with state, and the changelog of that state
    case_inputs: Topic
    incidents: Topic
    aggregate_changelog: Topic
    rectify_changelog: Topic
    repeat_changelog: Topic
    identity: Topic  # Kafka's ids of the topics that memories hang on (runtime/identity.py)

    @classmethod
    def under(cls, prefix: str) -> Self:
        """All topics, their names prefixed."""
        own = f"{prefix}haochaping-"
        return cls(
            reviews=Topic(f"{prefix}reviews"),
            windows=Topic(f"{prefix}reference.windows", compact=True),
            staff=Topic(f"{prefix}reference.staff", compact=True),
            services=Topic(f"{prefix}reference.services", compact=True),
            case_events=Topic(f"{prefix}cases.events"),
            enriched=Topic(f"{prefix}reviews.enriched"),
            # Refused records may hold personal data: 14 days, then gone.
            rejected=Topic(f"{prefix}reviews.rejected", retention_ms=14 * DAY_MS, max_bytes=REFUSED_BYTES),
            cases=Topic(f"{prefix}cases", compact=True),
            alerts=Topic(f"{prefix}alerts", compact=True),
            case_inputs=Topic(f"{own}case-inputs"),
            incidents=Topic(f"{own}incidents"),
            # Partition p of a state's changelog is the memory of partition p of its input.
            aggregate_changelog=Topic(
                f"{own}aggregate-changelog", compact=True, keyed_with=f"{prefix}reviews.enriched"
            ),
            rectify_changelog=Topic(f"{own}rectify-changelog", compact=True, keyed_with=f"{own}case-inputs"),
            repeat_changelog=Topic(f"{own}repeat-changelog", compact=True, keyed_with=f"{own}incidents"),
            identity=Topic(f"{own}identity", compact=True),
        )

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The topics these settings name."""
        return cls.under(settings.topic_prefix)

    def __iter__(self) -> Iterator[Topic]:
        return (getattr(self, field.name) for field in fields(self))


def partition_of(key: bytes, partitions: int) -> int:
    """The partition a key belongs to: CRC-32, as librdkafka's `consistent` partitioner.

    Not Kafka's murmur2, which costs 10 µs a key in Python. Nothing depends on where others place the keys of the topics
    that they write, too (of the reference: agents/reference_memory.py).
    """
    return zlib.crc32(key) % partitions
