"""What the panels beside log and reasons show, and what their keys do."""

from dataclasses import replace
from pathlib import Path

import pytest

from pivot_core.port import (
    ArtifactPath,
    CodeChanged,
    DepChanged,
    ListArtifacts,
    ListAttempts,
    LogRef,
    ParamChanged,
    StageChanged,
    StageName,
    StageState,
    Status,
)
from pivot_tui import board as fold
from pivot_tui import format as fmt
from pivot_tui.board import Board
from pivot_tui.panels import artifacts, attempts, errors, remotes, timeline
from pivot_tui.panels.timeline import Bar, Window
from pivot_tui.spans import Paint, plain, width
from tests.tui import scenes
from tests.tui.driving import opened

TRAIN = StageName("train@large")
BASELINE = StageName("train_baseline")


def a_board() -> Board:
    board = Board()
    fold.apply(board, scenes.a_run_in_progress())
    return board


# --- In/Out ---


@pytest.mark.parametrize("cells", [38, 62, 78, 200])
def test_artifact_columns_stand_below_one_another(cells: int) -> None:
    rows = [artifacts.line(row, "", writing=False, cells=cells) for row in scenes.artifacts()]
    assert len({width(row) for row in rows}) == 1
    assert width(rows[0]) <= cells


def test_an_artifact_says_how_it_stands() -> None:
    shown = [
        plain(artifacts.line(row, "", writing=False, cells=90)).split()
        for row in scenes.artifacts()
    ]
    assert [row[0] for row in shown] == ["~", "=", "?", "-", "~", "+"]
    assert shown[0][1:] == ["data/features.csv", "777777", "→", "cccccc", "212", "MB", "no", "—"]
    assert shown[3][2:6] == ["333333", "→", "—", "—"]


def test_an_out_is_being_written_while_its_stage_runs() -> None:
    dep, *_, out = scenes.artifacts()
    assert "writing" not in plain(artifacts.line(dep, "", writing=True, cells=80))
    assert "writing" in plain(artifacts.line(out, "", writing=True, cells=80))


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_960, "10 kB"), (212_400_000, "212 MB")],
)
def test_sizes_read_short(size: int, shown: str) -> None:
    assert fmt.size(size) == shown


# --- History ---


def test_durations_of_what_ran_are_summed_up() -> None:
    assert attempts.summary(scenes.attempts()) == "p50 3:58  p90 4:02  ▄██"
    assert attempts.percentile([5, 1, 4, 2, 3], 0.5) == 3
    assert attempts.percentile([5, 1, 4, 2, 3], 0.9) == 5
    assert attempts.summary(()) == ""


def test_params_that_never_varied_are_left_out() -> None:
    assert attempts.varying(scenes.attempts()) == ["learning_rate"]
    assert attempts.varying(scenes.attempts()[1:3]) == ["learning_rate", "epochs"]


async def test_where_names_of_params_have_no_room_a_heading_says_them(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path), (52, 20)) as driver:
        await driver.press("5")
        await driver.until(lambda: "MemoryError" in driver.text(5))
        rows = driver.text(5).splitlines()
        assert rows[0].split() == ["run", "when", "took", "code", "learning_rate"]
        assert [row.split()[-1] for row in rows[1:3]] == ["0.0003", "0.001"]
        assert rows[0].index("learning_rate") == rows[1].index("0.0003")


def test_results_stand_beside_those_of_the_attempt_before() -> None:
    path = ArtifactPath("metrics/train.json")
    newest, failed, first = scenes.attempts()[1:4]
    newest = replace(newest, metrics={path: {"auc": 0.5, "rows": 7, "new": True}})
    first = replace(first, metrics={path: {"auc": 0.4, "rows": 7, "old": "x"}})
    found = (newest, failed, first)
    assert attempts.before(found, newest) == first
    assert attempts.before(found, first) is None
    shown = ["".join(part for part, _ in line) for line in attempts.results(first, newest, 60)]
    assert [line.split() for line in shown[2:]] == [
        ["metrics/train.json"],
        ["auc", "0.4", "→", "0.5", "+0.1", "(+25.0%)"],
        ["rows", "7", "same"],
        ["old", "x", "→", "—", "removed"],
        ["new", "—", "→", "true", "added"],
    ]
    alone = ["".join(part for part, _ in line) for line in attempts.results(None, newest, 60)]
    assert [line.split() for line in alone[3:]] == [["auc", "0.5"], ["rows", "7"], ["new", "true"]]
    assert attempts.results(failed, failed, 60) == []


