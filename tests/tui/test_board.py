"""The fold from events to what the dashboard knows."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.port import (
    Level,
    LogGrew,
    Notice,
    PlanBroken,
    PlanChanged,
    Problem,
    Published,
    RunFinished,
    RunId,
    RunQueued,
    RunStarted,
    RunStatus,
    StageChanged,
    StageName,
    StageState,
    Status,
)
from pivot_tui.board import Board, Link, apply
from tests.tui import scenes

TRAIN = StageName("train@large")


def a_board() -> Board:
    board = Board()
    apply(board, scenes.a_run_in_progress())
    return board


def next_of(board: Board, event: StageChanged | RunFinished | RunStarted | RunQueued) -> Published:
    return Published(board.seq + 1, event)


def test_a_snapshot_attaches_and_touches_everything() -> None:
    board = Board()
    dirty = apply(board, scenes.a_run_in_progress())
    assert board.link is Link.ATTACHED
    assert dirty.plan
    assert dirty.stages == set(board.stages)


def test_every_stage_has_one_row() -> None:
    board = a_board()
    assert sorted(row.stage for row in board.rows) == sorted(board.stages)


def test_a_stage_event_touches_its_row_alone() -> None:
    board = a_board()
    dirty = apply(board, next_of(board, StageChanged(TRAIN, StageState(Status.RAN))))
    assert dirty.stages == {TRAIN}
    assert not dirty.plan
    assert board.state(TRAIN).status is Status.RAN


@given(st.lists(st.tuples(st.sampled_from(sorted(a_board().stages)), st.sampled_from(Status))))
def test_counts_are_those_of_the_states(changes: list[tuple[StageName, Status]]) -> None:
    board = a_board()
    for stage, status in changes:
        apply(board, next_of(board, StageChanged(stage, StageState(status))))
    for status in Status:
        shown = [name for name in board.stages if board.state(name).status is status]
        assert board.counts[status] == len(shown)
        assert sorted(board.with_status(status)) == sorted(shown)


def test_a_missing_event_asks_for_a_new_snapshot_and_changes_nothing() -> None:
    board = a_board()
    later = Published(board.seq + 2, StageChanged(TRAIN, StageState(Status.RAN)))
    assert apply(board, later).gap
    assert board.state(TRAIN).status is Status.RUNNING


def test_an_event_that_stands_for_those_before_it_leaves_no_gap() -> None:
    board = a_board()
    event = StageChanged(TRAIN, StageState(Status.RAN))
    assert apply(board, Published(board.seq + 3, event, since=board.seq + 2)).gap
    assert not apply(board, Published(board.seq + 3, event, since=board.seq + 1)).gap
    assert board.state(TRAIN).status is Status.RAN
    assert not apply(board, next_of(board, event)).gap


def test_an_event_of_the_snapshot_is_not_applied_twice() -> None:
    board = a_board()
    assert not apply(board, Published(board.seq, StageChanged(TRAIN, StageState(Status.RAN))))
    assert board.state(TRAIN).status is Status.RUNNING


def test_a_growing_log_leaves_no_gap() -> None:
    board = a_board()
    grown = LogGrew(scenes.RUN, TRAIN, 1, 4711)
    assert apply(board, Published(board.seq, grown)).logs == {TRAIN}
    assert board.logs[TRAIN] == grown


def test_a_run_that_starts_leaves_the_queue_and_makes_its_stages_wait() -> None:
    board = a_board()
    queued = replace(scenes.run_state(), run_id=RunId("later"), status=RunStatus.QUEUED)
    apply(board, next_of(board, RunQueued(queued)))
    assert [run.run_id for run in board.queue] == ["later"]
    started = replace(queued, status=RunStatus.RUNNING, stages=(TRAIN,))
    apply(board, next_of(board, RunStarted(started, {TRAIN: 300.0})))
    assert not board.queue
    assert board.state(TRAIN).status is Status.WAIT
    assert board.state(TRAIN).expected_s == 300.0
    assert board.done == (0, 1)


def test_a_queued_run_that_is_cancelled_leaves_the_active_one_on_show() -> None:
    board = a_board()
    queued = replace(scenes.run_state(), run_id=RunId("later"), status=RunStatus.QUEUED)
    apply(board, next_of(board, RunQueued(queued)))
    apply(board, next_of(board, RunFinished(replace(queued, status=RunStatus.CANCELLED))))
    assert not board.queue
    assert board.active is not None
    assert board.active.run_id == scenes.RUN


def test_a_broken_definition_keeps_the_last_good_stages() -> None:
    board = a_board()
    before = dict(board.stages)
    apply(board, Published(board.seq + 1, PlanBroken((Problem("a cycle", "", ""),))))
    assert board.stages == before
    assert board.problems


def test_an_engine_that_has_loaded_nothing_yet_leaves_the_stages_on_show() -> None:
    board = a_board()
    before = dict(board.states)
    apply(board, replace(scenes.nothing_defined(), seq=0))
    assert board.states == before
    apply(board, replace(scenes.nothing_defined(), seq=1))
    assert not board.states


def test_a_mended_definition_clears_the_problems() -> None:
    board = a_board()
    apply(board, Published(board.seq + 1, PlanBroken((Problem("a cycle", "", ""),))))
    row = scenes.stage_row("only")
    apply(board, Published(board.seq + 1, PlanChanged("churn", (row,), {})))
    assert not board.problems
    assert [shown.stage for shown in board.rows] == ["only"]


def test_a_stage_that_is_gone_is_not_missing_from_a_run_that_ended() -> None:
    board = Board()
    snapshot = scenes.a_run_that_is_done()
    apply(board, snapshot)
    assert board.done == (10, 10)
    apply(board, Published(board.seq + 1, PlanChanged("churn", snapshot.stages[:-1], board.states)))
    assert board.done == (9, 9)


def test_an_event_for_an_unknown_stage_is_dropped() -> None:
    board = a_board()
    gone = StageName("gone")
    apply(board, next_of(board, StageChanged(gone, StageState(Status.RAN))))
    assert gone not in board.states


def test_notices_are_kept_but_not_without_end() -> None:
    board = a_board()
    for number in range(300):
        apply(board, Published(board.seq + 1, Notice(Level.INFO, str(number))))
    assert board.notices[-1].message == "299"
    assert len(board.notices) == 100


@pytest.mark.parametrize("status", [RunStatus.DONE, RunStatus.FAILED, RunStatus.CANCELLED])
def test_an_ended_run_is_not_active(status: RunStatus) -> None:
    board = a_board()
    apply(board, next_of(board, RunFinished(scenes.run_state(status))))
    assert board.active is None


def test_the_run_that_ended_stays_on_show_when_another_engine_takes_over() -> None:
    board = a_board()
    apply(board, next_of(board, RunFinished(scenes.run_state(RunStatus.DONE))))
    apply(board, scenes.idle())
    assert board.run is not None
    assert board.run.status is RunStatus.DONE


def test_a_run_that_was_active_in_a_lost_engine_is_forgotten() -> None:
    board = a_board()
    apply(board, scenes.idle())
    assert board.run is None
