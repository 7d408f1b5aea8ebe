"""Every metric, with what it means and why it might move. Nothing else creates one. Source: CONTRACT §6."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from streams import __version__

disable_created_metrics()  # type: ignore[no-untyped-call]  # `_created` series double the output for nothing

#: Series of each of the two metrics that have `staff_id` for a label, at the most.
MAX_REPEAT_SERIES = 500


class Metrics:
    """One worker's metrics. Counters count each accepted review once; after a restart a little may be counted again."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"haochaping_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"haochaping_{name}", text, labels, registry=registry)

        # What citizens said
        self.reviews = counter("reviews", "Reviews accepted, each once.", "rating", "channel")
        self.bad_reviews = counter("bad_reviews", "Bad reviews (rating 1 or 2) accepted.", "department_id")
        self.duplicates = counter(
            "duplicates", "Reviews and case events seen before with the same content; a resend raises it."
        )
        self.rejected = counter("rejected", "Records sent to reviews.rejected; a broken publisher raises it.", "reason")
        self.unmatched = counter(
            "unmatched", "Reviews whose window, staff or service is not in the reference (三对应 fails).", "entity"
        )

        # What the district has to do
        self.alerts = counter("alerts", "Alerts raised, each once.", "kind", "severity")
        self.alerts_active = gauge("alerts_active", "Alerts firing now.", "kind", "severity")
        self.repeat_alert_active = gauge(
            "repeat_alert_active",
            "1 while a repeat_staff alert fires; no series otherwise, "
            f"{MAX_REPEAT_SERIES} at the most: critical before warning, new before old.",
            *("staff_id", "hall_id", "severity"),
        )
        self.repeat_alert_reviews = gauge(
            "repeat_alert_reviews",
            "Bad reviews that the newest such alert counts; a series for each of repeat_alert_active.",
            *("staff_id", "hall_id", "severity"),
        )
        self.cases_open = gauge("cases_open", "Cases that still need this step.", "stage")
        self.cases_overdue = gauge("cases_overdue", "Cases past this step's deadline.", "stage", "department_id")

        # How the pipeline is
        self.event_delay = Histogram(
            "haochaping_event_delay_seconds",
            "From the broker's timestamp to all outputs acknowledged, for the first record of each chunk.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 1200, 1800, 3600),
            registry=registry,
        )
        self.kafka_up = gauge(
            "kafka_up", "1 while the group answers heartbeats; 0 after two sessions of silence; NaN until it was asked."
        )
        self.kafka_up.set(math.nan)
        self.consumer_lag = gauge(
            "consumer_lag", "Records in the partition after the last committed one.", "topic", "partition"
        )
        self.deleted_unread = gauge(
            "deleted_unread",
            "Records that Kafka had deleted before they were read, as this worker saw since it started: by retention, "
            "or by a timestamp of long ago that their publisher gave them.",
            "topic",
        )
        self.chunk_records = Histogram(
            "haochaping_chunk_records",
            "Records a chunk: large under load, 1 when idle.",
            ("topic",),
            buckets=(1, 10, 100, 500, 1000, 2000, 5000),
            registry=registry,
        )
        self.agent_seconds = counter(
            "agent_seconds", "Seconds an agent spent on its chunks; not what time alone brings.", "agent"
        )
        self.checkpoint_seconds = counter(
            "checkpoint_seconds",
            "Seconds checkpoints spent waiting, by step: Kafka's acknowledgements, the sink, the commit of offsets.",
            "step",
        )
        self.state_entries = gauge(
            "state_entries", "Entries an agent remembers; `standby`: all copies kept for other workers.", "state"
        )
        self.recovery_seconds = gauge("recovery_seconds", "How long the last recovery of state took.")
        self.ready = gauge("ready", "1 while state is recovered and the sink answers, as /readyz.")

        # The sink
        self.sink_rows = counter("sink_rows", "Rows the sink acknowledged.", "table")
        self.sink_flush = Histogram(
            "haochaping_sink_flush_seconds",
            "One flush of a checkpoint into ClickHouse.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self.sink_failures = counter("sink_failures", "Flushes that failed and are tried again.")
        self.sink_up = gauge("sink_up", "1 if the last call to ClickHouse worked; NaN before the first.")
        self.sink_up.set(math.nan)
        self.reconcile_difference = gauge(
            "reconcile_difference", "Differences of facts and aggregates, added up over all days; 0 once idle."
        )
        # An Info is a gauge that is always 1 and carries its labels; it appends `_info` to its name.
        Info("haochaping_build", "The version that runs.", registry=registry).info({"version": __version__})

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time of a block to this step of the checkpoint's."""
        started = time.monotonic()
        yield
        self.checkpoint_seconds.labels(name).inc(time.monotonic() - started)
