"""Tracked data, from the record to a clone; that it travels and comes back, the guide's own example shows."""

import os
import subprocess
from pathlib import Path

import pytest

from pivot_core.cli import records
from tests.cli.project import Project
from tests.cli.test_gc import git, objects
from tests.cli.test_looking import parsed
from tests.unit.test_cli_jsonl import check


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The toy pipeline, whose input is tracked, and a directory beside it; committed and up to date."""
    root = tmp_path_factory.mktemp("tracked") / "project"
    Project(root).write("../outside/raw.json", "[]")
    made = Project.toy(root)
    made.write("pics/1", "one")
    made.write("pics/2", "two")
    os.symlink("clean.json", root / "link.json")
    os.symlink("../outside", root / "elsewhere")
    git(made, "init", "-q")
    made.pivot("init").ok()
    made.pivot("track", "raw.json", "pics").ok()
    made.pivot("repro").ok()
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", "one")
    return made


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("clean.json", "is made by stage 'clean'"),
        ("metrics", "is made by stage 'train'"),
        ("link.json", "is made by stage 'clean'"),
        ("../elsewhere.csv", "lies outside the project"),
        ("elsewhere/raw.json", "lies outside the project"),
        (".pivot/config.yaml", "cannot be tracked"),
        (".git/HEAD", "cannot be tracked"),
        ("pics/1", "lies in 'pics/', which is tracked"),
        ("raw.json.pvt", "is Pivot's own"),
        ("nope", "is not there"),
    ],
)
def test_what_may_not_be_tracked_is_refused(project: Project, path: str, why: str) -> None:
    done = project.pivot("track", path)
    assert done.code == 2
    assert why in done.err
    assert not os.path.exists(project.root / f"{path}.pvt")


def test_git_has_the_record_and_not_the_data(project: Project) -> None:
    listed = ["git", "-C", project.root, "ls-files"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    assert {"raw.json.pvt", "pics.pvt", ".gitignore"} <= set(names)
    assert not {"raw.json", "pics/1"} & set(names)


def test_it_stands_restores_and_stays_like_an_output(project: Project) -> None:
    assert project.pivot("status").ok().out == "up to date: 3 stages\n"
    project.write("pics/2", "2")
    (project.root / "raw.json").unlink()
    status = project.pivot("status").ok().out
    assert status.splitlines()[:2] == [
        "changed   pics/     tracked: `pivot track` records it anew",
        "not here  raw.json  tracked: `pivot checkout` restores it",
    ]
    found = project.pivot("verify")
    assert found.code == 1
    assert [line.split("  ")[0] for line in found.out.splitlines()] == [
        "altered", "not checked out", "1 finding",
    ]  # fmt: skip
    missing = project.pivot("repro")
    assert missing.code == 3
    assert "it is tracked: `pivot checkout raw.json` restores it" in missing.err
    gentle = project.pivot("checkout", "raw.json", "pics")
    assert gentle.code == 1
    assert (gentle.words["pics/"], gentle.words["raw.json"]) == ("refused", "restored")
    project.pivot("checkout", "--force", "pics").ok()
    assert project.read("pics/2") == "two"
    assert project.pivot("status").ok().out == "up to date: 3 stages\n"
    check(records.PlanRecord, parsed(project.pivot("status", "--json").ok().out))


def test_older_versions_stay_while_a_commit_names_them(project: Project) -> None:
    project.write("pics/2", "another")
    project.pivot("track", "pics").ok()
    assert "nothing to remove" in project.pivot("gc", "--runs", "0").ok().out
    old = project.pivot("get", "pics/2", "--rev", "HEAD", "-o", "-").ok()
    assert old.out == "two"
    project.write("pics.pvt", "broken")
    broken = project.pivot("status")
    assert broken.code == 4
    assert broken.err.startswith("error: 'pics.pvt' is not valid")
    count = objects(project.root / ".pivot/cache")
    removed = project.pivot("gc", "--runs", "0", "--force")
    assert removed.out.startswith("removed 1 object")
    assert objects(project.root / ".pivot/cache") == count - 1
    git(project, "checkout", "pics.pvt")
    project.pivot("checkout", "--force", "pics").ok()


def test_what_is_forgotten_stays_where_it_is(project: Project, tmp_path: Path) -> None:
    project.pivot("track", "--remove", "pics").ok()
    assert not os.path.exists(project.root / "pics.pvt")
    assert project.read("pics/1") == "one"
    assert "/pics/" not in project.read(".gitignore")
    assert "/raw.json" in project.read(".gitignore")
    assert project.pivot("track", "--remove", "pics").code == 2
    bare = Project(tmp_path)
    bare.pivot("init").ok()
    bare.write("a", "no pipeline yet")
    assert bare.pivot("track", "a").ok().out.startswith("recorded  a\n")
