"""What the run menu offers, and what each choice becomes."""

from dataclasses import replace

from pivot_core.port import Explanation, RequestId, StageName, StageState, Status, Verdict
from pivot_tui import requests
from pivot_tui.board import Board, apply
from pivot_tui.requests import Asked, Choice
from pivot_tui.spans import plain
from tests.tui import scenes

TRAIN = StageName("train@large")
REPORT = StageName("report")


def a_board() -> Board:
    board = Board()
    apply(board, scenes.a_run_in_progress())
    return board


def would(stage: str, verdict: Verdict = Verdict.WILL_RUN) -> Explanation:
    return Explanation(StageName(stage), verdict, None, (), (), (), None)


def test_several_stages_are_one_request() -> None:
    asked = Asked(Choice.UPSTREAM, keep_going=True, jobs=3)
    run = requests.command(asked, (TRAIN, REPORT), a_board(), RequestId("r"))
    assert run.targets == (TRAIN, REPORT)
    assert run.options.jobs == 3
    assert run.command == "pivot repro train@large report --keep-going --jobs 3"


def test_stages_alone_run_one_after_the_other_whatever_the_jobs() -> None:
    asked = Asked(Choice.ONLY, jobs=3)
    assert requests.options(asked).jobs is None
    assert requests.command_line(asked, (TRAIN,), a_board()) == "pivot run train@large"


def test_the_time_ahead_is_that_of_the_longest_chain_or_the_share_of_each_job() -> None:
    board = a_board()
    chain = [would("evaluate@large"), would("report", Verdict.UNKNOWN)]
    assert requests.predicted_s(chain, board, jobs=8) == 24.0
    assert requests.predicted_s([would("train@large")], board, jobs=1) == 246.0
    apart = [would("export_onnx"), would("evaluate@large")]
    assert requests.predicted_s(apart, board, jobs=1) == 30.0
    assert requests.predicted_s(apart, board, jobs=2) == 21.0
    said, took = requests.plan([*chain, would("clean", Verdict.UP_TO_DATE)], board, 8)
    assert (plain(said), took) == ("1 run · 1 maybe · 1 same", "~0:24")


def test_the_plan_is_listed_with_first_reason_and_time() -> None:
    found = [*scenes.explanations().values()]
    lines = [plain(line) for line in requests.plan_lines(found, a_board())]
    assert lines[1].startswith(" run  ")
    assert "train@large" in lines[1]
    assert "param learning_rate" in lines[1]
    assert "~4:06" in lines[1]


def test_force_is_confirmed_for_several_stages_a_long_one_and_one_that_runs() -> None:
    board = a_board()
    force = Asked(Choice.UPSTREAM, force=True)
    found = [would("report")]
    assert requests.warning(Asked(Choice.ALL), (REPORT,), found, board, 1) == ""
    assert requests.warning(force, (REPORT,), found, board, 1) == ""
    assert "Runs 2 stages" in requests.warning(force, (REPORT, StageName("clean")), found, board, 1)
    assert "runs now" in requests.warning(force, (TRAIN,), found, board, 1)
    board.states[REPORT] = StageState(Status.WAIT, expected_s=900.0)
    assert "15:00" in requests.warning(force, (REPORT,), found, board, 1)


def test_what_is_not_up_to_date_above_is_named_without_the_chosen() -> None:
    board = a_board()
    board.states[StageName("features")] = replace(
        board.state(StageName("features")), status=Status.STALE
    )
    assert requests.stale_upstream((TRAIN,), board) == ["features"]
    assert requests.stale_upstream((TRAIN, StageName("features")), board) == []
