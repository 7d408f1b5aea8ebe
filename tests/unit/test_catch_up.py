"""Deadlines wait for what was reported before partitions came, and for nothing else."""

from collections.abc import Mapping

import pytest
from aiokafka.errors import KafkaConnectionError

from streams.runtime import catch_up
from streams.runtime.catch_up import CatchUp


class Group:
    """Two topics of two partitions."""

    def __init__(self) -> None:
        self.done = {"events": {0: 3, 1: 0}, "inputs": {0: 0, 1: 0}}
        self.ends = {"events": {0: 5, 1: 0}, "inputs": {0: 0, 1: 0}}
        self.away = False

    async def group_offsets(self, topic: str, partitions: int) -> tuple[Mapping[int, int], Mapping[int, int]]:
        assert partitions == 2
        if self.away:
            raise KafkaConnectionError
        return dict(self.done[topic]), dict(self.ends[topic])


async def test_each_topic_is_waited_for_up_to_where_it_ended_when_its_turn_came() -> None:
    group, waits = Group(), CatchUp([("events", 2), ("inputs", 2)])
    waits.begin()
    assert not await waits.over(group)
    group.ends["events"][0] = 9  # what comes later is not waited for
    group.done["events"][0] = 5
    group.ends["inputs"][1] = 2  # what came of them is
    assert not await waits.over(group)
    group.done["inputs"][1] = 2
    assert await waits.over(group)
    group.ends["inputs"][1] = 7
    assert await waits.over(group)
    waits.begin()
    assert not await waits.over(group)


async def test_a_broker_that_is_away_is_asked_again_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    group, waits = Group(), CatchUp([("events", 2)])
    group.away = True
    waits.begin()
    assert not await waits.over(group)
    monkeypatch.setattr(catch_up, "PATIENCE", -1.0)
    waits.begin()
    assert await waits.over(group)
