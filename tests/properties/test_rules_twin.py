"""The rules against their brute-force twin, and what must hold of any district (CONTRACT §3)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.rules.deadlines import DeadlineRules
from streams.rules.history import History, Incident
from streams.rules.repeats import repeat_category, repeat_staff
from streams.rules.trend import poisson_tail, trend_alerts
from streams.schemas.alert import Alert
from streams.schemas.case import Case, Opening
from streams.schemas.case_event import CaseEvent
from tests import twin
from tests.one_case import derive, next_moment, timer_alerts
from tests.strategies import TAGS, District, crowded_weeks, districts, times

pytestmark = pytest.mark.filterwarnings("ignore:the working days of")

BY_TAG = {tag: category for category, tag in TAGS.items()}


def classify(tags: Iterable[str] | None, comment: str | None) -> list[str]:
    """These districts speak in tags only, so that the lexicon is not on trial here."""
    return [BY_TAG[tag] for tag in tags or ()]


def files(district: District) -> list[tuple[Opening, list[CaseEvent]]]:
    """Each case with its events, in the order of publication."""
    reviews = twin.enriched(district.reviews, district.reference, district.settings, classify)
    events = defaultdict(list)
    for event in district.events:
        events[event["case_id"]].append(CaseEvent.model_validate(event))
    names = set(Opening.__dataclass_fields__) - {"case_id", "opened_at"}
    return [
        (
            Opening(
                case_id=key,
                opened_at=review["received_at"],
                **{name: review[name] for name in names if name in review},
            ),
            events[key],
        )
        for key, review in reviews.items()
        if review["bad"]
    ]


def incident(opening: Opening, case: Case) -> Incident:
    """What a case adds to its groups."""
    done = case.rectified_at and case.replied_at and max(case.rectified_at, case.replied_at)
    names = set(Incident.__dataclass_fields__) - {"review_id", "closed_at"}
    return Incident(review_id=case.case_id, closed_at=done, **{name: getattr(case, name) for name in names})


def pipeline(district: District) -> tuple[dict[str, Case], dict[str, Alert]]:
    """Everything the rules say of a district."""
    rules, settings, now = (
        DeadlineRules.from_settings(district.settings),
        district.settings,
        district.now,
    )
    window = timedelta(days=settings.repeat_window_days)
    cases, alerts, groups = {}, [], defaultdict(list)
    for opening, events in files(district):
        case = cases[opening.case_id] = derive(opening, events, rules, now, 0)
        alerts += timer_alerts(opening, events, rules, now, {})
        mine = incident(opening, case)
        if mine.staff_id is not None:
            groups["staff", mine.staff_id].append(mine)
        for category in mine.categories:
            groups["trend", category].append(mine)
            if mine.hall_id is not None:
                groups["hall", mine.hall_id, category].append(mine)
    for (kind, *_, last), incidents in groups.items():
        history = History(incidents)
        if kind == "staff":
            alerts += repeat_staff(history, window, settings.zone)
        elif kind == "hall":
            alerts += repeat_category(history, last, window, settings.category_repeat_min, settings.zone)
        else:
            alerts += trend_alerts(history, last, now, settings.zone)
    assert len({alert.alert_id for alert in alerts}) == len(alerts), "one alert_id is one alert"
    return cases, {alert.alert_id: alert for alert in alerts}


def plain(records: dict[str, Any]) -> dict[str, Any]:
    return {key: twin.comparable(asdict(record)) for key, record in records.items()}


@given(districts())
def test_cases_and_alerts_are_those_of_the_twin(district: District) -> None:
    cases, alerts = twin.expected(
        district.reviews, district.events, district.reference, district.settings, district.now, classify
    )
    assert tuple(map(plain, pipeline(district))) == (cases, alerts)


@given(crowded_weeks())
def test_trends_are_those_of_the_twin(district: District) -> None:
    _, alerts = twin.expected(
        district.reviews, district.events, district.reference, district.settings, district.now, classify
    )
    assert plain(pipeline(district)[1]) == alerts


@given(st.data(), districts() | crowded_weeks())
def test_neither_order_nor_duplicates_change_anything(data: st.DataObject, district: District) -> None:
    reviews = data.draw(st.permutations([*district.reviews, *district.reviews[:3]]))
    events = data.draw(st.permutations([*district.events, *district.events[:3]]))
    shuffled = District(district.settings, district.reference, reviews, events, district.now)
    assert pipeline(shuffled) == pipeline(district)


@given(st.data(), districts() | crowded_weeks())
def test_incidents_given_twice_count_once(data: st.DataObject, district: District) -> None:
    cases = pipeline(district)[0]
    incidents = [incident(opening, cases[opening.case_id]) for opening, _ in files(district)]
    once, twice = History(incidents), History(data.draw(st.permutations(incidents * 2)))
    window, zone, now = timedelta(days=district.settings.repeat_window_days), district.settings.zone, district.now
    assert repeat_staff(twice, window, zone) == repeat_staff(once, window, zone)
    assert repeat_category(twice, "queue", window, 3, zone) == repeat_category(once, "queue", window, 3, zone)
    assert trend_alerts(twice, "queue", now, zone) == trend_alerts(once, "queue", now, zone)


@given(st.data(), districts(max_reviews=1, max_events=4))
def test_the_next_moment_is_the_first_at_which_time_alone_changes_anything(
    data: st.DataObject, district: District
) -> None:
    rules = DeadlineRules.from_settings(district.settings)

    def view(opening: Opening, events: list[CaseEvent], at: datetime) -> Any:
        alerts = timer_alerts(opening, events, rules, at, {})
        return derive(opening, events, rules, at, 0), sorted(alerts, key=lambda alert: alert.alert_id)

    for opening, events in files(district):
        at = data.draw(times(district.settings, opening.opened_at))
        moment = next_moment(opening, events, rules, at)
        end = moment if moment is not None else at + timedelta(days=400)
        assert end > at
        before = end - timedelta(microseconds=1)
        between = st.datetimes(at.replace(tzinfo=None), before.replace(tzinfo=None), timezones=st.just(UTC))
        for other in (before, data.draw(between), data.draw(times(district.settings, opening.opened_at))):
            if at <= other <= before:
                assert view(opening, events, other) == view(opening, events, at)
        if moment is not None:
            assert view(opening, events, moment) != view(opening, events, at)


@given(st.data(), districts(max_reviews=1, max_events=8))
def test_every_alert_that_was_ever_announced_ends_as_the_set_says(data: st.DataObject, district: District) -> None:
    """However late things are reported: what does not follow is resolved, the rest is as if known at once."""
    rules = DeadlineRules.from_settings(district.settings)
    for opening, events in files(district):
        looks = sorted(data.draw(times(district.settings, opening.opened_at)) for _ in range(4))
        late = data.draw(st.permutations(events))
        announced: dict[str, Alert] = {}
        for step, at in enumerate(looks):
            reported = late[: len(late) * step // 3]
            announced |= {alert.alert_id: alert for alert in timer_alerts(opening, reported, rules, at, announced)}
        now = max(*looks, district.now)
        said = {alert.alert_id: alert for alert in timer_alerts(opening, events, rules, now, announced)}
        follows = {alert.alert_id: alert for alert in timer_alerts(opening, events, rules, now, {})}
        assert said.keys() == announced.keys() | follows.keys()
        for alert_id, alert in said.items():
            if alert_id in follows:
                assert alert == follows[alert_id]
            else:
                assert alert.state == "resolved"
                assert alert.resolution in ("met_in_time", "done", "dismissed", "extended")
        later = now + timedelta(days=400)
        settled = {alert.alert_id: alert for alert in timer_alerts(opening, events, rules, later, said)}
        for alert_id in said.keys() - {alert.alert_id for alert in timer_alerts(opening, events, rules, later, {})}:
            assert settled[alert_id] == said[alert_id], "time alone does not change what was withdrawn"


@given(districts() | crowded_weeks())
def test_no_alert_ends_before_it_was_raised(district: District) -> None:
    for alert in pipeline(district)[1].values():
        assert (alert.state == "resolved") == (alert.resolved_at is not None) == (alert.resolution is not None)
        assert alert.resolved_at is None or alert.resolved_at >= alert.raised_at


@given(st.integers(1, 300), st.floats(0.01, 200))
def test_the_poisson_tail_falls_with_n_and_rises_with_the_mean(n: int, mean: float) -> None:
    assert 0 <= poisson_tail(n + 1, mean) <= poisson_tail(n, mean) <= 1
    assert poisson_tail(n, mean) <= poisson_tail(n, mean * 1.1) + 1e-12
