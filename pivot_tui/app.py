"""Owns the Textual application: themes, the feed's task, how the end of a run is told, and how it ends."""

import asyncio
import enum
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import ClassVar, override

from rich.console import RenderableType
from textual.binding import BindingType
from textual.drivers.linux_driver import LinuxDriver

from pivot_core.port import RunState, Snapshot, Taste, one_line
from pivot_tui import format as fmt
from pivot_tui import keymap as keymaps
from pivot_tui import theme as colors
from pivot_tui.board import Board, Dirty, Link
from pivot_tui.feed import Connect, Feed
from pivot_tui.screens.main import MainScreen
from pivot_tui.widgets.painting import Inked

EXIT_BUG = 70
_WARNED_S = 20.0
_BRANCH_S = 3.0
"""How often git is looked at: nothing tells of a switch."""
_MOUSE_MODES = (1000, 1003, 1015, 1006)
"""As Textual switches them on."""
_EXIT_BY = {signal.SIGTERM: 143, signal.SIGHUP: 129}


class Bell(enum.Enum):
    """How the end of a run is told."""

    OFF = "off"
    BELL = "bell"
    NOTIFY = "notify"
    """By the terminal, as a notification of the desktop (OSC 9)."""


class _Terminal(LinuxDriver):
    """The terminal: drawn anew after a stop, and its input not waited for at the end, which is a fifth of a second."""

    _is_stopped: bool = False
    """Whether the next thing that happens is that the process goes on."""

    @override
    def resume_application_mode(self) -> None:
        super().resume_application_mode()
        # After a stop the terminal shows something else, and nothing of it is known to be out of date.
        self._loop.call_soon_threadsafe(lambda: self._app.refresh(layout=True))

    @override
    def _sigtstp_application(self, *_: object) -> None:
        if self._auto_restart:
            # The signal may have come within a write, which would be waited for in vain until this handler is over.
            self._loop.call_soon_threadsafe(self._stop)
        else:
            os.kill(os.getpid(), signal.SIGSTOP)  # another program has the terminal

    def _stop(self) -> None:
        self.suspend_application_mode()
        self._must_signal_resume = True
        self._is_stopped = True
        os.kill(os.getpid(), signal.SIGSTOP)

    @override
    def _sigcont_application(self, *_: object) -> None:
        if self._is_stopped:
            self._is_stopped = False
            self.resume_application_mode()
        elif self._auto_restart:
            self._loop.call_soon_threadsafe(self.resume_application_mode)

    @override
    def disable_input(self) -> None:
        if isinstance(self._app, Dashboard) and self._app.is_leaving:
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)
            self._disable_mouse_support()
            self.exit_event.set()
        super().disable_input()  # nothing, where the end has begun


