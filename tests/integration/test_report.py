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
        halls, online = reviews * 8 // 10, reviews * 2 // 10  # nobody online names a window
        cells.append(cell(**base, reviews=halls, three_match=halls // 4 * 3, dimension="channel", member_id="qr"))
        cells.append(cell(**base, reviews=online, dimension="channel", member_id="app"))

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
        alert(2, "repeat_staff", "2026-04-30T23:59:59", review_ids=["gone", "before"]),
        alert(3, "callback_overdue", "2026-05-31T23:59:59"),
        alert(4, "callback_overdue", "2026-06-01T00:00:00", state="resolved", resolution="done_late"),
        alert(5, "callback_due_soon", "2026-05-31T20:00:00", severity="info"),
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
    """What the report says, but for when it was made."""
    done = house.command("report", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    text, made, _ = done.stdout.rpartition("制表 made ")
    assert made
    return text


def figures(text: str) -> dict[str, str]:
    """The rows of its tables, by their first words."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines() if line]
    return {name.split()[0]: " ".join(values) for name, *values in lines if values}


def section(text: str, heading: str) -> str:
    """A part of it, from its heading to the next empty line."""
    _, found, rest = text.partition(f"\n{heading} · ")
    assert found, f"{heading} is not there"
    lines = rest.splitlines()[1:]
    return "\n".join(line.rstrip() for line in lines[: [line.strip() for line in lines].index("")])


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
    assert found["三对应率"] == "75.0 %", "of reviews from halls, as on the board"
    assert (found["生成整改件"], found["核实不成立"]) == ("4", "1")
    assert found["按期回访率"] == found["按期整改率"] == "50.0 % (1/2)"
    assert found["复发率"] == "75.0 %"
    assert found["对账"] == "3 天不一致 days differ!"
    assert found["排队时间长"] == "Long queue 5 100 %"
    assert "title 1" in text and "title 2" not in text
    assert "说[before]" in text and "说[first]" in text, "an alert's reviews may be of any time"
    assert found["回访逾期"] == "1 未解除 standing 1"
    assert "callback_due_soon" not in text, "reminders are not for sending up"


def test_without_a_period_everything_counts(district: House) -> None:
    text = told(district)
    assert "2026-04-30 – 2026-06-01" in text
    found = figures(text)
    assert (found["评价总量"], found["差评"], found["生成整改件"]) == ("1,200", "60", "6")
    assert (found["按期回访率"], found["复发率"]) == ("75.0 % (3/4)", "80.0 %")
    assert "title 1" in text and "title 2" in text
    assert found["回访逾期"] == "2 未解除 standing 1, 逾期后完成 done late 1"


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
    assert '<meta name="viewport" content="width=device-width' in page and "overflow-x: auto" in page
    assert "<title>政务服务“好差评” · 2026-05-01 – 2026-05-31</title>" in page
    assert text.strip() in unescape(re.sub("<[^>]+>", "", page))
    assert "http" not in page and "src=" not in page, "it can be read without a network"
    parts = page.partition("<code")[2].split('<span class="part">')[1:]
    assert len(parts) == 9, "a part each for the totals, six lists, the notes and when it was made"
    assert all(part.count("<span") + 1 == part.count("</span>") for part in parts)
    assert "break-inside: avoid" in page
    assert text == told(district, *MONTH_OF_MAY)


def insert_cases(house: House, *cases: dict[str, Any]) -> None:
    base = {"opened_at": at("2026-05-04T09:00:00"), "occurred_at": at("2026-05-04T09:00:00"), "state": "open"}
    due = {"callback_due": at("2026-05-05T09:00:00"), "rectify_due": at("2026-05-09T09:00:00")}
    with opened(house) as sink:
        sink.insert("cases", rows("cases", *(base | due | each for each in cases)))


def test_departments_are_told_and_those_beyond_a_page_are_added_up(empty: House) -> None:
    cases = [
        {"case_id": f"c{number}", "department_id": f"D{number:02}", "department_name": f"第{number:02}局"} | more
        for number in range(17)
        for more in ({"callback_on_time": 1, "rectify_on_time": 0},)
    ]
    untrue = {"state": "dismissed", "callback_on_time": 0}
    more = [{"case_id": f"u{number}", "department_id": "D16", "department_name": "[新]局"} | untrue for number in "12"]
    more[0] |= {"department_name": None, "opened_at": at("2026-05-05T10:00:00")}
    more += [{"case_id": f"v{number}", "department_id": "D98"} | untrue for number in "123"]
    once = {"case_id": "twice", "department_id": "D16", "department_name": "[新]局", "callback_on_time": 0}
    insert_cases(empty, *cases, *more, once | {"opened_at": at("2026-05-04T10:00:00")}, {"case_id": "nowhere"})
    lines = section(told(empty), "各部门整改件").splitlines()[2:]
    assert [line.split() for line in (lines[0], lines[1], lines[-1])] == [
        ["[新]局", "4", "2", "1/2", "0/1"],  # those found untrue make no order, the newest name is told
        ["部门不明", "unknown", "1", "0", "0/0", "0/0"],
        ["其余", "4", "个部门", "the", "others", "6", "3", "3/3", "0/3"],
    ]
    assert len(lines) == 16


def test_halls_stand_by_their_bad_reviews_that_were_not_found_untrue(empty: House) -> None:
    base = {"dimension": "hall", "version": 1, "day": date(2026, 5, 4)}
    cells = [
        cell(**base, member_id="H1", member_name="一厅", reviews=100, bad=3),
        cell(**base, member_id="H2", member_name="二厅", reviews=200, bad=2),
        cell(**base, member_id="H3", member_name="三厅", reviews=300),
        cell(**base, member_id="", reviews=10, bad=1),
    ]
    with opened(empty) as sink:
        sink.insert("daily_cells", rows("daily_cells", *cells))
    untrue = {"hall_id": "H1", "state": "dismissed"}
    long_ago = {"occurred_at": at("2026-04-01T09:00:00")}  # its review is none of May's
    late = {"opened_at": at("2026-06-01T09:00:00")}  # received in June, rated in May
    insert_cases(
        empty, {"case_id": "u1"} | untrue, {"case_id": "u2"} | untrue | late, {"case_id": "u3"} | untrue | long_ago
    )
    assert [line.split() for line in section(told(empty, *MONTH_OF_MAY), "差评最多的大厅").splitlines()[2:]] == [
        ["二厅", "2", "0", "200", "1.000", "%"],
        ["线上等非大厅", "no", "hall", "1", "0", "10", "10.000", "%"],
        ["一厅", "3", "2", "100", "3.000", "%"],
    ]


def test_what_is_overdue_now_is_told_with_the_duty_and_since_when(empty: House) -> None:
    place = {"department_name": "人社局", "hall_name": "石化中心"}
    insert_cases(
        empty,
        {"case_id": "both", "callback_on_time": 0, "rectify_on_time": 0} | place,
        {"case_id": "called late", "callback_on_time": 0, "called_back_at": at("2026-05-06T09:00:00")},
        {"case_id": "waits", "callback_on_time": 1, "rectify_on_time": 0, "state": "called_back", "channel": "app"},
        {"case_id": "done late", "rectify_on_time": 0, "state": "closed"},
        {"case_id": "untrue", "callback_on_time": 0, "rectify_on_time": 0, "state": "dismissed"},
        {"case_id": "undecided"},
        {"case_id": "since April", "callback_on_time": 0, "opened_at": at("2026-04-01T09:00:00")}
        | {"callback_due": at("2026-04-02T09:00:00"), "department_id": "D7"},
        {"case_id": "of June", "callback_on_time": 0, "opened_at": at("2026-06-01T00:00:00")},
    )
    text = told(empty, *MONTH_OF_MAY)
    assert [re.split(r"\s{2,}", line) for line in section(text, "目前逾期未办").splitlines()[2:]] == [
        ["since April", "D7", "2026-04-02", "–"],
        ["both", "人社局 石化中心", "2026-05-05", "2026-05-09"],
        ["waits", "移动端", "–", "2026-05-09"],
    ]
    assert section(text, "同一人员再次被差评").strip() == "无 none"


def test_of_many_overdue_cases_a_page_is_listed_and_all_are_counted(empty: House) -> None:
    insert_cases(empty, *({"case_id": f"c{number:02}", "callback_on_time": 0} for number in range(20)))
    lines = section(told(empty), "目前逾期未办").splitlines()
    assert "c14" in lines[-2]
    assert lines[-1].strip() == "共 20 件，此处列出前 15 件 the first 15 of 20"


@pytest.mark.parametrize(
    "untrue",
    [
        {"alert": {"resolution": "dismissed", "state": "resolved"}, "case": {}},
        {"alert": {"resolution": "handled", "state": "resolved"}, "case": {"state": "dismissed"}},
        {"alert": {"resolution": "handled", "state": "resolved", "review_ids": ["r"]}, "case": {}},
    ],
    ids=["dismissed", "dismissed after it was handled", "all before it dismissed after it was handled"],
)
def test_nobody_is_named_whose_review_was_found_untrue(empty: House, untrue: dict[str, Any]) -> None:
    insert_cases(empty, {"case_id": "p"}, {"case_id": "r", "comment": "说王某", "staff_name": "王某"} | untrue["case"])
    alert = {"alert_id": "repeat_staff:s:r", "kind": "repeat_staff", "severity": "critical", "case_id": "r"}
    alert |= {"raised_at": at("2026-05-04T09:00:00"), "review_ids": ["p", "r"]}
    alert |= {"title": "王某 90 天内第 2 条差评", "title_en": "王某: 2 bad reviews"}
    with opened(empty) as sink:
        sink.insert("alerts", rows("alerts", alert | untrue["alert"]))
    text = told(empty)
    assert "王某" not in text
    assert "另有 1 条经核实不成立" in section(text, "同一人员再次被差评")


def test_a_long_comment_is_cut_and_a_missing_one_is_said_in_words(empty: House) -> None:
    insert_cases(
        empty,
        {"case_id": "long", "comment": "等\n了\x1b[31m" + "很" * 1900},
        {"case_id": "ticked", "categories": ["queue", "slow"]},
        {"case_id": "silent"},
    )
    alert = {"alert_id": "repeat_staff:s:r", "kind": "repeat_staff", "severity": "warning", "state": "firing"}
    alert |= {"raised_at": at("2026-05-04T09:00:00"), "review_ids": ["long", "ticked", "silent"]}
    with opened(empty) as sink:
        sink.insert("alerts", rows("alerts", alert))
    text = section(told(empty), "同一人员再次被差评")
    assert text.count("很") == 120 - len("等 了 [31m") and "很…" in text and "\x1b" not in text
    assert "〔排队时间长、办理速度慢〕" in text and "未留言 no comment" in text
    assert "警告 warning" in text and "未解除 standing" in text


def test_controls_in_names_reach_neither_terminal_nor_page(empty: House, tmp_path: Path) -> None:
    evil, opened_at = "\x1b[31m红\x9b2J\x07\u202e\r\n局[/]", at("2026-05-01T00:00:00")
    case = {"case_id": "c1", "opened_at": opened_at, "occurred_at": opened_at, "state": "open", "comment": evil}
    late = {"callback_on_time": 0, "callback_due": opened_at, "rectify_due": opened_at}
    names = {f"{what}_{field}": evil for what in ("department", "hall") for field in ("id", "name")}
    raised = {"alert_id": "a1", "kind": "repeat_staff", "severity": "critical", "state": "firing"}
    alert = raised | {"raised_at": opened_at, "title": evil, "title_en": evil, "review_ids": ["c0", "c1"]}
    hall = cell(day=date(2026, 5, 1), dimension="hall", member_id=evil, member_name=evil, reviews=1, bad=1, version=1)
    with opened(empty) as sink:
        sink.insert("cases", rows("cases", case | late | names))
        sink.insert("alerts", rows("alerts", alert))
        sink.insert("daily_cells", rows("daily_cells", hall))
    page = tmp_path / "may.html"
    for text in (told(empty, "--html", str(page)), page.read_text("utf-8")):
        assert text.count("[31m红2J") >= 4
        assert not set(text) & {"\x1b", "\x9b", "\x07", "\u202e", "\r"}


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
