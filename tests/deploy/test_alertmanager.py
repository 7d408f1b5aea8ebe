"""Alertmanager: secrets come from outside, alerts reach whom they should, and a cause silences its consequences."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.compose import EXAMPLE, variables
from tests.deploy.tools import DEPLOY, ROOT, alerts, documents, program, run
from tests.house import free_port, until

FOLDER = DEPLOY / "alertmanager"
TEXT = (FOLDER / "alertmanager.yml").read_text("utf-8")
PLACEHOLDERS = {
    name
    for path in (FOLDER / "alertmanager.yml", *(FOLDER / "templates").glob("*.tmpl"))
    for line in path.read_text("utf-8").splitlines()
    if not line.lstrip().startswith("#")
    for name in re.findall(r"\$\{([A-Z0-9_]+)\}", line)
}
VALUES = dict.fromkeys(PLACEHOLDERS, "1") | {
    "SMTP_REQUIRE_TLS": "true",
    "SMTP_HOST": "127.0.0.1",
    "SMTP_PORT": "9",
    "SMTP_FROM": "haochaping@example.invalid",
    "DOCS_URL": "https://docs.example.invalid",
    "SMTP_PASSWORD": 'a "quote", a \\ and an &',
}


def render(target: Path, values: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], **values}
    return run("sh", FOLDER / "render.sh", FOLDER, target, *command, env=environment)


def test_rendering_puts_every_value_in_and_keeps_it_one_yaml_string(tmp_path: Path) -> None:
    done = render(tmp_path, VALUES, "echo", "started")
    assert (done.returncode, done.stdout) == (0, "started\n"), done.stderr
    text = (tmp_path / "alertmanager.yml").read_text("utf-8")
    assert not [line for line in text.splitlines() if "${" in line and not line.lstrip().startswith("#")]
    (password,) = re.findall(r"smtp_auth_password: (.*)", text)
    assert json.loads(password) == VALUES["SMTP_PASSWORD"]  # JSON's strings are YAML's
    assert "https://docs.example.invalid/" in (tmp_path / "templates" / "haochaping.tmpl").read_text("utf-8")
    assert (tmp_path / "alertmanager.yml").stat().st_mode & 0o077 == 0


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    values = {name: value for name, value in VALUES.items() if name != "WECOM_SECRET"}
    assert render(tmp_path / "out", {**values, "WECOM_SECRET_FILE": str(secret)}).returncode == 0
    assert 'api_secret: "from a file"' in (tmp_path / "out" / "alertmanager.yml").read_text("utf-8")


@pytest.mark.services
def test_a_way_that_has_no_address_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    """WECOM_CORP_ID=unset and the like: what cannot deliver would fail at every alert."""

    def ways(folder: str, **values: str) -> dict[str, set[str]]:
        assert render(tmp_path / folder, {**VALUES, **values}).returncode == 0
        (config,) = documents(tmp_path / folder / "alertmanager.yml")
        return {each["name"]: each.keys() - {"name"} for each in config["receivers"]}

    everything = ways("all")
    assert everything["ops-urgent"] == {"email_configs", "wechat_configs", "webhook_configs"}
    assert ways("some", WECOM_SECRET="unset", OFFICE_WEBHOOK_PATH="unset") == {
        name: found - {"wechat_configs"} - ({"webhook_configs"} if name == "office-prompt" else set())
        for name, found in everything.items()
    }


@pytest.mark.services
def test_whether_mail_goes_by_tls_can_be_set(tmp_path: Path) -> None:
    for value in ("true", "false"):
        assert render(tmp_path / value, {**VALUES, "SMTP_REQUIRE_TLS": value}).returncode == 0
        (config,) = documents(tmp_path / value / "alertmanager.yml")
        assert config["global"]["smtp_require_tls"] is (value == "true")


@pytest.mark.parametrize("name", sorted(PLACEHOLDERS))
def test_a_value_that_is_missing_stops_the_start_and_is_named(name: str, tmp_path: Path) -> None:
    values = {each: value for each, value in VALUES.items() if each != name}
    done = render(tmp_path, values, "echo", "started")
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.startswith(f"render.sh: {name} is not set")


def test_every_placeholder_is_quoted_and_in_the_example_of_the_environment() -> None:
    for line in TEXT.splitlines():
        if "${" in line and not line.lstrip().startswith("#"):
            assert re.search(r'"[^"]*\$\{[^"]*"', line), line
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"), re.MULTILINE))
    assert example >= PLACEHOLDERS
    compose = (ROOT / "docker-compose.yml").read_text("utf-8")
    assert {name for name in PLACEHOLDERS if f"      {name}: ${{{name}:-" in compose} == PLACEHOLDERS


def test_routes_and_inhibitions_name_alerts_that_exist() -> None:
    text = re.sub(r"(\w+)\(([\w|]+)\)", lambda m: "|".join(m[1] + end for end in m[2].split("|")), TEXT)
    named = set(re.findall(r"Haochaping\w+", text))
    assert named <= {rule.name for rule in alerts()}


@pytest.mark.services
@pytest.mark.parametrize("values", [VALUES, variables(EXAMPLE)], ids=["all of it", "the example"])
def test_amtool_accepts_what_is_rendered(values: dict[str, str], tmp_path: Path) -> None:
    assert render(tmp_path, values).returncode == 0
    done = run(program("amtool", "prometheus-alertmanager"), "check-config", tmp_path / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.services
def test_by_the_example_nothing_is_sent_that_cannot_be_delivered(tmp_path: Path) -> None:
    assert render(tmp_path, variables(EXAMPLE)).returncode == 0
    (config,) = documents(tmp_path / "alertmanager.yml")
    assert {key for each in config["receivers"] for key in each} == {"name", "email_configs"}


@pytest.mark.services
@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("team=ops severity=critical", "ops-urgent"),
        ("team=ops severity=warning", "ops-mail"),
        ("team=office severity=critical", "office-urgent"),
        ("team=office severity=critical department_id=D01", "departments,office-urgent"),
        ("team=office severity=critical department_id=D-EXAMPLE", "departments,department-example,office-urgent"),
        ("team=office severity=warning", "office-mail"),
        ("alertname=HaochapingRepeatStaff team=office severity=critical", "office-prompt,office-urgent"),
        ("alertname=HaochapingRepeatStaff team=office severity=warning", "office-prompt,office-mail"),
        ("team=office severity=info", "office-mail"),
        ("severity=critical", "ops-mail"),  # nobody's alert still reaches somebody
    ],
)
def test_an_alert_reaches_whom_it_should(labels: str, receivers: str, tmp_path: Path) -> None:
    amtool = program("amtool", "prometheus-alertmanager")
    assert render(tmp_path, VALUES).returncode == 0
    done = run(amtool, "config", "routes", "test", f"--config.file={tmp_path / 'alertmanager.yml'}", *labels.split())
    assert done.stdout.strip() == receivers, done.stderr


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Alertmanager with our configuration; what it sends goes nowhere."""
    server = program("prometheus-alertmanager", "prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("alertmanager")
    assert render(folder, VALUES).returncode == 0
    url = f"http://127.0.0.1:{free_port()}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                server,
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={url.removeprefix('http://')}",
                "--cluster.listen-address=",
            ],
            stdout=log,
            stderr=log,
        )
    amtool = program("amtool", "prometheus-alertmanager")
    try:
        until("Alertmanager answers", lambda: run(amtool, f"--alertmanager.url={url}", "alert").returncode == 0)
        yield url
    finally:
        process.kill()
        process.wait()


