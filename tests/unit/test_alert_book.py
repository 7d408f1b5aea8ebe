"""What a partition remembers of its alerts, and what its changelog says of them."""

from dataclasses import replace
from datetime import timedelta

from streams.agents.alert_book import AlertBook
from streams.schemas.alert import Alert
from tests.one_case import timer_alerts
from tests.unit.test_cases import OPENING, RULES

LATE = OPENING.opened_at + timedelta(days=2)


def overdue() -> Alert:
    return next(alert for alert in timer_alerts(OPENING, [], RULES, LATE, {}) if alert.kind == "callback_overdue")


def test_a_mark_left_by_a_worker_that_ended_makes_the_alert_known_and_doubtful() -> None:
    key, value, _, _ = AlertBook().mark("r1", overdue())
    assert key is not None
    book = AlertBook()
    book.recall(key, value)
    assert book.doubts("r1")
    assert not book.doubts("r2")
    assert list(book.about("r1")) == ["callback_overdue:r1"]
    book.recall(key, None)
    assert not book.doubts("r1")
    assert list(book.about("r1")) == ["callback_overdue:r1"]


def test_what_is_settled_or_forgotten_leaves_no_mark() -> None:
    alert = overdue()
    for end in (
        lambda book: book.settle("r1", alert),
        lambda book: book.forget("r1", LATE),
    ):
        book = AlertBook()
        book.announce("r1", [alert], LATE, 1)
        mark = book.mark("r1", alert)
        assert (mark[0], None, [], None) in end(book)
        assert not book.doubts("r1")
        assert all(key != mark[0] for key, *_ in end(book)), "deleted once"


def test_what_says_something_new_has_a_higher_version_and_what_is_said_again_the_same() -> None:
    """The highest is the one that counts, and time alone brings none of its own."""
    book, ended = AlertBook(), replace(overdue(), state="resolved")
    steps = [
        book.announce("r1", [overdue()], LATE, 8),
        book.announce("r1", [ended], LATE, 0),
        book.announce("r1", [ended], LATE, 0, again=True),
        book.announce("r1", [overdue()], LATE, 8, again=True),
    ]
    assert [[(alert.state, alert.version) for alert in step] for step in steps] == [
        [("firing", 8)],
        [("resolved", 9)],
        [("resolved", 9)],
        [("firing", 10)],
    ]
    assert book.announce("r1", [overdue()], LATE, 99) == []


def test_an_alert_written_late_by_another_worker_takes_nothing_back() -> None:
    old, new = replace(overdue(), version=8), replace(overdue(), version=9, state="resolved")
    book = AlertBook()
    for alert in (old, new, old):
        for key, value, *_ in book.settle("r1", alert):
            assert key is not None
            book.recall(key, value)
    assert book.about("r1") == {new.alert_id: new}
    assert not book.firing["callback_overdue"]
