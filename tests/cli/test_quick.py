"""Tier 0 prints what the full path prints, byte for byte."""

import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.project import HELPERS, PIVOT, Done, Project

PROOF = ".pivot/state.lmdb/proof"
STATE = ".pivot/state.lmdb/data.mdb"
ASKED = [
    ["repro"], ["status"], ["verify"], ["repro", "-q"], ["-q", "verify"], ["status", "train"], ["repro", "clean.json"],
    ["repro", "./clean.json"], ["verify", "metrics/"], ["status", "metrics"], ["status", "train", "report"],
    ["-C", "sub", "status", "../clean.json"], ["status", "-C", "sub", "-C", "..", "report"], ["status", "nothing"],
    ["status", "-C", "nowhere"], ["repro", "--dry-run"], ["status", "-v"], ["verify", "--json"], ["repro", "--nope"],
    ["verify", "--", "train"], ["-C", "sub", "status", "train"],
]  # fmt: skip
TYPED = [
    ("bash", "pivot repro tr", "2"), ("bash", "pivot\nrun\n", "2"), ("bash", "pivot status train ", "3"),
    ("bash", "pivot verify metrics/", "2"), ("bash", "pivot repro zz", "2"), ("bash", "pivot repro --f", "2"),
    ("bash", "pivot rep", "1"), ("bash", "pivot repro -C sub ", "4"), ("bash", "pivot repro 'tr", "2"),
    ("bash", "pivot history tr", "2"), ("zsh", "pivot explain re", "2"), ("zsh", "pivot checkout", "2"),
    ("fish", "pivot repro tr", "tr"), ("fish", "pivot repro train", ""), ("fish", "pivot repro --", "--"),
    ("csh", "pivot repro tr", "2"),
]  # fmt: skip


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which everything is up to date and proven."""
    project = Project.toy(tmp_path_factory.mktemp("toy"))
    (project.root / "sub").mkdir()
    project.pivot("repro").ok()
    assert project.pivot("repro").ok().out == "up to date: 3 stages\n"
    return project


def told(done: Done) -> tuple[int, str, str]:
    return done.code, done.out, done.err


def both(project: Project, *arguments: str, **environment: str) -> list[tuple[int, str, str]]:
    """Returns how a command ends with a proof and without one; the proof is then as before."""
    proof, state = (project.root / PROOF).read_bytes(), (project.root / STATE).stat().st_mtime_ns
    quickly = told(project.pivot(*arguments, env=environment))
    (project.root / PROOF).unlink()
    fully = told(project.pivot(*arguments, env=environment))
    (project.root / PROOF).write_bytes(proof)
    assert (project.root / STATE).stat().st_mtime_ns == state, "the proof holds no more"
    return [quickly, fully]


@pytest.mark.parametrize("arguments", ASKED, ids=" ".join)
def test_a_command_says_the_same_with_a_proof_and_without(
    toy: Project, arguments: list[str]
) -> None:
    quickly, fully = both(toy, *arguments)
    assert quickly == fully


@pytest.mark.parametrize("typed", TYPED, ids=repr)
def test_a_shell_is_told_the_same_with_a_proof_and_without(
    toy: Project, typed: tuple[str, str, str]
) -> None:
    shell, words, place = typed
    quickly, fully = both(
        toy, _PIVOT_COMPLETE=f"{shell}_complete", COMP_WORDS=words, COMP_CWORD=place
    )
    assert quickly == fully


@pytest.mark.parametrize("colour", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
@pytest.mark.parametrize("command", ["repro", "status", "verify"])
def test_a_terminal_shows_the_same_with_a_proof_and_without(
    toy: Project, command: str, colour: dict[str, str]
) -> None:
    proof = (toy.root / PROOF).read_bytes()
    quickly = on_a_terminal(toy, command, **colour)
    (toy.root / PROOF).unlink()
    fully = on_a_terminal(toy, command, **colour)
    (toy.root / PROOF).write_bytes(proof)
    assert quickly == fully
    assert (b"\x1b[" in quickly) == (not colour)


def on_a_terminal(project: Project, command: str, **environment: str) -> bytes:
    """Returns what a command writes to a terminal."""
    plain = {"TERM": "xterm", "XDG_CONFIG_HOME": str(project.root / ".home")}
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIVOT_", "GITHUB_")) and not name.endswith("_COLOR")
    }
    leader, follower = pty.openpty()
    try:
        done = subprocess.run(
            [PIVOT, command],
            cwd=project.root,
            stdout=follower,
            env={**kept, **plain, **environment},
            timeout=60,
            check=True,
        )
        assert done.returncode == 0
        return os.read(leader, 65536)
    finally:
        os.close(leader)
        os.close(follower)


def test_a_copy_of_a_project_goes_by_its_own_files(toy: Project, tmp_path: Path) -> None:
    shutil.copytree(toy.root, tmp_path / "copy")
    copy = Project(tmp_path / "copy")
    copy.write("helpers.py", HELPERS.replace("* 2", "* 3"))
    assert copy.pivot("status").ok().out.startswith("will run  train ")
    copy.write("helpers.py", HELPERS)
    assert copy.pivot("status").ok().out == "up to date: 3 stages\n"


def test_a_workflow_is_told_what_the_full_path_tells(toy: Project) -> None:
    done = toy.pivot("repro", env={"GITHUB_ACTIONS": "true"}).ok()
    assert done.out.startswith("::stop-commands::")
    assert "\nup to date: 3 stages\n" in done.out
    assert toy.pivot("status", env={"GITHUB_ACTIONS": "true"}).ok().out == "up to date: 3 stages\n"


def test_nobody_who_reads_is_no_traceback(toy: Project) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [PIVOT, "status"],
            cwd=toy.root,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "XDG_CONFIG_HOME": str(toy.root / ".home")},
        )
    assert done.returncode == 4
    assert done.stderr.splitlines()[0] == "error: cannot write the output"
    assert "Traceback" not in done.stderr


def test_what_only_looks_leaves_the_proof_as_it_is(toy: Project) -> None:
    before = [(toy.root / name).stat().st_mtime_ns for name in (PROOF, STATE)]
    for command in ("list", "history", "dag", "logs"):
        toy.pivot(command)
    assert [(toy.root / name).stat().st_mtime_ns for name in (PROOF, STATE)] == before
