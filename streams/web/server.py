"""The worker's HTTP port: board, health, metrics, views, events. Source: CONTRACT §7."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from sinks.base import Sink
from sinks.views import ViewRequestError, read_view, to_csv, to_excel_csv, to_json
from streams import __version__
from streams.errors import HaochapingError
from streams.runtime.clock import BEGINNING

if TYPE_CHECKING:
    from streams.app import Worker

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "static"
PARAMETERS = ("day_from", "day_to", "dimension", "member_id", "limit")
#: Format of a view's answer: how it is written, its content type.
FORMATS = {
    "json": (to_json, "application/json"),
    "csv": (to_csv, "text/csv"),
    "excel": (to_excel_csv, "text/csv"),
}


def _json(data: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json", charset="utf-8")


class WebServer:
    """Serves one worker. Reads go to the sink's own thread; nothing here changes anything."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        application = web.Application()
        application.router.add_get("/", self._board)
        application.router.add_static("/static", STATIC)
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/metrics", self._metrics)
        application.router.add_get("/api/views/{view}", self._view)
        application.router.add_get("/api/stream", worker.events.serve)
        # Browsers hold /api/stream open for ever: do not wait for them.
        application.on_response_prepare.append(self._headers)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)

    @staticmethod
    async def _headers(request: web.Request, response: web.StreamResponse) -> None:
        # Browsers ask whether a page is still the same: an upgrade must not meet yesterday's scripts.
        response.headers.setdefault("Cache-Control", "no-cache")

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
        return _json({"status": "alive", "version": __version__})

    async def _readyz(self, request: web.Request) -> web.Response:
        worker = self._worker
        sink = worker.recovered and await worker.sink.ping()
        ready = worker.recovered and sink
        pulse = getattr(worker, "pulse", None)
        return _json(
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

    async def _view(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        form = query.pop("format", "json")
        view = request.match_info["view"]
        try:
            if len(request.query) > len(set(request.query)):
                raise ViewRequestError("a parameter is given twice")
            if form not in FORMATS:
                raise ViewRequestError(f"format is one of {', '.join(FORMATS)}, not {form!r}")
            unknown = query.keys() - set(PARAMETERS)
            if unknown:
                raise ViewRequestError(f"unknown parameter {min(unknown)!r}; there are {', '.join(PARAMETERS)}, format")
            write, content_type = FORMATS[form]

            def answer(sink: Sink) -> tuple[bytes, bool]:
                # Written there as well: a year of facts takes seconds, in which the event loop would stand still.
                found = read_view(sink, view, zone=self._worker.settings.zone, **query)
                return write(found), found.more

            body, more = await self._worker.sink.read(answer)
        except ViewRequestError as exc:
            return _json({"error": str(exc)}, 400)
        except HaochapingError as exc:
            return _json({"error": str(exc)}, 503)
        response = web.Response(body=body, content_type=content_type, charset="utf-8")
        if more:
            response.headers["Haochaping-Truncated"] = "true"  # limit left rows out
        if form == "excel":
            response.headers["Content-Disposition"] = f'attachment; filename="{view}.csv"'
        response.enable_compression()  # a year of a hall's days is a megabyte of JSON
        return response
