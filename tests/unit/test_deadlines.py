"""“1、5、15”, by natural and by working days (CONTRACT §3, Cases)."""

import warnings
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from streams.rules.deadlines import DeadlineRules, NaturalDays, WorkingDays
from streams.settings import Settings

SHANGHAI = ZoneInfo("Asia/Shanghai")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def test_natural_days_are_24_hours_each() -> None:
    opened_at = local("2026-05-12T09:30:00")
    assert NaturalDays().due(opened_at, 1) == local("2026-05-13T09:30:00")
    assert NaturalDays().due(opened_at, 5) == local("2026-05-17T09:30:00")


def test_natural_days_are_24_hours_even_where_clocks_change() -> None:
    before_summer_time = datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    due = NaturalDays().due(before_summer_time, 1)
    assert due.timestamp() - before_summer_time.timestamp() == 24 * 3600


@pytest.mark.parametrize(
    ("opened", "days", "due"),
    [
        ("2026-05-12T09:30:00", 1, "2026-05-14T00:00:00"),  # Tuesday: the end of Wednesday
        ("2026-05-12T00:00:00", 1, "2026-05-14T00:00:00"),  # the day of opening never counts
        ("2026-05-12T23:59:59", 1, "2026-05-14T00:00:00"),
        ("2026-05-15T09:30:00", 1, "2026-05-19T00:00:00"),  # Friday: the end of Monday
        ("2026-05-16T09:30:00", 1, "2026-05-19T00:00:00"),  # opened on a Saturday
        ("2026-05-12T09:30:00", 5, "2026-05-20T00:00:00"),
    ],
)
def test_working_days_end_at_midnight_and_skip_weekends(opened: str, days: int, due: str) -> None:
    assert WorkingDays(SHANGHAI).due(local(opened), days) == local(due)


@pytest.mark.parametrize(
    ("opened", "days", "due"),
    [
        # 国办发明电: 5月1日至5日放假, 5月9日(周六)上班
        ("2026-04-30T10:00:00", 1, "2026-05-07T00:00:00"),
        ("2026-05-06T10:00:00", 3, "2026-05-10T00:00:00"),  # Thursday, Friday, and Saturday the 9th
        # 2月14日(周六)上班, 15日至23日放假
        ("2026-02-13T10:00:00", 1, "2026-02-15T00:00:00"),
        ("2026-02-13T10:00:00", 2, "2026-02-25T00:00:00"),
        # 9月20日(周日)上班, 25日至27日放假; 10月1日至7日放假, 10月10日(周六)上班
        ("2026-09-18T10:00:00", 1, "2026-09-21T00:00:00"),
        ("2026-09-30T10:00:00", 3, "2026-10-11T00:00:00"),
        # 1月1日至3日放假, 4日(周日)上班
        ("2025-12-31T10:00:00", 1, "2026-01-05T00:00:00"),
    ],
)
def test_working_days_know_the_holidays_and_worked_weekends_of_2026(opened: str, days: int, due: str) -> None:
    assert WorkingDays(SHANGHAI).due(local(opened), days) == local(due)


def test_the_day_of_opening_is_the_local_one() -> None:
    # 17:00 UTC on Monday is Tuesday in Shanghai, so the first working day is Wednesday.
    assert WorkingDays(SHANGHAI).due(datetime(2026, 5, 11, 17, tzinfo=UTC), 1) == local("2026-05-14T00:00:00")


def test_an_unknown_year_has_plain_weekends_and_one_warning() -> None:
    calendar = WorkingDays(SHANGHAI)
    with pytest.warns(UserWarning, match="working days of 2099 are not known"):
        assert calendar.due(local("2099-04-30T10:00:00"), 1) == local("2099-05-02T00:00:00")  # Friday, 1 May
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert calendar.due(local("2099-05-01T10:00:00"), 1) == local("2099-05-05T00:00:00")
        calendar.is_workday(date(2026, 1, 6))
    with pytest.warns(UserWarning, match="2098"):
        calendar.is_workday(date(2098, 5, 1))


def test_rules_come_from_settings() -> None:
    rules = DeadlineRules.from_settings(Settings())
    opened_at = local("2026-05-12T09:30:00")
    assert rules.callback_due(opened_at) == local("2026-05-13T09:30:00")
    assert rules.rectify_due(opened_at) == local("2026-05-17T09:30:00")
    assert rules.extended_due(opened_at) == local("2026-05-27T09:30:00")
    assert rules.callback_lead == timedelta(hours=4)
    assert rules.rectify_lead == timedelta(hours=24)


def test_dezhous_five_working_days_are_a_setting() -> None:
    rules = DeadlineRules.from_settings(Settings(deadline_calendar="workdays"))
    assert rules.callback_due(local("2026-05-15T09:30:00")) == local("2026-05-19T00:00:00")
    assert rules.rectify_due(local("2026-05-15T09:30:00")) == local("2026-05-23T00:00:00")
