"""A state that is gone, damaged or not writable costs time, never a result, a wrong skip or a traceback."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.launcher import Launcher
from tests.support.oracle import Layered

NAMES = ["one", "two", "three", "layer@0", "layer@1"]


def _garbage(data: Path) -> None:
    data.write_bytes(os.urandom(65536))


def _half(data: Path) -> None:
    os.truncate(data, data.stat().st_size // 2)


def _flipped(data: Path) -> None:
    whole = bytearray(data.read_bytes())
    for place in range(100, len(whole), 997):
        whole[place] ^= 0x5A
    data.write_bytes(whole)


def _empty(data: Path) -> None:
    os.truncate(data, 0)


def _gone(data: Path) -> None:
    shutil.rmtree(data.parent)


def _directory(data: Path) -> None:
    data.unlink()
    data.mkdir()


@pytest.mark.parametrize(
    "damage",
    [
        _garbage,
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in (_half, _flipped, _empty, _gone, _directory)
        ),
    ],
)
def test_a_damaged_state_is_begun_anew(
    pivot: Launcher, root: Path, damage: Callable[[Path], None]
) -> None:
    made = Layered(root, 2)
    data = root / ".pivot/state.lmdb/data.mdb"
    assert pivot.run(root, "repro").code == 0
    made.project.ran_log()
    for command in ("status", "repro"):
        damage(data)
        done = pivot.run(root, command)
        assert done.code == 0, done
        assert "Traceback" not in done.err
        assert made.project.ran_log() == []
        assert "up to date" in done.out, done
    damage(data)
    made.project.put("own/1.txt", "edited")
    assert pivot.run(root, "repro").code == 0
    assert made.project.ran_log() == ["layer@1"]
    assert made.found() == made.expected()
    made.project.remove("one.txt")
    assert pivot.run(root, "repro").code == 0
    assert made.found() == made.expected()


def test_a_clone_with_the_cache_runs_nothing(pivot: Launcher, root: Path) -> None:
    made = Layered(root, 2)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    assert pivot.run(root, "repro").code == 0
    made.project.ran_log()
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *arguments], cwd=root, check=True)
    tracked = subprocess.run(["git", "ls-files"], cwd=root, check=True, stdout=subprocess.PIPE)
    assert b"one.txt" not in tracked.stdout
    assert b".pivot/stages/one.lock" in tracked.stdout
    clone = root.parent / "clone"
    subprocess.run(["git", "clone", "-q", str(root), str(clone)], check=True)
    shutil.copytree(root / ".pivot/cache", clone / ".pivot/cache")
    done = pivot.run(clone, "repro")
    assert done.code == 0, done
    assert not (clone / "ran.log").exists()
    for path, text in made.expected().items():
        assert (clone / path).read_text() == text
    assert pivot.run(clone, "verify").code == 0


@pytest.mark.skipif(
    os.getuid() == 0 and shutil.which("setpriv") is None, reason="root may write everywhere"
)
def test_a_project_that_cannot_be_written_answers_and_refuses_to_run(
    pivot: Launcher, root: Path
) -> None:
    made = Layered(root, 2)
    assert pivot.run(root, "repro").code == 0
    made.project.ran_log()
    _set_writable(root, writable=False)
    for command in ("status", "repro", "dag", "history", "verify"):
        done = _unprivileged(root, command)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
    assert "up to date" in _unprivileged(root, "repro").stdout
    _set_writable(root, writable=True)
    made.project.put("seed.txt", "edited")
    _set_writable(root, writable=False)
    assert _unprivileged(root, "status").returncode == 0
    done = _unprivileged(root, "repro")
    assert done.returncode == 4, (done.stdout, done.stderr)
    assert "error: " in done.stderr
    assert "Traceback" not in done.stderr
    _set_writable(root, writable=True)


def _set_writable(root: Path, *, writable: bool) -> None:
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if writable else mode & ~0o222)


def _unprivileged(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command without root's right to write everywhere."""
    drop = ["setpriv", "--bounding-set=-dac_override"] if os.getuid() == 0 else []
    return subprocess.run(
        [*drop, sys.executable, "-m", "pivot_core", *arguments],
        cwd=root,
        check=False,
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
