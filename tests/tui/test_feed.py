"""The way from the engine's events to repaints, and asking one thing at a time."""

import asyncio

from pivot_core.port import Port, Refresh, Refused, StageChanged, StageName, StageState, Status
from pivot_tui.board import Board, Dirty, Link
from pivot_tui.feed import Feed
from pivot_tui.latest import Latest
from tests.support.scripted_port import ScriptedPort
from tests.tui import scenes

TRAIN = StageName("train@large")


async def test_a_flood_of_events_is_few_repaints_and_loses_nothing() -> None:
    port = ScriptedPort(scenes.a_run_in_progress())
    board = Board()
    painted = list[Dirty]()
    changed = asyncio.Event()

    def paint(dirty: Dirty) -> None:
        painted.append(dirty)
        changed.set()

    feed = Feed(port.connect, board, paint)
    task = asyncio.create_task(feed.run())
    await changed.wait()
    for number in range(5_000):
        status = Status.RAN if number == 4_999 else Status.RUNNING
        port.publish(StageChanged(TRAIN, StageState(status, attempt=number)))
    while board.state(TRAIN).attempt != 4_999 or TRAIN not in painted[-1].stages:
        changed.clear()
        await changed.wait()
    assert board.state(TRAIN).status is Status.RAN
    assert len(painted) < 50
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_only_the_newest_wish_is_asked_after_the_one_under_way() -> None:
    asked = list[int]()
    may_go_on = asyncio.Event()

    async def ask(wish: int) -> None:
        asked.append(wish)
        await may_go_on.wait()

    async with asyncio.TaskGroup() as tasks:
        latest = Latest(ask, tasks.create_task)
        latest.want(1)
        await asyncio.sleep(0)
        for wish in range(2, 10):
            latest.want(wish)
        may_go_on.set()
    assert asked == [1, 9]


async def test_what_was_known_last_is_shown_until_there_is_an_engine() -> None:
    may_connect = asyncio.Event()
    port = ScriptedPort(scenes.a_run_in_progress())

    async def connect() -> Port:
        await may_connect.wait()
        return await port.connect()

    board = Board()
    painted = asyncio.Event()
    feed = Feed(connect, board, lambda _: painted.set(), scenes.idle)
    task = asyncio.create_task(feed.run())
    await painted.wait()
    assert board.link is Link.CONNECTING
    assert board.state(TRAIN).status is Status.SAME
    painted.clear()
    may_connect.set()
    await painted.wait()
    assert board.link is Link.ATTACHED
    assert board.state(TRAIN).status is Status.RUNNING
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_dashboard_that_may_only_look_sends_nothing() -> None:
    port = ScriptedPort(scenes.idle())
    feed = Feed(port.connect, Board(is_read_only=True), lambda _: None)
    reply = await feed.send(Refresh())
    assert isinstance(reply, Refused)
    assert "read-only" in reply.problem.what
    assert not port.sent
