"""Prometheus and Alertmanager, really: from a bad review on Kafka to a message at the office's webhook, and back.

Both run with the flags of docker-compose.yml, the rules as they stand and the configuration as it stands, but for
addresses (no DNS and no container network here) and for how often Prometheus looks and Alertmanager waits.
"""

import json
import re
import shutil
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.compose import EXAMPLE, Compose, variables
from tests.deploy.test_prometheus import CONTRACT, family
from tests.deploy.tools import DEPLOY, alerts, dashboards, panels, program, rules
from tests.house import House, WorkerProcess, free_port, house, until
from tests.integration.test_pipeline import event, furnish, review
from tests.services.kafka import start_cluster

pytestmark = [pytest.mark.services, pytest.mark.timeout(420)]

Make = Callable[..., House]

#: Rules that see nothing here because they look back on what the slow group recorded hours ago.
NEEDS_HOURS = {"district:haochaping_bad_reviews:ratio1d", "district:haochaping_bad_reviews:ratio7d"}


@dataclass
class Webhook:
    """Where Alertmanager's messages arrive: (path, alert), oldest first."""

    port: int
    arrived: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def wait_for(self, path: str, status: str, name: str, patience: float = 60) -> dict[str, Any]:
        """The first alert of this name and status that has arrived or arrives at a path."""

        def find() -> dict[str, Any] | None:
            for where, alert in list(self.arrived):
                if (where, alert["status"], alert["labels"]["alertname"]) == (path, status, name):
                    return alert
            return None

        found: dict[str, Any] = until(f"a {status} {name} arrives at {path}", find, patience)
        return found


