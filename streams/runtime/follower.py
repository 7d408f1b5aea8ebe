"""Topics that every worker knows whole, outside of the group: read to their ends at the start, and followed after."""

import asyncio
import logging
from collections.abc import Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.runtime.replay import Take, read_to_end, start_consumer
from streams.settings import Settings

log = logging.getLogger(__name__)


class Follower:
    """Gives all records of some topics to `take`, those of a partition in their order."""

    def __init__(self, settings: Settings, topics: Collection[str], take: Take) -> None:
        self._settings = settings
        self._topics = topics
        self._take = take
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self, counts: Mapping[str, int]) -> None:
        """Read everything there is; `counts` gives the partitions of each topic.

        Raises:
            HaochapingError: no broker answers, or it stopped giving.
        """
        self._consumer = consumer = await start_consumer(
            self._settings, fetch_max_wait_ms=100, auto_offset_reset="earliest"
        )
        partitions = [TopicPartition(topic, number) for topic in self._topics for number in range(counts[topic])]
        await read_to_end(consumer, partitions, self._settings.stall_timeout, self._take)

    async def run(self) -> None:
        """Follow changes for ever; a broker that is away is waited for."""
        assert self._consumer is not None, "start() comes first"
        while True:
            try:
                for partition, records in (await self._consumer.getmany(timeout_ms=1000)).items():
                    self._take(partition, records)
            except KafkaError as exc:
                log.warning("%s not followed, to be tried again: %r", ", ".join(self._topics), exc)
                await asyncio.sleep(1)

    async def stop(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            await self._consumer.stop()
