"""``pivot affected``: files and definitions as people name them, from wherever they are."""

import json
import subprocess
from pathlib import Path

import pytest

from pivot_core.cli import records
from tests.cli.project import HELPERS, PIPELINE, Project
from tests.unit.test_cli_jsonl import check

UNUSED = "\ndef unused(value):\n    return value\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The toy project, never run, with a helper that nothing uses."""
    made = Project.toy(tmp_path)
    made.write("helpers.py", HELPERS + UNUSED)
    made.write("README.md", "Read me.\n")
    return made


def test_a_definition_is_followed_to_the_last_stage(project: Project) -> None:
    said = project.pivot("affected", "helpers.scale").ok().out

    assert said == (
        "would run   train   code: train → helpers.scale\n"
        "may follow  report  train → report\n"
        "3 stages: 1 would run, 1 may follow\n"
    )
    for name in ("helpers:scale", "helpers.py:scale", "scale", "helpers.py"):
        assert project.pivot("affected", name).ok().out == said


def test_files_of_every_kind_are_known(project: Project) -> None:
    def reached(name: str) -> str:
        return project.pivot("affected", "-q", name).ok().out

    assert reached("raw.json").splitlines()[0] == "would run   clean   input: raw.json"
    assert (
        reached("params.yaml").splitlines()[0] == "would run   train   its params may stand there"
    )
    assert reached("pipeline.py").splitlines() == [
        "would run  clean   code: clean",
        "would run  train   code: train",
        "would run  report  code: report",
    ]
    assert reached(".pivot/stages/report.lock") == "would run  report  its last result is recorded there\n"  # fmt: skip
    assert "written by 'clean'" in project.pivot("affected", "clean.json").ok().out


def test_what_nothing_uses_is_no_error(project: Project) -> None:
    for name in ("README.md", "helpers.unused", "helpers.py:unused"):
        said = project.pivot("affected", name).ok().out
        assert said == f"no stage uses '{name}'\n3 stages: none would run\n"


def test_names_are_followed_through_imports_and_wherever_the_definition_finds_modules(
    tmp_path: Path,
) -> None:
    made = Project.toy(tmp_path)
    added = "import sys\nsys.path.insert(0, 'src')\n"
    made.write("pipeline.py", added + PIPELINE.replace("from helpers", "from kit"))
    made.write("src/kit/__init__.py", "from kit.helpers import scale, unused\nVERSION = 1\n")
    made.write("src/kit/helpers.py", HELPERS + UNUSED)
    said = made.pivot("affected", "kit.helpers.scale").ok().out
    assert said.startswith("would run   train   code: train → kit.helpers.scale\n")
    for name in ("kit.scale", "src/kit/__init__.py:scale", "src/kit/helpers.py:scale"):
        assert made.pivot("affected", name).ok().out == said
    for name in ("kit.VERSION", "kit.unused", "src/kit/helpers.py:unused"):
        assert made.pivot("affected", name).ok().out.startswith(f"no stage uses '{name}'")


def test_a_file_that_was_deleted_since_the_last_commit_is_known(project: Project) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "all")):
        subprocess.run(["git", "-C", str(project.root), *command], check=True)
    (project.root / "README.md").unlink()
    assert project.pivot("affected", "README.md").ok().out.startswith("no stage uses 'README.md'")
    assert project.pivot("affected", "READ.md").code == 2


def test_an_unknown_name_is_refused_with_the_nearest(project: Project) -> None:
    done = project.pivot("affected", "helpers.scael")
    other = project.pivot("affected", "helpers.py", "raw.jsn")

    assert done.code == 2
    assert "no file or definition 'helpers.scael'" in done.err
    assert "did you mean 'helpers.scale'?" in done.err
    assert other.code == 2
    assert "did you mean 'raw.json'?" in other.err


def test_several_targets_add_up(project: Project) -> None:
    said = project.pivot("affected", "raw.json", "helpers.scale", "README.md").ok().out
    record = json.loads(project.pivot("affected", "raw.json", "scale", "--json").ok().out)

    assert said.startswith("raw.json\nwould run   clean ")
    assert "\n\nhelpers.scale\nwould run   train " in said
    assert said.endswith("\n\nREADME.md\nno stage uses 'README.md'\n3 stages: 2 would run, 1 may follow\n")  # fmt: skip
    check(records.ImpactsRecord, record)
    assert record["stages"] == ["clean", "train", "report"]
    assert record["targets"][1]["direct"] == [
        {"stage": "train", "bond": "code", "path": ["pipeline:train", "helpers:scale"]}
    ]
    assert record["targets"][1]["names"] == ["helpers:scale"]


def test_paths_are_those_of_the_directory_one_is_in(project: Project) -> None:
    project.write("deep/notes.txt", "")
    for name in ("../helpers.py", "../helpers.py:scale"):
        done = project.pivot("-C", "deep", "affected", name).ok()
        assert "would run   train " in done.out


def test_what_stands_in_directories_that_are_read_is_known(tmp_path: Path) -> None:
    made = Project.toy(tmp_path)
    made.write("sub/pipeline.py", PIPELINE.replace('"toy"', '"sub"').replace("helpers", "helping"))
    listed = 'import os\nNAMES = len(os.listdir("rules"))\n'
    made.write("sub/helping.py", f"{listed}{HELPERS.replace('2', 'NAMES')}")
    made.write("rules/one.txt", "")

    def direct(name: str) -> list[str]:
        record = json.loads(made.pivot("affected", name, "--json").ok().out)
        return [each["stage"] for each in record["targets"][0]["direct"]]

    assert direct("sub/params.yaml") == ["sub/train"]
    assert direct("params.yaml") == ["train", "sub/train"]
    assert direct("rules/new.txt") == ["sub/train"]
    assert direct("rules/one.txt") == []