@contextmanager
def webhook() -> Iterator[Webhook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.arrived.extend((self.path, alert) for alert in json.loads(body)["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Webhook(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()


@contextmanager
def running(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


def faster(text: str, **times: str) -> str:
    """A configuration with these intervals, and nothing else, changed."""
    for name, value in times.items():
        text, count = re.subn(rf"(\b{name}): \w+", rf"\1: {value}", text)
        assert count, name
    return text


@dataclass
class Watch:
    """Prometheus and Alertmanager over one worker."""

    prometheus: str
    alertmanager: str
    hook: Webhook

    def ask(self, path: str, **parameters: str) -> Any:
        """Prometheus's answer; its error is the test's."""
        try:
            with urllib.request.urlopen(f"{self.prometheus}{path}?{urllib.parse.urlencode(parameters)}") as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as exc:
            raise AssertionError(f"{path} {parameters}: {exc.read().decode()}") from None

    def query(self, expression: str) -> list[Any]:
        found: list[Any] = self.ask("/api/v1/query", query=expression)["result"]
        return found


@contextmanager
def watch(worker: WorkerProcess, folder: Path) -> Iterator[Watch]:
    """Start both as compose does."""
    prometheus, alertmanager = free_port(), free_port()
    for name in ("prometheus", "alertmanager"):
        (folder / name).mkdir(parents=True)
    rules = folder / "prometheus" / "rules"
    shutil.copytree(DEPLOY / "prometheus" / "rules", rules)
    (rules / "reviews.yml").write_text(faster((rules / "reviews.yml").read_text("utf-8"), keep_firing_for="10s"))
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8")
    text = faster(text, scrape_interval="1s", evaluation_interval="1s")
    text, count = re.subn(
        r"dns_sd_configs:\n(?: {6}[ -] .*\n)+", "static_configs: [{targets: ['worker:6066']}]\n", text
    )
    assert count == 1
    with ExitStack() as stack:
        hook = stack.enter_context(webhook())
        addresses = {
            "worker:6066": worker.url.removeprefix("http://"),
            "alertmanager:9093": f"127.0.0.1:{alertmanager}",
            "localhost:9090": f"127.0.0.1:{prometheus}",
        }
        for name, address in addresses.items():
            assert name in text
            text = text.replace(name, address)
        (folder / "prometheus" / "prometheus.yml").write_text(text)
        paths = {f"{name.upper()}_WEBHOOK_PATH": f"dingtalk/{name}/send" for name in ("ops", "office", "departments")}
        compose = Compose(
            {**variables(EXAMPLE), **paths, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "9"},
            {
                "/etc/prometheus": str(folder / "prometheus"),
                "=/prometheus": f"={folder}/prometheus-data",
                "/etc/alertmanager": str(folder / "etc-alertmanager"),
                "/run/alertmanager": str(folder / "alertmanager"),
                "=/alertmanager": f"={folder}/alertmanager-data",
                "/bin/alertmanager": program("prometheus-alertmanager", "prometheus-alertmanager"),
            },
        )
        own = folder / "etc-alertmanager"
        shutil.copytree(DEPLOY / "alertmanager", own)
        text = (own / "alertmanager.yml").read_text("utf-8")
        assert text.count("webhook-adapter:8060") >= 3
        text = text.replace("webhook-adapter:8060", f"127.0.0.1:{hook.port}")
        text = faster(text, group_wait="1s", group_interval="1s")
        (own / "alertmanager.yml").write_text(text)

        for name, port, path in (
            ("alertmanager", alertmanager, None),
            ("prometheus", prometheus, program("prometheus", "prometheus")),
        ):
            # Where it listens is not in the file: the image's default, and compose's `ports`.
            more = [f"--web.listen-address=127.0.0.1:{port}"]
            more += ["--cluster.listen-address="] if name == "alertmanager" else []
            command = [*compose.command(name, path), *more]
            log = stack.enter_context((folder / f"{name}.log").open("ab"))
            process = subprocess.Popen(command, env=compose.environment(name), stdout=log, stderr=log, cwd=folder)
            stack.enter_context(running(process))
            until(f"{name} is ready", lambda url=f"http://127.0.0.1:{port}/-/ready": answers(url), 30)
        yield Watch(f"http://127.0.0.1:{prometheus}", f"http://127.0.0.1:{alertmanager}", hook)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def now(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat(timespec="seconds")


def closed(case_id: str, at: str) -> list[dict[str, Any]]:
    return [event(case_id, kind, at) for kind in ("called_back", "rectified", "replied")]


def test_a_repeated_bad_review_reaches_the_offices_webhook_and_resolves_with_its_case(
    new_house: Make, tmp_path: Path
) -> None:
    house = new_house(HCP_REJECT_LIMIT="1")
    furnish(house)
    worker = house.start()
    with watch(worker, tmp_path / "watch") as seen:
        # Something of everything the dashboards show; then Mr Wang's clerk, a month ago and today.
        house.publish("reviews", [review(f"good{n}", now(hours=1)) for n in range(50)])
        house.publish("reviews", [review("good1", now(hours=1), 4), b"{", review("lost", now(), window_id="W9")])
        first = review("wang", now(days=30), 1, tags=["态度差"])
        house.publish("reviews", [first, first, review("late", now(days=2), 2, staff_id="S2")])
        house.publish("cases.events", closed("wang", now(days=29, hours=12)))
        until("the first is known", lambda: worker.metrics().get("haochaping_duplicates_total"))
        house.publish("reviews", [review("again", now(), 1, comment="服务态度极差,说话都是冲来冲去的")])

        fired = seen.hook.wait_for("/dingtalk/office/send", "firing", "HaochapingRepeatStaff")
        labels = {"staff_id": "S1", "hall_id": "H1", "severity": "critical", "district": "district", "team": "office"}
        assert fired["labels"] == {"alertname": "HaochapingRepeatStaff", "service": "haochaping", **labels}
        assert "人员 S1 再次被差评，共 2 次（H1）" in fired["annotations"]["summary"]
        assert "staff member S1 of H1 has 2 bad reviews" in fired["annotations"]["summary"]

        late = seen.hook.wait_for("/dingtalk/departments/send", "firing", "HaochapingCallbackOverdue")
        assert (late["labels"]["department_id"], late["labels"]["severity"]) == ("D1", "critical")

        # Nobody takes mail here: those whom it should have reached are told by the other way.
        failing = seen.hook.wait_for("/dingtalk/ops/send", "firing", "HaochapingNotificationsFailing")
        assert failing["labels"]["integration"] == "email"

        expect_metrics(worker, seen)
        expect_rules(seen)
        expect_panels(seen)

        house.publish("cases.events", closed("again", now()))
        gone = "haochaping_repeat_alert_active{"
        until("the worker's series is gone", lambda: not any(gone in name for name in worker.metrics()))
        resolved = seen.hook.wait_for("/dingtalk/office/send", "resolved", "HaochapingRepeatStaff")
        assert resolved["labels"] == fired["labels"]
        assert resolved["fingerprint"] == fired["fingerprint"]


def expect_metrics(worker: WorkerProcess, seen: Watch) -> None:
    """Every metric of the contract, under its name, labels and type, as Prometheus has scraped them."""
    kinds = {name: about[0]["type"] for name, about in seen.ask("/api/v1/metadata").items()}
    for name, labels in CONTRACT.items():
        kind = "histogram" if name.endswith("_seconds") else "counter" if name.endswith("_total") else "gauge"
        assert kinds[name] == kind, name
        series = seen.query(f'{{__name__=~"{name}(_bucket)?"}}')
        assert series, f"{name} has no series"
        target = {"__name__", "district", "instance", "job"}
        assert {frozenset(each["metric"].keys() - target) for each in series} == {frozenset(labels)}, name
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total"):
        assert seen.query(f'{name}{{job="haochaping"}}')
    text = worker.get("/metrics")[1].decode()
    assert "_created" not in text
    assert family("haochaping_sink_flush_seconds_bucket") in text


def expect_rules(seen: Watch) -> None:
    """Each rule is evaluated without an error, and each recorded series has data."""
    loaded = [rule for group in seen.ask("/api/v1/rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in loaded} == {rule.name for rule in rules()}
    assert {rule["name"] for rule in loaded if rule.get("lastError")} == set()
    for rule in rules():
        found = seen.query(rule.expression)
        if rule.kind == "record" and rule.name not in NEEDS_HOURS:
            assert found, f"{rule.name} records nothing"
    firing = {alert["labels"]["alertname"] for alert in seen.ask("/api/v1/alerts")["alerts"]}
    assert firing <= {rule.name for rule in alerts()}


def expect_panels(seen: Watch) -> None:
    """Each query of the dashboards is answered, and with data."""
    for uid, dashboard in dashboards().items():
        for panel in panels(dashboard, "prometheus"):
            for target in panel["targets"]:
                query = target["expr"].replace("$__rate_interval", "1m")
                query = query.replace("$district", ".*").replace("$instance", ".*")
                found = seen.query(query)
                assert found, f"{uid}, {panel['title']}: nothing: {query}"
        for variable in dashboard["templating"]["list"]:
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable.get("definition", ""))
            if asked:
                values = seen.ask(
                    f"/api/v1/label/{asked[2]}/values", **{"match[]": asked[1].replace("$district", ".*")}
                )
                assert values, variable["name"]


def test_a_dead_broker_is_seen_and_so_is_its_return(tmp_path: Path) -> None:
    cluster = start_cluster(tmp_path / "kafka")
    try:
        with house(cluster.bootstrap, "", tmp_path) as own:
            furnish(own)
            worker = own.start()
            up = "haochaping_kafka_up"
            until("the group is heard", lambda: worker.metrics()[up] == 1)
            cluster.brokers[0].kill()
            until("the silence is noticed", lambda: worker.metrics()[up] == 0)
            cluster.brokers[0].start()
            until("the group is heard again", lambda: worker.metrics()[up] == 1, 90)
    finally:
        cluster.stop()
