"""A worker without progress ends, but not while its group is still sharing partitions out."""

import time
from types import SimpleNamespace
from typing import Any

import pytest

from streams.errors import HaochapingError
from streams.metrics import Metrics
from streams.runtime.pulse import Pulse
from streams.settings import Settings

SETTINGS = Settings(stall_timeout=5, session_timeout=2)


def pulse(*, idle_for: float, recovered: bool) -> Pulse:
    at = time.monotonic() - idle_for
    worker: Any = SimpleNamespace(
        settings=SETTINGS,
        metrics=Metrics(),
        app=SimpleNamespace(consumer=SimpleNamespace(heard_at=None, failure=None, assignment=set)),
        checkpoint=SimpleNamespace(progressed_at=at, idle=False),
        sink=SimpleNamespace(tried_at=at),
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
