"""A kind of complaint that rises in the whole district (CONTRACT §3, Alerts; DOMAIN, story 1)."""

import math
from datetime import datetime, timedelta
from itertools import permutations
from zoneinfo import ZoneInfo

import pytest

from streams.rules.history import History, Incident
from streams.rules.trend import poisson_tail, trend_alerts, week_of, weeks_reached
from streams.schemas.alert import Alert

SHANGHAI = ZoneInfo("Asia/Shanghai")
MONDAY = datetime(2026, 4, 27, tzinfo=SHANGHAI)  # of 2026-W18
WEEK = timedelta(days=7)
TICK = timedelta(microseconds=1)
HALLS = ("石化街道", "金山卫镇", "朱泾镇")


def week(number: int, count: int, **more: datetime) -> list[Incident]:
    """`count` reviews in the week `number` weeks after W18, a minute apart."""
    return [
        Incident(
            review_id=f"{number:+d}-{each:03d}",
            occurred_at=MONDAY + number * WEEK + timedelta(minutes=each),
            hall_name=HALLS[each % 3],
            categories=("queue",),
            cause="process",
            **more,
        )
        for each in range(count)
    ]


def trends(incidents: list[Incident], now: datetime = MONDAY + timedelta(days=6)) -> list[Alert]:
    return trend_alerts(History(incidents), "queue", now, SHANGHAI)


def test_ms_xi_and_the_same_at_other_halls_make_a_trend() -> None:
    before = [incident for number in range(-8, 0) for incident in week(number, 1)]
    (alert,) = trends([*before, *week(0, 5)])
    assert alert.alert_id == "trend:queue:2026-W18"
    assert (alert.kind, alert.severity, alert.state, alert.category) == ("trend", "warning", "firing", "queue")
    assert (alert.count, alert.cause, alert.hall_id, alert.staff_id) == (5, "process", None, None)
    assert alert.review_ids == tuple(f"+0-{each:03d}" for each in range(5))
    assert alert.raised_at == MONDAY + timedelta(minutes=4)
    assert alert.title == "全区“排队时间长”差评异常增多：2026 年第 18 周 5 条，此前 8 周平均每周 1.0 条"


def test_fewer_than_five_are_no_trend_however_few_there_were_before() -> None:
    assert trends(week(0, 4)) == []
    assert len(trends(week(0, 5))) == 1


def test_a_week_like_those_before_is_no_trend() -> None:
    before = [incident for number in range(-8, 0) for incident in week(number, 5)]

    def of_this_week(count: int) -> list[Alert]:
        # While there is little history the weeks before are trends themselves.
        return [alert for alert in trends([*before, *week(0, count)]) if alert.alert_id.endswith("W18")]

    assert of_this_week(11) == [], "P(X ≥ 11 | 5) is 0.0137"
    (alert,) = of_this_week(14)
    assert alert.raised_at == MONDAY + timedelta(minutes=11), "P(X ≥ 12 | 5) is 0.0055: the twelfth raised it"
    assert alert.count == 14


def test_only_the_eight_weeks_before_are_held_against_it() -> None:
    assert len(trends([*week(-9, 100), *week(0, 5)])) == 2, "the crowded week itself, and W18"
    assert len(trends([*week(-8, 100), *week(0, 5)])) == 1
    assert len(trends([*week(1, 100), *week(0, 5)])) == 2


def test_a_change_reaches_its_own_week_and_the_eight_after_it() -> None:
    """Five are a trend against nothing, and none against a crowded week."""
    crowded, own = week(0, 100), week_of(MONDAY, SHANGHAI)
    assert own in weeks_reached(crowded, SHANGHAI)
    for number in range(1, 11):
        later = week(number, 5)
        changes = trends([*crowded, *later])[1:] != trends(later)
        assert changes == (own + number in weeks_reached(crowded, SHANGHAI)) == (number <= 8)


def test_dismissed_reviews_count_neither_in_the_week_nor_before_it() -> None:
    assert trends([*week(0, 4), *week(0, 5, dismissed_at=MONDAY)[4:]]) == []
    assert len(trends([*week(-1, 100, dismissed_at=MONDAY), *week(0, 5)])) == 1


def test_weeks_begin_on_monday_local_time() -> None:
    early = Incident(review_id="x", occurred_at=MONDAY - TICK)
    assert trends([*week(0, 4), early]) == []
    late = Incident(review_id="x", occurred_at=MONDAY + WEEK - TICK)
    assert [alert.alert_id for alert in trends([*week(0, 4), late])] == ["trend:queue:2026-W18"]


def test_the_turn_of_the_year_belongs_to_its_iso_week() -> None:
    new_year = [
        Incident(review_id=str(each), occurred_at=datetime(2027, 1, 3, 23, 59, tzinfo=SHANGHAI)) for each in range(5)
    ]
    assert [alert.alert_id for alert in trends(new_year)] == ["trend:queue:2026-W53"]


def test_a_trend_is_over_with_its_week() -> None:
    end = MONDAY + WEEK
    assert trends(week(0, 5), end - TICK)[0].state == "firing"
    (alert,) = trends(week(0, 5), end)
    assert (alert.state, alert.resolution, alert.resolved_at) == ("resolved", "week_over", end)


def test_neither_order_nor_copies_change_anything() -> None:
    incidents = week(0, 6)
    assert all(trends(list(order)) == trends(incidents) for order in permutations(incidents))
    assert trends(incidents * 2) == trends(incidents)
    assert trends(week(0, 4) * 2) == []


def test_at_one_instant_the_review_id_decides_which_review_raised_it() -> None:
    same = [Incident(review_id=str(each), occurred_at=MONDAY) for each in range(9)]
    (alert,) = trends(same[::-1])
    assert alert.review_ids == tuple("012345678")


@pytest.mark.parametrize(
    ("n", "mean", "tail"),
    [
        (0, 3.0, 1.0),
        (1, 0.0, 0.0),
        (1, 0.125, -math.expm1(-0.125)),
        (5, 1.0, 0.003659846827343713),
        (12, 5.0, 0.005453091913309341),
        (2, 3.0, 1 - 4 * math.exp(-3)),
        (50, 5.0, 2.1810592140784888e-32),
        (1_000, 1_000.0, 0.5042052441802155),
    ],
)
def test_the_poisson_tail_of_known_values(n: int, mean: float, tail: float) -> None:
    assert poisson_tail(n, mean) == pytest.approx(tail, rel=1e-12)


def test_the_poisson_tail_of_a_million_is_near_the_normal() -> None:
    assert poisson_tail(1_002_000, 1e6) == pytest.approx(0.5 * math.erfc(2 / math.sqrt(2)), rel=0.01)
    assert poisson_tail(998_000, 1e6) == pytest.approx(1 - 0.5 * math.erfc(2 / math.sqrt(2)), rel=0.01)
