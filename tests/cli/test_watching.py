"""Dashboards on a real engine: several at once, stopped and killed ones, and those that may only look."""

import asyncio
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pivot_core.cli.door import ProjectDoor
from pivot_core.errors import UsageError
from pivot_core.model.decision import Status
from tests.cli.project import FAILING, PIVOT, Project


@contextmanager
def watching(project: Project, *options: str) -> Generator[subprocess.Popen[str]]:
    """Opens a plain stream, and ends it."""
    process = project.start("ui", "--plain", *options)
    with process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], words: str) -> str:
    """Reads lines until one holds these words, and returns it; the test's own limit ends a wait in vain."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return line
    raise AssertionError(f"{words!r} is never said")


def test_two_streams_tell_of_one_run_and_a_stopped_one_holds_nothing_up(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    with watching(project) as first, watching(project) as second, watching(project) as killed:
        for each in (first, second, killed):
            until(each, "stale")
        second.send_signal(signal.SIGSTOP)
        killed.kill()
        project.pivot("repro").ok()
        assert "ran" in until(first, "report: ran")
        assert ": done, 3 of 3 stages done" in until(first, "run ")
        second.send_signal(signal.SIGCONT)
        assert ": done, 3 of 3 stages done" in until(second, ": done")


def test_leaving_a_stream_says_how_the_run_ended(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    with watching(project) as stream:
        until(stream, "stale")
        project.pivot("repro").ok()
        until(stream, ": done")
        stream.send_signal(signal.SIGINT)
        until(stream, "3 ran")
        assert stream.wait() == 130


def test_an_engine_that_ends_leaves_what_the_next_dashboard_shows_first(tmp_path: Path) -> None:
    project, door = Project.toy(tmp_path), ProjectDoor(str(tmp_path))
    assert door.last() is None
    with watching(project) as stream:
        until(stream, "stale")
        project.pivot("repro").ok()
        until(stream, ": done")
        os.kill(asyncio.run(engine_of(door)), signal.SIGTERM)
        while (last := door.last()) is None:
            os.sched_yield()
    assert {state.status for state in last.states.values()} == {Status.RAN}


def test_an_engine_that_was_killed_is_replaced_at_the_first_try(tmp_path: Path) -> None:
    Project.toy(tmp_path)
    door = ProjectDoor(str(tmp_path))

    async def serving() -> int:
        port = await door.attach()
        info = await port.subscribe()
        pid = info.snapshot.engine.pid
        await info.close()
        await port.close()
        return pid

    first = asyncio.run(serving())
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    second = asyncio.run(serving())
    assert second != first
    os.kill(second, signal.SIGTERM)
    os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
    with pytest.raises(UsageError, match="no engine is live"):
        asyncio.run(door.attach(start=False))


async def engine_of(door: ProjectDoor) -> int:
    """Returns the process id of the live engine."""
    port = await door.attach(start=False)
    subscription = await port.subscribe()
    await subscription.close()
    await port.close()
    return subscription.snapshot.engine.pid


def test_attaching_starts_nothing_and_names_what_goes_on(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    done = project.pivot("ui", "--plain", "--attach", "7f3a")
    assert done.code == 2
    assert "no engine is live" in done.err
    done = project.pivot("ui", "--plain", "--read-only")
    assert done.code == 4
    assert "no engine is live" in done.err
    with watching(project) as stream:
        until(stream, "stale")
        done = project.pivot("ui", "--plain", "--attach", "7f3a")
        assert done.code == 2
        assert "run '7f3a' neither goes on nor is queued" in done.err
        with watching(project, "--read-only") as other:
            until(other, "stale")


def test_quitting_names_what_failed_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.write("helpers.py", FAILING)
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    before = termios.tcgetattr(theirs)
    command = [PIVOT, "ui"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        seen = read_until(ours, b"report")
        assert project.pivot("repro").code == 1
        seen += read_until(ours, b"KeyError")
        os.write(ours, b"q")
        seen += read_until(ours, b"logs/train.1.log")
        assert process.wait() == 0
    assert seen.index(b"opening") < seen.index(b"\x1b[?1049h")
    left = seen[seen.index(b"\x1b[?1049l") :]
    assert b"failed train: KeyError: 'label'" in left
    assert b"log: .pivot/runs/" in left
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)


def read_until(terminal: int, words: bytes) -> bytes:
    """Reads the terminal until it showed these words; the test's own limit ends a wait in vain."""
    seen = b""
    while words not in seen:
        seen += os.read(terminal, 65_536)
    return seen
