"""kill -9 in the middle of a load changes nothing. The full list of faults is in tests/services."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.house import House, WorkerProcess, until
from tests.integration.test_pipeline import event, furnish, review

Make = Callable[..., House]


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


def results(house: House, worker: WorkerProcess) -> dict[str, Any]:
    """Everything a result is, without what says when it was found."""

    def without(rows: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
        return [{name: value for name, value in row.items() if name not in names} for row in rows]

    found = {
        "daily": worker.view("bi_daily"),
        "reviews": without(worker.view("bi_reviews"), "version"),
        "cases": without(worker.view("bi_cases"), "version"),
        "alerts": without(worker.view("bi_alerts"), "version", "detected_at"),
        "case records": without(list(house.latest("cases").values()), "version"),
        "alert records": without(list(house.latest("alerts").values()), "version", "detected_at"),
    }
    for rows in found.values():
        rows.sort(key=repr)
    assert all(row["difference"] == 0 for row in worker.view("bi_reconcile"))
    return found


def test_kill_9_in_the_middle_of_a_load_changes_no_result(new_house: Make) -> None:
    reviews, events = load(12_000)
    calm = new_house(HCP_CLOCK="event")
    furnish(calm)
    worker = calm.start()
    calm.publish("reviews", reviews)
    calm.publish("cases.events", events)
    calm.settle(worker)
    expected = results(calm, worker)
    assert len(expected["reviews"]) == 12_000
    assert expected["alerts"]
    worker.stop()

    rough = new_house(HCP_CLOCK="event")
    furnish(rough)
    publisher = threading.Thread(
        target=lambda: [rough.publish("reviews", reviews), rough.publish("cases.events", events)]
    )
    publisher.start()
    chance = random.Random(1)
    for _ in range(3):
        worker = rough.start(wait=False)
        until("some lag", lambda w=worker: (w.json("/readyz") or {}).get("ready"))
        time.sleep(chance.random() * 0.5)  # anywhere in the work
        worker.kill()
    publisher.join()
    worker = rough.start()
    rough.settle(worker)
    assert results(rough, worker) == expected
