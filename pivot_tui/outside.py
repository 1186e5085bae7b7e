"""Owns handing the terminal, or a file, to another program: editor, pager, desktop."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from types import FrameType

from textual.app import App, SuspendNotSupported

_AT_COLON = ("code", "codium", "code-insiders", "cursor", "subl", "hx", "helix", "zed")
"""Editors that take ``file:line``; all others take ``+line file`` as vi does."""
_NEEDS_GOTO = ("code", "codium", "code-insiders", "cursor")


def editor(environ: Mapping[str, str], path: str, line: int) -> tuple[list[str], str]:
    """Returns the command that edits a file at a line, and what should be said about it."""
    chosen = environ.get("VISUAL") or environ.get("EDITOR") or ""
    said = "" if chosen else "neither VISUAL nor EDITOR is set: opened with vi"
    words = shlex.split(chosen) or ["vi"]
    name = os.path.basename(words[0])
    if name in _AT_COLON:
        goto = ["--goto"] if name in _NEEDS_GOTO else []
        return [*words, *goto, f"{path}:{line}"], said
    return [*words, f"+{line}", path], said


def opener(environ: Mapping[str, str]) -> str:
    """Returns the program that opens a file on the desktop; empty where there is none."""
    if sys.platform == "darwin":
        return "open"
    return "xdg-open" if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY") else ""


def pager(environ: Mapping[str, str], path: str) -> list[str]:
    """Returns the command that shows a file."""
    return [*(shlex.split(environ.get("PAGER", "")) or ["less"]), path]


def hand_over(app: App[bool], command: list[str], folder: str) -> str:
    """Gives the terminal to a program until it ends; returns why that was not possible, else nothing."""
    try:
        with app.suspend():
            # An interrupt in the editor goes to us as well; a handler, unlike SIG_IGN, is not inherited.
            before = signal.signal(signal.SIGINT, _pass_over)
            try:
                subprocess.run(command, cwd=folder, check=False)
            finally:
                signal.signal(signal.SIGINT, before)
    except SuspendNotSupported:
        return "this terminal cannot be handed over"
    except OSError as error:
        return f"cannot start '{command[0]}': {error.strerror}"
    return ""


def _pass_over(_number: int, _frame: FrameType | None) -> None:
    """Leaves an interrupt to the program that has the terminal."""


def show_on_desktop(program: str, path: str) -> str:
    """Opens a file with the desktop's program for it; returns why that was not possible, else nothing."""
    try:
        subprocess.Popen(
            [program, path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        return f"cannot start '{program}': {error.strerror}"
    return ""
