"""Events: anybody may listen, so they hear no more than the board needs, and only so many may."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from streams.web import stream
from streams.web.stream import EventStream

REVIEW = {
    "review_id": "r1",
    "occurred_at": "2026-05-12T09:30:00+08:00",
    "received_at": "2026-05-12T09:30:00+08:00",
    "rating": 1,
    "channel": "window",
    "hall_name": "石化",
    "window_name": "3 号窗口",
    "department_name": "人社局",
    "service_name": "社保卡申领",
    "categories": ["attitude"],
}
NOT_TOLD = {
    "case_no": "BJ-1",
    "reviewer_key": "5e1f",
    "comment": "态度差",
    "tags": ["态度差"],
    "staff_id": "S1",
    "staff_name": "王某",
    "measure": "约谈",
}


@pytest.fixture
async def events() -> EventStream:
    return EventStream()


@pytest.fixture
async def url(events: EventStream) -> AsyncIterator[str]:
    application = web.Application()
    application.router.add_get("/api/stream", events.serve)
    runner = web.AppRunner(application, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/stream"
    await runner.cleanup()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as opened:
        yield opened


async def heard(response: aiohttp.ClientResponse) -> tuple[str, Any]:
    """The next event: its kind, its data."""
    kind = ""
    async for line in response.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            return kind, orjson.loads(value)
    raise AssertionError("the stream ended")


async def test_of_an_event_only_what_the_board_needs_is_told(
    events: EventStream, url: str, session: aiohttp.ClientSession
) -> None:
    case = {"case_id": "r1", "state": "open", "callback_due": "2026-05-13T09:30:00+08:00"}
    alert = {"alert_id": "trend:queue:2026-W20", "severity": "warning", "state": "firing", "title": "排队时间长上升"}
    async with session.get(url) as response:
        assert (await response.content.readline()).startswith(b":")
        events.publish("bad_review", REVIEW | NOT_TOLD)
        events.publish("case", orjson.Fragment(orjson.dumps(case | NOT_TOLD)))  # as agents give it
        events.publish("alert", orjson.Fragment(orjson.dumps(alert | NOT_TOLD | {"review_ids": ["r1"]})))
        found = [await heard(response) for _ in range(3)]
    assert found == [("bad_review", REVIEW), ("case", case), ("alert", alert)]


async def test_who_comes_when_enough_listen_is_told_so_until_one_goes(
    events: EventStream, url: str, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_LISTENERS", 2)
    first, second = await session.get(url), await session.get(url)
    async with session.get(url) as refused:
        assert (refused.status, refused.headers["Retry-After"]) == (503, "15")
        assert "2 listen already" in (await refused.json())["error"]
    first.close()
    async with asyncio.timeout(20):
        while (third := await session.get(url)).status != 200:
            third.close()
            await asyncio.sleep(0.05)
    events.publish("bad_review", REVIEW)
    for listener in (second, third):
        assert await heard(listener) == ("bad_review", REVIEW)
        listener.close()
