"""Pydantic parses a time written as usual, and our own function all others: they must not differ."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from streams.rules.local_time import EPOCH, LocalTime, microseconds
from streams.schemas.fields import Time, parse_time

TIME: TypeAdapter[datetime] = TypeAdapter(Time)
SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def _two(last: int) -> st.SearchStrategy[str]:
    return st.integers(0, last).map("{:02}".format)


OFFSETS = st.sampled_from(["Z", "z", "", "+08:00", "-05:00", "-04:00", "+8", "+24:00", "+05:45", "-00:00", "+08:00:30"])
TEXTS = st.builds(
    "{}-{}-{}{}{}:{}:{}{}{}".format,
    st.sampled_from(["0001", "1969", "1970", "1979", "1980", "2024", "2026", "2099", "2100", "2105", "2106", "二〇26"]),
    _two(13),
    _two(32),
    st.sampled_from("Tt _"),
    _two(25),
    _two(61),
    _two(61),
    st.sampled_from(["", ".", ".5", ".123456", ".1234567"]),
    OFFSETS,
)


@given(TEXTS)
@example("2026-05-12T09:30:00+08:00\n")
@example("2026-02-29T09:30:00+08:00")
@example("2026-05-12T24:00:00+08:00")
def test_both_ways_to_parse_a_time_agree(text: str) -> None:
    try:
        expected = parse_time(text, NEW_YORK)
    except ValueError:
        expected = None
    try:
        found = TIME.validate_python(text, context={"zone": NEW_YORK})
    except ValidationError as exc:
        (error,) = exc.errors()
        assert error["loc"] == ()
        assert "2026-05-12T09:30:00+08:00" in error["msg"]
        found = None
    assert found == expected


#: In New York clocks go from 2 to 3 on 8 March 2026, and from 2 to 1 on 1 November.
@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))
    | st.datetimes(datetime(2026, 3, 8, 5), datetime(2026, 3, 8, 9), timezones=st.just(UTC))
    | st.datetimes(datetime(2026, 11, 1, 4), datetime(2026, 11, 1, 8), timezones=st.just(UTC)),
    st.sampled_from([SHANGHAI, NEW_YORK]),
    st.sampled_from([SHANGHAI, NEW_YORK, UTC]),
    st.booleans(),
)
def test_a_time_is_written_in_local_time_however_it_was_sent(
    time: datetime, here: ZoneInfo, there: ZoneInfo, whole: bool
) -> None:
    time = time.replace(microsecond=0) if whole else time
    sent = time.astimezone(there).isoformat()
    written = LocalTime(here).write(sent, time)
    assert written == time.astimezone(here).isoformat()
    assert EPOCH + timedelta(microseconds=microseconds(written)) == time
