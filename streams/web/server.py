"""The worker's HTTP port: board, health, metrics, views, events. Source: CONTRACT §7."""

import errno
import logging
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web, web_response
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from streams import __version__
from streams.errors import HaochapingError
from streams.runtime.clock import BEGINNING
from streams.web.luring import is_lured
from streams.web.responses import as_json
from streams.web.views import Views

if TYPE_CHECKING:
    from streams.app import Worker

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"

#: Seconds a connection may be idle, or take to send a request.
LONGEST_IDLE = 60

#: What every answer says. The board is no part of anybody else's page, where a click might mean something else.
HEADERS = {
    # Browsers ask whether a page is still the same: an upgrade must not meet yesterday's scripts.
    "Cache-Control": "no-cache",
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}

# Nobody needs to know which versions answer. Here, since the answer to what is no request passes by the signal below.
web_response.SERVER_SOFTWARE = "haochaping"  # type: ignore[attr-defined]


def _worth_logging(record: logging.LogRecord) -> bool:
    """Not that a request is none, such as one with too long an address: it is answered with a 400 that says so."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


logging.getLogger("aiohttp.server").addFilter(_worth_logging)


class WebServer:
    """Serves one worker. Reads go to the sink's own thread; nothing here changes anything."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        application = web.Application(middlewares=[self._guard])
        application.router.add_get("/", self._board)
        application.router.add_static("/static", STATIC)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/api/views/{view}", Views(worker).serve)
        application.router.add_get("/api/stream", worker.events.serve, allow_head=False)  # it has no end
        application.on_response_prepare.append(self._headers)
        self._runner = web.AppRunner(
            application,
            access_log=None,
            shutdown_timeout=0.5,  # browsers hold /api/stream open for ever: do not wait for them
            keepalive_timeout=LONGEST_IDLE,
            handler_cancellation=True,  # whose reader has gone need not be answered
        )

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        address = self._runner.addresses[0]
        if ip_address(address[0]).is_loopback and is_lured(request.host, address[1]):
            return as_json({"error": f"{request.host} is not this: ask for 127.0.0.1 or localhost"}, 421)
        try:
            return await handler(request)
        except OSError as exc:
            if exc.errno == errno.ENAMETOOLONG:  # no file below /static has such a name
                raise web.HTTPNotFound from None
            raise

    @staticmethod
    async def _headers(request: web.Request, response: web.StreamResponse) -> None:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)

    async def start(self) -> None:
        """Listen.

        Raises:
            HaochapingError: the port is taken.
        """
        settings = self._worker.settings
        await self._runner.setup()
        site = web.TCPSite(self._runner, settings.http_host, settings.http_port)
        try:
            await site.start()
        except OSError as exc:
            raise HaochapingError(
                f"cannot listen on {settings.http_host}:{settings.http_port} ({exc.strerror}): set HCP_HTTP_PORT"
            ) from exc
        log.info("http://%s:%d", *self._runner.addresses[0][:2])

    async def stop(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()

    async def _board(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "board.html", headers={"Cache-Control": "no-cache"})

    async def _healthz(self, request: web.Request) -> web.Response:
        return as_json({"status": "alive", "version": __version__})

    async def _readyz(self, request: web.Request) -> web.Response:
        worker = self._worker
        sink = worker.recovered and await worker.sink.ping()
        ready = worker.recovered and sink
        pulse = getattr(worker, "pulse", None)
        return as_json(
            {
                "ready": ready,
                "recovered": worker.recovered,
                "sink": sink,
                "lag": pulse.lag if pulse else None,
                "idle": bool(pulse and worker.idle),
                "clock": worker.settings.clock,
                "now": now.astimezone(worker.settings.zone) if (now := worker.clock.now()) > BEGINNING else None,
                "lead_hours": {
                    "callback": worker.settings.callback_lead_hours,
                    "rectify": worker.settings.rectify_lead_hours,
                },
            },
            200 if ready else 503,
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        body = generate_latest(self._worker.metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
