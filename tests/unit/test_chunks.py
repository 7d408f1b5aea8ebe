"""Records join a chunk that waits for its agent, and never make a gap or an overlap of it."""

from types import SimpleNamespace
from typing import Any

import pytest

from streams.runtime.chunks import MAX_CHUNK, MAX_WAITING, Chunk, WaitingChunks


def records(first: int, number: int) -> list[Any]:
    return [SimpleNamespace(offset=offset) for offset in range(first, first + number)]


def offsets(chunk: Chunk | None) -> list[int]:
    assert chunk is not None
    return [record.offset for record in chunk.records]


@pytest.fixture
def waiting() -> WaitingChunks:
    return WaitingChunks()


def test_what_comes_behind_a_chunk_that_waits_joins_it(waiting: WaitingChunks) -> None:
    chunk = waiting.add("reviews", 0, records(0, 2), 1)
    assert waiting.add("reviews", 0, records(5, 2), 1) is None, "compaction and aborted writes leave holes"
    assert offsets(chunk) == [0, 1, 5, 6]
    assert chunk is not None and chunk.next_offset == 7


def test_each_partition_of_each_topic_has_a_chunk_of_its_own(waiting: WaitingChunks) -> None:
    added = [waiting.add(topic, number, records(0, 1), 1) for topic in ("reviews", "cases") for number in (0, 1)]
    assert all(added)


def test_a_chunk_its_agent_has_begun_with_grows_no_more(waiting: WaitingChunks) -> None:
    chunk = waiting.add("reviews", 0, records(0, 2), 1)
    assert chunk is not None
    waiting.take(chunk)
    assert offsets(waiting.add("reviews", 0, records(2, 1), 1)) == [2]
    assert offsets(chunk) == [0, 1]


def test_what_is_read_again_is_a_chunk_of_its_own(waiting: WaitingChunks) -> None:
    chunk = waiting.add("reviews", 0, records(5, 3), 1)
    assert offsets(waiting.add("reviews", 0, records(7, 2), 1)) == [7, 8]
    assert offsets(chunk) == [5, 6, 7]


def test_a_chunk_does_not_outgrow_its_bound(waiting: WaitingChunks) -> None:
    waiting.add("reviews", 0, records(0, MAX_CHUNK - 1), 1)
    assert waiting.add("reviews", 0, records(MAX_CHUNK - 1, 2), 1) is not None


def test_a_chunk_of_an_earlier_generation_neither_grows_nor_counts(waiting: WaitingChunks) -> None:
    waiting.add("reviews", 0, records(0, MAX_WAITING), 1)
    assert waiting.full(1)
    assert not waiting.full(2)
    assert offsets(waiting.add("reviews", 0, records(MAX_WAITING, 1), 2)) == [MAX_WAITING]


def test_it_is_full_until_an_agent_begins(waiting: WaitingChunks) -> None:
    chunks = [waiting.add("reviews", number, records(0, MAX_CHUNK), 1) for number in range(MAX_WAITING // MAX_CHUNK)]
    assert waiting.full(1)
    assert chunks[0] is not None
    waiting.take(chunks[0])
    assert not waiting.full(1)


def test_a_chunk_is_not_begun_with_before_the_one_that_was_handed_over_first(waiting: WaitingChunks) -> None:
    first = waiting.add("reviews", 0, records(0, MAX_CHUNK), 1)
    later = waiting.add("reviews", 0, records(MAX_CHUNK, 1), 1)
    assert first is not None
    assert later is not None
    with pytest.raises(RuntimeError, match="no agent was given reviews/0 from 0 on"):
        waiting.take(later)
    waiting.take(first)
    waiting.take(later)
