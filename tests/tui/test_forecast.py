"""How long the work ahead takes, by past durations."""

from dataclasses import replace

from pivot_core.port import Published, StageChanged, StageName, StageState, Status
from pivot_tui.board import Board, apply
from pivot_tui.forecast import Forecast, forecast, of_run
from tests.tui import scenes


def a_board() -> Board:
    board = Board()
    apply(board, scenes.a_run_in_progress())
    return board


def test_the_critical_path_is_the_longest_chain_and_counts_the_rest_of_what_runs() -> None:
    found = of_run(a_board(), scenes.NOW)
    assert found.path == ("train@large", "evaluate@large", "report")
    assert found.path_s == (246 - 151) + 21 + 3
    assert found.work_s == found.path_s + 9


def test_no_schedule_beats_path_or_even_share() -> None:
    found = Forecast((StageName("a"),), 10.0, 60.0)
    assert (found.remaining_s(2), found.remaining_s(8)) == (30.0, 10.0)


def test_what_runs_longer_than_ever_is_about_to_end() -> None:
    assert of_run(a_board(), scenes.NOW + 10_000).path_s == 24.0


def test_without_a_run_nothing_is_ahead() -> None:
    board = Board()
    apply(board, scenes.idle())
    assert of_run(board, scenes.NOW) == Forecast()


def test_stages_that_never_ran_promise_nothing() -> None:
    whole = scenes.a_run_in_progress()
    board = Board()
    apply(board, replace(whole, states=dict.fromkeys(whole.states, StageState(Status.WAIT))))
    assert forecast(board, board.stages, scenes.NOW) == Forecast()


def test_what_is_ahead_of_very_many_stages_is_worked_out_once_a_second() -> None:
    whole = scenes.a_run_in_progress()
    rows = tuple(scenes.stage_row(f"s{number}") for number in range(600))
    states = {row.name: StageState(Status.WAIT, scenes.RUN, expected_s=1.0) for row in rows}
    run = replace(scenes.run_state(), stages=tuple(states))
    board = Board()
    apply(board, replace(whole, stages=rows, states=states, run=run))
    first = of_run(board, 100.0)
    ran = StageChanged(rows[0].name, StageState(Status.RAN, scenes.RUN, duration_s=1.0))
    apply(board, Published(board.seq + 1, ran))
    assert of_run(board, 100.9) is first
    assert of_run(board, 101.0).work_s == first.work_s - 1.0
