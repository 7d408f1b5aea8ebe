"""Compose, image, Kafka and ClickHouse settings. No container engine is needed: what they say is judged, not run."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.app import LAST_FLUSH, LAST_STOP
from streams.runtime.sink_writer import LAST_CALL
from streams.settings import PREFIX, Settings
from tests.deploy.compose import COMPOSE, EXAMPLE, Compose, variables
from tests.deploy.tools import DEPLOY, ROOT, documents, run, tool
from tests.house import free_port, until

KAFKA = DEPLOY / "kafka" / "kafka.env"
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize(
    "path",
    [COMPOSE, EXAMPLE, DEPLOY / "Dockerfile", *sorted((DEPLOY / "k8s").rglob("*.yaml"))],
    ids=lambda path: path.name,
)
def test_every_setting_named_is_one(path: Path) -> None:
    """An unknown HCP_ name stops a worker's start."""
    assert set(re.findall(r"\bHCP_[A-Z_]+\b", path.read_text("utf-8"))) <= SETTINGS


def test_every_variable_of_compose_is_in_the_example_and_the_other_way_round() -> None:
    text = COMPOSE.read_text("utf-8")
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", text)) == set(variables(EXAMPLE))


def test_passwords_have_no_default() -> None:
    text = COMPOSE.read_text("utf-8")
    for name in ("CLICKHOUSE_PASSWORD", "BI_PASSWORD", "GRAFANA_ADMIN_PASSWORD", "HCP_PSEUDONYM_KEY"):
        assert variables(EXAMPLE)[name] == ""
        assert set(re.findall(rf"\$\{{{name}([^}}]*)\}}", text)) == {":?set it in .env"}


def test_the_image_is_small_not_root_and_says_whether_it_is_alive() -> None:
    text = (DEPLOY / "Dockerfile").read_text("utf-8")
    stages = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert stages == ["python:3.12-slim"] * 2
    last = text[text.rindex("\nFROM") :]
    assert re.search(r"^USER \d+:\d+$", last, re.MULTILINE)
    assert "/healthz" in last[last.index("HEALTHCHECK") :]
    assert "pip install" not in last


def test_the_build_sees_only_what_the_image_copies() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert names == allowed
    assert all((ROOT / name).exists() for name in names)


def test_clickhouse_lets_bi_read_and_nobody_in_without_a_password() -> None:
    users = ElementTree.parse(DEPLOY / "clickhouse" / "users.d" / "haochaping.xml").getroot()
    compose = COMPOSE.read_text("utf-8")
    for name in ("haochaping", "bi"):
        password = users.find(f"users/{name}/password")
        assert password is not None and not password.text
        assert f"{password.get('from_env')}: ${{" in compose
    bi = users.find("profiles/haochaping_bi")
    assert bi is not None
    assert bi.findtext("readonly") == "1"
    assert int(bi.findtext("max_execution_time") or 0) > 0
    assert bi.find("constraints/max_execution_time/changeable_in_readonly") is not None  # Grafana's driver sets it
    assert users.findtext("users/bi/grants/query") == "GRANT SELECT ON haochaping.*"
    assert [ip.text for ip in users.findall("users/default/networks/ip")] == ["127.0.0.1", "::1"]
    config = ElementTree.parse(DEPLOY / "clickhouse" / "config.d" / "haochaping.xml").getroot()
    assert config.findtext("timezone") == Settings.model_fields["timezone"].default
    assert config.findtext("listen_host") == "0.0.0.0"


# With the tools: YAML read as YAML, and judged by the specification


@pytest.fixture(scope="module")
def compose() -> Any:
    return documents(COMPOSE)[0]


