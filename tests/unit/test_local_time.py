"""A time sent as it is written goes on as it came, but only if that local time exists."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from streams.rules.local_time import LocalTime


@pytest.mark.parametrize(
    ("zone", "sent", "written"),
    [
        # Clocks that are put forward at half past: from 23:30 to 24:00, and from 2:30 to 3:00.
        ("Asia/Pyongyang", "2018-05-04T23:29:59+08:30", "2018-05-04T23:29:59+08:30"),
        ("Asia/Pyongyang", "2018-05-04T23:45:00+08:30", "2018-05-05T00:15:00+09:00"),
        ("America/Caracas", "2016-05-01T02:45:00-04:30", "2016-05-01T03:15:00-04:00"),
        # At a minute past the hour: from 0:01 to 1:01.
        ("America/St_Johns", "2006-04-02T00:30:00-03:30", "2006-04-02T01:30:00-02:30"),
        # By two hours at once.
        ("Antarctica/Troll", "2024-03-31T01:30:00+00:00", "2024-03-31T03:30:00+02:00"),
        # And at the hour: from 2 to 3, and from 2 back to 1, which there is twice.
        ("Asia/Shanghai", "1986-05-04T02:30:00+08:00", "1986-05-04T03:30:00+09:00"),
        ("Asia/Shanghai", "1986-09-14T01:30:00+09:00", "1986-09-14T01:30:00+09:00"),
        ("Asia/Shanghai", "1986-09-14T01:30:00+08:00", "1986-09-14T01:30:00+08:00"),
    ],
)
def test_a_time_near_a_change_of_clocks_is_written_as_clocks_showed_it(zone: str, sent: str, written: str) -> None:
    assert LocalTime(ZoneInfo(zone)).write(sent, datetime.fromisoformat(sent)) == written
