"""What a run that watching began puts on show: only what it touches."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pivot_core.port import (
    Event,
    PlanBroken,
    PlanChanged,
    Problem,
    Published,
    RequestId,
    RunFinished,
    RunId,
    RunStarted,
    RunState,
    RunStatus,
    StageChanged,
    StageName,
    StageState,
    Status,
    WatchChanged,
)
from pivot_tui.board import Board, Dirty, apply
from pivot_tui.panels import timeline
from tests.tui import scenes

FETCH, TRAIN, EVALUATE = map(StageName, ("fetch_raw", "train@large", "evaluate@large"))
REPORT, EXPORT, BASELINE = map(StageName, ("report", "export_onnx", "train_baseline"))
AGAIN = RunId("20260921-140000-0b0b")


def a_board(status: RunStatus = RunStatus.DONE) -> Board:
    """Returns a board on which the last run went well, and all is watched."""
    board = Board()
    snapshot = scenes.a_run_that_is_done()
    apply(board, replace(snapshot, run=scenes.run_state(status), watch=scenes.watch()))
    return board


def a_run(request: str = "watch.1") -> RunState:
    """Returns the next run, as it begins."""
    return replace(scenes.run_state(), run_id=AGAIN, request_id=RequestId(request))


def fold(board: Board, *events: Event) -> Dirty:
    """Applies events; returns what they changed together."""
    dirty = Dirty()
    for event in events:
        dirty.add(apply(board, Published(board.seq + 1, event)))
    return dirty


def found(status: Status, *stages: StageName) -> list[StageChanged]:
    return [StageChanged(stage, StageState(status, AGAIN)) for stage in stages]


def over(run: RunState, status: RunStatus = RunStatus.DONE) -> RunFinished:
    return RunFinished(replace(run, status=status, ended_at=scenes.NOW))


def shown(board: Board, stages: Sequence[StageName]) -> list[Status]:
    return [board.state(stage).status for stage in stages]


def test_a_run_with_nothing_to_do_leaves_the_last_result_on_show() -> None:
    board = a_board()
    ran = StageState(Status.RAN, scenes.RUN, 1, scenes.NOW - 200, 5.0)
    board.states[FETCH] = ran
    before = dict(board.states)
    fold(board, RunStarted(a_run()))
    assert board.active is None
    assert board.going is not None
    fold(board, *found(Status.SAME, *board.stages), over(a_run()))
    assert board.states == before
    assert board.run is not None
    assert board.run.run_id == scenes.RUN
    assert board.going is None
    assert [bar.stage for bar in timeline.bars(board, board.run, scenes.NOW)] == [FETCH]


def test_what_was_not_known_is_the_same_without_a_run_on_show() -> None:
    board = a_board()
    same = StageState(Status.SAME, AGAIN)
    fold(board, StageChanged(TRAIN, StageState(Status.STALE)))
    fold(board, StageChanged(REPORT, StageState(Status.UNKNOWN)))
    fold(board, RunStarted(a_run()), *found(Status.SAME, TRAIN, REPORT))
    assert board.active is None
    assert board.state(TRAIN) == board.state(REPORT) == same
    fold(board, *found(Status.RUNNING, BASELINE))
    assert board.active is not None
    assert board.state(TRAIN) == same


def test_a_run_that_a_person_asked_for_comes_on_show_at_once() -> None:
    board = a_board()
    fold(board, RunStarted(a_run("r.1")))
    assert board.active is not None
    assert board.counts == {**dict.fromkeys(board.counts, 0), Status.WAIT: 10}


def test_what_a_run_touches_comes_on_show_and_what_lies_below_waits() -> None:
    board = a_board()
    before = dict(board.states)
    fold(board, RunStarted(a_run(), {EVALUATE: 21.0}))
    dirty = fold(board, *found(Status.SAME, FETCH), *found(Status.QUEUED, TRAIN))
    assert board.active is not None
    assert board.active.run_id == AGAIN
    changed = {name for name in before if board.states[name] != before[name]}
    assert changed == {TRAIN, EVALUATE, REPORT, EXPORT, StageName("compare_with_baseline")}
    assert dirty.stages == changed | {FETCH}
    assert board.state(EVALUATE) == StageState(Status.WAIT, AGAIN, expected_s=21.0)
    assert board.done == (5, 10)


def test_what_waited_and_was_the_same_after_all_is_as_before() -> None:
    board = a_board()
    before = board.state(REPORT)
    fold(board, RunStarted(a_run()), *found(Status.RUNNING, TRAIN))
    assert board.state(REPORT).status is Status.WAIT
    fold(board, *found(Status.RAN, TRAIN), *found(Status.SAME, EVALUATE, REPORT))
    assert board.state(REPORT) is before


def test_a_stage_that_begins_anew_lets_those_below_wait_again() -> None:
    board = a_board()
    fold(board, RunStarted(a_run()), *found(Status.RUNNING, TRAIN))
    fold(board, *found(Status.RAN, TRAIN), *found(Status.SAME, EVALUATE))
    fold(board, *found(Status.WAIT, TRAIN))
    assert shown(board, [TRAIN, EVALUATE, REPORT]) == [Status.WAIT] * 3


def test_the_timeline_draws_what_this_run_did_alone() -> None:
    board = a_board()
    run = replace(a_run(), started_at=scenes.NOW - 9)
    board.states[FETCH] = StageState(Status.RAN, scenes.RUN, 1, scenes.NOW - 200, 5.0)
    ran = StageChanged(TRAIN, StageState(Status.RAN, AGAIN, 1, scenes.NOW - 8, 2.0))
    fold(board, RunStarted(run), ran)
    assert [bar.stage for bar in timeline.bars(board, run, scenes.NOW)] == [TRAIN]


def test_a_failure_that_is_no_longer_one_is_news() -> None:
    board = a_board(RunStatus.FAILED)
    fold(board, StageChanged(BASELINE, StageState(Status.FAILED, scenes.RUN)))
    fold(board, RunStarted(a_run()), *found(Status.SAME, *board.stages), over(a_run()))
    assert board.state(BASELINE).status is Status.SAME
    assert board.run is not None
    assert board.run.run_id == AGAIN


@pytest.mark.parametrize("status", [RunStatus.DONE, RunStatus.CANCELLED])
def test_why_the_last_run_could_not_start_is_told_no_longer_once_one_did(
    status: RunStatus,
) -> None:
    board = a_board(RunStatus.FAILED)
    assert board.run is not None
    board.run = replace(board.run, problems=(Problem("no file 'a.csv'", "", ""),))
    fold(board, RunStarted(a_run()), over(a_run(), status))
    assert board.run.run_id == AGAIN


def test_a_run_that_did_not_start_is_told_unless_the_definition_is_broken() -> None:
    problem = Problem("no file 'a.csv'", "", "")
    failed = replace(a_run(), problems=(problem,), stages=())
    board = a_board()
    fold(board, PlanBroken((problem,)), over(failed, RunStatus.FAILED))
    assert board.run is not None
    assert not board.run.problems
    fold(board, PlanChanged("churn", tuple(board.stages.values()), board.states))
    fold(board, over(failed, RunStatus.FAILED))
    assert board.run.problems


def test_a_pipeline_loaded_again_leaves_what_is_on_show() -> None:
    board = a_board()
    fold(board, RunStarted(a_run()), *found(Status.SAME, *board.stages), over(a_run()))
    before = dict(board.states)
    told = dict.fromkeys(board.stages, StageState(Status.SAME, AGAIN)) | {
        REPORT: StageState(Status.STALE)
    }
    row = scenes.stage_row("added")
    rows = (*board.stages.values(), row)
    fold(board, PlanChanged("churn", rows, {**told, row.name: StageState(Status.UNKNOWN)}))
    assert board.states == before | {
        REPORT: StageState(Status.STALE), row.name: StageState(Status.UNKNOWN),
    }  # fmt: skip


def test_a_snapshot_ends_what_was_held_back() -> None:
    board = a_board()
    fold(board, RunStarted(a_run()))
    apply(board, replace(scenes.a_run_in_progress(), seq=board.seq + 9))
    assert board.quiet is None
    assert board.active is not None


def test_when_nothing_is_watched_any_more_the_run_is_held_back_to_its_end() -> None:
    board = a_board()
    fold(board, RunStarted(a_run()), WatchChanged(None), *found(Status.SAME, FETCH))
    assert board.watch is None
    assert board.active is None
    fold(board, over(a_run()))
    assert board.going is None
