"""Owns opening a dashboard on a scripted port and waiting for what a test needs to see."""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from textual.pilot import Pilot
from textual.widgets._toast import Toast

from pivot_tui.app import Dashboard
from pivot_tui.board import Link
from pivot_tui.spans import Line, plain
from pivot_tui.widgets.dag import DagView
from pivot_tui.widgets.log import LogView
from pivot_tui.widgets.page import PageView
from pivot_tui.widgets.painting import Lines
from tests.support.scripted_port import ScriptedPort
from tests.tui import scenes

SIZE = (80, 24)


class Driver:
    """A running dashboard as a test sees it: keys in, what is on screen out."""

    def __init__(self, pilot: Pilot[bool], app: Dashboard, port: ScriptedPort) -> None:
        self.pilot = pilot
        self.app = app
        self.port = port

    async def until(self, holds: Callable[[], bool]) -> None:
        """Waits for a condition; the test's own limit ends a wait in vain."""
        while not holds():
            await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        """Presses keys and lets the dashboard answer."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    @property
    def dag(self) -> DagView:
        return self.app.screen_stack[0].query_one(DagView)

    @property
    def log(self) -> LogView:
        return self.app.screen_stack[0].query_one(LogView)

    @property
    def why(self) -> PageView:
        return self.panel(3)

    def panel(self, number: int) -> PageView:
        """Returns the panel with this key."""
        return self.app.screen_stack[0].query_one(f"#panel-{number}", PageView)

    def text(self, number: int) -> str:
        """Returns what the panel with this key shows."""
        return "\n".join(plain(line).rstrip() for line in self.panel(number).lines)

    def said(self, where: str) -> str:
        """Returns the text of header, banner, footer or tabs."""
        lines = self.app.screen_stack[0].query_one(f"#{where}", Lines).lines
        return "\n".join(plain(line) for line in lines)

    @property
    def hints(self) -> Line:
        """Returns the footer with its paints."""
        (line,) = self.app.screen_stack[0].query_one("#footer", Lines).lines
        return line

    @property
    def why_text(self) -> str:
        return "\n".join(plain(line) for line in self.why.lines)

    @property
    def popup_text(self) -> str:
        return "\n".join(plain(line) for line in self.app.screen.query_one(Lines).lines)

    @property
    def toasts(self) -> list[str]:
        """Returns what was said in passing."""
        return [str(toast.render()) for toast in self.app.screen.query(Toast)]

    @property
    def picture(self) -> str:
        """Returns the screen as SVG, without the number that would differ on every line of a diff."""
        return re.sub(r"terminal-\d+", "terminal", self.app.export_screenshot(simplify=True))


@asynccontextmanager
async def opened(
    port: ScriptedPort,
    size: tuple[int, int] = SIZE,
    theme: str = "pivot-dark",
    ascii_only: bool = False,
) -> AsyncGenerator[Driver]:
    """Opens a dashboard whose clock stands still, and waits until it shows the log of the selected stage."""
    app = Dashboard(port.connect, lambda: scenes.NOW, theme, ascii_only)
    async with app.run_test(size=size, notifications=True) as pilot:
        driver = Driver(pilot, app, port)
        await driver.until(lambda: app.board.link is not Link.CONNECTING)
        await pilot.pause()
        if port.snapshot.stages and driver.log.display:
            await driver.until(lambda: bool(driver.log.border_title))
            wanted = scenes.LINES if driver.dag.selected in port.logs else 0
            await driver.until(lambda: driver.log.count == wanted)
        await pilot.pause()
        yield driver
