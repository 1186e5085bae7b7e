"""What a subscriber receives, however late it reads."""

import pytest

from pivot_core.engine.bus import Bus, Subscriber
from pivot_core.model.decision import Status
from pivot_core.model.ids import RunId, StageName
from pivot_core.port.events import Level, LogGrew, Notice, Published, StageChanged
from pivot_core.port.snapshot import EngineInfo, Snapshot
from pivot_core.port.values import StageState

A, B = StageName("a"), StageName("b")
RUNNING, RAN = StageState(Status.RUNNING), StageState(Status.RAN)


@pytest.fixture
def bus() -> Bus:
    info = EngineInfo(1, "", 0, "/project", "project", "pivot serve", {})
    return Bus(lambda seq: Snapshot(seq, info, (), {}, None, (), ()))


async def unread(subscriber: Subscriber) -> list[Published | Snapshot]:
    subscriber.end()
    return [item async for item in subscriber]


async def test_a_reader_that_keeps_up_receives_every_change(bus: Bus) -> None:
    subscriber = bus.subscribe(late_from=3)
    bus.publish(StageChanged(A, RUNNING))
    bus.publish(StageChanged(A, RAN))

    assert await unread(subscriber) == [
        Published(1, StageChanged(A, RUNNING)),
        Published(2, StageChanged(A, RAN)),
    ]


async def test_a_late_reader_receives_the_last_change_of_each_stage_and_everything_else(
    bus: Bus,
) -> None:
    subscriber = bus.subscribe(late_from=3)
    notice = Notice(Level.INFO, "by the way")
    for event in (
        StageChanged(A, RUNNING),
        notice,
        StageChanged(B, RUNNING),
        StageChanged(A, RAN),
        notice,
    ):
        bus.publish(event)

    assert await unread(subscriber) == [
        Published(2, notice, since=1),
        Published(3, StageChanged(B, RUNNING)),
        Published(4, StageChanged(A, RAN)),
        Published(5, notice),
    ]


async def test_a_late_reader_that_caught_up_receives_every_change_again(bus: Bus) -> None:
    subscriber = bus.subscribe(late_from=3)
    bus.publish(StageChanged(A, RUNNING))
    bus.publish(StageChanged(A, RAN))
    items = aiter(subscriber)
    bus.publish(Notice(Level.INFO, "last"))
    received = [await anext(items), await anext(items)]
    bus.publish(LogGrew(RunId("r"), A, 1, 5))
    received.append(await anext(items))  # nothing is unread now
    bus.publish(StageChanged(B, RUNNING))
    bus.publish(StageChanged(B, RAN))
    received += [await anext(items), await anext(items)]

    assert received == [
        Published(2, StageChanged(A, RAN), since=1),
        Published(3, Notice(Level.INFO, "last")),
        Published(3, LogGrew(RunId("r"), A, 1, 5)),
        Published(4, StageChanged(B, RUNNING)),
        Published(5, StageChanged(B, RAN)),
    ]


async def test_too_many_changes_are_replaced_by_a_snapshot(bus: Bus) -> None:
    subscriber = bus.subscribe(late_from=2, limit=3)
    for number in range(5):
        bus.publish(StageChanged(StageName(f"s{number}"), RAN))

    (only,) = await unread(subscriber)

    assert isinstance(only, Snapshot)
    assert only.seq == 5


async def test_ticks_of_one_log_replace_one_another(bus: Bus) -> None:
    subscriber = bus.subscribe()
    for size in (1, 2, 3):
        bus.publish(LogGrew(RunId("r"), A, 1, size))

    assert await unread(subscriber) == [Published(0, LogGrew(RunId("r"), A, 1, 3))]
