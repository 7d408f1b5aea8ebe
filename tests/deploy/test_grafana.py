"""Dashboards: their shape, and their SQL on the embedded database and on the oldest server there is."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sinks import open_sink
from sinks.base import Sink
from sinks.schema import migrate
from tests.deploy.tools import DASHBOARDS, DEPLOY, dashboards, panels
from tests.integration.sink_suite import START, ZONE, cell, fact, rows
from tests.services.clickhouse import ClickHouse, binary, start_clickhouse

PROMETHEUS, CLICKHOUSE = "prometheus", "grafana-clickhouse-datasource"
#: CONTRACT §5.
VIEWS = {"bi_reviews", "bi_daily", "bi_cases", "bi_alerts", "bi_timeliness", "bi_recurrence", "bi_reconcile"}
UNITS = {"short", "s", "h", "bytes", "percentunit", "reqps", "rowsps", "bool_yes_no"}
ALL = [(uid, panel) for uid, board in dashboards().items() for panel in board["panels"] if panel["type"] != "row"]


def every(test: Any) -> Any:
    return pytest.mark.parametrize(("uid", "panel"), ALL, ids=[f"{uid}-{panel['id']}" for uid, panel in ALL])(test)


def test_both_dashboards_are_there_under_the_names_of_their_files() -> None:
    assert {path.stem for path in DASHBOARDS} == {"haochaping-operations", "haochaping-district"}
    for uid, dashboard in dashboards().items():
        assert dashboard["uid"] == uid
        assert re.search(r"[\u4e00-\u9fff].* · [A-Z]", dashboard["title"])
        assert dashboard["timezone"] == "Asia/Shanghai"
        assert dashboard["schemaVersion"] >= 41
        numbers = [panel["id"] for panel in dashboard["panels"]]
        assert len(numbers) == len(set(numbers))


def test_data_sources_are_chosen_by_a_variable_and_provisioned() -> None:
    provisioned = (DEPLOY / "grafana" / "provisioning" / "datasources" / "haochaping.yml").read_text("utf-8")
    for dashboard in dashboards().values():
        (variable,) = [each for each in dashboard["templating"]["list"] if each["type"] == "datasource"]
        assert variable["name"] == "datasource"
        assert f"type: {variable['query']}" in provisioned
    assert "$BI_DB_PASSWORD" in provisioned and "username: bi" in provisioned


@every
def test_a_panel_says_what_it_shows_in_both_languages_and_in_a_unit(uid: str, panel: dict[str, Any]) -> None:
    for text in (panel["title"], panel["description"]):
        assert re.search(r"[\u4e00-\u9fff“]", text), text
        assert re.search(r"[A-Z0]", text), text
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"] == {"type": panel["datasource"]["type"], "uid": "${datasource}"}
    assert panel["targets"]
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]


def test_a_panel_follows_the_choice_of_departments_or_says_that_it_does_not() -> None:
    for panel in panels(dashboards()["haochaping-district"], CLICKHOUSE):
        follows = all("$department)" in target["rawSql"] for target in panel["targets"])
        says = "全区，不随部门筛选。" in panel["description"] and "Of the whole district." in panel["description"]
        assert follows != says, panel["title"]


@pytest.mark.parametrize("uid", sorted(dashboards()))
def test_panels_neither_overlap_nor_leave_the_grid(uid: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboards()[uid]["panels"]:
        grid = panel["gridPos"]
        across, down = range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])
        area = {(x, y) for x in across for y in down}
        assert grid["x"] + grid["w"] <= 24
        assert not taken & area, panel["title"]
        taken |= area


def queries() -> list[tuple[str, str]]:
    """Title and SQL of every panel and variable."""
    found = []
    for dashboard in dashboards().values():
        found += [(p["title"], target["rawSql"]) for p in panels(dashboard, CLICKHOUSE) for target in p["targets"]]
        found += [
            (variable["label"], variable["query"])
            for variable in dashboard["templating"]["list"]
            if variable["type"] == "query" and variable["datasource"]["type"] == CLICKHOUSE
        ]
    return found


@pytest.mark.parametrize(("title", "sql"), queries(), ids=[title for title, _ in queries()])
def test_sql_reads_the_views_of_the_contract_and_is_plain(title: str, sql: str) -> None:
    tables = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", sql))
    assert tables and tables <= VIEWS
    for word in (" OVER ", "WITH ", "toStartOfInterval", "$__timeInterval", "DateTime64"):
        assert word not in sql, f"{word} is not for every server"
    assert "$__dateFilter" not in sql, "its days are those of Grafana's machine, in a container UTC"


def substitute(sql: str, departments: str | None) -> str:
    """What Grafana would send of the district's year 2026; `departments` None is All."""
    sql = sql.replace("$__fromTime", "toDateTime(1767196800)").replace("$__toTime", "toDateTime(1798732799)")
    condition = r"\1" if departments else "1=1"
    sql = re.sub(r"\$__conditionalAll\((\w+ IN \([^)]*\)), \$department\)", condition, sql)
    sql = sql.replace("${department:singlequote}", departments or "")
    assert "$" not in sql, sql
    return sql


