"""The worker's HTTP port against readers who want much and take little, over the embedded database."""

import asyncio
import csv
import gzip
import io
import logging
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson
import pytest

from sinks.base import BLOCK
from sinks.embedded import EmbeddedSink
from sinks.schema import migrate
from streams.metrics import Metrics
from streams.runtime.sink_writer import SinkWriter
from streams.settings import Settings
from streams.web import server, views
from streams.web.server import WebServer
from streams.web.stream import EventStream
from tests.house import free_port
from tests.integration.sink_suite import START, fact, rows

NUMBER = BLOCK + 1
COMMENT = "排队太久，" * 400  # so that all of them are more than the network takes unread
ALL = f"/api/views/bi_reviews?limit={NUMBER}"


@pytest.fixture
async def sink(tmp_path: Path) -> AsyncIterator[SinkWriter]:
    opened = SinkWriter(f"chdb://{tmp_path}/clickhouse", Metrics())
    await opened.open()

    def fill(sink: Any) -> None:
        migrate(sink, zone="Asia/Shanghai", repeat_window_days=90)
        sink.insert("reviews", rows("reviews", *(fact(number, START, comment=COMMENT) for number in range(NUMBER))))

    await opened.read(fill)
    yield opened
    opened.close()


@pytest.fixture
async def goes_on(sink: SinkWriter) -> AsyncIterator[threading.Event]:
    """The sink answers nobody until this is set."""
    event = threading.Event()
    held = asyncio.create_task(sink.read(lambda _: event.wait()))
    await asyncio.sleep(0)
    yield event
    event.set()
    await held


@pytest.fixture
async def port(sink: SinkWriter) -> AsyncIterator[int]:
    worker: Any = SimpleNamespace(settings=Settings(http_port=free_port()), sink=sink, events=EventStream())
    web = WebServer(worker)
    await web.start()
    yield worker.settings.http_port
    await web.stop()


@pytest.fixture
async def ask(port: int) -> AsyncIterator[Callable[..., Awaitable[tuple[int, Any, bytes]]]]:
    """Asks for a path: status, headers, body as it came."""
    timeout = aiohttp.ClientTimeout(60)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", auto_decompress=False, timeout=timeout) as session:

        async def get(path: str, encoding: str = "identity", method: str = "GET") -> tuple[int, Any, bytes]:
            async with session.request(method, path, headers={"Accept-Encoding": encoding}) as response:
                return response.status, response.headers, await response.read()

        yield get


Ask = Callable[..., Awaitable[tuple[int, Any, bytes]]]


def one_who_reads_nothing(port: int, path: str) -> socket.socket:
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.connect(("127.0.0.1", port))
    reader.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return reader


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(600):
        if await check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that")


