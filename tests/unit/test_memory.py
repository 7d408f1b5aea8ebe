"""Which memories a worker may go on with when the group shares its partitions out anew (runtime/memory.py)."""

from streams.agents.aggregate_memory import AggregateMemory
from streams.runtime.memory import Memories


def owner_of(*partitions: int) -> tuple[Memories[AggregateMemory], dict[int, AggregateMemory]]:
    """A worker that owns them since generation 5."""
    memories = Memories("in", "changelog", AggregateMemory)
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
