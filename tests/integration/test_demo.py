"""`haochaping demo`, as `make demo` runs it, on a small year."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.district import Plan
from tests.truth import truth

COMMAND = [sys.executable, "-m", "streams", "demo", "--reviews", "3000", "--port", "0"]


def environment(folder: Path) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HCP_")}
    return clean | {"TMPDIR": str(folder)}


def left_running(folder: Path) -> list[str]:
    """Command lines of processes that work in this folder, or are the broker one of them started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def test_the_demo_tells_the_year_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(COMMAND, env=environment(tmp_path), capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stderr
    expected = truth(Plan(reviews=3000))
    assert f"{expected.reviews:,}" in done.stdout and f"{len(expected.bad):,}" in done.stdout
    assert "equal on every day" in done.stdout
    assert done.stdout.count("100.0 %") == 3  # 三对应, callback, rectification
    for told in (
        "R-20260512-WANG",
        "R-20260611-FOLLOWUP",
        "服务态度极差,说话都是冲来冲去的",
        "critical",
        "make demo SERVE=1",
    ):
        assert told in done.stdout
    assert done.stdout.count("预警 · alert") == len(expected.repeat_alerts) == 1
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sign", "after"),
    [(signal.SIGINT, 0.4), (signal.SIGINT, 1.5), (signal.SIGINT, 5.0), (signal.SIGTERM, 5.0), (signal.SIGHUP, 3.0)],
)
def test_ctrl_c_at_any_point_leaves_no_process_behind(tmp_path: Path, sign: signal.Signals, after: float) -> None:
    process = subprocess.Popen(
        COMMAND,
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    time.sleep(after)  # somewhere in loading, in the start, in the work
    process.send_signal(sign)
    _, said = process.communicate(timeout=40)
    # A shell shows 128 + the signal for both: the command's own exit, and its end by the signal. The second is what
    # Python does when Ctrl-C met it inside an exec (those of dataclasses), and the system where it was still loading.
    assert process.returncode in (128 + sign, -sign), said
    assert "Traceback" not in said
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
