"""Following a run: only its own events, whatever becomes of the output."""

import errno
import io
from collections.abc import Mapping, Sequence
from typing import override

import pytest

from pivot_core.cli.follow import Follower, Printer
from pivot_core.cli.paper import Paper
from pivot_core.port import (
    EngineInfo,
    LogGrew,
    Notice,
    Published,
    RequestId,
    RunId,
    RunQueued,
    RunStarted,
    RunState,
    Snapshot,
    StageChanged,
    StageName,
    StageState,
    Status,
    StoreError,
    WatchState,
)
from tests.unit.cli_runs import REQUEST_ID, RUN_ID, STAGES, a_run, ended, running

ENGINE = EngineInfo(1, "0.1.0", 1, "/p", "p", "pivot repro", {})


class Kept(Printer):
    """Keeps what it is told."""

    def __init__(self, error: OSError | None = None) -> None:
        self.tick_s: float | None = None
        self.told: list[str] = []
        self._error: OSError | None = error

    @override
    def begin(self, run: RunState, expected_s: Mapping[StageName, float]) -> None:
        self.told.append("begin")

    @override
    def stage(self, run: RunState, stage: StageName, state: StageState) -> None:
        self.told.append(f"{stage} {state.status.value}")
        if self._error is not None:
            raise self._error

    @override
    def notice(self, notice: Notice) -> None:
        self.told.append(notice.message)

    @override
    def wait(self, why: str) -> None:
        self.told.append(why)

    @override
    def watch(self, watch: WatchState) -> None:
        self.told.append(f"watch {watch.directories}")

    @override
    def changed(self, paths: Sequence[str], count: int) -> None:
        self.told.append(f"changed {count}: {', '.join(paths)}")

    @override
    def tick(self) -> None:
        pass

    @override
    def finish(self, run: RunState, states: dict[StageName, StageState]) -> None:
        self.told.append(f"finish {len(states)}")


def test_events_of_other_runs_are_not_shown() -> None:
    printer = Kept()
    follower = Follower(REQUEST_ID, printer)
    other = RunState(RunId("other"), RequestId("theirs"), (), a_run().options, a_run().status, 1.0)
    strange = StageChanged(STAGES[0], StageState(Status.RAN, RunId("other"), 1))

    for seq, event in enumerate(
        (
            RunStarted(other), strange, RunQueued(a_run(())), RunStarted(a_run()), strange,
            LogGrew(RUN_ID, STAGES[1], 1, 10), running("clean"), ended("clean"),
        )
    ):  # fmt: skip
        follower.take(Published(seq, event))
    follower.close()
    follower.finish(a_run())

    queued = "queued behind the run that is active"
    assert printer.told == [queued, "begin", "clean running", "clean ran", "finish 1"]


def test_a_snapshot_in_between_tells_what_was_missed_once() -> None:
    printer = Kept()
    follower = Follower(REQUEST_ID, printer)
    states = {StageName("clean"): ended("clean").state, StageName("train"): running("train").state}

    follower.take(Published(1, RunStarted(a_run())))
    follower.take(Published(2, ended("clean")))
    follower.take(Snapshot(7, ENGINE, (), states, a_run(), (), ()))
    follower.close()

    assert printer.told == ["begin", "clean ran", "train running"]


def test_a_lost_reader_is_reported_at_the_end_alone() -> None:
    printer = Kept(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    follower = Follower(REQUEST_ID, printer)

    follower.take(Published(1, RunStarted(a_run())))
    for seq in range(50):
        follower.take(Published(seq, running("clean", started_at=float(seq))))
    follower.close()

    assert printer.told == ["begin", "clean running"]
    with pytest.raises(BrokenPipeError):
        follower.finish(a_run())


def test_a_full_disk_under_the_output_is_an_error_for_people() -> None:
    class Full(io.StringIO):
        @override
        def write(self, s: str, /) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match="cannot write the output"):
        Paper(Full(), is_terminal=False).line("x")
