"""`haochaping report`: figures of known records, the bounds of a period, the HTML file, each clear failure."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from sinks import open_sink
from sinks.base import Sink
from sinks.schema import migrate
from tests.house import House
from tests.integration.sink_suite import ZONE, cell, fact, rows

MONTH_OF_MAY = ("--from", "2026-05-01", "--to", "2026-05-31")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@contextmanager
def opened(house: House) -> Iterator[Sink]:
    sink = open_sink(f"chdb://{house.folder}/clickhouse")
    try:
        yield sink
    finally:
        sink.close()


@pytest.fixture
def empty(tmp_path: Path) -> House:
    """A database with its schema and no rows."""
    house = House("127.0.0.1:1", "", tmp_path)
    with opened(house) as sink:
        migrate(sink, zone="Asia/Shanghai", repeat_window_days=90)
    return house


@pytest.fixture
def district(empty: House) -> House:
    """Reviews of April, May and June; cases at the very edges of May; an alert in May about a review of April."""
    days = {"2026-04-30": 100, "2026-05-01": 40, "2026-05-31": 60, "2026-06-01": 1000}
    cells: list[dict[str, Any]] = []
    for day, reviews in days.items():
        base = {"day": date.fromisoformat(day), "version": 1}
        cells.append(cell(**base, reviews=reviews, bad=reviews // 20, three_match=reviews // 2))
        cells.append(cell(**base, reviews=9, bad=reviews // 20, dimension="category", member_id="queue"))

    def case(case_id: str, opened_at: str, on_time: int | None = None, **fields: Any) -> dict[str, Any]:
        base = {"case_id": case_id, "opened_at": at(opened_at), "occurred_at": at(opened_at), "state": "closed"}
        return base | {"callback_on_time": on_time, "rectify_on_time": on_time, "comment": f"说[{case_id}]"} | fields

    cases = [
        case("before", "2026-04-30T23:59:59", 1),
        case("first", "2026-05-01T00:00:00", 1),
        case("undecided", "2026-05-20T00:00:00"),
        case("dismissed", "2026-05-20T00:00:00", 0, state="dismissed"),
        case("last", "2026-05-31T23:59:59", 0),
        case("after", "2026-06-01T00:00:00", 1),
    ]

    def alert(number: int, kind: str, raised_at: str, **fields: Any) -> dict[str, Any]:
        base = {"alert_id": f"a{number}", "kind": kind, "severity": "critical", "state": "firing"}
        return base | {"raised_at": at(raised_at), "title": "题目", "title_en": f"title {number}"} | fields

    alerts = [
        alert(1, "repeat_staff", "2026-05-01T00:00:00", review_ids=["before", "first", "gone"]),
        alert(2, "repeat_staff", "2026-04-30T23:59:59", review_ids=["before"]),
        alert(3, "callback_due", "2026-05-31T23:59:59"),
        alert(4, "callback_due", "2026-06-01T00:00:00"),
    ]
    facts = [
        fact(number, at(f"{day}T12:00:00") + timedelta(minutes=number), hall_id="H1", categories=["queue"])
        for number, day in enumerate(["2026-05-10", "2026-05-10", "2026-05-10", "2026-05-10", "2026-06-01"])
    ]
    with opened(empty) as sink:
        sink.insert("daily_cells", rows("daily_cells", *cells))
        sink.insert("cases", rows("cases", *cases))
        sink.insert("alerts", rows("alerts", *alerts))
        sink.insert("reviews", rows("reviews", *facts))
    return empty


def told(house: House, *arguments: str) -> str:
    """What the report says."""
    done = house.command("report", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def figures(text: str) -> dict[str, str]:
    """The rows of its tables, by their first words."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line]
    return {name.split()[0]: " ".join(values) for name, *values in lines if values}


