"""The board in a real browser: the real files and event stream, with views that answer from test data.

Needs Debian's `chromium` (and `fonts-noto-cjk` to look at), and playwright from PyPI, which drives it.
"""

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from streams.web import stream

playwright = pytest.importorskip(
    "playwright.async_api", reason="the board's tests need playwright: pip install playwright"
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(CHROMIUM is None, reason="the board's tests need a browser: apt-get install chromium"),
]

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STATIC = Path(stream.__file__).parent / "static"
CHINA = timezone(timedelta(hours=8))
COMMENT = "<script>window.stolen = 1</script><img src=x onerror='window.stolen = 2'>态度差"

Json = dict[str, Any]
expect = playwright.expect


class District:
    """Test data around one instant, as the views give it: 10 days, three halls, a person with two bad reviews."""

    def __init__(self, now: datetime) -> None:
        self.now = now.astimezone(CHINA).replace(microsecond=0)
        first = self.now.date().replace(day=1)  # one month of one year, whatever day it is
        self.days = sorted({str(max(first, (self.now - timedelta(days=ago)).date())) for ago in range(10)})
        self.daily = {
            "district": [self.daily_row(day, "district", "all", "", 1000, 1) for day in self.days],
            "hall": [
                self.daily_row(day, "hall", hall, name, reviews, bad)
                for day in self.days
                for hall, name, reviews, bad in (("h1", "石化", 400, 1), ("h2", "朱泾", 500, 0), ("", "", 100, 0))
            ],
            "category": [self.daily_row(self.days[-1], "category", "attitude", "态度差", 2, 2)],
            "channel": [
                self.daily_row(day, "channel", channel, "", reviews, 0)
                for day in self.days
                for channel, reviews in (("window", 700), ("qr", 200), ("web", 100))
            ],
        }
        self.cases = [
            self.case("r1", hours=-60, state="closed", called=-55, rectified=-20, replied=-20),
            self.case("r2", hours=-2, comment=COMMENT),
            self.case("r3", hours=-30, comment="等了一个多小时", categories=["queue"], cause="process"),
        ]
        self.alerts = [
            self.alert("callback_overdue:r3", hours=-6, case_id="r3", review_ids=["r3"], title="差评回访逾期:石化"),
            self.alert(
                "repeat_staff:s1:r2", hours=-2, review_ids=["r1", "r2"], title="窗口人员王某 90 天内第 2 次差评"
            ),
            self.alert("callback_due_soon:r9", hours=-1, severity="info", title="差评待回访"),
            self.alert(
                "repeat_category:h1:queue:r0",
                hours=-900,
                severity="warning",
                state="resolved",
                resolution="handled",
                resolved_at=self.at(-850),
                title="石化“排队时间长”复发",
            ),
        ]
        month = {"month": f"{self.days[-1][:7]}-01"}
        monday = str(self.now.date() - timedelta(days=self.now.weekday()))
        self.views: dict[str, list[Json]] = {
            "bi_cases": self.cases,
            "bi_alerts": self.alerts,
            "bi_timeliness": [
                month
                | {"department_id": "d1", "department_name": "人社局", "cases": 5, "dismissed": 1}
                | {"called_back_on_time": 3, "callback_rate": 0.75, "rectified_on_time": 2, "rectify_rate": 1.0},
                month
                | {"department_id": "", "department_name": "", "cases": 9, "dismissed": 0}
                | {"called_back_on_time": 0, "callback_rate": None, "rectified_on_time": 0, "rectify_rate": None},
            ],
            "bi_recurrence": [
                month | {"hall_id": "h1", "hall_name": "石化", "category": "queue", "bad": 4, "recurrences": 1}
            ],
            "bi_category_trend": [
                {"week": monday, "category": "attitude", "bad": 6, "share": 0.5, "expected": 1.2, "p": 0.001}
            ],
        }

    def at(self, hours: float | None) -> str | None:
        """An instant so many hours from now."""
        return None if hours is None else (self.now + timedelta(hours=hours)).isoformat()

    @staticmethod
    def daily_row(day: str, dimension: str, member: str, name: str, reviews: int, bad: int) -> Json:
        row = {"day": day, "dimension": dimension, "member_id": member, "member_name": name}
        return row | {"reviews": reviews, "bad": bad, "bad_rate": bad / reviews, "three_match": reviews}

    def case(self, case_id: str, hours: float, **fields: Any) -> Json:
        called, rectified, replied = (self.at(fields.pop(name, None)) for name in ("called", "rectified", "replied"))
        return {
            "case_id": case_id,
            "occurred_at": self.at(hours),
            "opened_at": self.at(hours),
            "callback_due": self.at(hours + 24),
            "rectify_due": self.at(hours + 120),
            "called_back_at": called,
            "rectified_at": rectified,
            "replied_at": replied,
            "dismissed_at": None,
            "extended_at": None,
            "state": "open",
            "callback_on_time": None if called is None and hours > -24 else called is not None,
            "rectify_on_time": None if rectified is None else True,
            "department_name": "人社局",
            "hall_name": "石化街道社区事务受理服务中心",
            "window_name": "3 号窗口",
            "staff_name": "王某",
            "service_name": "社保卡申领",
            "channel": "window",
            "rating": 1,
            "categories": ["attitude"],
            "cause": "conduct",
            "comment": None,
            "measure": None,
        } | fields

    def alert(self, alert_id: str, hours: float, **fields: Any) -> Json:
        raised = self.at(hours)
        return {
            "alert_id": alert_id,
            "kind": alert_id.split(":")[0],
            "severity": "critical",
            "state": "firing",
            "resolution": None,
            "raised_at": raised,
            "detected_at": raised,
            "resolved_at": None,
            "case_id": None,
            "category": None,
            "count": 1,
            "review_ids": [],
            "cause": "conduct",
            "title": "",
            "title_en": f"In English: {alert_id}",
        } | fields


