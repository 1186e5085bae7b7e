"""Owns the Textual application: themes, the feed's task, and how it ends."""

import asyncio
import signal
import time
from collections.abc import Callable
from typing import ClassVar, override

from textual.app import App
from textual.binding import BindingType

from pivot_tui import theme as colors
from pivot_tui.board import Board, Dirty
from pivot_tui.feed import Connect, Feed
from pivot_tui.screens.main import MainScreen

EXIT_BUG = 70
_EXIT_BY = {signal.SIGTERM: 143, signal.SIGHUP: 129}


class Dashboard(App[bool], inherit_bindings=False):
    """The dashboard of one project; ``run`` returns true when leaving stopped the run as well."""

    CSS_PATH = "theme.tcss"
    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    TITLE: str | None = "pivot"

    def __init__(
        self,
        connect: Connect,
        clock: Callable[[], float] = time.time,
        theme: str = "pivot-dark",
        ascii_only: bool = False,
    ) -> None:
        super().__init__()
        self.board: Board = Board()
        self._feed: Feed = Feed(connect, self.board, self._paint)
        self._main: MainScreen = MainScreen(self.board, self._feed, clock)
        for one in colors.THEMES:
            self.register_theme(one)
        self.theme = theme
        self.set_class(ascii_only, "-ascii")

    @override
    def get_default_screen(self) -> MainScreen:
        return self._main

    def on_mount(self) -> None:
        """Starts to read from the engine; a signal ends the dashboard, never the engine."""
        self.run_worker(self._feed.run(), name="feed")
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number, code in _EXIT_BY.items():
                loop.add_signal_handler(number, self._end, code)

    @property
    def exit_code(self) -> int:
        """What ``pivot ui`` exits with; Textual says 1 after an exception, which it has then shown."""
        return EXIT_BUG if self.return_code == 1 else self.return_code or 0

    def _end(self, code: int) -> None:
        self.exit(return_code=code)

    def _paint(self, dirty: Dirty) -> None:
        if self.is_running:
            self._main.paint(dirty)
