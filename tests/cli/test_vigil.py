"""``pivot repro --watch`` and ``pivot serve`` as processes: what they print, and that nothing is left of them."""

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cli.project import FAILING, HELPERS, Project


@contextlib.contextmanager
def started(project: Project, *arguments: str) -> Generator["subprocess.Popen[str]"]:
    process = project.start(*arguments)
    with process:
        try:
            yield process
        finally:
            process.kill()


def until(process: "subprocess.Popen[str]", words: str) -> list[str]:
    """Reads lines until one holds these words; the test's own limit ends a wait in vain."""
    assert process.stdout is not None
    lines = list[str]()
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if words in line:
            return lines
    raise AssertionError(f"no {words!r} in {lines}")


def ended(process: "subprocess.Popen[str]", number: int) -> int:
    process.send_signal(number)
    return process.wait(30)


def nothing_runs_in(project: Project) -> bool:
    """Tells whether no process has its directory, or its engine's socket, here; what ends just now is waited for."""
    ours = str(project.root)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd").startswith(ours):
                handle = os.pidfd_open(int(pid))
                has_ended = bool(select.select([handle], [], [], 5.0)[0])
                os.close(handle)
                if not has_ended:
                    return False
    return not list(Path(project.root, ".pivot", "engine").glob("*.sock"))


def test_each_save_is_told_with_what_it_ran_until_ctrl_c(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    with started(project, "repro", "--watch", "--debounce", "30") as process:
        first = until(process, "done in")
        assert "watching everything; Ctrl-C ends it" in first
        assert "3 ran" in first[-1]
        project.write("helpers.py", HELPERS.replace("2", "3"))
        told = until(
            process, "2 ran, 1 same"
        )  # by the run that looks at what the first one made, or the next
        if not any("changed: helpers.py" in line for line in told):
            until(process, "changed: helpers.py")
        project.write("helpers.py", HELPERS.replace("return value * 2", "return value *"))
        assert "helpers.py:2" in until(process, "where:")[-1]
        until(process, "SyntaxError: invalid syntax")
        project.write("helpers.py", HELPERS.replace("2", "3") + "# said\n")
        assert until(process, "up to date")[-1] == "up to date: 3 stages"
        beside = project.pivot("repro", "--force", "clean")
        assert (beside.code, "1 ran" in beside.out) == (0, True)
        project.write("helpers.py", FAILING)
        assert "failed" in until(process, "failed in")[-1]
        assert ended(process, signal.SIGINT) == 130
    assert nothing_runs_in(project)


def test_a_signal_in_the_middle_of_a_run_ends_it_too(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.write("helpers.py", "import time\ndef scale(value):\n    time.sleep(600)\n")
    with started(project, "repro", "--watch", "--json") as process:
        lines = [json.loads(line) for line in until(process, '"stage":"train","status":"running"')]
        assert [line["event"] for line in lines[:2]] == ["watch", "run_started"]
        assert ended(process, signal.SIGTERM) == 143
    assert nothing_runs_in(project)


def test_a_background_engine_does_runs_and_watches_until_it_is_stopped(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    begun = project.pivot("serve", "--detach", "--idle-timeout", "5")
    try:
        assert (begun.code, "an engine is live" in begun.out) == (0, True)
        again = project.pivot("serve", "--detach")
        assert (again.code, "pivot serve --stop" in again.err) == (2, True)
        assert "3 ran" in project.pivot("repro").out
        kept_out = project.pivot("track", "helpers.py")
        assert (kept_out.code, "`pivot serve --stop`" in kept_out.err) == (4, True)
        assert json.loads(project.pivot("history", "--json").out)["runs"]
        with started(project, "repro", "--watch", "report", "--no-initial") as process:
            until(process, "watching report")
            refused = project.pivot("repro", "--watch", "clean")
            assert (refused.code, "watched already, for report" in refused.err) == (2, True)
            project.write("raw.json", "[5]")
            assert "3 ran" in until(process, "done in")[-1]
            assert ended(process, signal.SIGINT) == 130
        project.write("helpers.py", "import time\ndef scale(value):\n    time.sleep(600)\n")
        with started(project, "repro") as process:
            until(process, "train")
            busy = project.pivot("serve", "--stop")
            assert (busy.code, "--force" in busy.err) == (2, True)
            stopped = project.pivot("serve", "--stop", "--force")
            assert (stopped.code, "ended pivot serve" in stopped.out) == (0, True)
            assert process.wait(30) == 130
    finally:
        project.pivot("serve", "--stop", "--force")
    assert "no engine is live" in project.pivot("serve", "--stop").out
    assert nothing_runs_in(project)


def test_what_would_run_is_asked_of_an_engine_that_is_live(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    loading = (
        "import os\nos.write(os.open('loads', os.O_CREAT | os.O_APPEND | os.O_WRONLY), b'.')\n"
    )
    project.write("pipeline.py", loading + project.read("pipeline.py"))
    try:
        project.pivot("serve", "--detach")
        project.pivot("repro")
        project.pivot("status")  # once more: the run has made a directory that could be a module
        before = project.read("loads")
        project.write("pipeline.py", project.read("pipeline.py") + "LATER = 1\n")
        for _ in range(2):
            assert "up to date: 3 stages" in project.pivot("status").out
        assert project.read("loads") == f"{before}."
        assert project.pivot("status", env={"PIVOT_OTHER": "1"}).code == 0  # which looks itself
    finally:
        project.pivot("serve", "--stop")


@pytest.mark.parametrize(
    "options", [("--stop", "--detach"), ("--force",), ("--stop", "--idle-timeout", "1")]
)
def test_options_of_serve_that_make_no_sense_together_are_refused(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    assert Project.toy(tmp_path).pivot("serve", *options).code == 2


def test_an_engine_that_nobody_needs_ends_after_its_time(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    with started(project, "serve", "--idle-timeout", "0.01") as process:
        assert process.wait(30) == 0
    assert nothing_runs_in(project)