class Worker:
    """The worker's HTTP port without the worker: the routes of CONTRACT §7 that the board reads."""

    def __init__(self, district: District) -> None:
        self.district = district
        self.events = stream.EventStream()
        self.readiness: Json = {"ready": True, "lag": 12, "idle": False}
        self.broken: dict[str, str] = {}  # view: error of a 503
        self.asked: list[str] = []
        self._port = 0
        self._runner: web.AppRunner | None = None
        self.listeners: list[web.Request] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/"

    async def start(self) -> None:
        """Listen; after a stop on the same port as before."""
        application = web.Application()
        application.router.add_get("/", self._board)
        application.router.add_static("/static", STATIC)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/api/views/{view}", self._view)
        application.router.add_get("/api/stream", self._stream)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def break_streams(self) -> None:
        """As a proxy does that tires of a long answer."""
        for request in self.listeners:
            if request.transport is not None:
                request.transport.close()
        self.listeners.clear()

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.listeners.append(request)
        return await self.events.serve(request)

    async def _board(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "board.html")

    async def _readyz(self, request: web.Request) -> web.Response:
        return web.json_response(self.readiness, status=200 if self.readiness["ready"] else 503)

    async def _view(self, request: web.Request) -> web.Response:
        view = request.match_info["view"]
        self.asked.append(view)
        if view in self.broken:
            return web.json_response({"error": self.broken[view]}, status=503)
        if view == "bi_daily":
            rows = self.district.daily[request.query["dimension"]]
            return web.json_response([row for row in rows if row["day"] >= request.query.get("day_from", "")])
        if view not in self.district.views:
            return web.json_response({"error": f"no view {view!r}"}, status=400)
        return web.json_response(self.district.views[view])


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    started = Worker(District(datetime.now(UTC)))
    await started.start()
    yield started
    await started.stop()


Open = Callable[..., Awaitable[Any]]


