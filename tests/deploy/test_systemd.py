"""The unit of a worker without containers, judged by systemd itself."""

import re
from pathlib import Path

import pytest

from streams.app import LAST_FLUSH, LAST_STOP
from streams.runtime.sink_writer import LAST_CALL
from streams.settings import PREFIX, Settings
from tests.deploy.tools import DEPLOY, program, run

UNIT = DEPLOY / "systemd" / "haochaping-worker@.service"


def values(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT.read_text("utf-8"), re.MULTILINE)


def test_a_worker_is_started_whenever_it_ends_and_not_killed_while_it_stops() -> None:
    assert values("Restart") == ["always"]
    assert values("StartLimitIntervalSec") == ["0"]
    assert float(values("TimeoutStopSec")[0]) > LAST_FLUSH + 2 * LAST_STOP + LAST_CALL


def test_readers_who_stay_leave_descriptors_for_kafka_and_clickhouse() -> None:
    assert int(values("LimitNOFILE")[0]) >= 65536


def test_every_setting_named_is_one() -> None:
    named = re.findall(rf"\b{PREFIX}[A-Z_]+", UNIT.read_text("utf-8"))
    assert named and {each.removeprefix(PREFIX).lower() for each in named} <= Settings.model_fields.keys()


@pytest.mark.services
def test_systemd_finds_nothing_wrong_with_it_and_little_exposed(tmp_path: Path) -> None:
    analyze = program("systemd-analyze", "systemd")
    here = tmp_path / UNIT.name.replace("@", "@6066")
    here.write_text(UNIT.read_text("utf-8").replace(values("ExecStart")[0].split()[0], "/bin/true"))
    done = run(analyze, "verify", "--man=no", here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run(analyze, "security", "--offline=true", "--threshold=25", "--no-pager", here)
    assert done.returncode == 0, done.stdout + done.stderr
