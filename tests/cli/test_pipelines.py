"""Three pipelines in a project: the same stages are meant in a look, a dry run and a run, wherever one stands."""

import json
import shutil
from pathlib import Path
from typing import TypedDict, cast

import pytest

from tests.cli.project import Project

HEAD = """\
from typing import Annotated
from pivot_core import Dep, Metric, Out, Pipeline, Text
"""
FILES = {
    "ingest/pipeline.py": HEAD
    + """
import helpers

def clean(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("../data/clean.txt", Text())]:
    return helpers.tidy(raw)

def check(text: Annotated[str, Dep("../data/clean.txt", Text())]) -> Annotated[str, Out("ok.txt", Text())]:
    return str(len(text))

pipeline = Pipeline("ingest")
pipeline.register(clean)
pipeline.register(check)
""",
    "ingest/helpers.py": "def tidy(text):\n    return text.strip()\n",
    "ingest/raw.txt": " words \n",
    "train/pivot.yaml": """\
pipeline: train
stages:
  fit: {python: stages.fit}
  check: {python: stages.check}
""",
    "train/stages.py": HEAD
    + """
import helpers

def fit(text: Annotated[str, Dep("../data/clean.txt", Text())]) -> Annotated[str, Out("model.txt", Text())]:
    return helpers.grow(text)

def check(model: Annotated[str, Dep("model.txt", Text())]) -> Annotated[dict, Metric("score.json")]:
    return {"length": len(model)}
""",
    "train/helpers.py": "def grow(text):\n    return text * 2\n",
    "pipeline.py": HEAD
    + """
def page(ok: Annotated[str, Dep("ingest/ok.txt", Text())]) -> Annotated[str, Out("page.txt", Text())]:
    return ok

pipeline = Pipeline("site")
pipeline.register(page)
""",
}
ALL = ["clean", "fit", "ingest/check", "page", "train/check"]
MEANT = {
    ".": ["clean", "ingest/check", "page"],
    "train/deep": ["clean", "fit", "train/check"],
}


class _Stage(TypedDict):
    stage: str


class _Plan(TypedDict):
    stages: list[_Stage]


def made(root: Path) -> Project:
    project = Project(root)
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "train" / "deep").mkdir()
    project.pivot("init").ok()
    return project


def planned(project: Project, *arguments: str) -> list[str]:
    """Returns the stages that a command speaks of."""
    plan = cast("_Plan", json.loads(project.pivot(*arguments, "--json").ok().out))
    return sorted(each["stage"] for each in plan["stages"])


@pytest.mark.parametrize("place", MEANT)
def test_a_look_a_dry_run_and_a_run_mean_the_pipeline_around_and_what_it_needs(
    tmp_path: Path, place: str
) -> None:
    project = made(tmp_path)
    meant = MEANT[place]
    assert planned(project, "-C", place, "status") == meant
    assert planned(project, "-C", place, "repro", "-n") == meant
    ran = project.pivot("-C", place, "repro").ok()
    assert f": {len(meant)} ran" in ran.out
    assert (
        sorted(path.stem.replace("%2f", "/") for path in tmp_path.glob(".pivot/stages/*.lock"))
        == meant
    )
    home = {".": "the pipeline in the root", "train/deep": "train/"}[place]
    said = f"{home} and what it needs; --all: every pipeline\nup to date: {len(meant)} stages\n"
    assert project.pivot("-C", place, "repro").ok().out == said
    (tmp_path / ".pivot/state.lmdb/proof").unlink()
    assert project.pivot("-C", place, "status").ok().out == said


def test_a_name_and_a_path_mean_the_nearest_one(tmp_path: Path) -> None:
    project = made(tmp_path)
    assert planned(project, "-C", "train", "status", "check") == ["clean", "fit", "train/check"]
    assert planned(project, "-C", "train", "repro", "-n", "model.txt") == ["clean", "fit"]
    assert planned(project, "status", "train/") == ["clean", "fit", "train/check"]
    assert planned(project, "-C", "train", "explain", "../ingest/") == ["clean", "ingest/check"]
    refused = project.pivot("status", "check")
    assert (refused.code, "did you mean 'ingest/check' or 'train/check'?" in refused.err) == (
        2,
        True,
    )
    assert project.pivot("repro", "--all", "page").code == 2


def test_a_clone_behaves_as_the_project_that_it_was_cloned_from(tmp_path: Path) -> None:
    project = made(tmp_path / "warm")
    project.pivot("repro", "--all").ok()
    locks = {path.name: path.read_text() for path in project.root.glob(".pivot/stages/*")}
    assert len(locks) == len(ALL)
    clone = Project(tmp_path / "clone")
    left = shutil.ignore_patterns(
        "state.lmdb", "runs", "engine", "clean.txt", "ok.txt", "m*.txt", "page.txt"
    )
    shutil.copytree(project.root, clone.root, ignore=left)
    assert planned(clone, "-C", "train", "status") == MEANT["train/deep"]
    assert "2 restored, 1 same" in clone.pivot("-C", "train", "repro").ok().out
    assert not (clone.root / "page.txt").exists()
    assert "2 restored, 3 same" in clone.pivot("repro", "--all").ok().out
    assert {path.name: path.read_text() for path in clone.root.glob(".pivot/stages/*")} == locks
