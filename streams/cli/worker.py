"""haochaping worker"""

import asyncio
import gc
import logging
import os
import sys
from typing import Never

import uvloop

from streams.app import Worker
from streams.cli.common import load_settings, set_up_logging
from streams.errors import HaochapingError
from streams.runtime.connection import mend_connections
from streams.runtime.records import take_decoded_records
from streams.runtime.unpacking import bound_unpacking
from streams.settings import Settings

log = logging.getLogger(__name__)


def worker() -> None:
    """Run one worker of the consumer group until SIGTERM.

    Example: HCP_KAFKA_BOOTSTRAP=kafka:9092 haochaping worker
    """
    settings = load_settings()
    set_up_logging(settings)
    if settings.warning:
        log.warning(settings.warning)
    # Python's collector walks all that lives after every 700 new objects, and a chunk makes a hundred thousand, which
    # nothing but their own counts need to free: looking rarely halves the time an agent takes (24 for 48 µs a review).
    gc.set_threshold(200_000, 20, 100)
    # Agents, consumer and sink share the interpreter. A thread back from its connection waits this long for its turn:
    # 5 ms unless told, and an alert is dozens of turns away from its review.
    sys.setswitchinterval(0.0005)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # the consumer's thread makes a loop of its own
    mend_connections()
    take_decoded_records()
    bound_unpacking()
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> Never:
    code = 0
    try:
        await Worker(settings).run()
    except Exception as exc:
        if not isinstance(exc, HaochapingError):
            log.error("the worker stops", exc_info=exc)
            exc = HaochapingError(f"the worker stopped: {type(exc).__name__}: {exc}")
        said = " ".join(str(exc).split())
        if settings.log_format == "json":
            log.critical(said)
        else:
            print(f"haochaping: {said}", file=sys.stderr)
        code = 1
    # All that matters is safe or given up by now. What is left, a thread or a task that waits for a broker which has
    # gone, must not keep the process from its end: its supervisor waits for that.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
