"""What helps to type: a shell completes stages without running the user's code, editors are given a schema."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.project import PIVOT, Project

ASKING = """
eval "$(pivot completion bash)"
COMP_WORDS=(pivot repro "$1") COMP_CWORD=2
_pivot_completion pivot
echo "${COMPREPLY[*]}"
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project that has run, and whose definition now ends whoever imports it."""
    project = Project.toy(tmp_path_factory.mktemp("toy"))
    project.pivot("repro").ok()
    project.write("pipeline.py", "raise SystemExit('imported')\n")
    return project


def completed(root: Path, word: str) -> list[str]:
    """Returns what a bash that has the script makes of a word after ``pivot repro``."""
    path = f"{os.path.dirname(PIVOT)}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", ASKING, "bash", word],
        cwd=root,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_stages_and_outputs_of_a_definition_that_cannot_be_imported(
    toy: Project,
) -> None:
    assert completed(toy.root, "") == [
        *("clean", "train", "report"),
        *("clean.json", "metrics/train.json", "report.json"),
    ]
    assert completed(toy.root, "re") == ["report", "report.json"]


def test_a_fresh_clone_completes_the_stages_that_have_lock_files(
    toy: Project, tmp_path: Path
) -> None:
    shutil.copytree(toy.root / ".pivot" / "stages", tmp_path / ".pivot" / "stages")
    assert completed(tmp_path, "") == ["clean", "report", "train"]


def test_outside_a_project_there_is_nothing_to_complete(tmp_path: Path) -> None:
    assert completed(tmp_path, "") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_script_of_each_shell_asks_pivot(shell: str, tmp_path: Path) -> None:
    said = Project(tmp_path).pivot("completion", shell).ok().out
    assert f"_PIVOT_COMPLETE={shell}_complete" in said


def test_the_schema_is_written_outside_a_project_too(tmp_path: Path) -> None:
    assert json.loads(Project(tmp_path).pivot("schema").ok().out)["title"] == "pivot.yaml"
