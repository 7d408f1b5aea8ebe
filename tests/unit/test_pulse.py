"""A worker without progress ends, but not while its group is still sharing partitions out."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from streams.errors import HaochapingError
from streams.metrics import Metrics
from streams.runtime.pulse import Pulse
from streams.settings import Settings
from streams.topics import Topics

TOPICS = Topics.under("")
SETTINGS = Settings(stall_timeout=5, session_timeout=2)


def pulse(*, idle_for: float, recovered: bool) -> Pulse:
    at = time.monotonic() - idle_for
    worker: Any = SimpleNamespace(
        settings=SETTINGS,
        metrics=Metrics(),
        app=SimpleNamespace(consumer=SimpleNamespace(heard_at=None, failure=None, assignment=set)),
        checkpoint=SimpleNamespace(progressed_at=at, idle=False),
        sink=SimpleNamespace(tried_at=at),
        topics=TOPICS,
        partitions={topic.name: 4 for topic in TOPICS},
        recovered=recovered,
    )
    return Pulse(worker)


def test_a_worker_with_work_ends_after_its_stall_timeout() -> None:
    with pytest.raises(HaochapingError, match="although the worker has work"):
        pulse(idle_for=6, recovered=True)._check_progress()


def test_who_waits_for_partitions_gives_the_group_time_to_share_them_out() -> None:
    pulse(idle_for=6, recovered=False)._check_progress()
    patience = SETTINGS.stall_timeout + SETTINGS.session_timeout + SETTINGS.rebalance_timeout
    with pytest.raises(HaochapingError, match="has not got its partitions or their state"):
        pulse(idle_for=patience + 1, recovered=False)._check_progress()


def test_a_worker_is_not_idle_while_what_it_has_just_made_safe_may_be_on_its_way_to_the_next_agent() -> None:
    """It is in no partition's lag yet."""
    made = pulse(idle_for=1, recovered=True)
    worker: Any = made._worker
    made.lag, made._busy_at = 0, time.monotonic() - 60
    worker.checkpoint.flushed_at = time.monotonic()
    assert not made.idle
    worker.checkpoint.flushed_at = time.monotonic() - 60
    assert made.idle


def test_gauges_are_measured_now_and_then_and_as_soon_as_all_is_quiet_after_a_change() -> None:
    made = pulse(idle_for=1, recovered=True)
    worker: Any = made._worker
    now = time.monotonic()
    made.lag, made._busy_at, made._slow_at = 0, now - 60, now - 1
    worker.checkpoint.flushed_at = now
    assert not made._to_be_measured, "it is not quiet yet"
    worker.checkpoint.flushed_at = now - 0.6
    assert made._to_be_measured
    made._slow_at = now
    assert not made._to_be_measured, "nothing has changed since"
    made._slow_at = now - 60
    assert made._to_be_measured


def test_kafka_is_up_until_two_sessions_of_silence_have_passed() -> None:
    """Also before the first heartbeat: the broker has answered a moment before."""
    made = pulse(idle_for=1, recovered=True)
    worker: Any = made._worker

    def up() -> float:
        made._check_progress()
        return float(worker.metrics.kafka_up._value.get())

    assert up() == 1
    made._began_at -= 2 * SETTINGS.session_timeout
    assert up() == 0
    worker.app.consumer.heard_at = time.monotonic()
    assert up() == 1


async def test_the_group_is_idle_when_no_topic_has_anything_left_for_any_worker() -> None:
    made = pulse(idle_for=1, recovered=True)
    left, asked = {"reviews": 0, "case-inputs": 7}, []

    async def group_lag(topic: str, partitions: int) -> int:
        asked.append((topic, partitions))
        return left[topic]

    worker: Any = made._worker
    worker.agents = [SimpleNamespace(topic=topic) for topic in left]
    worker.partitions = {"reviews": 4, "case-inputs": 2}
    worker.app.consumer.group_lag = group_lag
    worker.checkpoint.flushed_at = made._busy_at = time.monotonic() - 1
    made.lag = 0
    assert not await made.group_idle()
    left["case-inputs"] = 0
    assert not made.group_was_idle, "nobody has looked since"
    assert await made.group_idle()
    assert made.group_was_idle
    assert asked == 2 * [("reviews", 4), ("case-inputs", 2)], "in the order of a review's way"
    made.lag = 1
    assert not made.group_was_idle
    assert not await made.group_idle()


async def test_of_a_broker_that_does_not_answer_nothing_is_concluded() -> None:
    made = pulse(idle_for=1, recovered=True)

    async def group_lag(topic: str, partitions: int) -> int:
        raise TimeoutError

    worker: Any = made._worker
    worker.agents, worker.partitions = [SimpleNamespace(topic="reviews")], {"reviews": 4}
    worker.app.consumer.group_lag = group_lag
    worker.checkpoint.flushed_at = made._busy_at = time.monotonic() - 1
    made.lag = 0
    assert not await made.group_idle()
