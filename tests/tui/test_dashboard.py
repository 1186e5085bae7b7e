"""What keys and events do, on a scripted port."""

from dataclasses import replace
from pathlib import Path

import pytest

from pivot_core.port import (
    CancelRun,
    CancelStage,
    EngineEnding,
    Explain,
    Level,
    LogGrew,
    LogRef,
    Notice,
    PivotError,
    PlanBroken,
    Problem,
    Refresh,
    Refused,
    Run,
    RunFinished,
    RunId,
    RunOptions,
    RunStatus,
    Selection,
    StageChanged,
    StageName,
    StageState,
    Status,
)
from pivot_tui.app import Dashboard
from pivot_tui.board import Link
from pivot_tui.screens.dialog import Dialog
from pivot_tui.screens.finder import Finder
from pivot_tui.screens.main import MainScreen
from pivot_tui.screens.run_menu import RunMenu
from tests.tui import scenes
from tests.tui.driving import Driver, opened

TRAIN = StageName("train@large")


async def test_the_cursor_starts_at_what_runs(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        assert driver.dag.selected == TRAIN


async def test_r_r_runs_the_stage_with_its_upstream(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("r", "r")
        await driver.until(lambda: bool(driver.port.sent))
        (run,) = driver.port.sent
        assert isinstance(run, Run)
        assert run.targets == ("fetch_raw",)
        assert run.options == RunOptions()
        assert run.command == "pivot repro fetch_raw"


@pytest.mark.parametrize(
    ("key", "targets", "selection"),
    [
        ("s", ("clean",), Selection.ONLY),
        ("d", ("clean",), Selection.DOWNSTREAM),
        ("b", ("clean",), Selection.BOTH),
        ("a", (), Selection.UPSTREAM),
    ],
)
async def test_the_run_menu_offers_other_selections(
    key: str, targets: tuple[str, ...], selection: Selection, tmp_path: Path
) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("j", "r", "k", key)
        await driver.until(lambda: bool(driver.port.sent))
        (run,) = driver.port.sent
        assert isinstance(run, Run)
        assert run.targets == targets
        assert run.options == RunOptions(selection=selection, keep_going=True)


async def test_failed_and_blocked_stages_can_be_run_together(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("r", "F")
        await driver.until(lambda: bool(driver.port.sent))
        (run,) = driver.port.sent
        assert isinstance(run, Run)
        assert set(run.targets) == {"train_baseline", "compare_with_baseline"}
        await driver.until(lambda: any("queued behind" in said for said in driver.toasts))


async def test_forcing_everything_asks_first_and_does_nothing_by_default(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("r", "f", "a")
        await driver.until(lambda: isinstance(driver.app.screen, Dialog))
        await driver.press("enter")
        await driver.until(lambda: isinstance(driver.app.screen, MainScreen))
        assert driver.port.sent == []
        await driver.press("r", "f", "a")
        await driver.until(lambda: isinstance(driver.app.screen, Dialog))
        await driver.press("y")
        await driver.until(lambda: bool(driver.port.sent))


async def test_the_last_choice_is_repeated_for_another_stage(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("r", "s")
        await driver.until(lambda: len(driver.port.sent) == 1)
        await driver.press("j", "R")
        await driver.until(lambda: len(driver.port.sent) == 2)
        run = driver.port.sent[1]
        assert isinstance(run, Run)
        assert (run.targets, run.options.selection) == (("clean",), Selection.ONLY)


async def test_escape_leaves_the_run_menu_without_a_run(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("r")
        assert isinstance(driver.app.screen, RunMenu)
        await driver.press("escape")
        assert isinstance(driver.app.screen, MainScreen)
        assert driver.port.sent == []


async def test_a_refused_command_is_said(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        driver.port.reply = Refused(Problem("no stage [b]'x'[/b]", "", "look at the list"), 2)
        await driver.press("r", "r")
        await driver.until(lambda: bool(driver.toasts))
        assert "no stage [b]'x'[/b]" in driver.toasts[0]


async def test_cancelling_a_stage_asks_and_keeps_it_by_default(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("x")
        await driver.until(lambda: isinstance(driver.app.screen, Dialog))
        assert "has run 2:31" in driver.popup_text
        await driver.press("enter")
        await driver.until(lambda: isinstance(driver.app.screen, MainScreen))
        assert driver.port.sent == []
        await driver.press("x")
        await driver.until(lambda: isinstance(driver.app.screen, Dialog))
        await driver.press("right", "enter")
        await driver.until(lambda: bool(driver.port.sent))
        assert driver.port.sent == [CancelStage(scenes.RUN, TRAIN)]


async def test_what_cannot_be_cancelled_is_told_why(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("x", "X")
        await driver.until(lambda: len(driver.toasts) == 2)
        assert driver.toasts == ["fetch_raw is not running", "no run is active"]


async def test_cancelling_the_run_is_confirmed(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("X")
        await driver.until(lambda: isinstance(driver.app.screen, Dialog))
        await driver.press("y")
        await driver.until(lambda: bool(driver.port.sent))
        assert driver.port.sent == [CancelRun(scenes.RUN)]


async def test_quitting_without_a_run_is_immediate(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("q")
        await driver.until(lambda: not driver.app.is_running)
        assert driver.app.exit_code == 0


async def test_quitting_during_a_run_detaches_only_when_told(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("q")
        await driver.until(lambda: isinstance(driver.app.screen, Dialog))
        await driver.press("enter")
        await driver.until(lambda: isinstance(driver.app.screen, MainScreen))
        await driver.press("ctrl+c")
        await driver.until(lambda: isinstance(driver.app.screen, Dialog))
        await driver.press("ctrl+c", "enter")
        await driver.until(lambda: not driver.app.is_running)
        assert driver.port.sent == []


async def test_quitting_can_stop_the_run(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("q")
        await driver.until(lambda: isinstance(driver.app.screen, Dialog))
        await driver.press("right", "right", "enter")
        await driver.until(lambda: not driver.app.is_running)
        assert driver.port.sent == [CancelRun(scenes.RUN)]
        assert driver.app.return_value


async def test_escape_goes_back_layer_by_layer_and_never_quits(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("enter", "plus", "plus")
        assert (driver.log.display, driver.dag.display) == (True, False)
        await driver.press("escape")
        assert driver.dag.display
        assert driver.log.has_focus
        await driver.press("escape")
        assert driver.dag.has_focus
        await driver.press("escape")
        assert driver.app.is_running


async def test_tab_cycles_the_panels(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        focused = list[object]()
        for _ in range(8):
            await driver.press("tab")
            focused.append(driver.app.screen.focused)
        others = [driver.panel(number) for number in range(3, 9)]
        assert focused == [driver.log, *others, driver.dag]


async def test_n_goes_to_the_failure_and_round(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("n")
        assert driver.dag.selected == "train_baseline"
        await driver.press("n")
        assert driver.dag.selected == "train_baseline"


async def test_a_live_event_changes_its_row_and_the_header(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        ran = StageState(Status.RAN, scenes.RUN, 1, scenes.NOW - 151, 151.0)
        driver.port.publish(StageChanged(TRAIN, ran))
        await driver.until(lambda: "7/10" in driver.said("header"))
        driver.port.publish(RunFinished(scenes.run_state(RunStatus.CANCELLED)))
        await driver.until(lambda: driver.app.board.active is None)


async def test_the_cursor_stays_with_its_stage_when_rows_move(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        whole = scenes.a_run_in_progress()
        more = (scenes.stage_row("aaa_first"), *whole.stages)
        driver.port.publish(scenes.plan_changed(more, whole.states))
        await driver.until(lambda: len(driver.app.board.rows) == 11)
        assert driver.dag.selected == TRAIN


async def test_a_log_follows_until_it_is_scrolled(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        assert driver.log.is_following
        await driver.press("2", "k")
        before = driver.log.text_on_screen
        scenes.write_log(tmp_path / "train@large.1.log", 5, 60)
        driver.port.publish(scenes.log_grew())
        await driver.until(lambda: driver.log.count == 65)
        assert driver.log.text_on_screen == before
        assert "PAUSED · 5 new · G to follow" in str(driver.log.border_subtitle)
        await driver.press("G")
        assert driver.log.is_following
        assert "warning" not in driver.log.text_on_screen[-1]


async def test_scrolling_past_the_end_follows_again(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("2", "k", "j")
        assert not driver.log.is_following
        await driver.press("j")
        assert driver.log.is_following


async def test_a_log_moves_by_pages_and_to_its_ends(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("2", "g")
        assert "epoch 12/20" in driver.log.text_on_screen[0]
        first = driver.log.text_on_screen
        await driver.press("pagedown")
        assert driver.log.text_on_screen != first
        await driver.press("pageup")
        assert driver.log.text_on_screen == first
        await driver.press("ctrl+d", "ctrl+u")
        assert driver.log.text_on_screen == first


async def test_wrapping_shows_all_of_a_long_line(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        assert not any("prefetch factor" in line for line in driver.log.text_on_screen)
        await driver.press("2", "T", "w")
        assert "prefetchfactor" in "".join(driver.log.text_on_screen).replace(" ", "")


async def test_escapes_in_a_log_are_shown_and_not_sent(tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path, lines=scenes.LINES - 1)
    with (tmp_path / "train@large.1.log").open("ab") as log:
        log.write(
            b"1790000000000o a\x1b]0;title\x07b [bold]c[/bold] \x1b[2J\x9b1m 10%\r 20%\rdone\x00\n"
        )
    async with opened(port) as driver:
        shown = driver.log.text_on_screen[-1]
        assert shown.endswith("done\\x00")
        assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)


async def test_another_attempt_shows_its_own_log(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        scenes.write_log(tmp_path / "second", 3)
        found = LogRef(scenes.RUN, TRAIN, 2, str(tmp_path / "second"), ())
        driver.port.logs[TRAIN] = found
        driver.port.publish(StageChanged(TRAIN, StageState(Status.RUNNING, scenes.RUN, 2)))
        await driver.until(lambda: driver.log.count == 3)
        assert "attempt 2" in str(driver.log.border_title)


async def test_a_silent_attempt_does_not_show_the_log_of_an_earlier_run(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        later = RunId("20260921-140000-beef")
        driver.port.publish(StageChanged(TRAIN, StageState(Status.RUNNING, later, 1)))
        await driver.until(lambda: "run beef" in str(driver.log.border_title))
        assert driver.log.count == 0
        driver.port.logs[TRAIN] = LogRef(later, TRAIN, 1, str(tmp_path / "train@large.1.log"), ())
        driver.port.publish(LogGrew(later, TRAIN, 1, 100))
        await driver.until(lambda: driver.log.count == scenes.LINES)


async def test_why_asks_the_engine_once_it_is_on_screen(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        assert not any(isinstance(query, Explain) for query in driver.port.asked)
        await driver.press("d")
        await driver.until(lambda: "WILL RUN" in driver.why_text)
        await driver.press("3", "enter")
        assert "params.option_7" in driver.why_text


async def test_a_broken_definition_is_told_in_full_with_the_users_traceback(tmp_path: Path) -> None:
    problem = Problem("pipeline.py cannot be imported", "pipeline.py:3", "", 'File "pipeline.py"')
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("d")
        driver.port.publish(PlanBroken((problem,)))
        await driver.until(lambda: "CANNOT BE LOADED" in driver.why_text)
        assert 'File "pipeline.py"' in driver.why_text
        driver.port.publish(scenes.plan_changed(scenes.idle().stages, scenes.idle().states))
        await driver.until(lambda: "CANNOT BE LOADED" not in driver.why_text)


async def test_why_says_what_went_wrong_and_waits_for_no_answer(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        driver.port.trouble = PivotError("a worker died")
        await driver.press("d")
        await driver.until(lambda: "a worker died" in driver.why_text)
        driver.port.publish(PlanBroken((Problem("pipeline.py cannot be imported", "", ""),)))
        await driver.until(lambda: "CANNOT BE LOADED" in driver.why_text)
        driver.dag.select(TRAIN)
        await driver.until(lambda: "stages.train" in driver.why_text)
        assert "looking" not in driver.why_text
        assert "a worker died" not in driver.why_text


async def test_a_lost_engine_stays_on_show_and_can_be_reached_again(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        driver.port.drop()
        await driver.until(lambda: driver.app.board.link is Link.LOST)
        assert len(driver.app.board.rows) == 10
        await driver.press("r")
        assert isinstance(driver.app.screen, MainScreen)
        driver.port.is_gone = False
        await driver.press("R")
        await driver.until(lambda: driver.app.board.link is Link.ATTACHED)


async def test_an_engine_that_hands_over_is_followed_without_a_word(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        driver.port.snapshot = replace(scenes.idle(), seq=0)
        driver.port.publish(EngineEnding("its request is done"))
        driver.port.end()
        await driver.until(lambda: driver.app.board.run is None)
        assert driver.app.board.link is Link.ATTACHED


async def test_what_was_known_before_there_was_an_engine_gets_its_log_from_it(
    tmp_path: Path,
) -> None:
    known = scenes.a_run_in_progress()
    port = scenes.port(known, tmp_path)
    port.is_gone = True
    app = Dashboard(port.connect, lambda: scenes.NOW, last=lambda: known)
    async with app.run_test(size=(80, 24)) as pilot:
        driver = Driver(pilot, app, port)
        await driver.until(lambda: app.board.link is Link.LOST and bool(app.board.stages))
        await driver.pilot.pause()
        assert driver.log.count == 0
        port.is_gone = False
        await driver.press("R")
        await driver.until(lambda: driver.log.count == scenes.LINES)


async def test_a_gap_brings_a_new_snapshot(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        driver.port.snapshot = scenes.idle()
        driver.port.seq += 5
        driver.port.publish(StageChanged(TRAIN, StageState(Status.RAN)))
        await driver.until(lambda: driver.app.board.run is None)
        assert driver.app.board.state(TRAIN).status is Status.SAME


async def test_no_engine_at_all_is_said(tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    port.is_gone = True
    port.snapshot = scenes.nothing_defined()
    async with opened(port) as driver:
        await driver.until(lambda: "no engine listens" in driver.said("banner"))


async def test_a_notice_is_shown_as_text(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        driver.port.publish(Notice(Level.WARNING, "the state was [red]rebuilt[/red]", "state.lmdb"))
        await driver.until(lambda: bool(driver.toasts))
        assert driver.toasts == ["the state was [red]rebuilt[/red]\nstate.lmdb"]


async def test_redraw_lets_the_engine_look_again(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("ctrl+l")
        await driver.until(lambda: driver.port.sent == [Refresh()])


async def test_the_palette_goes_to_a_stage(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("ctrl+p", *"report", "enter")
        await driver.until(lambda: driver.dag.selected == "report")


async def test_help_carries_out_what_is_chosen_and_says_what_cannot_be_done(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("question_mark", *"cancel stage", "enter")
        assert isinstance(driver.app.screen, Finder)
        assert driver.toasts == ["Cancel stage: fetch_raw is not running"]
        await driver.press("escape", "question_mark", *"wrap", "enter")
        await driver.until(lambda: driver.log.has_focus)


async def test_theme_and_glyphs_change_while_running(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        for name, full in (("light", "pivot-light"), ("nord", "nord")):
            await driver.press("colon", *"theme", "enter", *name, "enter")
            await driver.until(lambda full=full: driver.app.theme == full)
        await driver.press("colon", *"ascii", "enter")
        await driver.until(lambda: driver.app.has_class("-ascii"))
        await driver.pilot.pause()
        assert "▶" not in driver.picture


async def test_two_dashboards_show_the_same_run(tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    async with opened(port) as one, opened(port) as two:
        port.publish(StageChanged(TRAIN, StageState(Status.RAN, scenes.RUN, 1, None, 9.0)))
        await one.until(lambda: one.app.board.state(TRAIN).status is Status.RAN)
        await two.until(lambda: two.app.board.state(TRAIN).status is Status.RAN)


@pytest.mark.parametrize("size", [(20, 5), (40, 10), (59, 14), (240, 60)])
async def test_every_size_draws(size: tuple[int, int], tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path), size) as driver:
        for key in ("2", "3", "r", "escape", "question_mark", "escape"):
            await driver.press(key)
        await driver.pilot.resize_terminal(120, 40)
        await driver.pilot.resize_terminal(*size)
        assert driver.app.is_running
