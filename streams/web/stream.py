"""What happens, as it happens: server-sent events for the board."""

import asyncio
from typing import Any

import orjson
from aiohttp import web

#: Events a slow browser may fall behind before it loses some; the board reads the views again anyway.
BACKLOG = 200

#: Seconds between signs of life, so that proxies keep the connection.
HEARTBEAT = 15


class EventStream:
    """Fans events out to whoever listens. Nothing in it is kept: the truth is in the views."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[bytes]] = set()

    def publish(self, kind: str, data: Any) -> None:
        """Tell everybody. `data` is anything orjson can write."""
        if not self._listeners:
            return
        message = b"event: " + kind.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
        for queue in self._listeners:
            if not queue.full():
                queue.put_nowait(message)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /api/stream."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        queue: asyncio.Queue[bytes] = asyncio.Queue(BACKLOG)
        self._listeners.add(queue)
        try:
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