def test_two_attempts_differ_in_code_params_and_deps() -> None:
    newest, older, *_ = [each.inputs for each in scenes.attempts() if each.inputs is not None]
    assert [type(each) for each in attempts.differences(older, newest)] == [
        CodeChanged, ParamChanged,
    ]  # fmt: skip
    (changed,) = attempts.differences(older, replace(older, deps={}))
    assert isinstance(changed, DepChanged)
    assert attempts.differences(older, older) == []


# --- Timeline ---


def test_a_stage_that_waits_is_drawn_after_what_it_needs() -> None:
    board = a_board()
    assert board.run is not None
    drawn = {bar.stage: bar for bar in timeline.bars(board, board.run, scenes.NOW)}
    train, evaluate = drawn[TRAIN], drawn[StageName("evaluate@large")]
    assert (train.end, train.expected) == (scenes.NOW, scenes.NOW + 95)
    assert (evaluate.start, evaluate.expected) == (train.expected, train.expected + 21)
    assert "clean" not in drawn


def test_a_run_that_ended_predicts_nothing() -> None:
    board = a_board()
    assert board.run is not None
    over = replace(board.run, ended_at=scenes.NOW)
    drawn = timeline.bars(board, over, scenes.NOW)
    assert not any(bar.status in (Status.WAIT, Status.QUEUED) for bar in drawn)


def test_a_bar_waits_runs_and_is_expected() -> None:
    bar = Bar(TRAIN, Status.RUNNING, 2.0, 4.0, 7.0, 9.0)
    shown = plain(timeline.row(bar, Window(0.0, 10.0, 10), 8, 7.0))
    assert shown == "tra…rge " + "  ··███▒▒ "


def test_the_shortest_failure_has_a_cell() -> None:
    bar = Bar(TRAIN, Status.FAILED, 5.0, 5.0, 5.001, 5.001)
    assert plain(timeline.row(bar, Window(0.0, 1000.0, 10), 0, 900.0)).strip() == "✗"


def test_the_axis_has_round_times_that_do_not_touch() -> None:
    assert timeline.axis(Window(100.0, 60.0, 40), 100.0).split() == ["0:00", "0:15", "0:30", "0:45"]
    assert timeline.axis(Window(130.0, 30.0, 40), 100.0).split()[0] == "0:30"


def test_busy_workers_fill_the_line() -> None:
    drawn = [Bar(TRAIN, Status.RAN, 0, 0, 10, 10), Bar(BASELINE, Status.RAN, 5, 5, 10, 10)]
    assert timeline.workers(drawn, Window(0.0, 10.0, 10), 10.0, 2) == "▅▅▅▅▅█████"


def test_of_very_many_stages_those_nearest_to_now_are_drawn() -> None:
    drawn = [Bar(TRAIN, Status.RAN, at, at, at + 1, at + 1) for at in range(1000)]
    shown = timeline.nearest(drawn, 600.5)
    assert len(shown) == 100
    assert shown[0].start < 600 < shown[-1].start


# --- Errors ---


def test_a_failure_names_what_it_blocks_near_and_far() -> None:
    board = a_board()
    assert errors.consequences(board, BASELINE) == ["compare_with_baseline"]
    card = "\n".join(plain(line) for line in errors.card(board, BASELINE, 60))
    assert "stages.py:41 in train_baseline" in card
    assert "fold 1 of 5" not in card
    assert "blocks 1: compare_with_baseline" in card
    assert errors.copied(board, BASELINE).startswith("train_baseline failed: KeyError: 'label'\n")


