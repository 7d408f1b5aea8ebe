"""What a worker's /metrics holds after a district with 10,000 staff: bounded, and nothing personal."""

from collections import Counter
from collections.abc import Callable

import pytest

from streams.metrics import MAX_REPEAT_SERIES
from tests.house import House, until
from tests.integration.test_pipeline import furnish, review

Make = Callable[..., House]

STAFF = 10_000


@pytest.mark.timeout(300)
def test_ten_thousand_staff_with_bad_reviews_leave_few_series_and_nothing_personal(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event", HCP_PSEUDONYM_KEY="only-a-test")
    furnish(house)
    worker = house.start()
    person = {"name": "张三丰", "phone": "13800138000", "id_no": "310116199001011234"}
    house.publish(
        "reviews",
        [
            review(f"r{turn}-{n}", f"2026-05-0{turn}T10:{n // 60 % 60:02d}:{n % 60:02d}+08:00", 1, staff_id=f"S{n}")
            | {"reviewer": person, "comment": f"电话13800138000，第{n}号", "case_no": f"BJ-{n}"}
            for turn in (1, 2)
            for n in range(STAFF)
        ],
    )
    house.settle(worker)
    wanted = 'haochaping_alerts_active{kind="repeat_staff",severity="critical"}'
    until("the alerts are counted", lambda: worker.metrics().get(wanted) == STAFF)

    series = Counter(name.partition("{")[0] for name in worker.metrics())
    assert series.pop("haochaping_repeat_alert_active") == MAX_REPEAT_SERIES
    assert series.pop("haochaping_repeat_alert_reviews") == MAX_REPEAT_SERIES
    assert max(series.values()) < 200, series.most_common(3)
    text = worker.get("/metrics")[1].decode()
    for personal in ("张三丰", "13800138000", "310116199001011234", "电话", "BJ-", "工号", "r1-", "r2-"):
        assert personal not in text