def fill(sink: Sink) -> None:
    """A few records of everything the dashboards show, of places that were renamed, and of the days around the year."""
    place = {"department_id": "D01", "department_name": "社区事务", "hall_id": "H01", "hall_name": "石化"}
    more = {"categories": ["queue"], "window_id": "W1", "staff_id": "S1"}
    facts = [fact(n, START + timedelta(days=n), three_match=int(n > 0), **place, **more) for n in range(4)]
    facts.append(fact(4, START, channel="web"))  # online: no window to be matched
    around = [datetime(2025, 12, 31, 23, 59, tzinfo=ZONE), datetime(2027, 1, 1, tzinfo=ZONE)]
    facts += [fact(5 + n, at, **place, **more) for n, at in enumerate(around)]
    sink.insert("reviews", rows("reviews", *facts))
    members = (
        ("district", "all"),
        ("department", "D01"),
        ("department", ""),
        ("hall", "H01"),
        ("channel", "qr"),
        ("category", "queue"),
    )
    days = [*(START.date() + timedelta(days=n) for n in range(4)), *(at.date() for at in around)]
    names = ["甲", "甲", "乙", "", "丙", "丙"]  # 乙 is the newest of the year, and not the last by its sign
    cells = [
        cell(dimension=dimension, member_id=member, member_name=name, day=day, reviews=1, bad=1)
        for dimension, member in members
        for day, name in zip(days, names, strict=True)
    ]
    sink.insert("daily_cells", rows("daily_cells", *cells))
    times = {"opened_at": START, "callback_due": START, "rectify_due": START, "occurred_at": START, "channel": "qr"}
    cases = [{"case_id": f"r{n}", "state": "open", "rating": 1, "cause": "process", **times, **place} for n in range(4)]
    sink.insert("cases", rows("cases", *cases))
    alert = {"alert_id": "a", "kind": "callback_overdue", "state": "firing", "severity": "critical", "raised_at": START}
    sink.insert("alerts", rows("alerts", {**alert, "title": "逾期", "title_en": "late", **place}))


def expect_answers(sink: Sink) -> None:
    for title, sql in queries():
        for departments in (None, "'D01'", "'D01','D''02'"):
            result = sink.query(substitute(sql, departments))
            assert result.rows, f"{title}: no row"
    named = dict(queries())
    numbers = {t: sink.query(substitute(named[t], "'D01'")).rows[0][0] for t in named if t.endswith("Bad reviews")}
    assert numbers == {"差评 Bad reviews": 4}
    for title in ("部门 Departments", "大厅 Halls"):
        ((_, name, reviews, *_),) = sink.query(substitute(named[title], "'D01'")).rows
        assert (name, reviews) == ("乙", 4), title
    ((matched,),) = sink.query(substitute(named["三对应率 Three-match rate"], None)).rows
    assert matched == 0.75, "of the reviews from halls, as on the board"
    assert sum(total for _, total in sink.query(substitute(named["原因 Causes of bad reviews"], "'D01'")).rows) == 4
    assert sink.query(substitute(named["超期 Overdue"], "'D02'")).rows[0][0] == 0
    assert sink.query(substitute(named["未办结 Open cases"], None)).rows[0][0] == 4
    assert [window for window, *_ in sink.query(substitute(named["未对应 Unmatched reviews"], None)).rows] == ["W1"]


def test_every_query_answers_on_the_embedded_database(tmp_path: Path) -> None:
    sink = open_sink(f"chdb://{tmp_path}/clickhouse")
    try:
        migrate(sink, zone="Asia/Shanghai", repeat_window_days=90)
        fill(sink)
        expect_answers(sink)
    finally:
        sink.close()


@pytest.fixture(scope="module")
def clickhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    if binary() is None:
        pytest.skip("clickhouse-server is not installed: apt-get install clickhouse-server")
    server = start_clickhouse(tmp_path_factory.mktemp("clickhouse"))
    yield server
    server.stop()


@pytest.mark.services
def test_every_query_answers_on_the_oldest_server(clickhouse: ClickHouse) -> None:
    sink = open_sink(clickhouse.url)
    try:
        migrate(sink, zone="Asia/Shanghai", repeat_window_days=90)
        fill(sink)
        expect_answers(sink)
    finally:
        sink.close()


def test_dashboards_are_written_as_grafana_exports_them() -> None:
    for path in DASHBOARDS:
        text = path.read_text("utf-8")
        assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"