class Dashboard(Inked, inherit_bindings=False):
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
        *,
        taste: Taste | None = None,
        is_calm: bool = False,
        is_read_only: bool = False,
        last: Callable[[], Snapshot | None] = lambda: None,
        branch: Callable[[], str] = str,
        place: str = "",
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        """``taste`` is what the settings say; where ``is_calm``, nothing moves that does not have to.

        ``last`` returns what is shown until there is an engine, ``branch`` that of git; it may read files.
        ``place`` is the project-relative directory in which it is opened. ``settled`` is called once, when what an
        engine knows is on show, or that there is none.
        """
        super().__init__(driver_class=_Terminal)
        self.is_leaving: bool = False
        """Whether the end has begun."""
        taste = taste or Taste()
        self.board: Board = Board(is_read_only=is_read_only, place=place)
        self._feed: Feed = Feed(connect, self.board, self._paint, last)
        self._bell: Bell = Bell(taste.bell)
        self.frames: int = 0
        """Drawn so far."""
        self._branch: Callable[[], str] = branch
        self._active: RunState | None = None
        self._settled: Callable[[], None] | None = settled
        self._has_mouse: bool = True
        if is_calm:
            self.animation_level = "none"
        keymap, self._wrong_keys = keymaps.keymap(taste.keys)
        self.set_keymap({name: ",".join(names) for name, names in keymap.changed.items()})
        self._main: MainScreen = MainScreen(
            self.board, self._feed, clock, keymap, lambda: self.frames
        )
        for one in colors.THEMES:
            self.register_theme(one)
        self.theme = theme
        self.set_class(ascii_only, "-ascii")

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return colors.places(self.current_theme)

    @override
    def get_default_screen(self) -> MainScreen:
        return self._main

    @override
    def exit(
        self,
        result: bool | None = None,
        return_code: int = 0,
        message: RenderableType | None = None,
    ) -> None:
        self.is_leaving = True
        super().exit(result, return_code, message)

    def on_mount(self) -> None:
        """Starts to read from the engine; a signal ends the dashboard, never the engine."""
        self.run_worker(self._feed.run(), name="feed")
        self.run_worker(self._follow_branch())
        if self._wrong_keys:
            words = "\n".join(["ui.keys is not used, the keys are as built in:", *self._wrong_keys])
            self.notify(words, severity="warning", timeout=_WARNED_S, markup=False)
        if not self.is_headless:
            loop = asyncio.get_running_loop()
            for number, code in _EXIT_BY.items():
                loop.add_signal_handler(number, self._end, code)
            self.set_interval(1.0, self._look_for_terminal)

    @override
    def post_display_hook(self) -> None:
        self.frames += 1

    @property
    def exit_code(self) -> int:
        """What ``pivot ui`` exits with; Textual says 1 after an exception, which it has then shown."""
        return EXIT_BUG if self.return_code == 1 else self.return_code or 0

    async def _follow_branch(self) -> None:
        """Shows the branch of git, and what becomes of it."""
        while True:
            found = await asyncio.to_thread(self._branch)
            if found != self.board.branch:
                self.board.branch = found
                self._paint(Dirty(run=True))
            await asyncio.sleep(_BRANCH_S)

    def _look_for_terminal(self) -> None:
        """Ends when the terminal is gone; only the processes of its own session get a signal then."""
        poll = select.poll()
        poll.register(sys.__stdin__.fileno() if sys.__stdin__ is not None else 0, 0)
        if any(event & (select.POLLHUP | select.POLLNVAL) for _, event in poll.poll(0)):
            self._end(_EXIT_BY[signal.SIGHUP])

    def _end(self, code: int) -> None:
        self.exit(return_code=code)

    def _paint(self, dirty: Dirty) -> None:
        if self.is_running:
            self._main.paint(dirty)
            self._ring()
            if self._settled is not None and self.board.link is not Link.CONNECTING:
                self.call_after_refresh(self._settled)
                self._settled = None

    def _ring(self) -> None:
        """Tells that the run which went on has ended."""
        before, self._active = self._active, self.board.active
        run = self.board.run
        if before is None or run is None or before.run_id != run.run_id or run.ended_at is None:
            return
        if self._bell is Bell.OFF or self._driver is None:
            return
        name = self.board.engine.project if self.board.engine is not None else "pivot"
        words = f"{one_line(name)}: run {fmt.short_run(run.run_id)} {run.status.value}"
        self._driver.write("\a" if self._bell is Bell.BELL else f"\x1b]9;{words}\a")
        self._driver.flush()

    def action_mouse(self) -> None:
        """Leaves the mouse to the terminal and its own selection, or takes it back."""
        self._has_mouse = not self._has_mouse
        if self._driver is not None:
            letter = "h" if self._has_mouse else "l"
            self._driver.write("".join(f"\x1b[?{mode}{letter}" for mode in _MOUSE_MODES))
            self._driver.flush()
        words = "the mouse works here" if self._has_mouse else "the mouse is left to the terminal"
        self.notify(words, markup=False)
