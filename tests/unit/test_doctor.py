"""What `doctor` says of the group's progress on a topic."""

import pytest

from streams.cli.doctor import _lag
from streams.errors import HaochapingError


@pytest.mark.parametrize("same", [True, False])
def test_the_lag_is_what_is_left_of_all_partitions(same: bool) -> None:
    assert _lag([(0, 0), (5, 12), (3, 4)], same, idle=False) == "8 records"


def test_a_commit_beyond_the_end_is_a_topic_made_anew_unless_its_id_says_otherwise() -> None:
    progress = [(81, 1), (5, 12)]
    assert _lag(progress, True, idle=False) == "7 records"
    with pytest.raises(HaochapingError, match=r"deleted and made anew.*HCP_TOPIC_PREFIX.*HCP_CLICKHOUSE_URL"):
        _lag(progress, False, idle=False)


def test_what_waits_while_nobody_works_is_a_fault() -> None:
    with pytest.raises(HaochapingError, match="7 records wait, and no worker is running"):
        _lag([(5, 12)], True, idle=True)
    assert _lag([(12, 12)], True, idle=True) == "0 records"
