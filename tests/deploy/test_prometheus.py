"""Rules and PromQL: every alert is explained, tested and about metrics that exist."""

import re
from pathlib import Path

import pytest

from streams.metrics import Metrics
from tests.deploy.tools import DEPLOY, ROOT, RULE_TESTS, RULES, alerts, dashboards, panels, program, rules, run

#: CONTRACT §6: metric → labels. Histograms stand without `_bucket`, `_sum`, `_count`.
CONTRACT = {
    "haochaping_reviews_total": {"rating", "channel"},
    "haochaping_bad_reviews_total": {"department_id"},
    "haochaping_duplicates_total": set(),
    "haochaping_rejected_total": {"reason"},
    "haochaping_unmatched_total": {"entity"},
    "haochaping_alerts_total": {"kind", "severity"},
    "haochaping_alerts_active": {"kind", "severity"},
    "haochaping_repeat_alert_active": {"staff_id", "hall_id", "severity"},
    "haochaping_cases_open": {"stage"},
    "haochaping_cases_overdue": {"stage", "department_id"},
    "haochaping_event_delay_seconds": {"le"},
    "haochaping_consumer_lag": {"topic", "partition"},
    "haochaping_sink_rows_total": {"table"},
    "haochaping_sink_flush_seconds": {"le"},
    "haochaping_sink_failures_total": set(),
    "haochaping_sink_up": set(),
    "haochaping_build_info": {"version"},
}
#: What rules and dashboards use of the worker beyond that.
BEYOND: dict[str, set[str]] = {
    "haochaping_ready": set(),
    "haochaping_kafka_up": set(),
    "haochaping_agent_seconds_total": {"agent"},
    "haochaping_checkpoint_seconds_total": {"step"},
    "haochaping_chunk_records": {"topic", "le"},
    "haochaping_deleted_unread": {"topic"},
    "haochaping_state_entries": {"state"},
    "haochaping_recovery_seconds": set(),
    "haochaping_reconcile_difference": set(),
    "haochaping_repeat_alert_reviews": {"staff_id", "hall_id", "severity"},
}
#: What prometheus_client, Prometheus and Alertmanager themselves give.
OUTSIDE = {
    "up": set(),
    "process_start_time_seconds": set(),
    "process_resident_memory_bytes": set(),
    "process_cpu_seconds_total": set(),
    "ALERTS": {"alertstate", "service"},
    "alertmanager_notifications_failed_total": {"integration"},
    "prometheus_rule_evaluation_failures_total": {"rule_group"},
}
#: Labels every series of the worker gets when it is scraped.
TARGET = {"district", "instance", "job"}

_WORDS = {
    *("by", "on", "and", "or", "unless", "group_left", "group_right", "without", "ignoring", "offset", "bool"),
    *("sum", "max", "min", "count", "avg"),
}
_SELECTOR = re.compile(r"\b([a-zA-Z_:][a-zA-Z0-9_:]*)\b(?!\s*\()(\{[^}]*\})?")


