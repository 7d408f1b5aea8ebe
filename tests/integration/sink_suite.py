"""What every sink must do, so that neither can differ from the other."""

import csv
import io
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from sinks import open_sink
from sinks.base import BLOCK, Sink
from sinks.schema import TABLES, migrate
from sinks.views import VIEWS, Found, ViewRequestError, read_blocks, read_view, to_csv, to_excel_csv, to_json
from tests.twin import _tail

ZONE = ZoneInfo("Asia/Shanghai")
WINDOW = 90
START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def rows(table: str, *records: dict[str, Any]) -> dict[str, list[Any]]:
    """Columns of these records; what a record lacks is null, or 0, or empty, as its column wants."""
    empty = {"text": "", "texts": [], "number": 0, "small": 0, "flag": 0, "day": date(2026, 3, 2), "instant": START}
    return {
        column.name: [record.get(column.name, empty.get(column.kind)) for record in records]
        for column in TABLES[table].columns
    }


def fact(number: int, at: datetime, **fields: Any) -> dict[str, Any]:
    base = {"review_id": f"r{number}", "occurred_at": at, "received_at": at, "day": at.astimezone(ZONE).date()}
    return base | {"rating": 1, "bad": 1, "channel": "qr", "cause": "process", "version": number} | fields


def cell(**fields: Any) -> dict[str, Any]:
    return {"day": date(2026, 3, 2), "dimension": "district", "member_id": "all"} | fields


def written(write: Callable[[Iterable[Found]], Iterator[bytes]], *blocks: Found) -> str:
    return b"".join(write(blocks)).decode()


