"""Short answers, as JSON."""

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import hdrs, web


def as_json(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """`data` is anything orjson can write."""
    body = orjson.dumps(data)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json", charset="utf-8")


def busy(what: str, seconds: float) -> web.Response:
    """Too much is asked of the worker at once: what, and after how many seconds one may ask again."""
    return as_json({"error": what}, 503, {hdrs.RETRY_AFTER: f"{seconds:.0f}"})
