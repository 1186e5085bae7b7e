"""Garbage: what branches, tags and recent runs name stays, in the cache and on a remote; all else can go."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from pivot_core.cli import records
from tests.cli.project import Project
from tests.cli.test_looking import parsed
from tests.unit.test_cli_jsonl import check

OLD_S = time.time() - 7 * 24 * 3600


def git(project: Project, *arguments: str) -> None:
    names = {
        f"GIT_{who}_{what}": "x@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    subprocess.run(
        ["git", "-C", project.root, "-c", "init.defaultBranch=main", *arguments],
        check=True,
        capture_output=True,
        env={**os.environ, **names, "GIT_CONFIG_GLOBAL": os.devnull},
    )


def objects(place: Path) -> int:
    return len(list(place.glob("files/*/*")))


def age(remote: Path) -> None:
    """Makes everything on a remote a week old."""
    for path in remote.rglob("*"):
        if path.is_file():
            os.utime(path, (OLD_S, OLD_S))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Two commits, each with three results of its own; the first one is on the branch ``old``."""
    (tmp_path / "remote").mkdir()
    (tmp_path / "project").mkdir()
    made = Project.toy(tmp_path / "project")
    made.pivot("init").ok()
    made.pivot("config", "set", "remotes.origin", str(tmp_path / "remote")).ok()
    git(made, "init", "-q")
    for raw, branch in (("[3, 1, 2]", "old"), ("[5, 4]", "new")):
        made.write("raw.json", raw)
        made.pivot("repro").ok()
        made.pivot("push").ok()
        git(made, "checkout", "-q", "-b", branch)
        git(made, "add", ".")
        git(made, "commit", "-q", "-m", branch)
    return made


def test_what_any_branch_or_recent_run_names_stays(project: Project) -> None:
    cache = project.root / ".pivot/cache"
    assert objects(cache) == 6
    nothing = project.pivot("gc", "--runs", "0").ok()
    assert nothing.out.startswith("nothing to remove: 6 objects kept")
    git(project, "branch", "-q", "-D", "old")
    git(project, "checkout", "-q", "--orphan", "bare")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "bare")
    git(project, "branch", "-q", "-D", "new")
    assert "nothing to remove" in project.pivot("gc").ok().out, "the first run is a recent one"

    told = project.pivot("gc", "--runs", "0").ok()
    assert told.out.startswith("would remove 3 objects")
    assert objects(cache) == 6
    check(records.SweepRecord, parsed(project.pivot("gc", "--json").ok().out))

    done = project.pivot("gc", "--runs", "0", "--force").ok()
    assert done.out.startswith("removed 3 objects")
    assert objects(cache) == 3
    assert project.pivot("verify").ok().out == "verified\n"
    project.write("raw.json", "[3, 1, 2]")
    assert "3 ran" in project.pivot("repro").ok().out, "no entry points at what is gone"


def test_what_was_set_aside_as_damaged_goes_and_so_do_old_runs(project: Project) -> None:
    first, *_ = (project.root / ".pivot/cache/files").glob("*/*")
    damaged = project.root / ".pivot/cache/corrupt"
    first.chmod(0o644)
    first.write_text("something else")
    project.pivot("push", "--all")  # meets it
    assert [path.name for path in damaged.iterdir()] == [first.parent.name + first.name]

    project.write(".pivot/state.lmdb.bad/data.mdb", "damaged")
    project.pivot("config", "set", "run.keep", "1").ok()
    told = project.pivot("gc").ok()
    assert told.out.startswith(
        "would remove 0 objects, 21 B; 5 kept; 2 damaged objects; 1 old run, "
    )
    assert len(list(damaged.iterdir())) == 1
    assert len(list((project.root / ".pivot/runs").glob("2*"))) == 2
    record = parsed(project.pivot("gc", "--force", "--json").ok().out)
    assert (record["damaged"], record["old_runs"], record["is_done"]) == (2, 1, True)
    assert not damaged.exists()
    assert not (project.root / ".pivot/state.lmdb.bad").exists()
    assert len(list((project.root / ".pivot/runs").glob("2*"))) == 1


def test_a_tag_keeps_what_it_names(project: Project) -> None:
    git(project, "tag", "v1", "old")
    git(project, "branch", "-q", "-D", "old")
    assert "nothing to remove" in project.pivot("gc", "--runs", "0").ok().out


def test_on_a_remote_what_is_young_stays_too(project: Project, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    git(project, "checkout", "-q", "--orphan", "bare")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "bare")
    git(project, "branch", "-q", "-D", "old", "new")
    arguments = ("gc", "--remote", "origin", "--runs", "0")
    assert "nothing to remove" in project.pivot(*arguments).ok().out
    age(remote)
    (remote / "notes.txt").write_text("not ours")
    assert "would remove 3 objects" in project.pivot(*arguments).ok().out
    project.pivot("config", "set", "remotes.origin.read_only", "true").ok()
    assert project.pivot(*arguments, "--force").code == 5
    project.pivot("config", "unset", "remotes.origin.read_only").ok()
    assert objects(remote) == 6
    done = project.pivot(*arguments, "--force").ok()
    assert "removed 3 objects" in done.out
    assert "3 run-cache entries" in done.out
    assert objects(remote) == 3
    assert len(list(remote.glob("runs/*/*"))) == 3
    assert (remote / "notes.txt").exists()
    assert "all here and there" in project.pivot("status", "--remote").ok().out


def test_a_cache_that_others_may_use_needs_their_names(project: Project, tmp_path: Path) -> None:
    shared = {"PIVOT_CACHE_DIR": str(tmp_path / "shared")}
    project.pivot("repro", "--force", env=shared).ok()
    refused = project.pivot("gc", "--force", env=shared)
    assert refused.code == 2
    assert "--project" in refused.err
    (tmp_path / "other").mkdir()
    other = Project.toy(tmp_path / "other")
    other.write("raw.json", "[7]")
    other.pivot("repro", env=shared).ok()
    assert objects(tmp_path / "shared") == 6
    arguments = ("gc", "--runs", "0", "--force", "--project", str(other.root))
    assert "nothing to remove" in project.pivot(*arguments, env=shared).ok().out
    alone = project.pivot("gc", "--runs", "0", "--force", "--project", ".", env=shared).ok()
    assert "removed 3 objects" in alone.out
