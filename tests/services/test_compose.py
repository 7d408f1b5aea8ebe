"""What docker-compose.yml would start of ours, started as processes: same commands, same settings, same order.

Prometheus and Alertmanager of the same file are run in test_monitoring.py, Kafka in tests/deploy/test_containers.py.
"""

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.deploy.compose import DOCKERFILE, EXAMPLE, Compose, variables
from tests.house import WorkerProcess, free_port, until
from tests.services.clickhouse import PASSWORD, ClickHouse
from tests.services.kafka import Cluster

pytestmark = [pytest.mark.services, pytest.mark.timeout(420)]


def instruction(name: str) -> str:
    """What follows an instruction of the Dockerfile that stands there once."""
    (found,) = re.findall(rf"^ *{name} (.*)$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
    return str(found)


def seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text.removesuffix("s"))


def test_the_demo_profile_runs_from_topics_to_a_reconciled_year(
    kafka: Cluster, clickhouse: ClickHouse, tmp_path: Path
) -> None:
    port = free_port()
    compose = Compose(
        {
            **variables(EXAMPLE),
            **{name: "not-used" for name, value in variables(EXAMPLE).items() if not value},
            "CLICKHOUSE_PASSWORD": PASSWORD,
            "HCP_CLOCK": "event",  # as docs/operations.md says for the demo
            "HCP_TOPIC_PREFIX": "compose.",
        },
        {
            "kafka:19092": kafka.bootstrap,
            "@clickhouse:9000/": f"@127.0.0.1:{clickhouse.port}/",
            "0.0.0.0": "127.0.0.1",
            "6066": str(port),
            "/var/lib/haochaping": f"{tmp_path}/data",
            "/tmp/district": f"{tmp_path}/district",
        },
    )
    (program,) = json.loads(instruction("ENTRYPOINT"))

    def run(name: str) -> None:
        process = compose.start(name, tmp_path / f"{name}.log", program)
        try:
            assert process.wait(240) == 0, (tmp_path / f"{name}.log").read_text()
        finally:
            process.kill()

    run("topics")
    run("migrate")
    log = tmp_path / "worker.log"
    worker = WorkerProcess(compose.start("worker", log, program), f"http://127.0.0.1:{port}", log)
    try:
        until("the worker is ready", lambda: worker.state().get("ready"))
        health = [compose.here(part) for part in json.loads(instruction(r"HEALTHCHECK .*\\\n *CMD"))]
        assert subprocess.run(health, env=compose.environment("worker")).returncode == 0

        run("demo")
        until("the worker is idle", lambda: worker.state().get("idle"), 120)
        days = worker.view("bi_daily", dimension="district")
        assert (sum(day["reviews"] for day in days), sum(day["bad"] for day in days)) == (220_000, 64)
        assert {day["difference"] for day in worker.view("bi_reconcile")} == {0}
        assert [alert for alert in worker.view("bi_alerts") if alert["kind"] == "repeat_staff"]
        assert "info" in {json.loads(line)["level"] for line in log.read_text().splitlines()}  # HCP_LOG_FORMAT

        started = time.monotonic()
        worker.process.send_signal(signal.SIGTERM)
        assert worker.process.wait(seconds(compose.service("worker")["stop_grace_period"])) == 0
        print(f"stopped in {time.monotonic() - started:.1f} s")
        assert subprocess.run(health, env=compose.environment("worker"), stderr=subprocess.DEVNULL).returncode != 0
    finally:
        worker.process.kill()
        worker.process.wait()
