"""Which memories a worker may go on with when the group shares its partitions out anew (runtime/memory.py)."""

from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from aiokafka import TopicPartition

from streams.agents.aggregate_memory import AggregateMemory
from streams.agents.rectify_memory import RectifyMemory
from streams.agents.repeat_memory import RepeatMemory
from streams.errors import HaochapingError
from streams.runtime.memory import Memories, Memory, recall_all


def owner_of(*partitions: int) -> tuple[Memories[AggregateMemory], dict[int, AggregateMemory]]:
    """A worker that owns them since generation 5."""
    memories = Memories("changelog", AggregateMemory)
    new = memories.assign(set(partitions), 5)
    for partition, memory in new.items():
        memories.adopt(partition, memory)
    return memories, new


def test_a_partition_that_stays_keeps_its_memory_and_one_that_comes_has_to_be_read() -> None:
    memories, before = owner_of(0, 1)
    fresh = memories.assign({1, 2}, 6)
    assert list(fresh) == [2]
    assert list(memories) == [1], "nobody looks at one that is not read to its end"
    assert memories[1] is before[1]


def test_a_worker_that_was_away_for_a_generation_reads_all_of_it_anew() -> None:
    """Another may have owned the partition meanwhile, and gone on."""
    memories, before = owner_of(0)
    fresh = memories.assign({0}, 7)
    assert list(fresh) == [0]
    assert fresh[0] is not before[0]
    assert list(memories) == []


def test_a_partition_that_went_and_came_back_is_read_anew() -> None:
    memories, before = owner_of(0)
    assert memories.assign(set(), 6) == {}
    assert memories.assign({0}, 7)[0] is not before[0]


@pytest.mark.parametrize(
    "memory", [AggregateMemory(), RectifyMemory(ZoneInfo("Asia/Shanghai")), RepeatMemory()], ids=lambda each: type(each)
)
def test_a_record_of_a_newer_version_is_named_with_what_to_do(memory: Memory) -> None:
    record = SimpleNamespace(offset=7, key=b"zsomething|new", value=b'{"what": "nobody knew"}')
    with pytest.raises(HaochapingError, match=r"^changelog/3/7, .* cannot be read by this version .* roll back"):
        recall_all(memory, TopicPartition("changelog", 3), [record])
