"""The embedded broker's process belongs to whoever starts it."""

import subprocess
import sys
from typing import Any

import pytest

from streams.runtime import embedded_broker
from tests.house import free_port


def test_who_is_stopped_while_it_starts_leaves_none_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen: Any = subprocess.Popen

    def start(*arguments: Any, **options: Any) -> Any:
        started.append(popen(*arguments, **options))
        return started[-1]

    def ctrl_c(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        embedded_broker, "broker_command", lambda _: [sys.executable, "-c", "import time; time.sleep(60)"]
    )
    monkeypatch.setattr(embedded_broker.subprocess, "Popen", start)
    monkeypatch.setattr(embedded_broker.time, "sleep", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        embedded_broker.start_broker(free_port())
    assert [process.poll() is None for process in started] == [False]