@pytest.mark.services
def test_compose_keeps_to_the_specification() -> None:
    done = run(tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", COMPOSE)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.services
def test_hadolint_finds_nothing_wrong_with_the_image() -> None:
    done = run(tool("hadolint"), DEPLOY / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.services
def test_every_service_has_the_least_it_needs(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert service.get("read_only") or name == "kafka", name
        assert service["restart"], name
        user = service.get("user", "")
        # Ours and Kafka's images name a user of their own; the others would run as root, or change to one.
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user) or service["image"].startswith(("haochaping:", "apache/kafka:"))
        assert "network_mode" not in service and "pid" not in service, name


@pytest.mark.services
def test_every_image_is_pinned(compose: Any) -> None:
    for name, service in compose["services"].items():
        assert re.search(r":v?\d+\.\d+\.\d+", service["image"]), name


@pytest.mark.services
def test_ports_are_for_this_machine_and_workers_can_be_scaled(compose: Any) -> None:
    for name, service in compose["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    worker = compose["services"]["worker"]
    assert "container_name" not in worker
    (port,) = worker["ports"]
    assert re.fullmatch(r"127\.0\.0\.1:\d+-\d+:6066", port)


@pytest.mark.services
def test_every_service_that_stays_is_watched_and_everything_mounted_exists(compose: Any) -> None:
    for name, service in compose["services"].items():
        if name not in ("topics", "migrate", "demo", "worker"):  # the worker's check is in its image
            assert service["healthcheck"]["test"], name
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
                assert volume.endswith(":ro"), volume
            else:
                assert source in compose["volumes"], source


@pytest.mark.services
@pytest.mark.parametrize("name", ["topics", "migrate", "worker", "demo"])
def test_the_pipeline_gets_every_setting_of_env_but_what_is_composes_own_and_no_secret_of_others(name: str) -> None:
    secrets = [each for each in variables(EXAMPLE) if each.endswith(("PASSWORD", "SECRET"))]
    assert len(secrets) == 5
    given = {"HCP_PSEUDONYM_KEY": "key", "HCP_RECTIFY_DAYS": "7", "HCP_DATA_DIR": "elsewhere", "HCP_HTTP_PORT": "1"}
    environment = Compose({**variables(EXAMPLE), **dict.fromkeys(secrets, "secret"), **given}, {}).environment(name)
    assert environment["HCP_RECTIFY_DAYS"] == "7"
    assert (environment["HCP_DATA_DIR"], environment["HCP_HTTP_PORT"]) == ("/var/lib/haochaping", "6066")
    assert "secret" not in environment.values()


@pytest.mark.services
def test_nobody_kills_a_worker_that_is_about_to_end(compose: Any) -> None:
    longest = LAST_FLUSH + 2 * LAST_STOP + LAST_CALL
    assert int(compose["services"]["worker"]["stop_grace_period"].removesuffix("s")) > longest
    (worker,) = documents(DEPLOY / "k8s" / "worker.yaml")
    assert worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > longest


@pytest.mark.services
def test_workers_wait_for_topics_and_schema(compose: Any) -> None:
    waits = compose["services"]["worker"]["depends_on"]
    assert {name: each["condition"] for name, each in waits.items()} == {
        "kafka": "service_healthy",
        "clickhouse": "service_healthy",
        "topics": "service_completed_successfully",
        "migrate": "service_completed_successfully",
    }


@pytest.mark.services
def test_the_demo_publishes_every_file_of_the_synthetic_district_references_first(compose: Any) -> None:
    demo = compose["services"]["demo"]
    assert demo["profiles"] == ["demo"]
    (script,) = demo["command"]
    topics = re.search(r"for topic in (.*); do", script)
    assert topics is not None
    named = topics[1].split()
    assert named[:3] == ["reference.windows", "reference.staff", "reference.services"]
    assert set(named[3:]) == {"reviews", "cases.events"}
    assert subprocess.run(["sh", "-n", "-c", script.replace("$$", "$")]).returncode == 0


@pytest.mark.services
def test_kafka_starts_with_the_settings_of_compose(tmp_path: Path) -> None:
    """As the image does: KAFKA_A_B → a.b. Only addresses and folders are this machine's."""
    from tests.services.kafka import Broker  # fetches Kafka's jars at the first use

    broker = Broker(1, tmp_path)
    inside = free_port()
    values = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in variables(KAFKA).items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }
    text = "\n".join(f"{name}={value}" for name, value in values.items())
    text = text.replace("/var/lib/kafka/data", f"{tmp_path}/data")
    for port, own in (("9092", broker.port), ("19092", inside), ("29093", broker.controller)):
        text = re.sub(rf"(?:kafka|localhost)?:{port}\b", f"127.0.0.1:{own}", text)
    (tmp_path / "server.properties").write_text(text)
    cluster = variables(KAFKA)["CLUSTER_ID"]
    done = run(*broker.run("kafka.tools.StorageTool", "format", "-t", cluster, "-c", f"{tmp_path}/server.properties"))
    assert done.returncode == 0, done.stdout + done.stderr
    broker.start()

    async def answers() -> bool:
        admin = AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{broker.port}", request_timeout_ms=3000)
        try:
            await admin.start()
            return bool((await admin.describe_cluster())["brokers"])
        except (KafkaError, OSError):
            return False
        finally:
            await admin.close()

    try:
        until("Kafka answers", lambda: asyncio.run(answers()), 90)
        assert "Unknown" not in (tmp_path / "kafka.log").read_text(errors="replace")
    finally:
        broker.stop()
