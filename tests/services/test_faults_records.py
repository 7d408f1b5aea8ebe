"""However records come, late, again, by several publishers, the results are those of their set."""

import threading
from collections.abc import Callable

import pytest

from tests.house import House
from tests.services.load import district, finish, furnish, weeks_late
from tests.services.table import Fault

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

Make = Callable[..., House]


def test_the_same_year_by_three_publishers_at_once_with_different_keys(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    worker = house.start()
    rekeyed = [
        load.published,
        [(topic, b"%d" % (number % 97), record) for number, (topic, _, record) in enumerate(load.published)],
        [(topic, b"one", record) for topic, _, record in load.published],
    ]
    publishers = [threading.Thread(target=house.publish_all, args=(entries,)) for entries in rekeyed]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    finish(house, worker, load)
    fault.done(3 * len(load))


def test_everything_is_sent_again_when_all_was_done(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    worker = house.start()
    house.publish_all(load.published)
    finish(house, worker, load)
    house.publish_all(load.published)
    finish(house, worker, load)
    fault.done(2 * len(load))


def test_two_weeks_of_records_arrive_late(new_house: Make, fault: Fault) -> None:
    house, load = new_house(HCP_CLOCK="event"), district()
    furnish(house, load)
    late = weeks_late(load)
    assert sorted(map(str, late.published)) == sorted(map(str, load.published))
    assert late.published != load.published
    worker = house.start()
    house.publish_all(late.published)
    finish(house, worker, late)
    fault.done(len(load))
