"""The scheduler's invariants on random graphs, against a sequential reference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pivot_core.errors import Bug
from pivot_core.model.artifact import FileContent
from pivot_core.model.decision import Execute, Forced, NoInput, Restore, Skip, Status
from pivot_core.model.ids import ArtifactPath, StageName
from pivot_core.model.message import (
    CancelRun,
    CancelStage,
    Finished,
    Interrupt,
    Launch,
    Outcome,
    PutBack,
    Record,
    Recorded,
    Renew,
    Restored,
    Settle,
    Settled,
    Signal,
    Step,
)
from pivot_core.plan.schedule import SETTLE_LIMIT, Scheduler, Task
from tests.support.values import a_hash

RUN = Execute((Forced(),))
GOOD = {Status.RAN, Status.SAME, Status.RESTORED}


@dataclass(frozen=True)
class Fate:
    """What the world does to a stage whenever it is asked."""

    decision: Skip | Restore | Execute | NoInput
    failures: int
    restores: bool
    unstable: int


fates = st.builds(
    Fate,
    decision=st.sampled_from(
        [
            Skip(1),
            RUN,
            RUN,
            Restore(3, ((ArtifactPath("o"), FileContent(a_hash("o"), 1)),), ()),
            NoInput((ArtifactPath("x"),)),
        ]
    ),
    failures=st.sampled_from([0, 0, 0, 1, 2]),
    restores=st.booleans(),
    unstable=st.sampled_from([0, 0, 0, 1, 3]),
)


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[Task, Fate]]:
    names = [StageName(f"s{index}") for index in range(draw(st.integers(1, 12)))]
    found = list[tuple[Task, Fate]]()
    for index, name in enumerate(names):
        upstream = tuple(draw(st.sets(st.sampled_from(names[:index]), max_size=3))) if index else ()
        mutex = tuple(draw(st.sets(st.sampled_from(["gpu", "db"]), max_size=2)))
        task = Task(
            name,
            upstream,
            (),
            mutex,
            draw(st.integers(0, 1)),
            draw(st.floats(0, 9, allow_nan=False)),
        )
        found.append((task, draw(fates)))
    return found


def reference(graph: list[tuple[Task, Fate]]) -> dict[StageName, Status]:
    """What must come out when everything that can run runs, one after the other."""
    ends = dict[StageName, Status]()
    for task, fate in graph:
        if any(ends[parent] not in GOOD for parent in task.upstream):
            ends[task.name] = Status.BLOCKED
            continue
        match fate.decision:
            case Skip():
                ends[task.name] = Status.SAME
                continue
            case NoInput():
                ends[task.name] = Status.FAILED
                continue
            case Restore() if fate.restores:
                ends[task.name] = Status.RESTORED
                continue
            case _:
                failed = fate.failures > task.retries or fate.unstable >= SETTLE_LIMIT
                ends[task.name] = Status.FAILED if failed else Status.RAN
    return ends


class World:
    """Carries out orders in an arbitrary order, and checks what must never happen."""

    def __init__(self, graph: list[tuple[Task, Fate]], scheduler: Scheduler, jobs: int) -> None:
        self.tasks = {task.name: task for task, _ in graph}
        self.fates = {task.name: fate for task, fate in graph}
        self.scheduler = scheduler
        self.jobs = jobs
        self.replies: list[Signal] = []
        self.running: set[StageName] = set()
        self.failures = {task.name: fate.failures for task, fate in graph}
        self.unstable = {task.name: fate.unstable for task, fate in graph}
        self.ends: dict[StageName, Status] = {}

    def obey(self, step: Step) -> None:
        for change in step.changes:
            assert change.stage not in self.ends, "a stage ends once"
            if change.status not in (Status.WAIT, Status.QUEUED, Status.RUNNING):
                self.ends[change.stage] = change.status
        for order in step.orders:
            name = order.stage
            match order:
                case Settle():
                    assert all(self.ends[up] in GOOD for up in self.tasks[name].upstream)
                    self.replies.append(Settled(name, self.fates[name].decision))
                case PutBack():
                    self.replies.append(Restored(name, self.fates[name].restores))
                case Launch():
                    self.launch(name)
                case Record():
                    self.unstable[name] -= 1
                    self.replies.append(Recorded(name, self.unstable[name] < 0))
                case Interrupt():
                    assert name in self.running

    def launch(self, name: StageName) -> None:
        held = {group for other in self.running for group in self.tasks[other].mutex}
        assert held.isdisjoint(self.tasks[name].mutex), "mutex groups exclude each other"
        self.running.add(name)
        assert len(self.running) <= self.jobs, "no more stages than slots"
        self.failures[name] -= 1
        outcome = Outcome.FAILED if self.failures[name] >= 0 else Outcome.DONE
        self.replies.append(Finished(name, outcome))

    def reply(self, index: int) -> None:
        signal = self.replies.pop(index % len(self.replies))
        if isinstance(signal, Finished):
            self.running.discard(signal.stage)
        self.obey(self.scheduler.handle(signal))


def drive(
    graph: list[tuple[Task, Fate]],
    jobs: int,
    order: list[int],
    *,
    keep_going: bool,
    cancel_at: int | None = None,
    renew_at: Sequence[int] = (),
) -> World:
    scheduler = Scheduler([task for task, _ in graph], jobs=jobs, keep_going=keep_going)
    world = World(graph, scheduler, jobs)
    world.obey(scheduler.start())
    turn = 0
    while world.replies:
        if turn == cancel_at:
            world.obey(scheduler.handle(CancelRun()))
        if turn in renew_at:
            renewed = graph[turn % len(graph)][0].name
            world.obey(scheduler.handle(Renew(renewed)))
        world.reply(order[turn % len(order)] if order else 0)
        turn += 1
    return world


orders = st.lists(st.integers(0, 20), max_size=40)


@given(graphs(), st.integers(1, 4), orders)
@settings(deadline=None)
def test_keep_going_ends_as_the_sequential_reference(
    graph: list[tuple[Task, Fate]], jobs: int, order: list[int]
) -> None:
    world = drive(graph, jobs, order, keep_going=True)
    assert world.ends == reference(graph)
    assert world.scheduler.is_done


@given(graphs(), st.integers(1, 4), orders)
@settings(deadline=None)
def test_fail_fast_ends_every_stage_and_contradicts_no_reference(
    graph: list[tuple[Task, Fate]], jobs: int, order: list[int]
) -> None:
    world = drive(graph, jobs, order, keep_going=False)
    expected = reference(graph)
    assert world.scheduler.is_done
    assert world.ends.keys() == expected.keys()
    for name, status in world.ends.items():
        assert status in (expected[name], Status.CANCELLED, Status.BLOCKED)
    if Status.FAILED not in expected.values():
        assert world.ends == expected


@given(graphs(), st.integers(1, 4), orders, st.integers(0, 20))
@settings(deadline=None)
def test_a_cancelled_run_ends_every_stage_and_launches_nothing_more(
    graph: list[tuple[Task, Fate]], jobs: int, order: list[int], cancel_at: int
) -> None:
    world = drive(graph, jobs, order, keep_going=True, cancel_at=cancel_at)
    assert world.scheduler.is_done
    assert world.ends.keys() == {task.name for task, _ in graph}


@given(graphs(), st.integers(1, 4), orders, st.lists(st.integers(0, 60), max_size=8))
@settings(deadline=None)
def test_stages_that_begin_anew_end_as_the_sequential_reference_has_them(
    graph: list[tuple[Task, Fate]], jobs: int, order: list[int], renew_at: list[int]
) -> None:
    steady = [(task, replace(fate, failures=0, unstable=0)) for task, fate in graph]
    world = drive(steady, jobs, order, keep_going=True, renew_at=renew_at)
    assert world.ends == reference(steady)
    assert world.scheduler.is_done


def one(name: str, *upstream: str, expected_s: float = 0.0) -> Task:
    return Task(
        StageName(name), tuple(StageName(parent) for parent in upstream), expected_s=expected_s
    )


def settle(scheduler: Scheduler, *names: str) -> Step:
    step = Step((), ())
    for name in names:
        step = scheduler.handle(Settled(StageName(name), RUN))
    return step


def test_a_free_slot_goes_to_the_most_urgent_of_those_that_wait() -> None:
    tasks = [
        one("busy"),
        one("short", expected_s=3),
        one("long", expected_s=1),
        one("end", "long", expected_s=5),
    ]
    scheduler = Scheduler(tasks, jobs=1, keep_going=False)
    scheduler.start()
    settle(scheduler, "busy", "short", "long")
    step = scheduler.handle(Finished(StageName("busy"), Outcome.DONE))
    assert Launch(StageName("long"), 1) in step.orders


def test_cancelling_one_running_stage_leaves_its_neighbour_alone() -> None:
    scheduler = Scheduler([one("a"), one("b"), one("c", "a")], jobs=2, keep_going=False)
    scheduler.start()
    settle(scheduler, "a", "b")
    assert scheduler.handle(CancelStage(StageName("a"))).orders == (Interrupt(StageName("a")),)
    scheduler.handle(Finished(StageName("a"), Outcome.CANCELLED))
    assert scheduler.status(StageName("a")) is Status.CANCELLED
    assert scheduler.status(StageName("b")) is Status.RUNNING
    assert scheduler.status(StageName("c")) is Status.BLOCKED


def test_a_running_stage_that_is_out_of_date_is_interrupted_once_and_settled_again() -> None:
    scheduler = Scheduler([one("a"), one("b", "a")], jobs=1, keep_going=False)
    scheduler.start()
    settle(scheduler, "a")
    renew = Renew(StageName("a"))
    assert scheduler.handle(renew).orders == (Interrupt(StageName("a")),)
    assert scheduler.handle(renew).orders == ()
    step = scheduler.handle(Finished(StageName("a"), Outcome.CANCELLED))
    assert step.orders == (Settle(StageName("a")),)
    assert settle(scheduler, "a").orders == (Launch(StageName("a"), 2),)


def test_one_that_was_only_decided_about_is_settled_again_at_once() -> None:
    scheduler = Scheduler([one("a"), one("b")], jobs=1, keep_going=False)
    scheduler.start()
    settle(scheduler, "a", "b")
    assert scheduler.handle(Renew(StageName("b"))).orders == (Settle(StageName("b")),)


def test_one_that_is_cancelled_as_well_ends() -> None:
    scheduler = Scheduler([one("a")], jobs=1, keep_going=False)
    scheduler.start()
    settle(scheduler, "a")
    scheduler.handle(Renew(StageName("a")))
    scheduler.handle(CancelRun())
    scheduler.handle(Finished(StageName("a"), Outcome.CANCELLED))
    assert scheduler.status(StageName("a")) is Status.CANCELLED


def test_a_stage_whose_worker_died_is_launched_once_more() -> None:
    scheduler = Scheduler([one("a")], jobs=1, keep_going=False)
    scheduler.start()
    settle(scheduler, "a")
    lost = Finished(StageName("a"), Outcome.LOST)
    assert scheduler.handle(lost).orders == (Launch(StageName("a"), 2),)
    scheduler.handle(lost)
    assert scheduler.status(StageName("a")) is Status.FAILED


def test_stages_named_in_order_run_in_that_order_though_one_fails() -> None:
    tasks = [one("a"), Task(StageName("b"), (), (StageName("a"),))]
    scheduler = Scheduler(tasks, jobs=1, keep_going=True)
    assert scheduler.start().orders == (Settle(StageName("a")),)
    settle(scheduler, "a")
    step = scheduler.handle(Finished(StageName("a"), Outcome.FAILED))
    assert step.orders == (Settle(StageName("b")),)


def test_a_signal_that_cannot_come_is_a_bug_that_shows_the_recent_ones() -> None:
    scheduler = Scheduler([one("a")], jobs=1, keep_going=False)
    scheduler.start()
    with pytest.raises(Bug, match="Finished"):
        scheduler.handle(Finished(StageName("a"), Outcome.DONE))
