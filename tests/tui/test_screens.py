"""What the screens look like; a changed picture is reviewed like code."""

from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pivot_core.port import RunFinished, RunStatus, StageChanged
from pivot_tui.screens.run_menu import RunMenu
from tests.tui import scenes
from tests.tui.driving import Driver, opened


async def explained(driver: Driver) -> None:
    await driver.press("d")
    await driver.until(lambda: "looking" not in driver.why_text)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("size", ["80x24", "100x30", "160x48"])
async def test_a_run_in_progress(
    size: str, theme: str, picture: SnapshotAssertion, tmp_path: Path
) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    width, height = size.split("x")
    async with opened(port, (int(width), int(height)), f"pivot-{theme}") as driver:
        await explained(driver)
        assert driver.picture == picture


async def test_the_log_of_the_selected_stage(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        assert driver.picture == picture


async def test_a_paused_log_that_wraps(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("2", "w", "k", "k", "k")
        scenes.write_log(tmp_path / "train@large.1.log", 12, 60)
        driver.port.publish(scenes.log_grew())
        await driver.until(lambda: driver.log.count == 72)
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_the_run_menu_with_its_plans(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("r")
        menu = driver.app.screen
        assert isinstance(menu, RunMenu)
        await driver.until(lambda: len(menu.plans) == 6)
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_the_plan_of_a_run_stage_by_stage(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("r", "enter")
        menu = driver.app.screen
        assert isinstance(menu, RunMenu)
        await driver.until(lambda: len(menu.plans) == 6)
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_a_filter_being_typed_with_marks_and_a_folded_row(
    picture: SnapshotAssertion, tmp_path: Path
) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("h", "k", "space", "slash", *"e")
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_groups_of_variants(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_sweep(), tmp_path)) as driver:
        await driver.press("t")
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_help_beside_what_cannot_be_done(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("g", "question_mark")
        assert driver.picture == picture


async def test_the_palette_narrowed_by_typing(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("colon", *"stage")
        assert driver.picture == picture


async def test_why_a_stage_failed(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("n", "3")
        await driver.until(lambda: "KeyError" in driver.why_text and "WILL RUN" in driver.why_text)
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_quitting_during_a_run_asks(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("q")
        assert driver.picture == picture


async def test_a_definition_that_cannot_be_used(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.broken(), tmp_path)) as driver:
        assert driver.picture == picture


async def test_no_stages_yet(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.nothing_defined(), tmp_path)) as driver:
        assert driver.picture == picture


@pytest.mark.parametrize(
    ("number", "seen"),
    [(4, "features.csv"), (5, "b331"), (6, "workers"), (7, "remote"), (8, "KeyError")],
    ids=["in_out", "history", "timeline", "remote", "errors"],
)
async def test_a_panel(number: int, seen: str, picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press(str(number))
        await driver.until(lambda: seen in driver.text(number))
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_two_attempts_compared_in_the_whole_window(
    picture: SnapshotAssertion, tmp_path: Path
) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("5", "plus", "plus")
        await driver.until(lambda: "b331" in driver.text(5))
        await driver.press("space", "j", "space")
        await driver.until(lambda: "learning_rate" in driver.text(5).partition("b331 → a4f2")[2])
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_the_event_log_with_its_commands(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        failed = replace(scenes.a_run_in_progress().states[scenes.BASELINE], attempt=2)
        driver.port.publish(StageChanged(scenes.BASELINE, failed))
        driver.port.publish(RunFinished(scenes.run_state(RunStatus.FAILED)))
        await driver.until(lambda: "3:37" in driver.said("header"))
        await driver.press("at")
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_a_run_that_is_done(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_that_is_done(), tmp_path)) as driver:
        assert driver.picture == picture


async def test_a_lost_engine(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        driver.port.drop()
        await driver.until(lambda: "DISCONNECTED" in driver.said("header"))
        await driver.pilot.pause()
        assert driver.picture == picture


async def test_without_colour(
    picture: SnapshotAssertion, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await explained(driver)
        assert driver.picture == picture


async def test_in_ascii(picture: SnapshotAssertion, tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    async with opened(port, ascii_only=True) as driver:
        assert driver.picture == picture


@pytest.mark.parametrize("size", ["60x15", "44x10"])
async def test_a_small_terminal(size: str, picture: SnapshotAssertion, tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    width, height = size.split("x")
    async with opened(port, (int(width), int(height))) as driver:
        assert driver.picture == picture
