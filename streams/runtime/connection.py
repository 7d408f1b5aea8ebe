"""A connection to the broker that is gone says so, on uvloop too.

aiokafka expects an OSError where it writes to a closed connection; uvloop raises a RuntimeError (aiokafka #1038). That
one passes every handler and ends, in silence, the task that refreshes metadata: the worker then never finds its
coordinator again, though the broker is long back (aiokafka #1154; robinhood/faust #99, faust-streaming #523).
"""

from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

_send = AIOKafkaConnection.send


def _honest_send(self: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    try:
        return _send(self, request, expect_response)
    except RuntimeError as exc:
        self.close(reason=CloseReason.CONNECTION_BROKEN)
        raise KafkaConnectionError(f"Connection at {self.host}:{self.port} broken: {exc}") from exc


def mend_connections() -> None:
    """From now on every aiokafka client of this process survives a connection that closed under it."""
    AIOKafkaConnection.send = _honest_send