def failure(house: House, *arguments: str, **settings: str) -> str:
    """The one line of a failure, with nothing beside it."""
    done = house.command("report", *arguments, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line.removeprefix("haochaping: ")


def test_a_month_has_its_own_records_from_its_first_instant_to_its_last(district: House) -> None:
    text = told(district, *MONTH_OF_MAY)
    assert "2026-05-01 – 2026-05-31" in text
    found = figures(text)
    assert found["评价总量"] == "100"
    assert found["差评"] == "5"
    assert found["差评率"] == "5.000 %"
    assert found["三对应率"] == "50.0 %"
    assert (found["立案"], found["核实不成立"]) == ("4", "1")
    assert found["按期回访率"] == found["按期整改率"] == "50.0 % (1 of 2)"
    assert found["复发率"] == "75.0 %"
    assert found["对账"] == "3 days differ!"
    assert found["排队时间长"] == "queue 5 100 %"
    assert "title 1" in text and "title 2" not in text
    assert "说[before]" in text and "说[first]" in text, "an alert's reviews may be of any time"
    assert "other alerts: callback_due 1" in text


def test_without_a_period_everything_counts(district: House) -> None:
    text = told(district)
    assert "2026-04-30 – 2026-06-01" in text
    found = figures(text)
    assert (found["评价总量"], found["差评"], found["立案"]) == ("1,200", "60", "6")
    assert (found["按期回访率"], found["复发率"]) == ("75.0 % (3 of 4)", "80.0 %")
    assert "title 1" in text and "title 2" in text and "callback_due 2" in text


@pytest.mark.parametrize(
    ("bounds", "reviews", "recurrence"),
    [
        (("--from", "2026-05-31"), "1,060", "whole months"),
        (("--from", "2026-06-01"), "1,000", "100.0 %"),
        (("--to", "2026-05-30"), "140", "whole months"),
        (("--to", "2026-05-31"), "200", "75.0 %"),
        (("--from", "2026-05-01", "--to", "2026-05-01"), "40", "whole months"),
    ],
)
def test_either_bound_may_be_left_out_and_both_are_included(
    district: House, bounds: tuple[str, ...], reviews: str, recurrence: str
) -> None:
    found = figures(told(district, *bounds))
    assert found["评价总量"] == reviews
    assert recurrence in found["复发率"]


def test_the_html_file_says_what_is_printed(district: House, tmp_path: Path) -> None:
    file = tmp_path / "五月.html"
    text = told(district, *MONTH_OF_MAY, "--html", str(file))
    page = file.read_bytes().decode("utf-8")
    assert '<meta charset="UTF-8">' in page and 'lang="zh-CN"' in page
    assert "<title>政务服务“好差评” · 2026-05-01 – 2026-05-31</title>" in page
    assert text.strip() in unescape(re.sub("<[^>]+>", "", page))
    assert "http" not in page and "src=" not in page, "it can be read without a network"
    assert text == told(district, *MONTH_OF_MAY)


def test_every_failure_is_one_clear_line(empty: House, tmp_path: Path) -> None:
    assert "there is nothing yet" in failure(empty)
    assert "nothing from 2026-01-01 to 2026-01-31" in failure(empty, "--from", "2026-01-01", "--to", "2026-01-31")
    assert "--from 2026-02-01 is after --to 2026-01-31" in failure(empty, "--from", "2026-02-01", "--to", "2026-01-31")
    assert "haochaping migrate" in failure(empty, HCP_DATA_DIR=str(tmp_path / "new"))
    away = failure(empty, HCP_CLICKHOUSE_URL="clickhouse://user:geheim@127.0.0.1:1/x")
    assert "127.0.0.1:1 does not answer" in away and "geheim" not in away
    with opened(empty):
        held = failure(empty)
    assert "stop that" in held and "/api/views" in held
    done = empty.command("report", "--from", "2026-13-01")
    assert done.returncode == 2 and "--from" in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_file_that_cannot_be_written_is_a_clear_failure(district: House, tmp_path: Path) -> None:
    done = district.command("report", "--html", str(tmp_path / "none" / "may.html"))
    assert done.returncode == 1
    assert done.stderr.startswith("haochaping: cannot write") and len(done.stderr.splitlines()) == 1
