"""One chunk at a time, and between two of them everything else: what came in is read, what is ready is sent.

The event loop runs all that is ready before it looks at its connections again. With a chunk ready for each of eight
agents that was one long round, and a bad review needs dozens of rounds on its way to its alert.
"""

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

#: Rounds of the event loop between two chunks: what came in is read in one, and what that started goes on in the next.
ROUNDS = 2


class Baton:
    """Held by the agent at work. Of those that wait, the one farthest down a review's way goes first."""

    def __init__(self) -> None:
        self._held = False
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = count()

    @asynccontextmanager
    async def held(self, rank: int) -> AsyncIterator[None]:
        """Wait for it, and hold it while the block lasts, in which nothing may be awaited; low ranks go first."""
        if self._held:
            mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (rank, next(self._numbers), mine))
            try:
                await mine
            except asyncio.CancelledError:
                if not mine.cancelled():
                    self._pass_on()  # it was ours already
                raise
        self._held = True
        try:
            yield
        finally:
            self._pass_on_after(ROUNDS)

    def _pass_on_after(self, rounds: int) -> None:
        loop = asyncio.get_running_loop()
        if rounds > 1:
            loop.call_soon(self._pass_on_after, rounds - 1)
        else:
            loop.call_soon(self._pass_on)

    def _pass_on(self) -> None:
        while self._waiting:
            *_, next_one = heapq.heappop(self._waiting)
            if not next_one.done():  # done are those that were cancelled
                next_one.set_result(None)
                return
        self._held = False
