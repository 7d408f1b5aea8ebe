"""kill -9 in the middle of a load changes nothing. The full list of faults is in tests/services."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.house import House, until
from tests.integration.test_pipeline import SERVICE, STAFF, WINDOW, event, furnish, review
from tests.oracle import check

Make = Callable[..., House]

REFERENCE = {"windows": [WINDOW], "staff": [STAFF], "services": [SERVICE]}


def load(count: int, seed: int = 5) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Reviews and case events of a few months, out of order, with duplicates."""
    chance = random.Random(seed)
    reviews, events = [], []
    for number in range(count):
        month, day = chance.randrange(1, 7), chance.randrange(1, 28)
        rating = 1 if number % 50 == 0 else chance.randrange(3, 6)
        at = f"2026-0{month}-{day:02d}T{chance.randrange(9, 17):02d}:00:00+08:00"
        comment = chance.choice([None, None, "态度差", "排队太久"])
        reviews.append(review(f"r{number}", at, rating, comment=comment, staff_id=f"S{chance.randrange(20)}"))
        if rating == 1 and number % 100 == 0:
            done = f"2026-0{month}-{day + 1:02d}T09:00:00+08:00"
            events += [event(f"r{number}", kind, done) for kind in ("called_back", "rectified", "replied")]
    doubles = chance.sample(reviews, count // 50)
    return reviews + doubles, events


def test_the_event_clock_does_not_run_backwards_when_a_worker_is_killed(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    house.publish("reviews", [review("first", "2026-03-02T09:00:00+08:00", 1)])
    house.publish("reviews", [review("newest", "2026-03-12T09:00:00+08:00")])
    house.settle(worker)
    house.publish("cases.events", [event("first", "replied", "2026-03-14T09:00:00+08:00")])
    house.settle(worker)
    reached = worker.json("/readyz")["now"]
    assert reached.endswith("+08:00")  # the board's clock is the district's
    worker.kill()
    worker = house.start()
    house.settle(worker)
    assert worker.json("/readyz")["now"] == reached
    house.publish("reviews", [review("late", "2026-03-08T09:00:00+08:00", 1)])
    house.settle(worker)
    assert house.latest("alerts")["rectify_overdue:late"]["raised_at"] == "2026-03-13T09:00:00+08:00"


def test_kill_9_in_the_middle_of_a_load_changes_no_result(new_house: Make) -> None:
    reviews, events = load(12_000)
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    publisher = threading.Thread(
        target=lambda: [house.publish("reviews", reviews), house.publish("cases.events", events)]
    )
    publisher.start()
    chance = random.Random(1)
    for _ in range(3):
        worker = house.start(wait=False)
        until("the worker is at work", lambda w=worker: (w.json("/readyz") or {}).get("ready"))
        time.sleep(chance.random() * 0.5)  # anywhere in the work
        worker.kill()
    publisher.join()
    worker = house.start()
    house.settle(worker)
    check(house, worker, reviews, events, REFERENCE)
