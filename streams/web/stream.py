"""What happens, as it happens: server-sent events for the board."""

import asyncio
from typing import Any

import orjson
from aiohttp import web

from streams.web.responses import busy

#: Events a slow browser may fall behind before it loses some; the board reads the views again anyway.
BACKLOG = 200

#: Who may listen at once: each holds a connection, of which a process has a bounded number.
MOST_LISTENERS = 200

#: What is told of each kind of event. There is no log-in: no more than the board reads, and what a line on a wall would
#: show. All else of it stands in the views.
FIELDS = {
    "bad_review": (
        "review_id",
        "occurred_at",
        "received_at",
        "rating",
        "channel",
        "department_name",
        "hall_name",
        "window_name",
        "service_name",
        "categories",
    ),
    "case": ("case_id", "state", "opened_at", "callback_due", "rectify_due"),
    "alert": ("alert_id", "kind", "severity", "state", "raised_at", "resolved_at", "title", "title_en"),
}

#: Seconds between signs of life, so that proxies keep the connection.
HEARTBEAT = 15


class EventStream:
    """Fans events out to whoever listens. Nothing in it is kept: the truth is in the views."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes]] = set()

    def publish(self, kind: str, data: Any) -> None:
        """Tell everybody the FIELDS of an object; `data` is anything that orjson writes as one."""
        if not self._listeners:
            return
        whole = orjson.loads(orjson.dumps(data))  # agents give what they have written already
        told = {name: whole[name] for name in FIELDS[kind] if name in whole}
        message = b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(told) + b"\n\n"
        for queue in self._listeners:
            if not queue.full():
                queue.put_nowait(message)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /api/stream."""
        if len(self._listeners) >= MOST_LISTENERS:
            return busy(f"{MOST_LISTENERS} listen already: the views tell the same", HEARTBEAT)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        queue: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG)
        self._listeners.add(queue)
        try:
            await response.prepare(request)
            await response.write(b": hello\n\n")
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), HEARTBEAT)
                except TimeoutError:
                    message = b": still here\n\n"
                await response.write(message)
        except (ConnectionResetError, asyncio.CancelledError):
            return response
        finally:
            self._listeners.discard(queue)