def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the database is asked for from now on."""
    asked: list[str] = []
    blocks = EmbeddedSink.blocks

    def noting(sink: EmbeddedSink, sql: str) -> Any:
        asked.append(sql)
        return blocks(sink, sql)

    monkeypatch.setattr(EmbeddedSink, "blocks", noting)
    return asked


async def test_packed_or_not_an_answer_is_the_same(ask: Ask) -> None:
    _, headers, plain = await ask(ALL)
    assert int(headers["Content-Length"]) == len(plain) and "Content-Encoding" not in headers
    assert {row["review_id"] for row in orjson.loads(plain)} == {f"r{number}" for number in range(NUMBER)}
    _, headers, packed = await ask(ALL, "gzip, deflate, br")
    assert headers["Content-Encoding"] == "gzip" and len(packed) < len(plain) / 5
    assert gzip.decompress(packed) == plain
    status, headers, nothing = await ask(ALL, method="HEAD")
    assert (status, int(headers["Content-Length"]), nothing) == (200, len(plain), b"")
    _, headers, text = await ask(f"{ALL}&format=excel")
    assert 'filename="bi_reviews.csv"' in headers["Content-Disposition"]
    assert len(list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))) == NUMBER


async def test_no_limit_is_beyond_the_bound_and_none_is_refused(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_ROWS", 3)
    for limit, number, truncated in (("2", 2, "true"), ("999999999", 3, "true"), ("1000000000000", 3, "true")):
        status, headers, body = await ask(f"/api/views/bi_reviews?limit={limit}")
        assert (status, len(orjson.loads(body)), headers.get("Haochaping-Truncated")) == (200, number, truncated)
    monkeypatch.setattr(views, "MOST_ROWS", NUMBER)
    assert "Haochaping-Truncated" not in (await ask("/api/views/bi_reviews?limit=999999999"))[1]


async def test_of_many_reads_some_wait_and_the_others_are_told_to_come_again(
    sink: SinkWriter, goes_on: threading.Event, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_WAITING", 2)
    monkeypatch.setattr(views, "LONGEST_WAIT", 60.0)
    asked = [asyncio.create_task(ask("/api/views/bi_reviews?limit=1")) for _ in range(6)]
    for refused in islice(asyncio.as_completed(asked), 3):  # one is read, two wait
        status, headers, body = await refused
        assert (status, headers["Retry-After"]) == (503, "60")
        assert "2 reads wait already" in orjson.loads(body)["error"]
    goes_on.set()
    assert sorted([(await task)[0] for task in asked]) == [200] * 3 + [503] * 3
    assert sink.up  # the database is well


async def test_nobody_waits_for_long(goes_on: threading.Event, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "LONGEST_WAIT", 0.2)
    first = asyncio.create_task(ask("/api/views/bi_reviews?limit=1"))
    await asyncio.sleep(0)
    status, headers, body = await ask("/api/views/bi_daily")
    assert status == 503 and "Retry-After" in headers and "ask again" in orjson.loads(body)["error"]
    goes_on.set()
    assert (await first)[0] == 200


async def test_what_nobody_waits_for_any_more_is_not_read(
    goes_on: threading.Event, port: int, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_for(monkeypatch)
    gone = [one_who_reads_nothing(port, f"{ALL}&dimension=hall&member_id=H{number}") for number in range(3)]
    assert (await ask("/healthz"))[0] == 200  # they are heard by now
    for reader in gone:
        reader.close()
    assert (await ask("/healthz"))[0] == 200  # and known to have gone
    goes_on.set()
    assert (await ask("/api/views/bi_reviews?limit=1"))[0] == 200
    assert len(asked) == 1


async def test_who_does_not_read_is_cut_off_and_meanwhile_only_small_answers_are_given(
    port: int, ask: Ask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(views, "ROOM", 2 * len((await ask(ALL, "gzip"))[2]))

    async def refused() -> bool:
        status, headers, body = await ask(ALL, "gzip")
        assert status == 200 or ("Retry-After" in headers and "fewer rows" in orjson.loads(body)["error"])
        return status == 503

    async def given() -> bool:
        return not await refused()

    with one_who_reads_nothing(port, ALL):
        await until(refused)
        assert (await ask("/api/views/bi_reviews?limit=10"))[0] == 200
    await until(given)  # it went by itself
    monkeypatch.setattr(views, "LONGEST_PIECE", 0.2)
    with one_who_reads_nothing(port, ALL):
        assert (await ask("/api/views/bi_reviews?limit=10"))[0] == 200  # read after the other's
        await until(given)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_connection_that_asks_nothing_is_closed(sink: SinkWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LONGEST_IDLE", 0.2)
    worker: Any = SimpleNamespace(settings=Settings(http_port=free_port()), sink=sink, events=EventStream())
    web = WebServer(worker)
    await web.start()
    try:
        for sent in (b"", b"GET / HTTP/1.1\r\nHost:", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", worker.settings.http_port)
            writer.write(sent)
            async with asyncio.timeout(20):
                await reader.read()
            writer.close()
    finally:
        await web.stop()


async def test_whoever_holds_many_connections_keeps_nobody_out(
    sink: SinkWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 10)
    worker: Any = SimpleNamespace(settings=Settings(http_port=free_port()), sink=sink, events=EventStream())
    web = WebServer(worker)
    await web.start()
    port, held = worker.settings.http_port, []
    try:
        for sent in [b"", b"GET /api/stream HTTP/1.1\r\nHost: x\r\n\r\n"] * 20:
            held.append(await asyncio.open_connection("127.0.0.1", port))
            held[-1][1].write(sent)
            await asyncio.sleep(0.01)
            async with aiohttp.request("GET", f"http://127.0.0.1:{port}/healthz") as answer:
                assert answer.status == 200
        for reader, _ in held[:-10]:
            async with asyncio.timeout(5):
                await reader.read()  # to its end
    finally:
        for _, writer in held:
            writer.close()
        await web.stop()


async def test_a_stream_has_no_head(ask: Ask) -> None:
    """It would be an answer without an end, and a listener who hears nothing."""
    status, _, _ = await ask("/api/stream", method="HEAD")
    assert status == 405


async def test_a_page_that_says_our_address_is_its_own_reads_nothing(port: int) -> None:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        for host, wanted in (
            (f"rebound.example:{port}", 421),
            (f"Rebound.Example.:{port}", 421),
            (f"localhost.rebound.example:{port}", 421),
            (f"127.0.0.1:{port}", 200),
            (f"localhost:{port}", 200),
            (f"board.localhost:{port}", 200),
            (f"[::1]:{port}", 200),
            (f"w1:{port}", 200),
            ("board.district.example", 200),  # what a proxy was asked
            ("board.district.example:8443", 200),
        ):
            async with session.get("/api/views/bi_reconcile", headers={"Host": host}) as response:
                assert (host, response.status) == (host, wanted)


async def test_who_names_no_host_is_answered_without_a_look_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As HAProxy asks."""
    monkeypatch.setattr(socket, "getfqdn", lambda *_: pytest.fail("a name was looked up"))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    async with asyncio.timeout(20):
        assert b" 200 OK" in await reader.readline()
    writer.close()


async def test_whom_the_network_reaches_may_have_any_name(sink: SinkWriter) -> None:
    settings = Settings(http_port=free_port(), http_host="0.0.0.0")
    worker: Any = SimpleNamespace(settings=settings, sink=sink, events=EventStream())
    web = WebServer(worker)
    await web.start()
    try:
        asked = f"127.0.0.1:{settings.http_port}", {"Host": f"w1.district.example:{settings.http_port}"}
        async with aiohttp.request("GET", f"http://{asked[0]}/healthz", headers=asked[1]) as answer:
            assert answer.status == 200
    finally:
        await web.stop()


async def test_answers_are_in_nobodys_frame_and_do_not_tell_what_gives_them(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("/", "/static/board.js", "/healthz", "/api/views/bi_daily", "/api/views/none", "/none"):
        _, headers, _ = await ask(path)
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == "no-cache"
        assert "ython" not in headers["Server"]
    status, headers, _ = await ask("/" + "a" * 20_000)
    assert status == 400 and "ython" not in headers["Server"]
    status, _, _ = await ask("/static/" + "a" * 5000)
    assert status == 404
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []  # anybody can send that
