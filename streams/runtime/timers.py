"""Deadlines: tells timed agents that time has passed."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from datetime import datetime
from typing import Any, Protocol

from streams.runtime.agent import Agent, TimedAgent
from streams.runtime.checkpoint import Checkpoint
from streams.runtime.clock import BEGINNING, Clock
from streams.runtime.producer import Outbox

#: Seconds between looks at the clock.
INTERVAL = 0.25

#: Slices remembered as announced at each look, so that after thousands of deadlines at one midnight the next one need
#: not wait until all of them are.
SETTLED_AT_ONCE = 8


class Quiet(Protocol):
    """Knows whether everything published has been processed: by this worker, by the whole group."""

    @property
    def idle(self) -> bool: ...

    async def group_idle(self) -> bool: ...

    def partitions_came(self) -> None: ...

    async def caught_up(self) -> bool: ...


class Timers:
    """Looks at the clock and lets agents announce what is due.

    On the event clock, time is looked at only when everything published so far has been processed, by whatever worker.
    Otherwise a replay that reads August's reviews before January's case events would raise false alarms; so the alerts
    of a replay are a function of what was published, not of how topics interleave.

    On the wall clock the same goes for what was published before partitions came (catch_up.py), which may be all that
    people reported during an outage. Before they have come, and while they are shared out anew, nobody looks.
    """

    def __init__(
        self,
        agents: Sequence[TimedAgent[Any]],
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
        self._turns = {agent.name: [asyncio.Lock() for _ in range(partitions[agent.topic])] for agent in agents}
        self._last = BEGINNING
        self._held = True  # no partitions have come yet, or they are shared out anew
        self._changes = 0  # of partitions, so far
        self._catching_up = not clock.by_events
        #: What ticks announced, in order: by whom, as the agent notes it, and what is done once it is safe.
        self._unsafe: deque[tuple[TimedAgent[Any], Any, asyncio.Future[None]]] = deque()

    @property
    def up_to_date(self) -> bool:
        """Whether agents have been told of all the time there is; on the wall clock that is never long ago."""
        if not self._clock.by_events:
            return not self._catching_up
        return self._clock.now() <= self._last and not any(agent.due(self._last) for agent in self._agents)

    def turn(self, agent: Agent, partition: int) -> AbstractAsyncContextManager[Any]:
        """To be held from when an agent is given input of a partition until what follows is on its way.

        Time and input both change what a timed agent publishes: what it says last must be the last to be sent.
        """
        turns = self._turns.get(agent.name)
        return turns[partition] if turns else nullcontext()

    @asynccontextmanager
    async def _turn_of_time(self, agent: TimedAgent[Any]) -> AsyncIterator[None]:
        """Time is the same in all partitions."""
        async with AsyncExitStack() as held:
            for turn in self._turns[agent.name]:
                await held.enter_async_context(turn)
            yield

    @property
    def catching_up(self) -> bool:
        """Whether time stands where it was last looked at, though the wall's clock goes on."""
        return self._catching_up

    def hold(self) -> None:
        """Partitions are about to go, and others may come: look at nothing until they have."""
        self._held = True
        self._changes += 1
        self._catching_up = not self._clock.by_events

    def look_again(self) -> None:
        """Partitions came, with cases nobody has looked at yet: do so when what was reported of them has been read."""
        self._held = False
        self._changes += 1
        self._last = BEGINNING
        self._catching_up = not self._clock.by_events
        self._quiet.partitions_came()

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            changes = self._changes
            if await self._may_look() and changes == self._changes:
                self._catching_up = False
                await self.tick()
            else:
                async with self._ticking:
                    await self._settle()

    async def _may_look(self) -> bool:
        if self._held:
            return False
        if self._clock.by_events:
            return self._quiet.idle and not self.up_to_date and await self._quiet.group_idle()
        return not self._catching_up or await self._quiet.caught_up()

    async def tick(self) -> None:
        """Let every agent announce what is due now; it is remembered as announced once it is safe, not before.

        A crash in between announces it again, which changes nothing. The other way round an alert could be lost.
        Nothing here waits until it is safe: with ClickHouse slow or away, what falls due meanwhile is announced all the
        same, as long as the epoch has room for it. It ends as soon as partitions go or come: nothing that was reported
        of those that came has been read yet.
        """
        changes = self._changes
        async with self._ticking:
            now, agents = self._clock.now(), list(self._agents)
            while agents and changes == self._changes:
                await self._checkpoint.room()
                for agent in agents:
                    await self._announce(agent, now, changes)
                await asyncio.sleep(0)  # thousands of deadlines at one midnight must not hold up all else
                agents = [agent for agent in agents if agent.due(now)]
            if changes == self._changes:
                self._last = now
            await self._settle()

    async def _announce(self, agent: TimedAgent[Any], now: datetime, changes: int) -> None:
        async with self._turn_of_time(agent):
            if changes != self._changes:
                return
            out = Outbox(self._partitions)
            announced = agent.tick(now, out)
            if not (out.messages or out.rows):
                return
            try:
                self._unsafe.append((agent, announced, await self._checkpoint.add(out)))
            except BaseException:
                agent.retract(announced)
                raise

    async def _settle(self) -> None:
        """Remember as announced what is safe by now. Once partitions have gone away under some, all is looked at anew.

        Epochs become safe in order, so nothing behind the first that is not can be safe.
        """
        for _ in range(SETTLED_AT_ONCE):
            if not self._unsafe or not self._unsafe[0][2].done():
                return
            agent, announced, safe = self._unsafe[0]
            if safe.cancelled():
                while self._unsafe:
                    agent, announced, _ = self._unsafe.pop()
                    agent.retract(announced)
                return
            self._unsafe.popleft()
            async with self._turn_of_time(agent):
                out = Outbox(self._partitions)
                agent.confirm(announced, out)
                await self._checkpoint.add(out)
            await asyncio.sleep(0)
