"""Owns what a person takes out of the dashboard for a stage: its source, its outputs, text to paste elsewhere."""

import asyncio
import os
from collections.abc import Mapping

from textual.screen import Screen

from pivot_core.port import (
    Explain,
    FindLog,
    LogRef,
    PivotError,
    StageName,
    one_line,
)
from pivot_core.port.logfile import PREFIX_BYTES
from pivot_tui import outside
from pivot_tui.board import Board
from pivot_tui.feed import Feed
from pivot_tui.sample import SAMPLE
from pivot_tui.screens.menu import Item, Menu
from pivot_tui.widgets.painting import application

_DEFINITIONS = ("pivot.yaml", "pivot.yml", "pipeline.py")
_MOST_COPIED = 1 << 20
"""Terminals drop longer texts, or the connection."""


class Files:
    """Edits, opens and copies; what cannot be done is said."""

    def __init__(
        self, screen: Screen[None], board: Board, feed: Feed, environ: Mapping[str, str]
    ) -> None:
        self._screen: Screen[None] = screen
        self._board: Board = board
        self._feed: Feed = feed
        self._environ: Mapping[str, str] = environ

    def edit(self, stage: StageName) -> None:
        """Opens the stage's source at its function."""
        where = self._board.stages[stage].where
        self.edit_at(where.file, where.line)

    def edit_at(self, path: str, line: int) -> None:
        """Opens a file of the project at a line."""
        full = os.path.join(self._root, path)
        if not os.path.isfile(full):
            self._say(f"'{path}' is not there")
            return
        command, said = outside.editor(self._environ, full, line)
        self._say(outside.hand_over(application(self._screen), command, self._root) or said)

    def open(self, stage: StageName) -> None:
        """Opens an output of the stage; asks which where there are several."""
        paths = [str(out.path) for out in self._board.stages[stage].outs]
        if not paths:
            self._say(f"{one_line(stage)} has no outputs")
        elif len(paths) == 1:
            self.open_path(paths[0])
        else:
            keys = "123456789abcdefghilmnoprstuvwxyz"
            items = [
                Item(key, one_line(path), path, refusal=self._not_opened(path))
                for key, path in zip(keys, paths, strict=False)
            ]
            menu = Menu(f"Open: {one_line(stage)}", items)
            application(self._screen).push_screen(menu, self.open_path)

    def copy_menu(self, stage: StageName) -> None:
        """Asks what to copy of the stage."""
        row, state = self._board.stages[stage], self._board.state(stage)
        failure = state.failure
        error = f"{failure.message}\n{failure.traceback}".rstrip() if failure else ""
        line = f"pivot repro {stage}"
        items = [
            Item("n", "name", "n", stage),
            Item("p", "path", "p", str(row.where)),
            Item("h", "full hash", "h", "of the code"),
            Item("c", "command line", "c", line),
            Item("e", "error", "e", one_line(error), "" if error else "it did not fail"),
            Item("l", "whole log", "l", "of the last attempt"),
        ]
        texts = {"n": str(stage), "p": str(row.where), "c": line, "e": error}

        def take(key: str | None) -> None:
            if key == "h":
                self._screen.run_worker(self._copy_hash(stage))
            elif key == "l":
                self._screen.run_worker(self._copy_log(stage))
            elif key is not None:
                self.copy(texts[key])

        application(self._screen).push_screen(Menu(f"Copy: {one_line(stage)}", items), take)

    def copy(self, words: str) -> None:
        """Sends text to the terminal's clipboard."""
        if len(words) > _MOST_COPIED:
            self._say("more than 1 MiB: too long for a terminal's clipboard, save it to a file")
            return
        application(self._screen).copy_to_clipboard(words)
        shown = one_line(words.split("\n", 1)[0])
        short = shown if len(shown) <= 40 else f"{len(words)} characters"
        self._say(f"sent to the terminal's clipboard: {short}")

    def write_sample(self) -> None:
        """Writes a pipeline of two stages; a file that is there is left alone."""
        there = [name for name in _DEFINITIONS if os.path.exists(os.path.join(self._root, name))]
        if there:
            self._say(f"'{there[0]}' is there: it is left alone")
            return
        try:
            with open(os.path.join(self._root, "pipeline.py"), "x", encoding="utf-8") as file:
                file.write(SAMPLE)
        except OSError as error:
            self._say(f"cannot write pipeline.py: {error.strerror}")
        else:
            self._say("wrote pipeline.py")

    async def _copy_hash(self, stage: StageName) -> None:
        try:
            found = await self._feed.explain(Explain((stage,)))
        except (PivotError, OSError):
            self._say("no engine: the hash is not known")
            return
        code = next((one.code for one in found if one.stage == stage), None)
        if code is None:
            self._say("the code has no fingerprint: it cannot be read")
        else:
            self.copy(code)

    async def _copy_log(self, stage: StageName) -> None:
        try:
            found = await self._feed.find_log(FindLog(stage))
        except (PivotError, OSError):
            self._say("no engine: the log is not known")
            return
        if not isinstance(found, LogRef):
            self._say(f"no log: {found.why}")
            return
        try:
            words = await asyncio.to_thread(_read_log, found.path)
        except OSError as error:
            self._say(f"cannot read the log: {error.strerror}")
            return
        self.copy(words)

    @property
    def _root(self) -> str:
        return self._board.engine.root if self._board.engine is not None else "."

    def _not_opened(self, path: str) -> str:
        full = os.path.join(self._root, path)
        if not os.path.exists(full):
            return "it is not there"
        if os.path.isdir(full) and not outside.opener(self._environ):
            return "a directory; no desktop to open it"
        return ""

    def open_path(self, path: str | None) -> None:
        """Opens a file of the project with what the desktop opens it with, else in the pager."""
        if path is None:
            return
        why = self._not_opened(path)
        if why:
            self._say(f"{one_line(path)}: {why}")
            return
        full = os.path.join(self._root, path)
        program = outside.opener(self._environ)
        if program:
            self._say(outside.show_on_desktop(program, full))
        else:
            command = outside.pager(self._environ, full)
            self._say(outside.hand_over(application(self._screen), command, self._root))

    def _say(self, words: str) -> None:
        if words:
            self._screen.notify(words, markup=False)


def _read_log(path: str) -> str:
    """Returns what the stage wrote, without time and stream; a little more than may be copied at most."""
    with open(path, "rb") as file:
        lines = file.read(_MOST_COPIED * 2).split(b"\n")
    return b"\n".join(line[PREFIX_BYTES:] for line in lines).decode(errors="replace")
