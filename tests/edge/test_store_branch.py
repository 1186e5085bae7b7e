"""The branch that a work tree has checked out, as real git leaves it."""

import subprocess
from pathlib import Path

from pivot_core.store import branch


def git(where: Path, *words: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", *who, *words], cwd=where, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def a_repository(path: Path) -> Path:
    path.mkdir()
    git(path, "init", "-q", "-b", "main")
    git(path, "commit", "-q", "--allow-empty", "-m", "first")
    return path


def test_a_branch_is_named_also_from_a_folder_below(tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "work")
    (repository / "deep" / "er").mkdir(parents=True)
    assert branch.current(str(repository)) == "main"
    git(repository, "switch", "-q", "-c", "exp/lr")
    assert branch.current(str(repository / "deep" / "er")) == "exp/lr"


def test_a_detached_commit_is_named_by_its_hash(tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "work")
    git(repository, "switch", "-q", "--detach")
    assert branch.current(str(repository)) == git(repository, "rev-parse", "HEAD")[:7]


def test_a_linked_work_tree_has_a_branch_of_its_own(tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "work")
    git(repository, "worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    assert branch.current(str(tmp_path / "linked")) == "side"
    assert branch.current(str(repository)) == "main"


def test_without_git_there_is_no_branch(tmp_path: Path) -> None:
    assert branch.current(str(tmp_path)) == ""
    (tmp_path / ".git").mkdir()
    assert branch.current(str(tmp_path)) == ""
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/.invalid\n")
    assert branch.current(str(tmp_path)) == ""
