"""Deadlines: tells timed agents that time has passed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from streams.agents.base import TimedAgent
from streams.runtime.checkpoint import Checkpoint
from streams.runtime.clock import BEGINNING, Clock
from streams.runtime.producer import Outbox

#: Seconds between looks at the clock.
INTERVAL = 0.25


class Quiet(Protocol):
    """Knows whether everything published has been processed."""

    @property
    def idle(self) -> bool: ...


class Timers:
    """Looks at the clock and lets agents announce what is due.

    On the event clock, time is looked at only when everything published so far has been processed. Otherwise a replay
    that reads August's reviews before January's case events would raise false alarms; so the alerts of a replay are a
    function of what was published, not of how topics interleave.
    """

    def __init__(
        self,
        agents: Sequence[TimedAgent],
        clock: Clock,
        checkpoint: Checkpoint,
        partitions: Mapping[str, int],
        quiet: Quiet,
    ) -> None:
        self._agents = agents
        self._clock = clock
        self._checkpoint = checkpoint
        self._partitions = partitions
        self._quiet = quiet
        self._ticking = asyncio.Lock()
        self._last = BEGINNING

    @property
    def up_to_date(self) -> bool:
        """Whether agents have been told of all the time there is; on the wall clock that is never long ago."""
        if not self._clock.by_events:
            return True
        return self._clock.now() <= self._last and not any(agent.due(self._last) for agent in self._agents)

    def look_again(self) -> None:
        """There are cases nobody has looked at yet: on the event clock, do so when all is quiet."""
        self._last = BEGINNING

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            if not self._clock.by_events or (self._quiet.idle and not self.up_to_date):
                await self.tick()

    async def tick(self) -> None:
        """Let every agent announce what is due now; it is remembered as announced once it is safe, not before.

        A crash in between announces it again, which changes nothing. The other way round an alert could be lost.
        """
        async with self._ticking:
            now: datetime = self._clock.now()
            try:
                safe = await self._slice_by_slice(lambda agent, out: agent.tick(now, out))
                self._last = now
                if not safe:
                    return
                await asyncio.gather(*safe)
            except asyncio.CancelledError:
                # Either partitions went away under it, or this task is being stopped.
                for agent in self._agents:
                    agent.retract()
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise
                return
            await self._slice_by_slice(lambda agent, out: agent.confirm(out))

    async def _slice_by_slice(self, step: Callable[[TimedAgent, Outbox], bool]) -> list[asyncio.Future[None]]:
        """Let every agent take a step until none has more to do; returns what is done once all it gave is safe.

        Thousands of deadlines at one midnight must not hold up all else: not the chunks, not the group's heartbeats.
        """
        agents, safe = list(self._agents), []
        while agents:
            out = Outbox(self._partitions)
            agents = [agent for agent in agents if step(agent, out)]
            if out.messages or out.rows:
                safe.append(await self._checkpoint.add(out))
            await asyncio.sleep(0)
        return safe
