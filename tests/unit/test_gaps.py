"""What has no records is passed over; what may have some is read again first, and never passed over while it is."""

from types import SimpleNamespace
from typing import Any

import pytest

from streams.runtime.gaps import LOOKS, Gaps


class Reader:
    """A consumer of one partition, committed up to 5, that has read up to `at`."""

    def __init__(self) -> None:
        self.at: int | None = 7
        self.went_back: list[int] = []
        self.can_go_back = True

    def read_to(self, topic: str, partition: int, done: int) -> int | None:
        return self.at

    async def read_again(self, topic: str, partition: int, offset: int) -> bool:
        self.went_back.append(offset)
        return self.can_go_back


class Watch:
    """Looks at the partition again and again."""

    def __init__(self) -> None:
        self.passed: list[tuple[str, int, int]] = []
        checkpoint: Any = SimpleNamespace(pass_over=lambda *each: self.passed.append(each))
        self.gaps, self.reader = Gaps(checkpoint), Reader()

    async def look(self, times: int, done: int = 5, end: int = 7) -> None:
        for _ in range(times):
            await self.gaps.look(self.reader, {("reviews", 0): (done, end)} if end > done else {})


@pytest.fixture
def watch() -> Watch:
    return Watch()


async def test_a_gap_is_read_once_more_and_then_passed_over(watch: Watch) -> None:
    await watch.look(2 * LOOKS - 1)
    assert (watch.reader.went_back, watch.passed) == ([5], [])
    await watch.look(1)
    assert (watch.reader.went_back, watch.passed) == ([5], [("reviews", 0, 7)])


async def test_what_is_found_when_it_is_read_again_is_no_gap(watch: Watch) -> None:
    await watch.look(LOOKS)
    watch.reader.at = None  # it has been handed over, and is not done yet
    await watch.look(LOOKS)
    watch.reader.at = 7
    await watch.look(LOOKS, done=6)  # it is done, and the next offset is looked at from the beginning
    assert (watch.reader.went_back, watch.passed) == ([5, 6], [])


@pytest.mark.parametrize("at", [None, 6])
async def test_who_has_not_read_to_the_end_or_not_done_all_passes_over_nothing(watch: Watch, at: int | None) -> None:
    watch.reader.at = at
    await watch.look(3 * LOOKS)
    assert (watch.reader.went_back, watch.passed) == ([], [])


async def test_a_partition_that_moves_on_or_is_done_meanwhile_is_looked_at_anew(watch: Watch) -> None:
    await watch.look(2 * LOOKS - 1)
    await watch.look(LOOKS, end=5)
    await watch.look(2 * LOOKS - 1)
    assert (watch.reader.went_back, watch.passed) == ([5, 5], [])


async def test_who_cannot_go_back_passes_over_nothing(watch: Watch) -> None:
    watch.reader.can_go_back = False
    await watch.look(3 * LOOKS)
    assert (watch.reader.went_back, watch.passed) == ([5, 5, 5], [])
