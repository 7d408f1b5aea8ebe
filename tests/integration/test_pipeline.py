"""From bytes on Kafka to rows in the views, on the embedded parts, as a stranger runs them."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from tests.house import House, until

Make = Callable[..., House]

WINDOW = {
    "window_id": "W1",
    "name": "综合窗口1",
    "hall_id": "H1",
    "hall_name": "石化街道社区事务受理服务中心",
    "department_id": "D1",
    "department_name": "人社局",
    "staff_id": "S1",
}
STAFF = {"staff_id": "S1", "name": "工号1"}
SERVICE = {"service_id": "V1", "name": "社保登记"}


def review(review_id: str, at: str, rating: int = 5, **fields: Any) -> dict[str, Any]:
    base = {"review_id": review_id, "occurred_at": at, "rating": rating, "channel": "window", "window_id": "W1"}
    return base | {"service_id": "V1"} | fields


def event(case_id: str, kind: str, at: str, **fields: Any) -> dict[str, Any]:
    return {"event_id": f"{case_id}-{kind}", "case_id": case_id, "type": kind, "at": at} | fields


def furnish(house: House) -> None:
    """Topics, and one window with its person and service."""
    assert house.command("topics").returncode == 0
    house.publish("reference.windows", [WINDOW])
    house.publish("reference.staff", [STAFF])
    house.publish("reference.services", [SERVICE])


def test_ms_xis_wait_is_about_the_process_not_the_person(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    comment = "效率差,从进门排队到办理业务等候超一小时,体验很差,办理窗口仅两个,人员不足"
    tags = ["效率差", "体验差", "人员不足"]
    house.publish("reviews", [review("xi", "2026-03-02T10:30:00+08:00", 2, channel="qr", comment=comment, tags=tags)])
    house.settle(worker)

    (row,) = worker.view("bi_reviews")
    assert row["categories"] == ["slow", "queue", "understaffed", "experience"]
    assert (row["cause"], row["three_match"], row["staff_id"]) == ("process", True, "S1")
    case = house.latest("cases")["xi"]
    assert (case["state"], case["hall_name"]) == ("open", "石化街道社区事务受理服务中心")
    assert case["callback_due"] == "2026-03-03T10:30:00+08:00"
    assert case["rectify_due"] == "2026-03-07T10:30:00+08:00"


def test_mr_wangs_clerk_is_found_and_followed_up(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    house.publish(
        "reviews",
        [
            review("wang", "2026-05-12T10:00:00+08:00", 1, tags=["态度差"]),
            review("other", "2026-06-11T15:00:00+08:00", 1, comment="服务态度极差,说话都是冲来冲去的"),
        ],
    )
    house.settle(worker)

    alert = house.latest("alerts")["repeat_staff:S1:other"]
    assert (alert["severity"], alert["state"], alert["cause"]) == ("critical", "firing", "conduct")
    assert alert["review_ids"] == ["wang", "other"]
    assert (alert["count"], alert["same_service"], alert["same_hall"]) == (2, True, True)
    assert alert["raised_at"] == "2026-06-11T15:00:00+08:00"
    assert worker.view("bi_alerts", day_from="2026-06-11", day_to="2026-06-11")
    until(
        "the gauge names the clerk",
        lambda: worker.metrics().get('haochaping_repeat_alert_active{hall_id="H1",severity="critical",staff_id="S1"}'),
    )

    house.publish(
        "cases.events",
        [
            event("other", "called_back", "2026-06-12T09:00:00+08:00"),
            event("other", "rectified", "2026-06-13T09:00:00+08:00", measure="约谈,调离窗口岗位"),
            event("other", "replied", "2026-06-14T09:00:00+08:00"),
        ],
    )
    house.settle(worker)
    row = next(row for row in worker.view("bi_alerts") if row["alert_id"] == "repeat_staff:S1:other")
    assert (row["state"], row["resolution"]) == ("resolved", "handled")
    case = next(row for row in worker.view("bi_cases") if row["case_id"] == "other")
    assert (case["state"], case["callback_on_time"], case["rectify_on_time"]) == ("closed", True, True)
    assert case["measure"] == "约谈,调离窗口岗位"


def test_a_deadline_that_passes_raises_an_alert_and_a_late_callback_resolves_it(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    house.publish("reviews", [review("bad", "2026-05-12T10:00:00+08:00", 1)])
    house.settle(worker)
    assert "callback_overdue:bad" not in house.latest("alerts")

    house.publish("reviews", [review("later", "2026-05-13T10:00:01+08:00")])
    house.settle(worker)
    alert = house.latest("alerts")["callback_overdue:bad"]
    assert (alert["state"], alert["severity"]) == ("firing", "critical")
    assert alert["raised_at"] == "2026-05-13T10:00:00+08:00"
    assert house.latest("cases")["bad"]["callback_on_time"] is False

    house.publish("cases.events", [event("bad", "called_back", "2026-05-13T12:00:00+08:00")])
    house.settle(worker)
    alert = house.latest("alerts")["callback_overdue:bad"]
    assert (alert["state"], alert["resolution"]) == ("resolved", "done_late")


def test_events_may_come_before_their_case(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    house.publish("cases.events", [event("early", "called_back", "2026-05-12T11:00:00+08:00")])
    house.settle(worker)
    assert "early" not in house.latest("cases")
    house.publish("reviews", [review("early", "2026-05-12T10:00:00+08:00", 1)])
    house.settle(worker)
    assert house.latest("cases")["early"]["state"] == "called_back"
    assert not house.rejected()


def test_every_kind_of_reject_keeps_its_bytes_and_stops_nothing(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    good = review("good", "2026-05-12T10:00:00+08:00")
    bad: dict[str, tuple[str, bytes]] = {
        "not_json": ("reviews", b'{"review_id": "r1", '),
        "schema": ("reviews", orjson.dumps(review("r2", "2026-05-12T10:00:00+08:00", 9))),
        "too_large": ("reviews", orjson.dumps(review("r3", "2026-05-12T10:00:00+08:00", comment="x" * 70_000))),
        "future": ("reviews", orjson.dumps(review("r4", "2099-01-01T10:00:00+08:00"))),
        "conflict": ("reviews", orjson.dumps(good | {"rating": 4})),
        "unknown_case": ("cases.events", orjson.dumps(event("nobody", "called_back", "2026-05-01T10:00:00+08:00"))),
    }
    house.publish("reviews", [good], keys=[b"any key"])
    for number, (topic, value) in enumerate(bad.values()):
        house.publish(topic, [value], keys=[b"key-%d" % number])
    house.publish("reviews", [review("after", "2026-05-12T11:00:00+08:00")])
    house.settle(worker)

    assert {row["review_id"] for row in worker.view("bi_reviews")} == {"good", "after"}
    rejected = {headers["hcp-reason"]: (headers, key, value) for headers, key, value in house.rejected()}
    assert set(rejected) == set(bad)
    for number, (reason, (topic, value)) in enumerate(bad.items()):
        headers, key, kept = rejected[reason]
        assert headers["hcp-detail"] and "\n" not in headers["hcp-detail"]
        assert headers["hcp-rejected-at"]
        assert headers["hcp-source"].startswith(f"{house.prefix}{topic}/")
        assert key == b"key-%d" % number
        if reason == "conflict":  # there the enriched record stands
            assert kept is not None and orjson.loads(kept)["rating"] == 4
        else:
            assert kept == value
    metrics = worker.metrics()
    for reason in bad:
        assert metrics[f'haochaping_rejected_total{{reason="{reason}"}}'] == 1


def test_a_thousand_random_byte_strings_crash_nothing(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event", HCP_REJECT_LIMIT="1")
    furnish(house)
    worker = house.start()
    chance = random.Random(7)
    rubbish = [chance.randbytes(chance.randrange(200)) for _ in range(700)]
    rubbish += [b'{"review_id":' + chance.randbytes(20) + b"}" for _ in range(150)]
    rubbish += [b"[" * 5000, b"null", b"[]", b'"x"', b"1e999", b'{"review_id":"\\ud800"}'] * 25
    house.publish("reviews", rubbish[:800])
    house.publish("cases.events", rubbish[800:])
    house.publish("reviews", [review("good", "2026-05-12T10:00:00+08:00")])
    house.settle(worker)
    assert [row["review_id"] for row in worker.view("bi_reviews")] == ["good"]
    kept = sorted(value or b"" for _, _, value in house.rejected())
    assert kept == sorted(rubbish)


def test_too_many_rejects_stop_the_worker_with_a_clear_line(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event")
    furnish(house)
    worker = house.start()
    house.publish("reviews", [b"rubbish"] * 5000, keys=[b"one partition"] * 5000)
    until("the worker stops", lambda: worker.process.poll() is not None)
    assert worker.process.returncode == 1
    assert "HCP_REJECT_LIMIT" in worker.said()
    assert "not_json: not a JSON text" in worker.said()  # reviews.rejected may have none of them yet


def test_personal_data_never_leaves_the_first_agent(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event", HCP_PSEUDONYM_KEY="secret")
    furnish(house)
    worker = house.start()
    reviewer = {"name": "某人甲", "phone": "19900001234", "id_no": "310116199001011234"}
    comment = "电话 199-0000-5678 打不通,身份证 310116199001011234,邮箱 who@example.com"
    house.publish(
        "reviews",
        [
            review("p1", "2026-05-12T10:00:00+08:00", 1, reviewer=reviewer, comment=comment),
            review("p2", "2026-05-12T11:00:00+08:00", 5, reviewer=reviewer),
        ],
    )
    house.settle(worker)
    rows = {row["review_id"]: row for row in worker.view("bi_reviews")}
    assert rows["p1"]["reviewer_key"] == rows["p2"]["reviewer_key"] != ""
    everything = b"".join(
        (record.value or b"") + (record.key or b"")
        for topic in ("reviews.enriched", "cases", "alerts", "haochaping-case-inputs", "haochaping-incidents")
        for record in house.read(topic)
    )
    everything += b"".join(worker.get(path)[1] for path in ("/metrics", "/api/views/bi_reviews", "/api/views/bi_cases"))
    everything += worker.log.read_bytes()
    for secret in ("某人甲", "19900001234", "310116199001011234", "199-0000-5678", "who@example.com"):
        assert secret.encode() not in everything
    assert worker.get("/api/views/bi_cases?format=excel")[1].startswith("\ufeffcase_id,".encode())
    assert worker.get("/api/views/bi_cases?format=csv")[1].startswith(b"case_id,")
    assert worker.get("/api/views/bi_cases?format=xml")[0] == 400


def test_duplicates_count_once_whatever_keys_they_come_with(new_house: Make) -> None:
    house = new_house(HCP_CLOCK="event", HCP_PARTITIONS="3")
    furnish(house)
    worker = house.start()
    reviews = [review(f"r{n}", f"2026-05-{1 + n % 28:02d}T10:00:00+08:00", 1 + n % 5) for n in range(200)]
    house.publish("reviews", reviews)
    house.publish("reviews", reviews, keys=[b"another key %d" % n for n in range(200)])
    # The same content written in another way is still the same review.
    house.publish("reviews", [orjson.dumps(r | {"occurred_at": r["occurred_at"].replace("T", " ")}) for r in reviews])
    house.settle(worker)
    assert sum(row["reviews"] for row in worker.view("bi_daily", dimension="district")) == 200
    assert worker.metrics()["haochaping_duplicates_total"] == 400
    assert not house.rejected()


@pytest.mark.parametrize("changed", [{}, {"HCP_PARTITIONS": "7"}])
def test_daily_figures_add_up_for_every_dimension(new_house: Make, changed: dict[str, str]) -> None:
    house = new_house(HCP_CLOCK="event", **changed)
    furnish(house)
    worker = house.start()
    chance = random.Random(3)
    reviews = [
        review(
            f"r{n}",
            f"2026-0{chance.randrange(1, 9)}-1{chance.randrange(10)}T10:00:00+08:00",
            chance.randrange(1, 6),
            channel=chance.choice(["window", "web", "qr"]),
            window_id=chance.choice(["W1", "W9", None]),
            staff_id=chance.choice(["S1", "S9", None]),
            service_id=chance.choice(["V1", None]),
            comment=chance.choice([None, "很好", "排队太久", "态度差"]),
        )
        for n in range(1500)
    ]
    house.publish("reviews", reviews)
    house.settle(worker)
    rows = worker.view("bi_daily")
    measures = [name for name in rows[0] if name not in ("day", "dimension", "member_id", "member_name", "bad_rate")]
    for measure in measures:
        sums: dict[str, dict[str, int]] = {}
        for row in rows:
            by_day = sums.setdefault(row["dimension"], {})
            by_day[row["day"]] = by_day.get(row["day"], 0) + row[measure]
        category = sums.pop("category")
        assert category  # some comments name something
        assert set(sums) == {"district", "department", "hall", "window", "staff", "service", "channel"}
        for dimension, by_day in sums.items():
            assert by_day == sums["district"], (measure, dimension)
    expected = {f"rating_{n}": sum(r["rating"] == n for r in reviews) for n in range(1, 6)}
    district = [row for row in rows if row["dimension"] == "district"]
    assert {name: sum(row[name] for row in district) for name in expected} == expected
    assert all(row["difference"] == 0 for row in worker.view("bi_reconcile"))


def test_on_the_wall_clock_an_event_without_a_case_is_refused_after_seven_days(new_house: Make) -> None:
    house = new_house()
    furnish(house)
    worker = house.start()
    now = datetime.now(UTC)
    house.publish("cases.events", [event("early", "called_back", now.isoformat())], at=now - timedelta(days=6))
    house.publish("cases.events", [event("nobody", "called_back", now.isoformat())], at=now - timedelta(days=8))
    ((headers, key, _),) = until("it is refused", house.rejected)
    assert (headers["hcp-reason"], key) == ("unknown_case", b"nobody")
    assert worker.metrics()['haochaping_rejected_total{reason="unknown_case"}'] == 1


def test_what_was_reported_during_an_outage_is_read_before_anybody_is_alarmed(new_house: Make) -> None:
    house = new_house()
    furnish(house)
    worker = house.start()
    now = datetime.now(UTC)
    opened_at = now - timedelta(days=1) + timedelta(seconds=8)
    house.publish("reviews", [review("bad", opened_at.isoformat(), 1), review("missed", opened_at.isoformat(), 1)])
    until("the cases are open", lambda: len(house.latest("cases")) == 2)
    assert worker.stop() == 0
    # The outage: a callback in time, and a case of which all that happened is over.
    older = now - timedelta(days=2)
    house.publish("cases.events", [event("bad", "called_back", now.isoformat())])
    house.publish("reviews", [review("older", older.isoformat(), 1)])
    house.publish("cases.events", [event("older", "called_back", older.isoformat())])
    time.sleep(max(0.0, (opened_at + timedelta(days=1, seconds=1) - datetime.now(UTC)).total_seconds()))
    worker = house.start()
    until("the missed callback is told of", lambda: "callback_overdue:missed" in house.latest("alerts"))
    house.settle(worker)
    told = {alert_id for alert_id in house.latest("alerts") if alert_id.startswith("callback_overdue")}
    assert told == {"callback_overdue:missed"}
    assert {row["case_id"]: row["callback_on_time"] for row in worker.view("bi_cases")} == {
        "bad": True,
        "missed": False,
        "older": True,
    }


def test_nobody_is_alarmed_while_much_that_was_reported_waits_to_be_read(new_house: Make) -> None:
    """A case is looked at whenever something of it is read; what was done in time may stand far behind that."""
    house = new_house(HCP_REJECT_LIMIT="1")
    furnish(house)
    now = datetime.now(UTC)
    opened_at, cases = now - timedelta(days=2), [f"c{number}" for number in range(100)]
    at = (opened_at + timedelta(hours=1)).isoformat()
    house.publish("reviews", [review(each, opened_at.isoformat(), 1) for each in (*cases, "missed")])
    house.publish("cases.events", [event(each, "replied", at) for each in cases])
    others = [event(f"q{number}", "replied", now.isoformat(), note="x" * 1500) for number in range(8000)]
    house.publish("cases.events", others)
    house.publish("cases.events", [event(each, "called_back", at) for each in cases])
    worker = house.start()
    until("the missed callback is told of", lambda: "callback_overdue:missed" in house.latest("alerts"))
    house.settle(worker)
    told = {alert_id for alert_id in house.latest("alerts") if alert_id.startswith("callback_overdue")}
    assert told == {"callback_overdue:missed"}
    on_time = {row["case_id"]: row["callback_on_time"] for row in worker.view("bi_cases")}
    assert on_time == dict.fromkeys(cases, True) | {"missed": False}


def test_on_the_wall_clock_a_deadline_fires_when_its_moment_comes(new_house: Make) -> None:
    house = new_house()  # HCP_CLOCK=wall is the default
    furnish(house)
    worker = house.start()
    opened_at = datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=6)
    house.publish("reviews", [review("bad", opened_at.isoformat(), 1)])
    alerts = until("the case is open", lambda: house.latest("cases") and house.latest("alerts"))
    assert alerts["callback_due_soon:bad"]["state"] == "firing"
    assert "callback_overdue:bad" not in alerts
    alert = until("the deadline has passed", lambda: house.latest("alerts").get("callback_overdue:bad"))
    due = opened_at + timedelta(days=1)
    assert datetime.fromisoformat(alert["raised_at"]) == due
    assert datetime.fromisoformat(alert["detected_at"]) > due
    assert house.latest("alerts")["callback_due_soon:bad"]["resolution"] == "overdue"
    assert house.latest("cases")["bad"]["callback_on_time"] is False

    until(
        "that it was announced is remembered",
        lambda: any(b"callback_overdue:bad" in record.key for record in house.read("haochaping-rectify-changelog")),
    )
    worker.kill()  # from here on a restart does not announce it again, and still resolves it
    worker = house.start()
    house.publish("cases.events", [event("bad", "called_back", datetime.now(UTC).isoformat())])
    resolved = until(
        "the alert is resolved",
        lambda: (a := house.latest("alerts")["callback_overdue:bad"])["state"] == "resolved" and a,
    )
    assert resolved["resolution"] == "done_late"
    assert resolved["detected_at"] == alert["detected_at"]
    assert resolved["version"] > alert["version"]