class SinkSuite:
    """Give it a fixture `url`."""

    @pytest.fixture
    def sink(self, url: str) -> Iterator[Sink]:
        sink = open_sink(url)
        migrate(sink, zone="Asia/Shanghai", repeat_window_days=WINDOW)
        yield sink
        sink.close()

    def view(self, sink: Sink, name: str, **parameters: Any) -> list[dict[str, Any]]:
        return read_view(sink, name, zone=ZONE, limit=100_000, **parameters).rows

    def test_migrating_again_does_nothing_and_keeps_the_data(self, sink: Sink) -> None:
        sink.insert("reviews", rows("reviews", fact(1, START)))
        assert migrate(sink, zone="Asia/Shanghai", repeat_window_days=WINDOW) == []
        assert len(self.view(sink, "bi_reviews")) == 1

    def test_inserting_again_changes_nothing_and_the_highest_version_stays(self, sink: Sink) -> None:
        for version, reviews in ((3, 30), (5, 50), (4, 40), (5, 50)):
            sink.insert("daily_cells", rows("daily_cells", cell(version=version, reviews=reviews, bad=5)))
        sink.insert("daily_cells", rows("daily_cells", cell(partition=1, version=1, reviews=50, bad=5)))
        (row,) = self.view(sink, "bi_daily")
        assert (row["reviews"], row["bad"], row["bad_rate"]) == (100, 10, 0.1)

    def test_an_instant_may_be_inserted_as_microseconds(self, sink: Sink) -> None:
        micros = int(START.timestamp()) * 1_000_000
        sink.insert("reviews", rows("reviews", fact(1, START), fact(2, START, occurred_at=micros, received_at=micros)))
        one, two = self.view(sink, "bi_reviews")
        assert one["occurred_at"] == two["occurred_at"] == two["received_at"] == "2026-03-02T10:00:00+08:00"

    def test_instants_days_lists_and_nulls_come_back_as_they_went(self, sink: Sink) -> None:
        comment = "引号'、反斜杠\\、换行\n、表情😀"
        sink.insert("reviews", rows("reviews", fact(1, START, comment=comment, tags=["a", "b"], three_match=1)))
        (row,) = self.view(sink, "bi_reviews")
        assert row["occurred_at"] == "2026-03-02T10:00:00+08:00"
        assert (row["day"], row["comment"], row["tags"]) == ("2026-03-02", comment, ["a", "b"])
        assert row["window_id"] is None
        assert (row["three_match"], row["bad"], row["hidden_negative"]) == (True, True, False)
        assert row["matched"] == {"window": False, "staff": False, "service": False}

    def test_a_backfill_of_ten_years_goes_in_at_once(self, sink: Sink) -> None:
        """Parts are by month, and to a server more than a hundred in one insert are a mistake."""
        facts = [fact(number, START - timedelta(days=31 * number)) for number in range(120)]
        sink.insert("reviews", rows("reviews", *facts))
        cells = [cell(day=each["day"], reviews=1, version=1) for each in facts]
        sink.insert("daily_cells", rows("daily_cells", *cells))
        # Not by the views: to read 120 parts FINAL takes an old server more memory than it is allowed.
        for table in ("reviews", "daily_cells"):
            assert sink.query(f"SELECT count() AS number FROM {table}").rows[0][0] == 120

    def test_reconciliation_shows_a_difference_and_its_day(self, sink: Sink) -> None:
        sink.insert("reviews", rows("reviews", fact(1, START), fact(2, START)))
        sink.insert("daily_cells", rows("daily_cells", cell(reviews=1, version=1)))
        expected = {"day": "2026-03-02", "facts": 2, "aggregates": 1, "difference": 1}
        assert self.view(sink, "bi_reconcile") == [expected]

    def test_recurrence_is_that_of_a_brute_force_count(self, sink: Sink) -> None:
        chance = random.Random(4)
        facts = [
            fact(
                number,
                START + timedelta(days=chance.choice([0, 1, 30, 90, 91, 150, 200]), seconds=chance.choice([0, 0, 1])),
                hall_id=chance.choice(["H1", "H2"]),
                categories=chance.sample(["slow", "queue"], chance.randrange(3)),
                bad=int(chance.random() < 0.8),
            )
            for number in range(120)
        ]
        dismissed = {f"r{number}" for number in range(0, 120, 7)}
        sink.insert("reviews", rows("reviews", *facts))
        sink.insert("cases", rows("cases", *({"case_id": each, "state": "dismissed"} for each in dismissed)))
        wanted: dict[Any, list[int]] = defaultdict(lambda: [0, 0])
        bad = [each for each in facts if each["bad"] and each["review_id"] not in dismissed]
        for each in bad:
            month = each["occurred_at"].astimezone(ZONE).date().replace(day=1).isoformat()
            for category in each["categories"]:
                count = wanted[month, each["hall_id"], category]
                count[0] += 1
                count[1] += any(
                    other["hall_id"] == each["hall_id"]
                    and category in other["categories"]
                    and (other["occurred_at"], other["review_id"]) < (each["occurred_at"], each["review_id"])
                    and each["occurred_at"] - other["occurred_at"] <= timedelta(days=WINDOW)
                    for other in bad
                )
        found = {
            (row["month"], row["hall_id"], row["category"]): [row["bad"], row["recurrences"]]
            for row in self.view(sink, "bi_recurrence")
        }
        assert found == dict(wanted)

    def test_the_trends_probability_is_poissons(self, sink: Sink) -> None:
        weeks = {0: 3, 3: 2, 7: 1, 8: 7, 9: 1}
        numbers = iter(range(1000))
        facts = [
            fact(next(numbers), START + timedelta(weeks=week), categories=["slow"])
            for week, count in weeks.items()
            for _ in range(count)
        ]
        sink.insert("reviews", rows("reviews", *facts))
        found = {row["week"]: row for row in self.view(sink, "bi_category_trend")}
        for week, count in weeks.items():
            row = found[(START.date() + timedelta(weeks=week)).isoformat()]
            mean = sum(weeks.get(each, 0) for each in range(week - 8, week)) / 8
            assert (row["bad"], row["expected"]) == (count, mean)
            assert row["p"] == pytest.approx(_tail(count, mean) if mean else 0, abs=1e-9)
            assert row["share"] == 1

    def test_timeliness_leaves_dismissed_and_undecided_cases_out_of_its_rates(self, sink: Sink) -> None:
        def case(number: int, state: str, on_time: int | None) -> dict[str, Any]:
            base = {"case_id": f"c{number}", "state": state, "department_id": "D1", "department_name": "人社局"}
            return base | {"callback_on_time": on_time, "rectify_on_time": on_time}

        cases = [case(1, "closed", 1), case(2, "closed", 0), case(3, "open", None), case(4, "dismissed", 0)]
        sink.insert("cases", rows("cases", *cases))
        (row,) = self.view(sink, "bi_timeliness")
        assert (row["month"], row["cases"], row["dismissed"]) == ("2026-03-01", 4, 1)
        assert (row["called_back_on_time"], row["callback_rate"]) == (1, 0.5)
        assert (row["rectified_on_time"], row["rectify_rate"]) == (1, 0.5)

    def test_a_relapse_is_a_later_bad_review_of_the_same_person_and_kind(self, sink: Sink) -> None:
        def case(number: int, day: int, **fields: Any) -> dict[str, Any]:
            at = START + timedelta(days=day)
            base = {"case_id": f"c{number}", "occurred_at": at, "opened_at": at, "staff_id": "S1", "state": "closed"}
            return base | {"categories": ["attitude"], "rectified_at": at + timedelta(days=2)} | fields

        sink.insert(
            "cases",
            rows(
                "cases",
                case(1, 0),
                case(2, 20, rectified_at=None, state="open"),
                case(3, 0, staff_id="S2"),
                case(4, 9, staff_id="S2", categories=["slow"], rectified_at=None),
            ),
        )
        sink.insert("reviews", rows("reviews", fact(1, START + timedelta(days=30))))
        found = {row["case_id"]: (row["relapsed"], row["clean_days"]) for row in self.view(sink, "bi_cases")}
        assert found == {"c1": (True, 18), "c2": (None, None), "c3": (False, 28), "c4": (None, None)}

    def test_days_members_and_limits_choose_rows(self, sink: Sink) -> None:
        cells = [
            cell(day=date(2026, 3, day), dimension=dimension, member_id=member, reviews=1, version=1)
            for day in (1, 2, 3)
            for dimension, member in (("district", "all"), ("hall", "H1"), ("hall", "H2"))
        ]
        sink.insert("daily_cells", rows("daily_cells", *cells))
        assert len(self.view(sink, "bi_daily", day_from="2026-03-02", day_to="2026-03-02")) == 3
        assert len(self.view(sink, "bi_daily", dimension="hall", member_id="H1")) == 3
        assert len(read_view(sink, "bi_daily", zone=ZONE, limit="2").rows) == 2
        assert self.view(sink, "bi_daily", member_id="' OR 1 = 1 -- \\") == []

    @pytest.mark.parametrize(
        "wrong",
        [
            {"limit": "0"},
            {"limit": "-1"},
            {"limit": "ten"},
            {"day_from": "yesterday"},
            {"day_to": "2026-W01-1"},
            {"day_to": "2026-02-30"},
            {"day_to": "20260302"},
            {"dimension": "colour"},
        ],
    )
    def test_a_wrong_value_is_refused_and_named(self, sink: Sink, wrong: dict[str, str]) -> None:
        (name,) = wrong
        with pytest.raises(ViewRequestError, match=name):
            read_view(sink, "bi_daily", zone=ZONE, **wrong)

    def test_every_view_answers_when_there_is_nothing(self, sink: Sink) -> None:
        for name in VIEWS:
            found = read_view(sink, name, zone=ZONE)
            assert found.rows == []
            header, *lines = written(to_csv, found).splitlines()
            assert VIEWS[name].order.split()[0].strip(",") in header.split(",")
            assert not lines

    def test_csv_has_a_header_and_a_line_a_row(self, sink: Sink) -> None:
        sink.insert("reviews", rows("reviews", fact(1, START, tags=["a", "b"], comment='with "quotes", and commas')))
        header, line, *rest = written(to_csv, read_view(sink, "bi_reviews", zone=ZONE)).splitlines()
        assert header.startswith("review_id,day,") and "a|b" in line and '"with ""quotes""' in line
        assert not rest

    @pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u2028"])
    def test_a_comment_of_two_lines_is_one_cell_of_csv(self, sink: Sink, end: str) -> None:
        comment = f"排队太久{end}态度差"
        sink.insert("reviews", rows("reviews", fact(1, START, comment=comment), fact(2, START, three_match=1)))
        text = written(to_csv, read_view(sink, "bi_reviews", zone=ZONE))
        one, two = csv.DictReader(io.StringIO(text, newline=""))
        assert (one["comment"], one["three_match"], two["three_match"]) == (comment, "false", "true")

    def test_excel_shows_chinese_and_runs_no_comment(self, sink: Sink) -> None:
        comment = '=HYPERLINK("http://example.com","办事指南")'
        sink.insert("reviews", rows("reviews", fact(1, START, window_id="-1", comment=comment, tags=["=1+1"])))
        found = read_view(sink, "bi_reviews", zone=ZONE)
        text = written(to_excel_csv, found)
        assert text.startswith("\ufeffreview_id,")
        (row,) = csv.DictReader(io.StringIO(text[1:], newline=""))
        assert (row["comment"], row["tags"]) == (f"'{comment}", "'=1+1")
        assert row["window_id"] == "-1"  # an id stays what it is
        (plain,) = csv.DictReader(io.StringIO(written(to_csv, found), newline=""))
        assert plain == row | {"comment": comment, "tags": "=1+1"}  # for programs nothing is changed

    def test_rows_left_out_are_told_of(self, sink: Sink) -> None:
        sink.insert("reviews", rows("reviews", fact(1, START), fact(2, START)))
        assert [read_view(sink, "bi_reviews", zone=ZONE, limit=each).more for each in (1, 2, 3)] == [True, False, False]

    def test_a_large_answer_comes_in_blocks_and_is_the_same(self, sink: Sink) -> None:
        sink.insert("reviews", rows("reviews", *(fact(number, START) for number in range(2 * BLOCK + 1))))
        for limit, sizes in ((BLOCK, [BLOCK, 0]), (BLOCK + 1, [BLOCK, 1]), (3 * BLOCK, [BLOCK, BLOCK, 1])):
            blocks = list(read_blocks(sink, "bi_reviews", zone=ZONE, limit=limit))
            assert [len(block.rows) for block in blocks] == sizes
            assert [block.more for block in blocks] == [False] * (len(sizes) - 1) + [limit < 2 * BLOCK]
            whole = read_view(sink, "bi_reviews", zone=ZONE, limit=limit)
            assert len({row["review_id"] for row in whole.rows}) == sum(sizes)
            assert orjson.loads(written(to_json, *blocks)) == whole.rows
            for write in (to_csv, to_excel_csv):
                assert written(write, *blocks) == written(write, whole)

    def test_an_answer_nobody_reads_to_its_end_keeps_nobody_from_the_next(self, sink: Sink) -> None:
        sink.insert("reviews", rows("reviews", *(fact(number, START) for number in range(2 * BLOCK))))
        blocks = read_blocks(sink, "bi_reviews", zone=ZONE, limit=2 * BLOCK)
        next(blocks)
        blocks.close()
        assert len(self.view(sink, "bi_reviews")) == 2 * BLOCK

    def test_any_limit_is_taken_within_the_bound(self, sink: Sink) -> None:
        sink.insert("reviews", rows("reviews", fact(1, START), fact(2, START)))
        for limit in ("1000000000", "9" * 5000):
            assert len(read_view(sink, "bi_reviews", zone=ZONE, limit=limit).rows) == 2
            (found,) = read_blocks(sink, "bi_reviews", zone=ZONE, limit=limit, most=1)
            assert (len(found.rows), found.more) == (1, True)

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
    def test_excel_runs_nothing_that_begins_as_a_formula(self, start: str) -> None:
        comment = f"{start}HYPERLINK(1)"
        found = Found(["comment"], [{"comment": comment}], False)
        (row,) = csv.DictReader(io.StringIO(written(to_excel_csv, found)[1:], newline=""))
        assert row["comment"] == f"'{comment}"

    def test_days_beyond_all_reviews_are_days(self, sink: Sink) -> None:
        sink.insert("reviews", rows("reviews", fact(1, START)))
        assert len(self.view(sink, "bi_reviews", day_from="0001-01-01", day_to="9999-12-31")) == 1
        assert not self.view(sink, "bi_reviews", day_from="2200-01-01")

    def test_a_category_chooses_rows_where_there_is_one_or_several(self, sink: Sink) -> None:
        facts = fact(1, START, hall_id="H1", categories=["queue", "slow"]), fact(2, START, categories=["slow"])
        sink.insert("reviews", rows("reviews", *facts))
        sink.insert("cases", rows("cases", {"case_id": "r1", "categories": ["queue"]}, {"case_id": "r2"}))
        sink.insert("alerts", rows("alerts", {"alert_id": "a1", "category": "queue"}, {"alert_id": "a2"}))
        views = ("bi_reviews", "bi_cases", "bi_alerts", "bi_recurrence", "bi_category_trend")
        found = {name: len(self.view(sink, name, dimension="category", member_id="queue")) for name in views}
        assert found == dict.fromkeys(views, 1)
        with pytest.raises(ViewRequestError, match="department"):
            read_view(sink, "bi_timeliness", zone=ZONE, dimension="category", member_id="queue")

    def test_members_that_no_reference_names_have_titles(self, sink: Sink) -> None:
        members = ("district", "all"), ("channel", "qr"), ("category", "queue"), ("channel", "pigeon"), ("hall", "all")
        cells = [cell(dimension=dimension, member_id=member, reviews=1, version=1) for dimension, member in members]
        sink.insert("daily_cells", rows("daily_cells", *cells))
        names = {(row["dimension"], row["member_id"]): row["member_name"] for row in self.view(sink, "bi_daily")}
        assert [names[each] for each in members] == ["全区", "扫码", "排队时间长", "pigeon", ""]

    def test_of_two_names_the_newest_counts(self, sink: Sink) -> None:
        old, new = (
            {"hall_name": "市民中心", "department_name": "甲局"},
            {"hall_name": "政务中心", "department_name": "乙局"},
        )
        where = {"hall_id": "H1", "categories": ["slow"]}
        facts = fact(1, START, **where, **new), fact(2, START - timedelta(minutes=1), **where, **old)
        cases = (
            {"case_id": "c1", "opened_at": START, **new},
            {"case_id": "c2", "opened_at": START - timedelta(1), **old},
            {"case_id": "c3", "opened_at": START + timedelta(1)},  # by a service whose record names none
        )
        sink.insert("reviews", rows("reviews", *facts))
        sink.insert("cases", rows("cases", *(each | {"department_id": "D1"} for each in cases)))
        assert [row["hall_name"] for row in self.view(sink, "bi_recurrence")] == ["政务中心"]
        assert {row["department_name"] for row in self.view(sink, "bi_timeliness")} == {"乙局"}

    def test_many_bad_reviews_of_one_hall_and_category_are_no_burden(self, sink: Sink) -> None:
        where = {"hall_id": "H1", "categories": ["slow"]}
        facts = (fact(number, START + timedelta(minutes=number), **where) for number in range(20_000))
        sink.insert("reviews", rows("reviews", *facts))
        assert [(row["bad"], row["recurrences"]) for row in self.view(sink, "bi_recurrence")] == [(20_000, 19_999)]

    def test_many_bad_reviews_of_one_person_are_no_burden(self, sink: Sink) -> None:
        def case(name: str, staff_id: str, occurred: int, rectified: int) -> dict[str, Any]:
            times = {
                "occurred_at": START + timedelta(minutes=occurred),
                "rectified_at": START + timedelta(minutes=rectified),
            }
            return {"case_id": name, "staff_id": staff_id, "categories": ["slow"]} | times

        cases = [case(f"c{number}", "S1", number, number + 1) for number in range(10_000)]
        # Rectified before it occurred: its own review is no relapse, another one is.
        cases += [case("alone", "S2", 2, 1), case("before", "S3", 2, 1), case("behind", "S3", 3, 4)]
        sink.insert("cases", rows("cases", *cases))
        found = {row["case_id"]: row["relapsed"] for row in self.view(sink, "bi_cases")}
        assert {name for name, again in found.items() if not again} == {"c9998", "c9999", "alone", "behind"}

    def test_no_hall_is_no_hall_and_nothing_decided_is_0(self, sink: Sink) -> None:
        sink.insert("reviews", rows("reviews", fact(1, START, categories=["slow"])))
        sink.insert("cases", rows("cases", {"case_id": "c1", "state": "dismissed"}))
        assert self.view(sink, "bi_recurrence") == []
        (row,) = self.view(sink, "bi_timeliness")
        assert (row["called_back_on_time"], row["rectified_on_time"], row["rectify_rate"]) == (0, 0, None)
