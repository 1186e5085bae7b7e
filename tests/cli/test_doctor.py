"""``doctor``: what it looks at, and that nothing that is broken keeps it from looking at the rest."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from pivot_core.cli import result_records as forms
from tests.cli.project import Project
from tests.cli.test_looking import parsed
from tests.unit.test_cli_jsonl import check


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in a repository, run and committed; what changes it comes last."""
    root = tmp_path_factory.mktemp("base")
    project = Project.toy(root)
    project.pivot("init").ok()
    project.pivot("repro").ok()
    for step in ("init", "add -A", "-c user.name=a -c user.email=a@b.c commit -m x"):
        subprocess.run(["git", *step.split()], cwd=root, check=True, capture_output=True)
    return root


def found(project: Project, *arguments: str, code: int = 0) -> Mapping[str, tuple[str, str]]:
    """Returns grade and detail of each subject; of several findings the worst."""
    done = project.pivot("doctor", "--json", *arguments)
    assert done.code == code, done.out
    record = parsed(done.out)
    check(forms.DoctorRecord, record)
    checks = cast("list[forms.CheckRecord]", record["checks"])
    order = ("ok", "warning", "problem")
    checks.sort(key=lambda each: order.index(each["grade"]))
    return {each["subject"]: (each["grade"], each["detail"]) for each in checks}


def test_a_sound_project_is_well_in_every_respect(base: Path) -> None:
    known = found(Project(base))
    assert {name: told for name, told in known.items() if told[0] == "problem"} == {}
    assert list(known.values()).count(("ok", "3 of 3 stages have one")) == 1
    assert known["git"] == ("ok", "lock files and settings are in git")
    assert known["settings"] == ("ok", "none set")
    assert known["cache"][1].startswith("3 objects, ")
    assert known["definition"][1].startswith("3 stages, known in ")
    assert {"python", "packages", "processes", "links", "clock", "socket", "watching"} <= set(known)
    names = set(os.listdir(base))
    assert not [name for name in names if name.startswith(".pivot-")]


def test_what_is_broken_is_told_with_its_mend_and_the_rest_too(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    project = Project(tmp_path)
    project.write(".pivot/config.yaml", "remotes: {origin: nowhere/at/all}\n")
    project.write("pipeline.py", "def broken(")
    project.write(".pivot/state.lmdb/data.mdb", "no state")
    project.write(".pivot/cache/corrupt/00", "damaged")
    shutil.rmtree(project.root / ".pivot/stages")
    project.write(".pivot/stages", "a file in the way")
    (project.root / ".pivot/.gitignore").unlink()
    subprocess.run(["git", "add", "-A"], cwd=project.root, check=True)

    done = project.pivot("doctor", "-q")

    assert done.code == 1
    told = [line.split() for line in done.out.splitlines() if not line.startswith("  ")]
    grades = {row[1]: row[0] for row in told}
    assert grades["git"] == "warning"
    assert "`git rm -r -q --cached .pivot/" in done.out
    assert "warning   cache          1 damaged set aside" in done.out
    assert "warning   state          state is damaged" in done.out
    assert "problem   definition     pipeline.py cannot be imported: SyntaxError" in done.out
    assert "hint:  `pivot status` shows the traceback" in done.out
    assert "problem   remote origin  bucket: " in done.out
    assert "2 problems" not in done.out  # -q


def test_bad_settings_and_ignored_locks_are_problems(base: Path) -> None:
    project = Project(base)
    project.write(".pivot/config.yaml", "cach: {dir: x}\n")
    project.write(".gitignore", ".pivot\n")
    known = found(project, "--offline", code=1)
    assert known["settings"][1].startswith("unknown setting 'cach'")
    assert known["git"][1].startswith("git ignores .pivot/.gitignore (by .gitignore:1)")
    assert known["git"][0] == known["settings"][0] == "problem"


def test_outside_a_project_the_machine_is_looked_at(tmp_path: Path) -> None:
    done = Project(tmp_path).pivot("doctor").ok()
    assert done.err == "not in a Pivot project: only the machine was looked at\n"
    assert "packages" in done.out
    assert "definition" not in done.out
    assert list(tmp_path.iterdir()) == []
