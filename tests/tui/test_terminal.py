"""A real process on a real terminal: how it starts, how it ends, and what it leaves behind."""

import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from pivot_tui import launch

ROOT = Path(__file__).parents[2]
SHOW = """
import asyncio, sys
from pathlib import Path
from pivot_tui.app import Dashboard
from tests.tui import scenes
port = scenes.port(scenes.a_run_in_progress(), Path(sys.argv[1]))
app = Dashboard(port.connect, lambda: scenes.NOW)
if sys.argv[2] == "break":
    def broken(dirty):
        raise RuntimeError("a mistake of ours")
    app._main.paint = broken
app.run()
sys.exit(app.exit_code)
"""


def read_until(terminal: int, wanted: bytes) -> bytes:
    """Reads the terminal until it showed ``wanted``, or to its end."""
    seen = b""
    while wanted not in seen:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        seen += chunk
    return seen


def on_a_terminal(folder: Path, how: str) -> tuple[subprocess.Popen[bytes], int, int]:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", SHOW, str(folder), how],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    return process, ours, theirs


@pytest.mark.parametrize(
    ("how", "number", "code"), [("run", signal.SIGTERM, 143), ("run", signal.SIGHUP, 129)]
)
def test_a_signal_ends_it_with_the_terminal_as_it_was(
    how: str, number: signal.Signals, code: int, tmp_path: Path
) -> None:
    process, ours, theirs = on_a_terminal(tmp_path, how)
    before = termios.tcgetattr(theirs)
    read_until(ours, b"train_baseline failed")
    process.send_signal(signal.SIGTSTP)
    read_until(ours, b"\x1b[?1049l")
    os.waitpid(process.pid, os.WUNTRACED)
    process.send_signal(signal.SIGCONT)
    assert b"train_baseline failed" in read_until(ours, b"train_baseline failed")  # drawn anew
    process.send_signal(number)
    left = read_until(ours, b"\x1b[?1049l")
    assert process.wait() == code
    assert b"\x1b[?1049l" in left
    assert termios.tcgetattr(theirs)[3] == before[3]
    os.close(ours)
    os.close(theirs)


def test_it_ends_when_its_terminal_is_gone(tmp_path: Path) -> None:
    process, ours, theirs = on_a_terminal(tmp_path, "run")
    read_until(ours, b"train_baseline failed")
    os.close(ours)
    os.close(theirs)
    assert process.wait() == 129


def test_a_mistake_of_ours_restores_the_terminal_and_exits_70(tmp_path: Path) -> None:
    process, ours, theirs = on_a_terminal(tmp_path, "break")
    before = termios.tcgetattr(theirs)
    seen = read_until(ours, b"\x1b[?1049l") + read_until(ours, b"a mistake of ours")
    assert process.wait() == 70
    assert b"a mistake of ours" in seen
    assert termios.tcgetattr(theirs)[3] == before[3]
    os.close(ours)
    os.close(theirs)


def test_without_a_terminal_it_names_the_command_that_needs_none() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pivot_core", "ui"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "`pivot repro` runs without one" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("environment", "encoding", "wanted"),
    [
        ({}, "utf-8", False),
        ({}, "ascii", True),
        ({"LANG": "C.UTF-8"}, "UTF-8", False),
        ({"LANG": "C"}, "utf-8", True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, "utf-8", True),  # as Python leaves it
        ({"LANG": "C", "LC_CTYPE": "de_DE.UTF-8"}, "utf-8", False),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "POSIX"}, "utf-8", True),
        ({"LANG": "C", "LC_ALL": "C.UTF-8"}, "utf-8", False),
        ({"LANG": "C", "PIVOT_ASCII": "0"}, "utf-8", False),
        ({"PIVOT_ASCII": "1"}, "utf-8", True),
    ],
)
def test_a_locale_without_utf8_is_drawn_in_ascii(
    environment: dict[str, str], encoding: str, wanted: bool
) -> None:
    assert launch.wants_ascii(environment, encoding) is wanted


def test_the_command_loads_no_textual_before_it_is_needed() -> None:
    code = (
        "import sys, pivot_tui.launch; print([m for m in sys.modules if m.startswith('textual')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