def test_a_card_shows_the_user_s_frame_and_then_what_went_to_standard_error_last() -> None:
    board = a_board()
    state = board.state(BASELINE)
    lines = tuple(f"warning {number}" for number in range(7))
    assert state.failure is not None
    traceback = (
        'Traceback (most recent call last):\n  File "stages.py", line 41, in train_baseline\n'
        '    fit()\n  File "/usr/lib/frames.py", line 9, in __getitem__\n    raise KeyError\n'
    )
    failure = replace(state.failure, traceback=traceback)
    board.states[BASELINE] = replace(state, failure=failure, err_tail=lines)
    card = [plain(line).strip() for line in errors.card(board, BASELINE, 60)]
    assert card[1:-1] == [
        "KeyError: 'label'", "stages.py:41 in train_baseline", *(f"│ {line}" for line in lines[2:]),
    ]  # fmt: skip


# --- on screen ---


async def test_the_footer_shows_what_can_be_done_once_the_answer_is_there(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_that_is_done(), tmp_path)) as driver:
        driver.dag.select(TRAIN)
        await driver.press("5")
        await driver.until(lambda: "b331" in driver.text(5))
        await driver.until(lambda: (" enter ", Paint.ACCENT) in driver.hints)
        driver.dag.select(BASELINE)
        await driver.until(lambda: (" enter ", Paint.MUTED) in driver.hints)


async def test_a_hidden_panel_asks_nothing(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        asked = driver.port.asked
        assert not any(isinstance(query, ListArtifacts | ListAttempts) for query in asked)
        await driver.press("4")
        await driver.until(lambda: "features.csv" in driver.text(4))
        await driver.press("5")
        await driver.until(lambda: "b331" in driver.text(5))
        asked.clear()
        driver.port.publish(StageChanged(TRAIN, StageState(Status.RAN, scenes.RUN, 1, None, 9.0)))
        await driver.until(lambda: ListAttempts(TRAIN) in asked)
        assert ListArtifacts(TRAIN) not in asked
        await driver.press("4")
        await driver.until(lambda: ListArtifacts(TRAIN) in asked)


async def test_two_marked_attempts_are_compared(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("5")
        await driver.until(lambda: "b331" in driver.text(5))
        await driver.press("space", "j", "space")
        assert "learning_rate" in driver.text(5).partition("b331 → a4f2")[2]
        await driver.press("space")
        assert "→" not in driver.text(5)


async def test_an_attempt_opens_its_reasons_and_esc_goes_back_to_now(tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    log = tmp_path / "old.log"
    scenes.write_text(log, "what it printed then")
    port.older = {
        (TRAIN, scenes.OLDER): LogRef(scenes.OLDER, TRAIN, 1, str(log), ((scenes.OLDER, 1),))
    }
    async with opened(port) as driver:
        await driver.press("5")
        await driver.until(lambda: "b331" in driver.text(5))
        await driver.press("j", "enter")
        await driver.until(lambda: driver.log.count == 1)
        assert driver.log.has_focus
        await driver.press("3", "enter")
        await driver.until(lambda: "return x * 2" in driver.why_text)
        assert "RAN in run b331 because (1 reason)" in driver.why_text
        assert "run b331" in str(driver.why.border_title)
        await driver.press("escape")
        await driver.until(lambda: "WILL RUN" in driver.why_text)
        assert driver.why.has_focus
        await driver.press("2")
        await driver.until(lambda: driver.log.count == scenes.LINES)


async def test_an_attempt_without_a_log_opens_its_reasons(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("5")
        await driver.until(lambda: "77c0" in driver.text(5))
        await driver.press("j", "j", "enter")
        await driver.until(lambda: "RESTORED in run 77c0 because" in driver.why_text)
        assert driver.why.has_focus
        driver.dag.select(BASELINE)
        await driver.until(lambda: "never ran here" in driver.why_text)


async def test_an_attempt_opens_its_log(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("5")
        await driver.until(lambda: "a4f2" in driver.text(5))
        await driver.press("enter")
        assert driver.log.has_focus


async def test_the_keys_of_errors_timeline_and_remote(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("8", "y")
        assert "KeyError: 'label'" in driver.app.clipboard
        await driver.press("l")
        assert driver.log.has_focus
        assert driver.dag.selected == BASELINE
        await driver.press("6", "comma", "z", "z")
        assert driver.toasts[-1] == "the whole run is on screen"
        whole = driver.text(6)
        await driver.press("comma")
        assert driver.text(6) != whole
        await driver.press("7", "y")
        assert driver.app.clipboard == remotes.CONFIGURE
