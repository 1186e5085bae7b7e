"""How hard a service is pressed."""

import asyncio

from pivot_core.remote.pace import Budget, Pace, wait_s


async def most_at_once(pace: Pace, tasks: int) -> int:
    """Runs tasks that each take a slot; returns how many had one at the same time."""
    running = most = 0

    async def work() -> None:
        nonlocal running, most
        async with pace.slot():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*[work() for _ in range(tasks)])
    return most


async def test_no_more_requests_run_at_once_than_are_allowed() -> None:
    assert await most_at_once(Pace(4), 20) == 4


async def test_a_wish_to_slow_down_halves_the_requests_once_a_round() -> None:
    pace = Pace(16)
    for _ in range(16):
        pace.slow_down()  # all that was under way is told the same
    assert pace.allowed == 8
    assert await most_at_once(pace, 40) == 8
    for _ in range(10):
        pace.went_well()
        pace.slow_down()
    assert pace.allowed == 1


async def test_good_answers_raise_the_requests_again_up_to_the_most() -> None:
    pace = Pace(4)
    pace.slow_down()
    for _ in range(100):
        pace.went_well()
    assert pace.allowed == 4


async def test_memory_is_bounded_and_a_large_piece_goes_alone() -> None:
    budget = Budget(10)
    held = most = 0

    async def work(size: int) -> None:
        nonlocal held, most
        async with budget.hold(size):
            held += size
            most = max(most, held)
            await asyncio.sleep(0)
            held -= size

    await asyncio.gather(*[work(4) for _ in range(9)])
    assert most == 8
    await asyncio.gather(work(1), work(25), work(1))
    assert most == 25


async def test_who_is_cancelled_while_waiting_takes_nothing_and_holds_up_nobody() -> None:
    budget = Budget(10)
    await budget.take(8)
    large = asyncio.create_task(budget.take(9))
    small = asyncio.create_task(budget.take(2))
    await asyncio.sleep(0)
    assert not small.done()  # who asks first is served first

    large.cancel()
    await small
    budget.give(8)
    budget.give(2)
    await budget.take(10)


async def test_who_is_cancelled_when_served_gives_back() -> None:
    budget = Budget(1)
    await budget.take(1)
    waiting = asyncio.create_task(budget.take(1))
    await asyncio.sleep(0)
    budget.give(1)
    waiting.cancel()  # it was served, and does not know it yet
    await asyncio.gather(waiting, return_exceptions=True)
    await budget.take(1)


def test_waits_are_spread_and_bounded() -> None:
    waits = [wait_s(tries) for tries in range(1, 9) for _ in range(50)]
    assert len(set(waits)) > 300
    assert min(waits) >= 0
    assert max(waits) <= 5
    assert max(wait_s(1) for _ in range(50)) <= 0.1
