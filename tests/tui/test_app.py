"""The application around the screens: the end of a run, the mouse, colours, and what may only be looked at."""

import inspect
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pivot_core.port import RunFinished, RunStatus, Taste
from pivot_tui.app import Dashboard
from pivot_tui.board import Link
from tests.support.scripted_port import ScriptedPort
from tests.tui import scenes
from tests.tui.driving import SIZE, Driver, opened


class Listened(Dashboard):
    """A dashboard that tells what goes to its terminal besides the screen."""

    CSS_PATH = Path(inspect.getfile(Dashboard)).with_name("theme.tcss")

    def listen(self) -> list[str]:
        """Returns what is written from now on."""
        written = list[str]()

        def write(data: str) -> None:
            written.append(data)

        assert self._driver is not None
        self._driver.write = write
        return written


@asynccontextmanager
async def tasting(
    port: ScriptedPort, taste: Taste | None = None, *, is_read_only: bool = False
) -> AsyncGenerator[tuple[Driver, list[str]]]:
    """Opens a dashboard with settings; gives what is written to its terminal besides the screen, too."""
    app = Listened(
        port.connect, lambda: scenes.NOW, taste=taste, is_calm=True, is_read_only=is_read_only
    )
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        driver = Driver(pilot, app, port)
        written = app.listen()
        await driver.until(lambda: app.board.link is Link.ATTACHED)
        await pilot.pause()
        yield driver, written


@pytest.mark.parametrize(
    ("bell", "told"),
    [("off", ""), ("bell", "\a"), ("notify", "\x1b]9;churn: run a4f2 failed\a")],
)
async def test_the_end_of_a_run_is_told_as_the_settings_say(
    bell: str, told: str, tmp_path: Path
) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    async with tasting(port, Taste(bell=bell)) as (driver, written):
        port.publish(RunFinished(scenes.run_state(RunStatus.FAILED)))
        await driver.until(lambda: "3:37" in driver.said("header"))
        assert [text for text in written if "\a" in text] == ([told] if told else [])


async def test_a_run_that_was_over_before_is_not_told(tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_that_is_done(), tmp_path)
    async with tasting(port, Taste(bell="bell")) as (_, written):
        assert not any("\a" in text for text in written)


async def test_the_mouse_is_left_to_the_terminal_and_taken_back(tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    async with tasting(port) as (driver, written):
        await driver.press("M")
        assert any("\x1b[?1000l" in text for text in written)
        assert "left to the terminal" in driver.toasts[0]
        written.clear()
        await driver.press("M")
        assert any("\x1b[?1000h" in text for text in written)


async def test_a_dashboard_that_may_only_look_says_so_and_sends_nothing(tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    async with tasting(port, is_read_only=True) as (driver, _):
        assert "read-only" in driver.said("header")
        assert driver.app.animation_level == "none"
        await driver.press("r", "X", "R")
        assert "read-only" in driver.toasts[0]
        await driver.press("q")
        await driver.until(lambda: not driver.app.is_running)
    assert not port.sent


async def test_the_branch_stands_in_a_wide_header(tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    app = Dashboard(port.connect, lambda: scenes.NOW, branch=lambda: "exp/lr")
    async with app.run_test(size=(160, 48)) as pilot:
        driver = Driver(pilot, app, port)
        await driver.until(lambda: "branch exp/lr" in driver.said("header"))


async def test_the_terminal_s_own_colours(picture: SnapshotAssertion, tmp_path: Path) -> None:
    async with opened(
        scenes.port(scenes.a_run_in_progress(), tmp_path), theme="pivot-ansi"
    ) as driver:
        assert driver.picture == picture
