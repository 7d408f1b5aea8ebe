"""The queries of docs/bi.md answer on the synthetic year, with the figures that the page quotes."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sinks import open_sink
from sinks.base import Sink
from sinks.schema import migrate
from tests.integration.sink_suite import WINDOW, ZONE, cell, fact, rows
from tests.integration.test_domain_views import year  # noqa: F401 (a fixture, here of this module's sink)
from tests.services.clickhouse import start_clickhouse

PAGE = (Path(__file__).parents[2] / "docs" / "bi.md").read_text("utf-8")

#: What each answers, in bold before it, and the query.
QUERIES = dict(re.findall(r"^\*\*(.+?)\*\*(?:(?!```).)*```sql\n(.+?)```", PAGE, re.MULTILINE | re.DOTALL))

DAY = timedelta(days=1)


@pytest.fixture(params=["embedded", pytest.param("server", marks=pytest.mark.services)])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sink]:
    server = start_clickhouse(tmp_path) if request.param == "server" else None
    sink = open_sink(server.url if server else f"chdb://{tmp_path}/clickhouse")
    sink.create_database()
    migrate(sink, zone="Asia/Shanghai", repeat_window_days=WINDOW)
    yield sink
    sink.close()
    if server:
        server.stop()


def ask(sink: Sink, question: str) -> list[dict[str, Any]]:
    """Rows of the query whose question begins so."""
    (query,) = (query for name, query in QUERIES.items() if name.startswith(question))
    result = sink.query(query)
    return [dict(zip(result.names, row, strict=True)) for row in result.rows]


def add_cells(sink: Sink) -> None:
    """Aggregates of the reviews that are there."""
    for dimension, member in (("hall", "hall_id"), ("category", "arrayJoin(categories)")):
        counted = sink.query(
            f"SELECT day, ifNull({member}, '') AS id, count() AS n, sum(bad) AS nb, sum(hidden_negative) AS nh"
            " FROM bi_reviews GROUP BY day, id"
        )
        cells = [
            cell(day=day, dimension=dimension, member_id=each, reviews=n, bad=bad, hidden_negative=hidden, version=1)
            for day, each, n, bad, hidden in counted.rows
        ]
        sink.insert("daily_cells", rows("daily_cells", *cells))


def test_the_page_has_its_queries_and_each_is_one_that_is_run_here() -> None:
    assert len(QUERIES) == PAGE.count("```sql") == 8


def test_the_figures_that_the_page_quotes_are_those_of_the_synthetic_year(year: Sink) -> None:  # noqa: F811
    add_cells(year)
    (share,) = ask(year, "“办理速度慢、排队时间长、叫号不合理”")
    assert "模拟区:{total} 条中 {waiting} 条,占 {percent:.0f} %".format(**share) in PAGE
    weeks = {str(row["week"]): row["waiting"] for row in ask(year, "它是否在上升")}
    assert f"在 2026-06-22 那周有 {weeks.pop('2026-06-22')} 条,此前没有一周超过 {max(weeks.values())} 条" in PAGE
    assert sum(weeks.values()) == share["waiting"] - 5
    (recurrence,) = ask(year, "全年复发率")
    assert f"模拟区:{100 * recurrence['rate']:.1f} %" in PAGE
    clean = {row["name"]: row["days"] for row in ask(year, "哪些厅整改后至今未新增差评")}
    assert 62 < clean["枫泾镇社区事务受理服务中心"] < 92, "两个多月"
    halls = ask(year, "某月各厅差评率")
    assert (
        sum(row["bad_all"] for row in halls)
        == year.query("SELECT count() AS n FROM bi_reviews WHERE bad = 1 AND toYYYYMM(day) = 202605").rows[0][0]
    )
    quarters = ask(year, "按季度、部门")
    assert sum(row["cases"] for row in quarters) == share["total"]
    assert {(row["callback_rate"], row["rectify_rate"]) for row in quarters} == {(1.0, 1.0)}
    hidden = ask(year, "好评里的意见")
    assert sum(row["hidden"] for row in hidden) > 0
    assert {row["member_id"]: row["name"] for row in hidden}["queue"] == "排队时间长"
    assert ask(year, "无人处理的逾期件") == []


def test_what_was_found_untrue_or_is_undecided_and_what_waits_is_counted_as_the_page_says(sink: Sink) -> None:
    at = datetime(2026, 5, 4, 10, tzinfo=ZONE)

    def case(case_id: str, state: str, on_time: int | None, **fields: Any) -> dict[str, Any]:
        base = {"case_id": case_id, "state": state, "occurred_at": at, "opened_at": at, "hall_id": "H1"}
        duties = {"callback_on_time": on_time, "rectify_on_time": on_time, "department_id": "D1"}
        return base | {"categories": ["queue"]} | duties | fields

    done = {"rectified_at": at + 2 * DAY}
    cases = [
        case("met", "closed", 1, **done),
        case("missed", "closed", 0, **done),
        case("undecided", "open", None, hall_id="H2"),
        case("alone", "open", 0, hall_id=None),
        case("called late", "called_back", 0, hall_id="H2"),
        case("untrue", "dismissed", 0),
        case("untrue elsewhere", "dismissed", 0, hall_id="H3", categories=["fees"]),
    ]
    facts = [
        fact(number, each["occurred_at"], hall_id=each["hall_id"], categories=each["categories"])
        | {"review_id": each["case_id"]}
        for number, each in enumerate(cases)
    ]
    later = fact(99, at + 12 * DAY, bad=0, rating=4, hall_id="H1", categories=["fees"], hidden_negative=1)
    sink.insert("cases", rows("cases", *cases))
    sink.insert("reviews", rows("reviews", *facts, later))
    add_cells(sink)
    (share,) = ask(sink, "“办理速度慢、排队时间长、叫号不合理”")
    assert (share["total"], share["waiting"]) == (5, 5)
    assert ask(sink, "它是否在上升") == [{"week": date(2026, 5, 4), "waiting": 5, "total": 5}]
    halls = {row["member_id"]: (row["bad_all"], row["untrue"], row["rate"]) for row in ask(sink, "某月各厅差评率")}
    assert halls == {"H1": (3, 1, 0.75), "H2": (2, 0, 1), "H3": (1, 1, 1), "": (1, 0, 1)}
    (quarter,) = ask(sink, "按季度、部门")
    assert (quarter["quarter"], quarter["cases"]) == (date(2026, 4, 1), 5)
    assert quarter["callback_rate"] == quarter["rectify_rate"] == 0.25
    assert [(row["hall_id"], row["bad"], row["days"]) for row in ask(sink, "哪些厅整改后至今未新增差评")] == [
        ("H1", 2, 10)
    ]
    assert [row["case_id"] for row in ask(sink, "无人处理的逾期件")] == ["alone"]
    assert [(row["member_id"], row["hidden"], row["bad_all"]) for row in ask(sink, "好评里的意见")] == [
        ("fees", 1, 1),
        ("queue", 0, 6),
    ]
    (recurrence,) = ask(sink, "全年复发率")
    assert (recurrence["total"], recurrence["again"]) == (4, 2), "of the hall's own, those found untrue left out"
