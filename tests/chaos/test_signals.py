"""Ctrl-C on a terminal, once or twice, and SIGTERM end a run soon, wholly and with their own exit codes."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chaos.pipes import Pipes
from tests.support import launcher
from tests.support.project import Project

STAGES = """
import signal, subprocess

def first() -> Annotated[str, Out("first.txt", Text())]:
    child = subprocess.Popen(["sleep", "3600"])
    Path("first.txt").write_text("a part")
    DEAF
    meet("first")
    return "first"

def second(text: Annotated[str, Dep("first.txt", Text())]) -> Annotated[str, Out("s.txt", Text())]:
    note("second")
    return text

pipeline.register(first)
pipeline.register(second)
"""


@pytest.mark.parametrize(
    ("sends", "code", "is_deaf", "limit_s"),
    [
        (["\x03"], 130, False, 3.0),
        (["\x03"], 130, True, 4.5),
        (["\x03", "\x03"], 130, True, 3.0),
        ([signal.SIGTERM], 143, False, 3.0),
        ([signal.SIGTERM], 143, True, 4.5),
    ],
    ids=["once", "once and deaf", "twice", "term", "term and deaf"],
)
def test_a_run_ends_when_it_is_asked_to(
    root: Path, sends: list[str | signal.Signals], code: int, is_deaf: bool, limit_s: float
) -> None:
    deaf = "signal.signal(signal.SIGINT, signal.SIG_IGN)" if is_deaf else "pass"
    project = Project(root, STAGES.replace("DEAF", deaf))
    project.put("first.txt", "as it was")
    pipes = Pipes(root)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(root)
        os.environ["CHAOS_ROOT"] = str(root)
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
        os.execv(sys.executable, [sys.executable, "-m", "pivot_core", "repro"])
    pipes.here()
    began = time.monotonic()
    for send in sends:
        if isinstance(send, str):
            os.write(terminal, send.encode())
        else:
            os.kill(pid, send)
    said = _read_all(terminal)
    took_s = time.monotonic() - began
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == code, said
    assert took_s < limit_s, said
    assert "Traceback" not in said
    assert launcher.gone_within(root, 1.0) == []
    assert project.get("first.txt") == "as it was"
    assert project.objects() == []
    assert not (root / ".pivot/stages").exists()
    assert project.leftovers() == []
    assert project.ran_log() == []
    os.close(terminal)
    pipes.close()


def _read_all(terminal: int) -> str:
    """Reads until the other side ends, answering nothing; fails after a while."""
    said = b""
    with contextlib.suppress(OSError):  # EIO: the other side is closed
        while select.select([terminal], [], [], 15.0)[0]:
            data = os.read(terminal, 4096)
            if not data:
                break
            said += data
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode(errors="replace"))


def test_a_definition_that_hangs_can_be_interrupted(root: Path) -> None:
    project = Project(root, 'meet("definition")\n')
    pipes = Pipes(root)
    process = subprocess.Popen(
        [sys.executable, "-m", "pivot_core", "-C", str(root), "repro"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CHAOS_ROOT": str(root)},
    )
    pipes.here()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, "Traceback" in said) == (130, False), said
    assert launcher.gone_within(project.root, 1.0) == []
    pipes.close()
