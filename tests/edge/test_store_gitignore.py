"""Keeping outs and our own files out of git."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pivot_core.model.ids import ArtifactPath
from pivot_core.store import gitignore

BLOCK = "# >>> pivot: outputs kept by its cache\n/a.csv\n/out/\n# <<< pivot\n"
PATHS = [ArtifactPath("data/out/"), ArtifactPath("data/a.csv")]


def update(root: Path, before: bytes) -> bytes:
    path = root / "data" / ".gitignore"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(before)
    gitignore.ignore_outs(str(root), PATHS)
    return path.read_bytes()


def test_outs_are_named_beside_them_and_sorted(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    paths = [*PATHS, ArtifactPath("model.json"), ArtifactPath("gone/x")]
    assert gitignore.ignore_outs(str(tmp_path), paths) == [
        f"{tmp_path}/.gitignore",
        f"{tmp_path}/data/.gitignore",
    ]
    assert (tmp_path / "data" / ".gitignore").read_text() == BLOCK
    assert "/model.json\n" in (tmp_path / ".gitignore").read_text()
    assert not (tmp_path / "gone").exists()
    assert gitignore.ignore_outs(str(tmp_path), paths) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", BLOCK),
        ("*.pyc\n", "*.pyc\n" + BLOCK),
        ("*.pyc", "*.pyc\n" + BLOCK),
        (
            "x\n# >>> pivot: outputs kept by its cache\n/old\n# <<< pivot\ny\n",
            "x\n" + BLOCK + "y\n",
        ),
        ("# >>> pivot: outputs kept by its cache\n# <<< pivot", BLOCK),
        ("# >>> pivot: outputs kept by its cache\n/old\n\nmine\n", BLOCK + "\nmine\n"),
        ("# >>> pivot: outputs kept by its cache\n/old\n", BLOCK),
        ("# >>> pivot: outputs kept by its cache\r\n/old\r\n# <<< pivot\r\nz\r\n", BLOCK + "z\r\n"),
    ],
)
def test_other_lines_stay(tmp_path: Path, before: str, after: str) -> None:
    assert update(tmp_path, before.encode()) == after.encode()
    assert update(tmp_path, after.encode()) == after.encode()


def test_bytes_that_are_no_text_stay(tmp_path: Path) -> None:
    assert update(tmp_path, b"\xff\n") == b"\xff\n" + BLOCK.encode()


def test_a_link_is_the_users_own_business(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "shared").write_text("x\n")
    (tmp_path / "data" / ".gitignore").symlink_to("../shared")
    assert gitignore.ignore_outs(str(tmp_path), PATHS) == []
    assert (tmp_path / "shared").read_text() == "x\n"


def test_git_agrees(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    names = ["a*b", "x?", "[y]", "end ", "plain", "ü", "back\\slash", "#h", "!n"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    gitignore.ignore_outs(str(tmp_path), [ArtifactPath(name) for name in names])
    (tmp_path / ".pivot" / "stages").mkdir(parents=True)
    (tmp_path / ".pivot" / "runs").mkdir()
    assert gitignore.init_gitignore(str(tmp_path / ".pivot"))
    kept = [
        "aXb",
        "xy",
        "y",
        "plainer",
        ".gitignore",
        ".pivot/.gitignore",
        ".pivot/config.yaml",
        ".pivot/stages/a.lock",
    ]
    own = [
        ".pivot/config.local.yaml",
        ".pivot/runs/x",
        ".pivot/stages/.pivot-tmp-1-1",
        ".pivot/state.lmdb/data.mdb",
    ]
    listing = "\0".join([*names, *kept, *own]).encode()
    command = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "-z", "--stdin"]
    found = subprocess.run(command, input=listing, capture_output=True, check=True).stdout
    assert set(os.fsdecode(found).split("\0")) - {""} == {*names, *own}


def test_our_own_file_is_rewritten_only_by_force(tmp_path: Path) -> None:
    assert gitignore.init_gitignore(str(tmp_path))
    (tmp_path / ".gitignore").write_text("mine\n")
    assert not gitignore.init_gitignore(str(tmp_path))
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert gitignore.init_gitignore(str(tmp_path), force=True)
    assert "config.yaml" in (tmp_path / ".gitignore").read_text()