@pytest.fixture
async def open_board(worker: Worker, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the board; at the end of the test no error was logged, and nobody but the worker was asked for anything."""
    complaints: list[str] = []
    foreign: list[str] = []
    tolerated: list[str] = []

    async with playwright.async_playwright() as driver:
        context = await driver.chromium.launch_persistent_context(
            str(tmp_path / "profile"), executable_path=CHROMIUM, args=FLAGS, viewport={"width": 1280, "height": 800}
        )

        async def open_page(tolerate: str | None = None, width: int = 1280, height: int = 800) -> Any:
            if tolerate:
                tolerated.append(tolerate)
            page = await context.new_page()
            await page.set_viewport_size({"width": width, "height": height})
            page.on("console", lambda it: complaints.append(it.text) if it.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda it: None if it.url.startswith(worker.url) else foreign.append(it.url))
            await page.goto(worker.url)
            return page

        yield open_page
        await context.close()
    assert foreign == []
    assert [text for text in complaints if not any(re.search(each, text) for each in tolerated)] == []


def figure(page: Any, name: str) -> Any:
    return page.locator(f"[data-figure={name}] .value")


async def test_figures_are_the_views_added_up(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    days = len(worker.district.days)
    await expect(figure(page, "reviews")).to_have_text(f"{days * 1000:,}")
    await expect(figure(page, "bad")).to_have_text(str(days))
    await expect(figure(page, "bad-rate")).to_have_text("0.10%")
    await expect(figure(page, "three-match")).to_have_text("100%")
    await expect(figure(page, "callback")).to_have_text("75.0%")
    await expect(figure(page, "rectify")).to_have_text("100%")
    await expect(page.locator("[data-figure=callback] .note")).to_contain_text("3 / 4 件")
    await expect(page.locator("#link")).to_contain_text("实时 live")
    await expect(page.locator("#lag")).to_contain_text("积压 12 条")


async def test_firing_alerts_come_gravest_first_with_their_reviews(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    alerts = page.locator("#alerts-list .alert")
    await expect(alerts).to_have_count(3)
    await expect(page.locator("#alerts-count .badge")).to_have_text(["严重 2 critical", "提醒 1 reminder"])
    severities = await alerts.evaluate_all("nodes => nodes.map((node) => node.dataset.severity)")
    assert severities == ["critical", "critical", "info"]
    repeat = page.locator('[data-alert="repeat_staff:s1:r2"]')
    await expect(repeat.locator("h3")).to_have_text("窗口人员王某 90 天内第 2 次差评")
    await expect(repeat).to_contain_text("In English: repeat_staff:s1:r2")
    await repeat.locator("summary").click()
    await expect(repeat.locator(".reviews li")).to_have_count(2)
    await expect(repeat.locator(".reviews li").first).to_contain_text("已办结")
    overdue = page.locator('[data-alert="callback_overdue:r3"] .countdown')
    await expect(overdue).to_contain_text("逾期 6 小时")
    await expect(page.locator("#resolved-list .alert")).to_contain_text("石化“排队时间长”复发")
    await page.locator("#resolved-kinds select").select_option("overdue")
    await expect(page.locator("#resolved-list .alert")).to_have_count(0)


async def test_open_cases_count_down_and_the_closed_one_is_not_there(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    cases = page.locator("#cases-list .case")
    await expect(cases).to_have_count(2)
    assert await cases.evaluate_all("nodes => nodes.map((node) => node.dataset.case)") == ["r3", "r2"]
    running = page.locator('[data-case="r2"] .countdown').first
    await expect(running).to_contain_text("剩 21 小时 59 分")
    await expect(page.locator('[data-case="r3"] .countdown').first).to_have_attribute("data-pace", "late")
    await expect(running).to_have_attribute("data-pace", "calm")
    await expect(page.locator("#clock")).to_contain_text("现在")
    worker.readiness["lead_hours"] = {"callback": 22, "rectify": 24}  # as HCP_CALLBACK_LEAD_HOURS says
    await expect(running).to_have_attribute("data-pace", "soon", timeout=10_000)


async def test_a_comment_is_text_whatever_it_holds(worker: Worker, open_board: Open) -> None:
    worker.district.alerts[1]["title"] = COMMENT
    worker.district.daily["hall"][0]["member_name"] = COMMENT
    page = await open_board()
    await expect(page.locator('[data-case="r2"] blockquote')).to_have_text(COMMENT)
    await expect(page.locator('[data-alert="repeat_staff:s1:r2"] h3')).to_have_text(COMMENT)
    assert await page.evaluate("window.stolen") is None
    assert await page.locator("main script, main img").count() == 0


async def test_a_case_is_shown_whatever_its_id(worker: Worker, open_board: Open) -> None:
    ids = ["none", "more", "part:late", "part:today", "__proto__", "constructor"]
    worker.district.cases[:] = [worker.district.case(each, hours=-26) for each in ids]
    page = await open_board()
    await expect(page.locator("#cases-list .case")).to_have_count(len(ids))
    worker.district.cases[0]["called_back_at"] = worker.district.at(-1)
    worker.events.publish("case", {})
    await expect(page.locator('#cases-list [data-case="none"]')).to_contain_text("逾期完成")
    await expect(page.locator("#cases-list .case")).to_have_count(len(ids))


async def test_an_event_brings_a_new_alert_without_a_reload(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    await expect(page.locator("#link")).to_contain_text("实时 live")
    await page.evaluate("window.same = true")
    await page.locator('[data-alert="repeat_staff:s1:r2"] summary').click()
    new = worker.district.alert("rectify_overdue:r8", hours=0, title="差评整改逾期:朱泾")
    worker.district.alerts.append(new)
    worker.events.publish("alert", new)
    await expect(page.locator('[data-alert="rectify_overdue:r8"]')).to_contain_text("差评整改逾期:朱泾")
    assert await page.locator("#announcement").text_content() == "新预警：差评整改逾期:朱泾"
    assert await page.evaluate("window.same")
    worker.district.alerts[1]["title"] = "窗口人员王某 90 天内第 3 次差评"
    worker.events.publish("alert", worker.district.alerts[1])
    repeat = page.locator('[data-alert="repeat_staff:s1:r2"]')
    await expect(repeat.locator("h3")).to_contain_text("第 3 次")
    await expect(repeat.locator("details")).to_have_attribute("open", "")  # as its reader left it
    assert await page.locator("#announcement").text_content() == "新预警：差评整改逾期:朱泾", (
        "one that changed is not new"
    )
    new["state"], new["resolution"], new["resolved_at"] = "resolved", "done_late", worker.district.at(0)
    worker.events.publish("alert", new)
    await expect(page.locator("#resolved-list")).to_contain_text("差评整改逾期:朱泾")
    await expect(page.locator("#alerts-list")).not_to_contain_text("差评整改逾期:朱泾")


async def test_a_flood_of_events_reads_a_view_once_a_second(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    await expect(page.locator("#link")).to_contain_text("实时 live")
    await page.wait_for_timeout(1100)
    worker.asked.clear()
    for _ in range(30):
        worker.events.publish("case", worker.district.cases[0])
        await page.wait_for_timeout(50)
    await page.wait_for_timeout(1100)
    assert 2 <= worker.asked.count("bi_cases") <= 4
    assert "bi_alerts" not in worker.asked


async def test_a_bad_review_moves_the_figures(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    days = len(worker.district.days)
    await expect(figure(page, "bad")).to_have_text(str(days))
    await expect(page.locator("#link")).to_contain_text("实时 live")
    worker.district.daily["district"][-1]["bad"] += 4
    worker.events.publish("bad_review", {"review_id": "r4", "occurred_at": worker.district.at(0)})
    await expect(figure(page, "bad")).to_have_text(str(days + 4))


async def test_a_worker_that_goes_away_is_said_to_be_and_comes_back(worker: Worker, open_board: Open) -> None:
    page = await open_board(tolerate="ERR_|Failed to load resource")
    await expect(page.locator("#link")).to_contain_text("实时 live")
    await worker.stop()
    await expect(page.locator("#link")).to_contain_text("已断开", timeout=15_000)
    await expect(page.locator("#trouble")).to_contain_text("连不上工作进程")
    await expect(page.locator("#alerts-list .alert")).to_have_count(3)  # what was known stays
    worker.district.alerts.append(worker.district.alert("trend:queue:2026-W35", hours=0, title="期间的趋势"))
    await worker.start()
    await expect(page.locator("#link")).to_contain_text("实时 live", timeout=30_000)
    await expect(page.locator("#alerts-list")).to_contain_text("期间的趋势")
    await expect(page.locator("#trouble")).to_be_hidden()


@pytest.mark.parametrize("answer", [{"status": 401}, {"status": 302, "headers": {"Location": "/login"}}])
async def test_a_log_in_that_has_ended_is_no_worker_that_is_away(
    worker: Worker, open_board: Open, answer: Json
) -> None:
    page = await open_board(tolerate="401")
    await expect(page.locator("#link")).to_contain_text("实时 live")
    for asked in ("**/api/views/**", "**/readyz"):
        await page.route(asked, lambda route: route.fulfill(**answer))
    await expect(page.locator("#link")).to_contain_text("需要重新登录", timeout=10_000)
    await expect(page.locator("#trouble")).to_contain_text("请刷新本页重新登录")
    await page.unroute_all()
    await expect(page.locator("#link")).to_contain_text("实时 live", timeout=15_000)  # logged in elsewhere
    await expect(page.locator("#trouble")).to_be_hidden()


async def test_what_happened_while_the_stream_was_broken_is_shown(worker: Worker, open_board: Open) -> None:
    page = await open_board(tolerate="ERR_")
    await expect(page.locator("#link")).to_have_attribute("data-link", "live")
    worker.break_streams()
    await expect(page.locator("#link")).to_contain_text("实时中断")
    await expect(page.locator("#trouble")).to_be_hidden()  # the views still answer
    worker.district.alerts.append(worker.district.alert("trend:queue:2026-W35", hours=0, title="期间的趋势"))
    await expect(page.locator("#alerts-list")).to_contain_text("期间的趋势", timeout=10_000)
    await expect(page.locator("#link")).to_have_attribute("data-link", "live", timeout=10_000)


async def test_a_page_that_nobody_sees_holds_no_connection(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    await expect(page.locator("#link")).to_have_attribute("data-link", "live")
    seen = """hidden => {
        Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    await page.evaluate(seen, True)
    await page.wait_for_timeout(500)
    assert [listener.transport for listener in worker.listeners] == [None]
    worker.district.alerts.append(worker.district.alert("trend:queue:2026-W35", hours=0, title="期间的趋势"))
    worker.asked.clear()
    await page.wait_for_timeout(6000)
    assert worker.asked == []
    await page.evaluate(seen, False)
    await expect(page.locator("#alerts-list")).to_contain_text("期间的趋势")
    await expect(page.locator("#link")).to_have_attribute("data-link", "live")


async def test_what_another_worker_did_is_shown_though_this_one_tells_nothing_of_it(
    worker: Worker, open_board: Open
) -> None:
    page = await open_board()
    await expect(page.locator("#link")).to_have_attribute("data-link", "live")
    worker.district.alerts.append(worker.district.alert("trend:queue:2026-W35", hours=0, title="别处的趋势"))
    await expect(page.locator("#alerts-list")).to_contain_text("别处的趋势", timeout=20_000)
    assert await page.locator("#announcement").text_content() == "新预警：别处的趋势"


async def test_many_new_alerts_are_announced_in_one_sentence(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    await expect(page.locator("#link")).to_have_attribute("data-link", "live")
    await expect(page.locator("#alerts-list .alert")).to_have_count(3)
    many = [
        worker.district.alert(f"callback_overdue:n{number}", hours=0, title=f"第 {number} 件") for number in range(200)
    ]
    worker.district.alerts.extend(many)
    for alert in many:
        worker.events.publish("alert", alert)
    await expect(page.locator("#announcement")).to_have_text("新预警 200 条，其一：第 0 件")


async def test_the_keyboard_stays_on_an_alert_that_changes_or_moves(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    overdue, repeat = worker.district.alerts[:2]
    summary = page.locator('[data-alert="repeat_staff:s1:r2"] summary')
    await summary.focus()
    repeat["title"] = "窗口人员王某 90 天内第 3 次差评"
    worker.events.publish("alert", repeat)
    await expect(page.locator("#alerts-list")).to_contain_text("第 3 次")
    await expect(summary).to_be_focused()
    overdue |= {"state": "resolved", "resolution": "done_late", "resolved_at": worker.district.at(0)}
    worker.events.publish("alert", overdue)
    await expect(page.locator("#alerts-list .alert")).to_have_count(2)
    await expect(summary).to_be_focused()
    new = worker.district.alert("callback_overdue:r8", hours=-9, title="更早到期")
    worker.district.alerts.append(new)
    repeat["title"] = "窗口人员王某 90 天内第 4 次差评"
    worker.events.publish("alert", new)
    await expect(page.locator("#alerts-list .alert").nth(1)).to_contain_text("第 4 次")
    await expect(summary).to_be_focused()


async def test_what_is_the_same_is_left_alone(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    await expect(page.locator("#link")).to_have_attribute("data-link", "live")
    await page.wait_for_timeout(1100)
    parts = [
        "[data-figure=reviews]",
        "#halls-list table",
        "#categories-list table",
        "#trend-chart svg",
        "#recurrence-chart ol",
    ]
    await page.evaluate("parts => window.before = parts.map((part) => document.querySelector(part))", parts)
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('[data-figure=reviews] .value'))")
    worker.asked.clear()
    worker.events.publish("bad_review", {})
    worker.events.publish("case", {})
    await page.wait_for_timeout(6000)
    assert {"bi_daily", "bi_cases", "bi_timeliness", "bi_recurrence", "bi_category_trend"} <= set(worker.asked)
    assert await page.evaluate("before.map((part) => part.isConnected)") == [True] * len(parts)
    assert await page.evaluate("String(getSelection())") == f"{len(worker.district.days) * 1000:,}"


async def test_a_recovering_worker_and_a_view_that_fails_are_said_to(worker: Worker, open_board: Open) -> None:
    worker.readiness = {"ready": False, "lag": 41_000, "idle": False}
    worker.broken["bi_cases"] = "the database does not answer"
    page = await open_board(tolerate="503")
    await expect(page.locator("#link")).to_contain_text("恢复中")
    await expect(page.locator("#lag")).to_contain_text("积压 41,000 条")
    worker.readiness = {"ready": True, "lag": 0, "idle": True}
    await expect(page.locator("#trouble")).to_contain_text("读取失败：差评办理 bi_cases", timeout=15_000)
    await expect(page.locator("#trouble [lang=en]")).to_contain_text("the database does not answer")
    await expect(page.locator("#link")).to_contain_text("读取失败")
    await expect(figure(page, "reviews")).not_to_have_text("…")  # of what was read
    await expect(figure(page, "callback")).to_have_text("…")
    await expect(page.locator("#cases-list")).to_be_empty()
    worker.broken.clear()
    await expect(page.locator("#trouble")).to_be_hidden(timeout=15_000)
    await expect(page.locator("#link")).to_contain_text("实时 live")
    await expect(page.locator("#cases-list .case")).to_have_count(2)


async def test_nothing_is_said_of_data_that_have_not_come(worker: Worker, open_board: Open) -> None:
    worker.broken = dict.fromkeys(["bi_daily", "bi_alerts", "bi_recurrence"], "the database does not answer")
    page = await open_board(tolerate="503")
    await expect(page.locator("#trouble")).to_contain_text("每日评价 bi_daily")
    await expect(page.locator("#trouble")).to_contain_text("复发率 bi_recurrence")
    await expect(page.locator("#cases-list .case")).to_have_count(2)
    for drawn in ("#trend-chart", "#recurrence-chart", "#alerts-list", "#halls-list", "#categories-list"):
        await expect(page.locator(drawn)).to_be_empty()
    await expect(figure(page, "bad")).to_have_text("…")
    await expect(figure(page, "callback")).to_have_text("75.0%")


async def test_seven_days_are_days_whether_or_not_there_are_reviews(worker: Worker, open_board: Open) -> None:
    district = worker.district = District(datetime(2025, 12, 31, 20, tzinfo=CHINA))
    district.alerts[2]["detected_at"] = district.at(0)
    worker.readiness["clock"] = "event"
    district.daily["district"] = [
        district.daily_row(f"2025-12-{day}", "district", "all", "", 1000, 1) for day in (15, 18, 21, 24, 25, 28, 31)
    ]
    page = await open_board()
    await expect(page.locator("[data-figure=bad] .note").first).to_have_text("近 7 天 3 条 last 7 days")


async def test_a_screen_whose_clock_is_ahead_does_not_begin_the_new_year(worker: Worker, open_board: Open) -> None:
    district = worker.district
    ahead = district.daily_row(f"{district.now.year + 1}-01-01", "district", "all", "", 1, 1)
    district.daily["district"].append(ahead)
    worker.readiness["clock"] = "wall"
    page = await open_board()
    days = len(district.days)
    await expect(figure(page, "reviews")).to_have_text(f"{days * 1000 + 1:,}")
    await expect(page.locator("[data-figure=reviews] .note")).to_have_text("最近一天 1,000 条 last day")
    await expect(page.locator("[data-figure=bad] .note").first).to_have_text(f"近 7 天 {min(days, 7)} 条 last 7 days")


async def test_no_review_yet(worker: Worker, open_board: Open) -> None:
    worker.district.daily = {dimension: [] for dimension in worker.district.daily}
    worker.district.views = {view: [] for view in worker.district.views}
    elsewhere = datetime.now(UTC).astimezone(timezone(timedelta(hours=-9)))
    worker.readiness |= {"clock": "wall", "now": elsewhere.isoformat()}
    page = await open_board()
    hours = "|".join(f"{elsewhere + timedelta(minutes=late):%m-%d %H:}" for late in (0, 1))  # the district's
    await expect(page.locator("#clock")).to_contain_text(re.compile(hours))
    await expect(page.locator("#empty")).to_contain_text("还没有评价")
    await expect(page.locator("#alerts-list")).to_contain_text("目前没有预警")
    await expect(figure(page, "callback")).to_have_text("—")


async def test_rankings_and_recurrence(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    attitude = page.locator('#categories-list [data-member="attitude"]')
    await expect(attitude).to_contain_text(f"{200 / len(worker.district.days):.1f}%")
    await expect(attitude).to_contain_text("本周 6 条，此前每周 1.2 条")
    halls = page.locator("#halls-list tbody th")
    await expect(halls).to_have_text(["石化", "朱泾", "非大厅渠道 no hall"])
    await expect(page.locator("#recurrence-chart li")).to_contain_text("25%")


async def test_a_rise_is_marked_in_its_own_week_only(worker: Worker, open_board: Open) -> None:
    rise = worker.district.views["bi_category_trend"][0]
    rise["week"] = str(date.fromisoformat(rise["week"]) - timedelta(days=7))  # the newest there is, yet over
    page = await open_board()
    await expect(page.locator('#categories-list [data-member="attitude"]')).to_contain_text("态度差")
    await expect(page.locator("#link")).to_contain_text("实时 live")
    await expect(page.locator("#categories-list .rise")).to_have_count(0)
    rise["week"] = str(date.fromisoformat(rise["week"]) + timedelta(days=7))
    worker.events.publish("bad_review", {})
    await expect(page.locator("#categories-list .rise")).to_have_count(1, timeout=10_000)


async def test_figures_tell_the_dismissed_and_expect_no_window_of_online_reviews(
    worker: Worker, open_board: Open
) -> None:
    days = len(worker.district.days)
    unmatched = {"window": 90, "qr": 0, "web": 100}  # of 700, 200 and 100: every online review
    for row in worker.district.daily["channel"]:
        row["three_match"] -= unmatched[row["member_id"]]
    for row in worker.district.daily["district"]:
        row["three_match"] -= 190
    page = await open_board()
    matched = page.locator("[data-figure=three-match]")
    await expect(matched.locator(".note")).to_have_text(f"厅内未对应 {90 * days} 条 unmatched")
    await expect(matched.locator(".value")).to_have_text("90.0%")
    bad = page.locator("[data-figure=bad] .note")
    await expect(bad).to_have_count(1)
    worker.district.cases[0] |= {"state": "dismissed", "dismissed_at": worker.district.at(-1)}
    worker.district.cases[0]["occurred_at"] = f"{worker.district.days[0]}T00:00:00+08:00"
    worker.events.publish("case", worker.district.cases[0])
    await expect(bad.last).to_have_text("其中核实不成立 1 条 dismissed")
    for panel in ("categories", "halls"):
        await expect(page.locator(f".panel.{panel} > header")).to_contain_text("含核实不成立")
    await expect(page.locator(".panel.recurrence")).to_contain_text("按“类别·条”计")


async def test_times_are_the_districts_whatever_zone_the_worker_tells_the_time_in(
    worker: Worker, open_board: Open
) -> None:
    page = await open_board()
    await expect(page.locator("#alerts-list .alert")).to_have_count(3)
    worker.readiness |= {"clock": "wall", "now": datetime.now(UTC).isoformat(), "lag": 99}
    await expect(page.locator("#lag")).to_contain_text("99", timeout=10_000)
    clock = page.locator("#clock")
    await expect(clock).not_to_have_text(await clock.text_content())  # it ticked after that answer
    told = re.search(r"\d{4}-\S+ \S+", await clock.text_content() or "")
    assert told is not None
    assert abs(datetime.fromisoformat(told[0]).replace(tzinfo=CHINA) - datetime.now(UTC)) < timedelta(minutes=1)


def evening(worker: Worker) -> District:
    """A replay at 20:00, so that what ends today and what ends tomorrow are known."""
    worker.district = District(datetime(2025, 8, 20, 20, tzinfo=CHINA))
    worker.district.alerts[2]["detected_at"] = worker.district.at(0)  # now, by the data
    worker.readiness["clock"] = "event"
    return worker.district


async def test_open_cases_say_what_is_late_and_what_ends_today(worker: Worker, open_board: Open) -> None:
    district = evening(worker)
    midnight = district.case("r5", hours=-44, called=-40)
    midnight["rectify_due"] = district.at(4)  # 24:00
    # called back late, rectified late; rectification ends in two hours; and tomorrow
    district.cases[1:] = [
        district.case("r6", hours=-130, called=-120),
        district.case("r3", hours=-30),
        midnight,
        district.case("r4", hours=-118, called=-100),
        district.case("r2", hours=-2),
    ]
    page = await open_board()
    counts = page.locator("#cases-count .badge")
    await expect(counts).to_have_text(
        ["回访逾期 1 callbacks overdue", "整改逾期 1 rectifying overdue", "今日到期 2 due today", "5 件 open"]
    )
    rows = page.locator("#cases-list > li")
    await expect(rows).to_have_count(8)
    assert await rows.evaluate_all("nodes => nodes.map((node) => node.dataset.case ?? node.textContent)") == [
        "逾期 overdue 2 件", "r6", "r3", "今日到期 due today 2 件", "r4", "r5", "其余 later 1 件", "r2"
    ]  # fmt: skip
    await expect(page.locator('[data-case="r5"] .duties')).to_contain_text("08-20 24:00 到期 due")
    await expect(page.locator('[data-case="r5"] .meta')).to_contain_text("人社局")


async def test_alerts_come_by_deadline_and_what_ends_today_before_warnings(worker: Worker, open_board: Open) -> None:
    district = evening(worker)
    again = "repeat_category:h1:queue"
    hall: Json = {"hall_id": "h1", "category": "queue", "severity": "warning"}
    district.cases[1:] = [
        district.case("r2", hours=-2, window_name="5 号窗口"),
        district.case("r4", hours=-118),
        district.case("r7", hours=-98),
    ]
    district.alerts[:] = [
        district.alert("rectify_due_soon:r7", hours=-2, case_id="r7", review_ids=["r7"], severity="info"),
        district.alert("rectify_due_soon:r4", hours=-3, case_id="r4", review_ids=["r4"], severity="info"),
        district.alert("trend:queue:2025-W34", hours=-1, severity="warning"),
        district.alert(f"{again}:r2", hours=-2, review_ids=["r2"], **hall),
        district.alert(f"{again}:r1", hours=-60, review_ids=["r1"], **hall),
        district.alert("repeat_staff:s1:r2", hours=-2, review_ids=["r1", "r2"], window_id="w5", cause="process"),
        district.alert("callback_overdue:r3", hours=-6, detected_at=district.at(0)),
        district.alert("callback_overdue:r8", hours=-30),
    ]
    page = await open_board()
    alerts = page.locator("#alerts-list .alert")
    await expect(alerts).to_have_count(7)
    assert await alerts.evaluate_all("nodes => nodes.map((node) => node.dataset.alert)") == [
        "callback_overdue:r8",
        "callback_overdue:r3",
        "repeat_staff:s1:r2",
        "rectify_due_soon:r4",  # in two hours
        f"{again}:r2",
        "trend:queue:2025-W34",
        "rectify_due_soon:r7",  # tomorrow
    ]
    await expect(page.locator(f'[data-alert="{again}:r2"]')).to_contain_text("另有 1 条同类预警未解除")
    await expect(page.locator("#alerts-count")).to_contain_text("警告 2")
    repeat = page.locator('[data-alert="repeat_staff:s1:r2"]')
    await expect(repeat.locator(".kind")).to_contain_text(
        "5 号窗口 本条：流程问题 this one: process", use_inner_text=True
    )
    await repeat.locator("summary").click()
    await expect(repeat.locator(".reviews li").last).to_contain_text("石化街道社区事务受理服务中心 · 5 号窗口")


async def test_nobody_is_blamed_for_a_queue(worker: Worker, open_board: Open) -> None:
    back: Json = {"relapsed": True, "clean_days": 5, "staff_id": "s1"}
    worker.district.cases[0] |= back | {"cause": "process"}
    worker.district.cases[1] |= back | {"cause": "conduct"}
    worker.district.cases[2] |= back | {"cause": "process", "relapsed": False}
    worker.district.alerts[1]["review_ids"] = ["r1", "r2", "r3"]
    page = await open_board()
    repeat = page.locator('[data-alert="repeat_staff:s1:r2"]')
    await expect(repeat.locator(".cause")).to_have_text("本条：人员服务 this one: conduct")
    await repeat.locator("summary").click()
    process, conduct, clean = (repeat.locator(".reviews li").nth(at) for at in range(3))
    await expect(process).to_contain_text("整改 5 天后又有同类差评")
    await expect(process.locator(".relapsed")).to_have_count(0)
    await expect(conduct.locator(".relapsed")).to_contain_text("整改 5 天后同一人员又有同类差评")
    await expect(clean).not_to_contain_text("同一人员")


async def test_a_long_comment_is_four_lines_until_it_is_unfolded(worker: Worker, open_board: Open) -> None:
    worker.district.cases[2]["comment"] = "等了一个多小时" * 60
    page = await open_board()
    long = page.locator('[data-case="r3"]')
    lines = "node => Math.round(node.clientHeight / parseFloat(getComputedStyle(node).lineHeight))"
    assert await long.locator("blockquote").evaluate(lines) == 4
    await expect(page.locator('[data-case="r2"] .unfold')).to_be_hidden()
    await long.get_by_role("button", name="展开 more").click()
    assert await long.locator("blockquote").evaluate(lines) > 4
    worker.district.cases[2]["extended_at"] = worker.district.at(0)
    worker.events.publish("case", worker.district.cases[2])
    await expect(long).to_contain_text("已延期")
    await expect(long.get_by_role("button", name="收起 less")).to_be_visible()  # as its reader left it


async def test_a_tablet_shows_a_few_and_the_keyboard_goes_on_where_the_rest_begins(
    worker: Worker, open_board: Open
) -> None:
    district = worker.district
    district.cases[:] = [district.case(f"r{number}", hours=-30 - number / 100) for number in range(20, 0, -1)]
    district.alerts[:] = [district.alert(f"callback_overdue:r{number}", hours=-number) for number in range(20, 0, -1)]
    page = await open_board(width=820, height=1180)
    for name, rows in (("alerts", ".alert"), ("cases", ".case")):
        shown = page.locator(f"#{name}-list {rows}")
        await expect(shown).to_have_count(6)
        await page.locator(f"#{name}-list .more button").press("Enter")
        await expect(shown).to_have_count(20)
        await expect(shown.nth(6)).to_be_focused()


async def test_thousands_come_some_hundred_at_a_time(worker: Worker, open_board: Open) -> None:
    district = worker.district
    district.cases[:] = [district.case(f"r{number}", hours=-number / 100) for number in range(1000)]
    page = await open_board()
    cases, more = page.locator("#cases-list .case"), page.locator("#cases-list .more button")
    await expect(cases).to_have_count(60)
    await expect(more).to_have_text("再显示 500 件（共 1000 件） 500 more of 1000")
    await more.press("Enter")
    await expect(cases).to_have_count(560)
    await expect(cases.nth(60)).to_be_focused()
    await expect(more).to_have_text("显示全部 1000 件 show all")
    await more.press("Enter")
    await expect(cases).to_have_count(1000)
    await expect(more).to_have_count(0)


async def test_headings_descend_step_by_step_and_no_two_regions_have_one_name(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    await expect(page.locator("#alerts-list .alert")).to_have_count(3)
    levels = await page.locator("h1, h2, h3, h4").evaluate_all(
        "nodes => nodes.filter((node) => node.checkVisibility()).map((node) => Number(node.tagName[1]))"
    )
    assert all(after <= before + 1 for before, after in zip([0, *levels], levels, strict=False)), levels
    names = await page.locator("section, [role=region]").evaluate_all(
        "nodes => nodes.map((node) => node.getAttribute('aria-labelledby')).filter(Boolean)"
    )
    assert len(names) == len(set(names)) > 5


async def test_a_contrast_theme_shows_what_is_chosen_and_how_much(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    await page.emulate_media(forced_colors="active")
    await expect(page.locator("#recurrence-chart li")).to_have_count(1)
    ground = "node => getComputedStyle(node).backgroundColor"
    chosen = await page.locator("#period button[aria-pressed=true]").evaluate(ground)
    assert chosen != await page.locator("#period button[aria-pressed=false]").evaluate(ground)
    panel = await page.locator(".panel").first.evaluate(ground)
    assert await page.locator(".pillar span").evaluate(ground) != panel
    assert await page.locator(".dot").evaluate(ground) != panel


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
async def test_paper_holds_all_that_lists_hold(worker: Worker, open_board: Open, width: int, height: int) -> None:
    district = worker.district
    district.alerts[:] = [district.alert(f"callback_overdue:r{number}", hours=-number) for number in range(1, 30)]
    page = await open_board(width=width, height=height)
    await expect(page.locator("#alerts-list .alert")).to_have_count(29)
    await page.emulate_media(media="print", color_scheme="dark")
    hidden = "node => node.scrollHeight - node.clientHeight"
    assert await page.locator("#alerts-list").evaluate(hidden) <= 1
    assert await page.locator("body").evaluate(hidden) <= 1
    style = "(node, name) => getComputedStyle(node).getPropertyValue(name)"
    assert await page.locator("#alerts-list .alert").first.evaluate(style, "break-inside") == "avoid"
    assert await page.locator(".ranking .bar").first.evaluate(style, "print-color-adjust") == "exact"
    assert await page.locator("h1").evaluate(style, "color") == "rgb(31, 95, 191)"  # of the light theme


async def test_the_months_of_a_year_are_all_named(worker: Worker, open_board: Open) -> None:
    first, last = date(worker.district.now.year - 1, 12, 1), date(worker.district.now.year, 11, 30)
    days = [str(first + timedelta(days=ago)) for ago in range((last - first).days + 1)]
    worker.district.daily["district"] = [worker.district.daily_row(day, "district", "all", "", 9, 1) for day in days]
    page = await open_board()
    await page.get_by_role("button", name="近 12 个月").click()
    names = page.locator("#trend-chart svg > text.scale").filter(has_text=re.compile("[月年]"))
    await expect(names).to_have_text(["12月", f"{last.year}年", *(f"{month}月" for month in range(2, 12))])


async def test_a_replay_counts_down_by_the_newest_time_in_its_data(worker: Worker, open_board: Open) -> None:
    worker.district = District(datetime(2025, 8, 31, 17, 58, tzinfo=CHINA))
    worker.district.alerts[2]["detected_at"] = worker.district.at(0)
    page = await open_board()
    await expect(page.locator("#clock")).to_contain_text("数据时间 2025-08-31 17:58")
    await expect(page.locator('[data-case="r2"] .countdown').first).to_contain_text("剩 22 小时")


async def test_the_chart_is_read_out_by_arrow_keys_and_switches_to_weeks(worker: Worker, open_board: Open) -> None:
    page = await open_board()
    chart = page.locator("#trend-chart svg")
    await chart.focus()
    await page.keyboard.press("End")
    await expect(page.locator("#trend-chart .readout")).to_contain_text(f"{worker.district.days[-1]} 周")
    await expect(page.locator("#trend-chart .readout")).to_contain_text("评价 1,000")
    await page.get_by_role("button", name="周 week").click()
    await expect(chart).to_have_attribute("aria-label", re.compile("每周评价与差评"))


@pytest.mark.parametrize(("width", "height"), [(320, 640), (1280, 800), (1920, 1080)])
async def test_no_name_however_long_pushes_a_deadline_off_the_screen(
    worker: Worker, open_board: Open, width: int, height: int
) -> None:
    long = {f"{what}_name": f"{what}_{'N' * 200}" for what in ("hall", "window", "department", "service", "staff")}
    for case in worker.district.cases:
        case |= long | {"comment": "A" * 2000}
    worker.district.alerts[1]["title_en"] = worker.district.alerts[1]["title"] = "T" * 500
    worker.district.daily["hall"][0]["member_name"] = "H" * 200
    page = await open_board(width=width, height=height)
    await expect(page.locator('[data-case="r2"]')).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    wider = "nodes => nodes.filter((node) => node.scrollWidth > node.clientWidth).map((node) => node.id)"
    assert await page.locator(".list, .scroll").evaluate_all(wider) == []


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (820, 1180), (1280, 800), (1920, 1080)])
async def test_nothing_is_wider_than_the_screen(worker: Worker, open_board: Open, width: int, height: int) -> None:
    months = worker.district.views["bi_recurrence"]
    row, year = months[0] | {"bad": 60, "recurrences": 27}, worker.district.now.year
    months[:] = [row | {"month": f"{year}-{month:02d}-01"} for month in range(1, 13)]
    page = await open_board(width=width, height=height)
    await expect(page.locator("#alerts-list .alert")).to_have_count(3)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    spare = "node => node.closest('.panel').getBoundingClientRect().right - node.getBoundingClientRect().right"
    for newest in ("#trend-chart svg", "#recurrence-chart li:last-child"):
        assert await page.locator(newest).evaluate(spare) > 0
    if width == 1920:  # a wall shows all at once
        assert await page.evaluate("document.documentElement.scrollHeight") == height
