"""The worker's HTTP port: board, health, metrics, views, events. Source: CONTRACT §7."""

import asyncio
import errno
import logging
import resource
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import hdrs, web, web_response
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

#: Connections at once, and their share of the descriptors that this process may have: Kafka and ClickHouse need some.
MOST_CONNECTIONS = 1000
SHARE = 0.5

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
        self._listening: asyncio.Server | None = None
        self._address = "0.0.0.0", 0  # until we listen
        self._most = min(MOST_CONNECTIONS, int(resource.getrlimit(resource.RLIMIT_NOFILE)[0] * SHARE))
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
        address, port = self._address
        host = request.headers.get(hdrs.HOST, "")  # not request.host, which would look up a name if there is none
        if ip_address(address).is_loopback and is_lured(host, port):
            return as_json({"error": f"{host} is not this: ask for 127.0.0.1 or localhost"}, 421)
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
        loop = asyncio.get_running_loop()
        try:
            self._listening = await loop.create_server(self._admit, settings.http_host, settings.http_port)
        except OSError as exc:
            raise HaochapingError(
                f"cannot listen on {settings.http_host}:{settings.http_port} ({exc.strerror}): set HCP_HTTP_PORT"
            ) from exc
        self._address = self._listening.sockets[0].getsockname()[:2]
        log.info("http://%s:%d", *self._address)

    def _admit(self) -> asyncio.Protocol:
        """For a new connection. If there are too many, those who have been here longest go: a probe always gets in.

        More than one, since many may come before the first has gone.
        """
        assert self._runner.server is not None, "start() comes first"
        connections = self._runner.server.connections
        for each in connections[: max(0, len(connections) - self._most + 1)]:
            if each.transport is not None:
                each.transport.abort()
        return self._runner.server()

    async def stop(self) -> None:
        """Stop listening."""
        if self._listening is not None:
            self._listening.close()
        await self._runner.cleanup()

    async def _board(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(STATIC / "board.html")

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