def selectors(expression: str) -> list[tuple[str, set[str]]]:
    """Each metric an expression names, with the labels it selects by."""
    text = re.sub(r"^\s*#.*$", "", expression, flags=re.MULTILINE)
    text = re.sub(r"\b(by|on|without|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    text = re.sub(r"\[[^\]]*\]", " ", text)
    text = re.sub(r"\boffset\s+\w+", " ", text)
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
    found = []
    for name, braces in _SELECTOR.findall(text):
        if name not in _WORDS:
            found.append((name, set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", braces))))
    return found


def family(name: str) -> str:
    """A histogram's own name for its samples' names."""
    return re.sub(r"_(bucket|sum|count)$", "", name) if name.startswith("haochaping_") else name


def used() -> list[tuple[str, str, set[str]]]:
    """Where, which metric, which labels: all of the rules and dashboards."""
    found = [(rule.name, *each) for rule in rules() for each in selectors(rule.expression)]
    for uid, dashboard in dashboards().items():
        for panel in panels(dashboard, "prometheus"):
            found += [(f"{uid}: {panel['title']}", *each) for t in panel["targets"] for each in selectors(t["expr"])]
    return found


def test_the_reader_of_promql_sees_what_is_there() -> None:
    expression = 'sum by (a) (rate(x_total{b=~"c{2}", d!="e"}[5m] offset 1d)) / on (f) group_left () y:z > bool 3'
    assert selectors(expression) == [("x_total", {"b", "d"}), ("y:z", set())]


def test_every_metric_named_is_in_the_contract_or_recorded() -> None:
    recorded = {rule.name for rule in rules() if rule.kind == "record"}
    known = {**CONTRACT, **BEYOND, **OUTSIDE}
    everything = used()
    assert len(everything) > 60
    for where, name, labels in everything:
        if name in recorded:
            continue
        assert family(name) in known, f"{where}: {name} is not a metric"
        assert labels <= known[family(name)] | TARGET, f"{where}: {name} has no such labels: {labels}"


def test_every_recorded_series_is_used() -> None:
    named = {name for _, name, _ in used()}
    assert {rule.name for rule in rules() if rule.kind == "record"} <= named


def test_the_worker_has_every_metric_of_the_contract() -> None:
    collectors = Metrics().registry._names_to_collectors
    for name, labels in {**CONTRACT, **BEYOND}.items():
        assert name in collectors, f"the worker has no {name}"
        if name == "haochaping_build_info":
            continue  # an Info carries its labels in its value
        assert set(collectors[name]._labelnames) == labels - {"le"}, name


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule.name)
def test_an_alert_says_who_what_and_where_to_read_on(rule) -> None:
    assert rule.name.startswith("Haochaping")
    assert re.search(r"severity: (critical|warning|info|\"\{\{ \$labels\.severity \}\}\")", rule.body)
    assert re.search(r"team: (ops|office), service: haochaping", rule.body)
    for name in ("summary", "description"):
        text = rule.annotation(name)
        assert re.search(r"[\u4e00-\u9fff]", text), f"{name} has no Chinese"
        english = text.rpartition("\n" if name == "description" else " / ")[2]
        assert re.search(r"[a-z]{2,}", english), f"{name} has no English"
        assert not re.search(r"[\u4e00-\u9fff]", english), f"{name}: English comes last, by itself"
    assert rule.annotation("runbook_url") == f"docs/runbook.md#{rule.name.lower()}"


def test_every_alert_has_a_case_that_fires_it_and_one_that_does_not() -> None:
    text = "\n".join(path.read_text("utf-8") for path in RULE_TESTS)
    cases = re.findall(r"alertname: (\w+)\n\s+exp_alerts:( \[\])?", text)
    fires = {name for name, none in cases if not none}
    silent = {name for name, none in cases if none}
    names = {rule.name for rule in alerts()}
    assert names - fires == set(), "no test fires these"
    assert names - silent == set(), "no test keeps these silent"
    assert (fires | silent) - names == set(), "tests of alerts that do not exist"


def test_the_runbook_has_a_section_for_each_alert_and_no_other() -> None:
    text = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    sections = re.findall(r"^## (Haochaping\w+)$", text, re.MULTILINE)
    assert sections == list(dict.fromkeys(sections)), "a section stands twice"
    assert set(sections) == {rule.name for rule in alerts()}
    for section in re.split(r"^## Haochaping", text, flags=re.MULTILINE)[1:]:
        body = section.split("\n## ")[0]
        for part in ("**中文**", "**What it means.**", "**See more.**", "**What to do.**"):
            assert part in body, f"Haochaping{section.split(chr(10))[0]} lacks {part}"


def test_the_job_the_rules_look_for_is_scraped_and_gets_a_district() -> None:
    text = (DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8")
    assert "job_name: haochaping" in text
    assert "target_label: district" in text


@pytest.mark.services
def test_promtool_finds_nothing_wrong_with_rules_and_configuration() -> None:
    promtool = program("promtool", "prometheus")
    done = run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run(promtool, "check", "config", "--lint=all", "--lint-fatal", DEPLOY / "prometheus" / "prometheus.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.services
@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_the_rules_pass_their_own_tests(path: Path) -> None:
    done = run(program("promtool", "prometheus"), "test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.services
def test_promtool_reads_every_query_of_the_dashboards(tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    lines = ["groups:", "  - name: dashboards", "    rules:"]
    for dashboard in dashboards().values():
        for panel in panels(dashboard, "prometheus"):
            for target in panel["targets"]:
                query = (
                    target["expr"].replace("$__rate_interval", "1m").replace("$district", "d").replace("$instance", "i")
                )
                lines += [f"      - record: query:{len(lines)}", "        expr: |", f"          {query}"]
    path = tmp_path / "dashboards.yml"
    path.write_text("\n".join(lines) + "\n")
    done = run(promtool, "check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