OPS = {"team": "ops", "service": "haochaping"}
OFFICE = {"team": "office", "service": "haochaping"}


@pytest.mark.services
@pytest.mark.parametrize(
    ("cause", "consequence", "silenced"),
    [
        ({"alertname": "HaochapingWorkersAbsent"}, {"alertname": "HaochapingDistrictGone", "district": "a"}, True),
        ({"alertname": "HaochapingWorkersAbsent"}, {"alertname": "HaochapingNoReviews", "district": "a"}, True),
        ({"alertname": "HaochapingWorkersAbsent"}, {"alertname": "HaochapingSinkDown", "district": "a"}, False),
        ({"alertname": "HaochapingWorkersAbsent"}, {"alertname": "HaochapingKafkaDown", "district": "a"}, False),
        ({"alertname": "HaochapingWorkersAbsent"}, {"alertname": "HaochapingNotificationsFailing"}, False),
        ({"alertname": "HaochapingWorkersAbsent"}, {"alertname": "HaochapingRulesFailing"}, False),
        ({"alertname": "HaochapingDistrictGone"}, {"alertname": "HaochapingNoReviews"}, True),
        ({"alertname": "HaochapingWorkerDown"}, {"alertname": "HaochapingLagGrowing"}, True),
        ({"alertname": "HaochapingWorkerDown"}, {"alertname": "HaochapingRejectsFlood"}, False),
        ({"alertname": "HaochapingKafkaDown"}, {"alertname": "HaochapingWorkerDown"}, True),
        ({"alertname": "HaochapingKafkaDown"}, {"alertname": "HaochapingWorkerRestarting"}, True),
        ({"alertname": "HaochapingKafkaDown"}, {"alertname": "HaochapingDistrictGone"}, True),
        ({"alertname": "HaochapingKafkaDown"}, {"alertname": "HaochapingWorkersFewer"}, True),
        ({"alertname": "HaochapingKafkaDown"}, {"alertname": "HaochapingLagHigh"}, True),
        ({"alertname": "HaochapingKafkaDown"}, {"alertname": "HaochapingSinkDown"}, False),
        ({"alertname": "HaochapingSinkDown"}, {"alertname": "HaochapingSinkFailures"}, True),
        ({"alertname": "HaochapingSinkDown"}, {"alertname": "HaochapingLagHigh"}, True),
        ({"alertname": "HaochapingSinkDown"}, {"alertname": "HaochapingLagHigh", "district": "other"}, False),
        ({"alertname": "HaochapingWorkerRestarting"}, {"alertname": "HaochapingWorkerNotReady"}, True),
        ({"alertname": "HaochapingLagHigh"}, {"alertname": "HaochapingLagGrowing"}, True),
        ({"alertname": "HaochapingRejectLimitNear"}, {"alertname": "HaochapingRejectsFlood"}, True),
        (
            {"alertname": "HaochapingCallbackOverdue", "stage": "callback", "department_id": "D1", **OFFICE},
            {"alertname": "HaochapingDueSoonBacklog", "stage": "callback", **OFFICE},
            True,
        ),
        (
            {"alertname": "HaochapingCallbackOverdue", "stage": "callback", "department_id": "D1", **OFFICE},
            {"alertname": "HaochapingDueSoonBacklog", "stage": "rectify", **OFFICE},
            False,
        ),
        (
            {"alertname": "HaochapingRepeatStaff", "severity": "critical", "staff_id": "S1", "hall_id": "H1", **OFFICE},
            {"alertname": "HaochapingRepeatStaff", "severity": "warning", "staff_id": "S1", "hall_id": "H1", **OFFICE},
            True,
        ),
        (
            {"alertname": "HaochapingRepeatStaff", "severity": "critical", "staff_id": "S1", "hall_id": "H1", **OFFICE},
            {"alertname": "HaochapingRepeatStaff", "severity": "warning", "staff_id": "S2", "hall_id": "H1", **OFFICE},
            False,
        ),
    ],
)
def test_a_cause_silences_its_consequences_and_nothing_else(
    alertmanager: str,
    cause: dict[str, str],
    consequence: dict[str, str],
    silenced: bool,
    request: pytest.FixtureRequest,
) -> None:
    amtool = program("amtool", "prometheus-alertmanager")
    # Each case is a district of its own, unless it says otherwise: the cases share the server.
    number = request.node.callspec.id
    district = "a" if cause["alertname"] == "HaochapingWorkersAbsent" else number
    own = {} if cause["alertname"] == "HaochapingWorkersAbsent" else {"district": district, "instance": "w1"}
    service = {"service": number}
    cause = {**OPS, **own, **cause, **service}
    consequence = {**OPS, "district": district, "instance": "w1", **consequence, **service}
    for labels in (cause, consequence):
        pairs = [f"{name}={value}" for name, value in labels.items()]
        assert run(amtool, f"--alertmanager.url={alertmanager}", "alert", "add", *pairs).returncode == 0

    def state() -> str | None:
        query = [f"{name}={value}" for name, value in consequence.items()]
        done = run(
            amtool,
            f"--alertmanager.url={alertmanager}",
            "alert",
            "query",
            "--inhibited",
            "--active",
            "-o",
            "json",
            *query,
        )
        found = [each for each in json.loads(done.stdout or "[]") if each["labels"] == consequence]
        return found[0]["status"]["state"] if found and found[0]["status"]["state"] != "unprocessed" else None

    assert until("the alert is seen", state) == ("suppressed" if silenced else "active")
