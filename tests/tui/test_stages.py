"""What keys do to the Stages panel: views, folding, filters, marks, and what is taken out of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pivot_core.port import (
    CancelRun,
    CancelStage,
    Run,
    RunFinished,
    RunOptions,
    RunStatus,
    StageChanged,
    StageName,
    StageState,
    Status,
)
from pivot_tui import outside
from pivot_tui.app import Dashboard
from pivot_tui.arrangement import Form
from pivot_tui.board import Link
from pivot_tui.sample import SAMPLE
from pivot_tui.screens.finder import Entries
from pivot_tui.screens.main import MainScreen
from pivot_tui.screens.menu import Menu
from pivot_tui.widgets.painting import Lines
from tests.tui import scenes
from tests.tui.driving import Driver, opened

TRAIN = StageName("train@large")


def shown(driver: Driver) -> list[str]:
    return [row.key for row in driver.dag.shown]


async def test_rows_fold_and_unfold_and_the_cursor_follows(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("j", "h")
        assert shown(driver) == ["fetch_raw", "clean"]
        await driver.press("h")
        assert driver.dag.selected == "fetch_raw"
        await driver.press("j", "l", "l")
        assert driver.dag.selected == "embeddings"
        await driver.press("minus")
        assert shown(driver) == ["fetch_raw"]
        await driver.press("equals_sign")
        assert len(shown(driver)) == 10
        await driver.press("minus", "ctrl+p", *"to stage report", "enter")
        await driver.until(lambda: driver.dag.selected == "report")


async def test_t_turns_the_views_and_s_sorts(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        forms = list[Form]()
        for _ in range(3):
            await driver.press("t")
            forms.append(driver.dag.view.form)
        assert forms == [Form.GROUPS, Form.FLAT, Form.TREE]
        await driver.press("s", "t")
        await driver.until(lambda: shown(driver)[0] == "train_baseline")
        assert driver.dag.selected == TRAIN


async def test_a_filter_is_typed_kept_walked_and_cleared_by_escape(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("slash", *"tra")
        assert shown(driver) == ["train@large", "train_baseline"]
        await driver.press("q")  # is text while one types
        await driver.until(lambda: shown(driver) == [])
        assert "0 of 10 match 'traq'" in driver.picture.replace("&#160;", " ").replace(
            "&#x27;", "'"
        )
        await driver.press("backspace", "enter", "g")
        assert driver.dag.selected == TRAIN
        await driver.press("n")
        assert driver.dag.selected == "train_baseline"
        await driver.press("escape")
        assert len(shown(driver)) == 10
        assert driver.app.is_running
        await driver.press("slash", *"xyz", "escape")
        await driver.until(lambda: len(shown(driver)) == 10)


async def test_only_a_state_or_what_a_stage_needs_is_shown(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("left_curly_bracket")
        assert set(shown(driver)) == {"fetch_raw", "clean", "features", "train@large"}
        await driver.press("escape", "right_curly_bracket")
        assert "report" in shown(driver)
        assert "clean" not in shown(driver)
        await driver.press("right_curly_bracket", "F", "f")
        await driver.until(lambda: shown(driver) == ["train_baseline"])
        ran = StageState(Status.FAILED, scenes.RUN, 1)
        driver.port.publish(StageChanged(TRAIN, ran))
        await driver.until(lambda: set(shown(driver)) == {"train@large", "train_baseline"})


async def test_actions_apply_to_what_is_marked(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("space", "j", "j", "v", "j", "v", "r", "r")
        await driver.until(lambda: bool(driver.port.sent))
        (run,) = driver.port.sent
        assert isinstance(run, Run)
        assert set(run.targets) == {"fetch_raw", "embeddings", "features"}
        await driver.press("escape")
        assert driver.dag.chosen == ("features",)


async def test_marked_stages_that_run_are_cancelled_together(tmp_path: Path) -> None:
    whole = scenes.a_run_in_progress()
    states = {**whole.states, StageName("clean"): StageState(Status.RUNNING, scenes.RUN, 1)}
    async with opened(scenes.port(replace(whole, states=states), tmp_path)) as driver:
        await driver.press("g", "v", "G", "v", "x")
        await driver.until(
            lambda: "2 stages" in str(driver.app.screen.query_one(".popup").border_title)
        )
        await driver.press("y")
        await driver.until(lambda: len(driver.port.sent) == 2)
        sent = {command.stage for command in driver.port.sent if isinstance(command, CancelStage)}
        assert sent == {"clean", TRAIN}


async def test_the_selection_follows_what_runs_only_when_asked(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("g")
        failed = StageState(Status.FAILED, scenes.RUN, 1)
        driver.port.publish(StageChanged(TRAIN, failed))
        await driver.until(lambda: driver.app.board.state(TRAIN).status is Status.FAILED)
        assert driver.dag.selected == "fetch_raw"
        await driver.press("full_stop")
        assert driver.dag.selected == "train@large"
        running = StageState(Status.RUNNING, scenes.RUN, 1)
        driver.port.publish(StageChanged(StageName("report"), running))
        await driver.until(lambda: driver.dag.selected == "report")


async def test_the_run_menu_lists_its_plan_and_takes_jobs(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("r", "down", "enter")
        await driver.until(lambda: "never ran here" in driver.popup_text)
        await driver.press("escape")
        assert "keep going" in driver.popup_text
        await driver.press("up", "j", "J", "j", "enter", "enter")
        await driver.until(lambda: bool(driver.port.sent))
        (run,) = driver.port.sent
        assert isinstance(run, Run)
        assert run.options.jobs is not None
        assert run.options == RunOptions(jobs=run.options.jobs)


async def test_the_copy_menu_copies_and_says_what_cannot_be_copied(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("y", "c")
        await driver.until(lambda: driver.app.clipboard == "pivot repro train@large")
        await driver.press("y", "h")
        await driver.until(lambda: driver.app.clipboard == "e" * 32)
        await driver.press("y", "l")
        await driver.until(lambda: driver.app.clipboard.startswith("epoch 12/20 loss"))
        assert len(driver.app.clipboard.splitlines()) == scenes.LINES
        await driver.press("y", "e")
        assert isinstance(driver.app.screen, Menu)
        await driver.press("escape", "n", "y", "e")
        await driver.until(lambda: "KeyError: 'label'" in driver.app.clipboard)


async def test_a_missing_source_or_output_is_said(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("e", "o")
        await driver.until(lambda: len(driver.toasts) == 2)
        assert driver.toasts == ["'stages.py' is not there", "data/fetch_raw.csv: it is not there"]


async def test_i_writes_a_sample_where_there_is_no_pipeline(tmp_path: Path) -> None:
    engine = replace(scenes.ENGINE, root=str(tmp_path))
    empty = replace(scenes.nothing_defined(), engine=engine)
    async with opened(scenes.port(empty, tmp_path)) as driver:
        await driver.press("i")
        await driver.until(lambda: bool(driver.port.sent))
        assert (tmp_path / "pipeline.py").read_text() == SAMPLE
        await driver.press("i")
        await driver.until(lambda: any("is left alone" in said for said in driver.toasts))


async def test_footer_hints_can_be_clicked(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        at = driver.said("footer").index("help")
        await driver.pilot.click("#footer", offset=(at, 0))
        await driver.until(lambda: not isinstance(driver.app.screen, MainScreen))


async def test_dialogs_and_lists_can_be_clicked(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("X")
        await driver.until(lambda: "Cancel run" in driver.popup_text)
        rows = driver.popup_text.split("\n")
        at = rows[-1].index("Cancel run")
        await driver.pilot.click(Lines, offset=(at + 2, len(rows) - 1))
        await driver.until(lambda: driver.port.sent == [CancelRun(scenes.RUN)])
        await driver.press("question_mark", *"logs of")
        await driver.pilot.click(Entries, offset=(5, 0))
        await driver.until(lambda: driver.log.has_focus)


async def test_the_users_keys_are_in_force_and_bad_ones_are_said(tmp_path: Path) -> None:
    port = scenes.port(scenes.idle(), tmp_path)
    for keys, pressed in (({"run_menu": ("Z",)}, "Z"), ({"run_menu": ("q",)}, "r")):
        app = Dashboard(port.connect, lambda: scenes.NOW, taste=scenes.taste(keys))
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            driver = Driver(pilot, app, port)
            await driver.until(lambda app=app: app.board.link is Link.ATTACHED)
            await pilot.pause()
            assert any("ui.keys is not used" in said for said in driver.toasts) is (pressed == "r")
            await driver.press(pressed)
            assert driver.app.screen is not driver.app.screen_stack[0]


@pytest.mark.parametrize(
    ("environ", "command", "said"),
    [
        ({"EDITOR": "nano"}, ["nano", "+41", "a b.py"], ""),
        ({"EDITOR": "nano", "VISUAL": "nvim -R"}, ["nvim", "-R", "+41", "a b.py"], ""),
        (
            {"EDITOR": "/usr/bin/code --wait"},
            ["/usr/bin/code", "--wait", "--goto", "a b.py:41"],
            "",
        ),
        ({"VISUAL": "hx"}, ["hx", "a b.py:41"], ""),
        ({}, ["vi", "+41", "a b.py"], "neither VISUAL nor EDITOR is set: opened with vi"),
    ],
)
def test_each_editor_opens_at_the_line(
    environ: dict[str, str], command: list[str], said: str
) -> None:
    assert outside.editor(environ, "a b.py", 41) == (command, said)


async def test_the_critical_path_is_gone_with_the_run(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        assert "critical path" in str(driver.dag.border_subtitle)
        driver.port.publish(RunFinished(scenes.run_state(RunStatus.CANCELLED)))
        await driver.until(lambda: "critical path" not in str(driver.dag.border_subtitle))
