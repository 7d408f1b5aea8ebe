"""One agent works at a time, the one farthest down the way first, and the loop goes round in between."""

import asyncio

from streams.runtime.baton import ROUNDS, Baton


async def work(baton: Baton, rank: int, done: list[int]) -> None:
    async with baton.held(rank):
        done.append(rank)


async def test_the_lowest_rank_goes_first_and_equals_in_the_order_in_which_they_came() -> None:
    baton, done = Baton(), list[int]()
    async with baton.held(0):
        waiting = [asyncio.create_task(work(baton, rank, done)) for rank in (-1, -3, -1, -2)]
        await asyncio.sleep(0)
        assert done == []
    await asyncio.gather(*waiting)
    assert done == [-3, -2, -1, -1]
    await asyncio.wait_for(work(baton, 7, done), 1)
    assert done[-1] == 7, "nobody holds it any more"


async def test_the_loop_goes_round_between_two() -> None:
    baton, done, seen = Baton(), list[int](), []
    async with baton.held(0):
        waiting = [asyncio.create_task(work(baton, rank, done)) for rank in (1, 2)]
        await asyncio.sleep(0)
    for _ in range(10 * ROUNDS):
        await asyncio.sleep(0)
        seen.append(len(done))
    await asyncio.gather(*waiting)
    assert seen.index(2) - seen.index(1) > ROUNDS


async def test_one_that_is_cancelled_keeps_nobody_waiting() -> None:
    for give_first in (False, True):
        baton, done = Baton(), list[int]()
        async with baton.held(0):
            gone, stays = (asyncio.create_task(work(baton, rank, done)) for rank in (1, 2))
            await asyncio.sleep(0)
        if give_first:
            for _ in range(ROUNDS):
                await asyncio.sleep(0)  # it has been given the baton, and has not looked yet
        gone.cancel()
        await asyncio.wait_for(stays, 1)
        assert done == [2], f"cancelled {'with' if give_first else 'without'} the baton"
