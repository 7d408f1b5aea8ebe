"""From the publishing of a bad review to its `repeat_staff` alert in the topic `alerts`: idle, and at a steady load.

Each probe is a second bad review of a staff member of its own, whose first one came before the clock started.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.domain import ZONE
from benchmarks.source import PARTITIONS, Record, broker, folder, plan, reviews_of
from benchmarks.worker import clickhouse, district
from streams.runtime.producer import BatchProducer, Outbox
from streams.settings import Settings

PAUSE = 0.1  # seconds between probes, on average: they are to meet every moment of a checkpoint
#: Seconds of load before the first probe: a broker that was just started spends a third of a core on compiling itself.
WARM_UP = 40


def bad_review(staff: int, which: int) -> dict[str, Any]:
    """The first or second bad review of a probe's staff member."""
    at = datetime.now(ZONE) - timedelta(minutes=1 - which)
    return {
        "review_id": f"probe-{staff}-{which}",
        "occurred_at": at.isoformat(),
        "rating": 1,
        "channel": "window",
        "staff_id": f"probe-{staff}",
    }


async def load(bootstrap: str, topic: str, reviews: Sequence[Record], rate: int, stop: asyncio.Event) -> int:
    """Publish `rate` reviews a second, a fiftieth of them every 20 ms, until told to stop; returns how many."""
    producer = BatchProducer(Settings(kafka_bootstrap=bootstrap))
    await producer.start()
    sent, started = 0, time.monotonic()
    while not stop.is_set() and sent < len(reviews):
        due = min(len(reviews), int((time.monotonic() - started) * rate))
        out = Outbox({topic: PARTITIONS})
        for key, value in reviews[sent:due]:
            out.produce(topic, key, value)
        await producer.deliver(out.messages)
        sent = due
        await asyncio.sleep(0.02)
    await producer.stop()
    return sent


async def probe(bootstrap: str, prefix: str, first: int, number: int) -> list[float]:
    """Seconds from `send()` to the alert, of `number` probes."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    consumer = AIOKafkaConsumer(f"{prefix}alerts", bootstrap_servers=bootstrap, fetch_max_wait_ms=100)
    await producer.start()
    await consumer.start()
    sent: dict[str, float] = {}
    took: dict[str, float] = {}

    async def watch() -> None:
        async for record in consumer:
            kind, _, rest = record.key.decode().partition(":")
            staff = rest.partition(":")[0]
            if kind == "repeat_staff" and staff in sent:
                took.setdefault(staff, time.perf_counter() - sent[staff])
                if len(took) == number:
                    return

    watching = asyncio.create_task(watch())
    await asyncio.sleep(1)
    for staff in range(first, first + number):
        review = bad_review(staff, 1)
        sent[review["staff_id"]] = time.perf_counter()
        await producer.send_and_wait(f"{prefix}reviews", orjson.dumps(review), key=review["review_id"].encode())
        await asyncio.sleep(random.uniform(0, 2 * PAUSE))
    await asyncio.wait_for(watching, 30)
    await producer.stop()
    await consumer.stop()
    return list(took.values())


async def loaded(bootstrap: str, prefix: str, reviews: Sequence[Record], rate: int, number: int) -> list[float]:
    """The same while `rate` reviews a second come in."""
    stop = asyncio.Event()
    loading = asyncio.create_task(load(bootstrap, f"{prefix}reviews", reviews, rate, stop))
    await asyncio.sleep(WARM_UP)
    took = await probe(bootstrap, prefix, number, number)
    stop.set()
    await loading
    return took


def measure(rate: int, number: int) -> dict[str, list[float]]:
    """Latencies (seconds), idle and at `rate` reviews a second."""
    reviews = reviews_of(plan(int(rate * (number * PAUSE + WARM_UP + 10))))
    with folder() as place, broker(place) as (bootstrap, _), clickhouse(place) as server:
        url = {"HCP_CLICKHOUSE_URL": server} if server else {}
        with district(bootstrap, place / "latency", "latency.", plan(1000), **url) as made:
            made.publish("reviews", [bad_review(staff, 0) for staff in range(2 * number)])
            worker = made.start()
            made.settle(worker)
            found = {"idle": asyncio.run(probe(bootstrap, made.prefix, 0, number))}
            found[f"{rate:,} reviews/s"] = asyncio.run(loaded(bootstrap, made.prefix, reviews, rate, number))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=5000, help="reviews a second: half of what pipeline.py measured")
    parser.add_argument("--probes", type=int, default=200)
    options = parser.parse_args()
    for name, took in measure(options.rate, options.probes).items():
        cuts = quantiles(took, n=100, method="inclusive")
        print(f"{name}: p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms, of {len(took)} probes")


if __name__ == "__main__":
    main()
