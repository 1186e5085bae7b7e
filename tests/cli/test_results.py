"""Results as of commits, runs and the workspace: metrics, params, plots, and any file, between any two of them."""

import json
import os
import subprocess
from pathlib import Path
from typing import cast

import pytest

from pivot_core.cli import result_records as forms
from tests.cli.project import Project
from tests.cli.test_gc import git
from tests.unit.test_cli_jsonl import check

PIPELINE = """\
from typing import Annotated, TypedDict

from pivot_core import CSV, Dep, JSON, Metric, Out, Pipeline, Plot, StageParams, Text


class Depth(StageParams):
    rate: float = 0.5
    sizes: list[int] = [1, 2]


class Outs(TypedDict):
    scores: Annotated[dict, Metric("metrics/train.json")]
    curve: Annotated[list, Plot("plots/curve.csv", CSV(rows=True))]
    table: Annotated[list, Out("table.csv", CSV(rows=True))]


def train(params: Depth, raw: Annotated[dict, Dep("raw.json", JSON())]) -> Outs:
    rows = [{"day": day, "count": value * params.rate} for day, value in raw.items()]
    curve = [{"step": n, "loss": 1 / (n + params.rate)} for n in range(20)]
    return {"scores": {"total": sum(r["count"] for r in rows)}, "curve": curve, "table": rows}


pipeline = Pipeline("toy")
pipeline.register(train, variant="a", params={"sizes": [3]})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two commits with a run each, and after the second one an edit of ``params.yaml``."""
    made = Project(tmp_path_factory.mktemp("work") / "sub")
    made.write("pipeline.py", PIPELINE)
    made.write("raw.json", '{"mon": 1, "tue": 2, "wed": 3}')
    made.write("notes.txt", "one\ntwo\n")
    made.write("params.yaml", "train:\n  rate: 2\n")
    git(Project(made.root.parent), "init", "-q")
    made.pivot("init").ok()
    made.pivot("repro").ok()
    commit(made, "one")
    made.write("raw.json", '{"mon": 1, "tue": 5, "thu": 9}')
    made.write("notes.txt", "one\n2\n")
    made.pivot("repro").ok()
    commit(made, "two")
    made.write("params.yaml", "train:\n  rate: 2\ntrain@a:\n  rate: 4\n")
    return made


def commit(made: Project, message: str) -> None:
    git(made, "add", ".")
    git(made, "commit", "-q", "-m", message)


def parsed(form: type, text: str) -> dict[str, object]:
    found = cast("dict[str, object]", json.loads(text))
    check(form, found)
    return found


def test_metrics_of_any_two_revisions_are_compared(project: Project) -> None:
    assert project.pivot("metrics", "show").ok().out == "metrics/train.json  total  30\n"
    same = project.pivot("metrics", "diff").ok()
    assert (same.out, same.err) == (
        "", f"no metric differs between HEAD ({head(project)}) and workspace: 1 are the same\n"
    )  # fmt: skip
    for old, new in (("HEAD~1", "HEAD"), ("last~1", "last"), ("HEAD~1", "last")):
        lines = project.pivot("metrics", "diff", old, new).ok().out.splitlines()
        assert lines[1].split()[1:] == ["total", "12", "30", "+18", "(+150.0%)"]
    table = project.pivot("metrics", "diff", "HEAD~1", "--markdown").ok().out
    assert table.splitlines()[2] == "| metrics/train.json | total | 12 | 30 | +18 (+150.0%) |"
    found = parsed(
        forms.MetricsDiffRecord, project.pivot("metrics", "diff", "HEAD~1", "--json").ok().out
    )
    assert cast("list[dict[str, object]]", found["changes"])[0]["step"] == 18.0
    parsed(forms.MetricsRecord, project.pivot("metrics", "show", "HEAD", "--json").ok().out)


def head(project: Project) -> str:
    done = subprocess.run(
        ["git", "-C", project.root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout[:7]


def test_params_say_what_gave_them(project: Project) -> None:
    assert project.pivot("params", "show").ok().out.splitlines() == [
        "train@a  rate   4    params.yaml:4",
        "train@a  sizes  [3]  register() at pipeline.py:24",
    ]
    before = project.pivot("params", "show", "HEAD").ok().out.splitlines()
    assert before[0].split() == ["train@a", "rate", "2", "params.yaml:2"]
    assert project.pivot("params", "diff").ok().out.splitlines()[1].split() == [
        "train@a", "rate", "2", "4", "params.yaml:4",
    ]  # fmt: skip
    assert "| train@a | rate | 2 | 4 |" in project.pivot("params", "diff", "--markdown").ok().out
    parsed(forms.ParamsDiffRecord, project.pivot("params", "diff", "--json").ok().out)
    parsed(forms.ParamsRecord, project.pivot("params", "show", "--json").ok().out)


def test_rows_are_compared_by_a_key_that_is_found(project: Project) -> None:
    (project.root / "table.csv").rename(project.root / "aside.csv")
    try:
        done = project.pivot("diff", "table.csv", "HEAD~1").ok()
    finally:
        (project.root / "aside.csv").rename(project.root / "table.csv")
    assert done.out.splitlines()[1:] == [
        "~  tue  count: 4.0 → 10.0",
        "-  wed  count=6.0",
        "+  thu  count=18.0",
        "3 rows: 1 added, 1 removed, 1 changed",
    ]
    limited = parsed(
        forms.DiffRecord,
        project.pivot("diff", "table.csv", "last~1", "last", "--limit", "1", "--json").ok().out,
    )
    assert cast("dict[str, object]", limited["rows"])["more"] == 2


def test_values_and_lines_are_compared_as_what_they_are(project: Project) -> None:
    values = project.pivot("diff", "raw.json", "HEAD~1", "HEAD").ok().out.splitlines()
    assert [line.split() for line in values[1:3]] == [
        ["~", "tue", "2", "5", "+3", "(+150.0%)"],
        ["-", "wed", "3", "removed"],
    ]
    text = project.pivot("diff", "notes.txt", "HEAD~1").ok().out
    assert "\n-two\n+2\n" in text
    assert "    +2\n" in project.pivot("diff", "notes.txt", "HEAD~1", "--markdown").ok().out
    assert "no difference" in project.pivot("diff", "notes.txt").ok().out
    directory = project.pivot("diff", "metrics/", "HEAD~1").ok().out
    assert "~  metrics/train.json\n" in directory
    for path in ("raw.json", "notes.txt", "metrics/"):
        parsed(forms.DiffRecord, project.pivot("diff", path, "HEAD~1", "--json").ok().out)


def test_plots_are_charts_and_a_page_that_loads_nothing(project: Project, tmp_path: Path) -> None:
    shown = project.pivot("plots", "diff").ok().out
    assert shown.startswith("plots/curve.csv  loss by step  ○ HEAD  ● workspace\n")
    assert max(map(len, shown.splitlines())) <= 80
    page = tmp_path / "page.html"
    project.pivot("plots", "diff", "HEAD~1", "HEAD", "--html", str(page)).ok()
    text = page.read_text()
    assert text.count("<polyline") == 2
    assert "://" not in text
    assert "| plots/curve.csv | loss |" in project.pivot("plots", "show", "--markdown").ok().out
    parsed(forms.PlotsRecord, project.pivot("plots", "show", "--json").ok().out)
    parsed(forms.PlotsRecord, project.pivot("plots", "diff", "--json").ok().out)


def test_what_was_there_is_brought_back_and_overwrites_nothing(
    project: Project, tmp_path: Path
) -> None:
    now = project.read("table.csv")
    refused = project.pivot("get", "table.csv", "--rev", "HEAD~1")
    assert refused.code == 2
    assert "'table.csv' would be overwritten" in refused.err
    there = str(tmp_path / "there")
    stage = project.pivot("get", "train", "--rev", "HEAD~1", "-o", there, "--json").ok()
    files = cast("list[dict[str, str]]", parsed(forms.GetRecord, stage.out)["files"])
    assert {each["path"]: each["origin"] for each in files} == {
        "metrics/train.json": "git", "plots/curve.csv": "store", "table.csv": "store",
    }  # fmt: skip
    assert "wed,6.0" in (tmp_path / "there/table.csv").read_text()
    piped = project.pivot("get", "table.csv", "--rev", "last~1", "-o", "-").ok()
    assert "wed,6.0" in piped.out
    project.pivot("get", "table.csv", "--rev", "HEAD~1", "--force").ok()
    assert project.read("table.csv") == piped.out
    assert project.pivot("get", "table.csv", "--rev", "HEAD~1").ok().out.startswith("same")
    project.pivot("get", "table.csv", "--rev", "HEAD", "--force").ok()
    assert project.read("table.csv") == now
    notes = project.pivot("get", "notes.txt", "--rev", "HEAD~1", "-o", f"{there}/notes.txt").ok()
    assert notes.out.startswith("wrote")
    assert (tmp_path / "there/notes.txt").read_text() == "one\ntwo\n"


def test_a_link_does_not_lead_a_copy_out_of_the_project(project: Project, tmp_path: Path) -> None:
    os.rename(project.root / "plots", project.root / "away")
    os.symlink(tmp_path, project.root / "plots")
    try:
        done = project.pivot("get", "plots/curve.csv", "--rev", "HEAD")
    finally:
        os.unlink(project.root / "plots")
        os.rename(project.root / "away", project.root / "plots")
    assert done.code == 4
    assert "leads out of the project" in done.err
    assert not (tmp_path / "curve.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("get", "nope", "--rev", "HEAD"), "nothing is known of 'nope' in HEAD"),
        (("get", "train", "--rev", "HEAD", "-o", "-"), "'train' is not one file in HEAD"),
        (("metrics", "diff", "nope"), "no such commit 'nope'"),
        (("diff", "notes.txt", "last~9"), "no run 'last~9'"),
        (("diff", "nope.txt"), "nothing is known of 'nope.txt' in HEAD and workspace"),
        (("diff", "table.csv", "HEAD~1", "--key", "nope"), "'table.csv' has no column 'nope'"),
        (("params", "show", "--target", "nope"), "no stage 'nope'"),
    ],
)
def test_what_is_not_there_is_a_plain_error(
    project: Project, arguments: tuple[str, ...], said: str
) -> None:
    done = project.pivot(*arguments)
    assert done.code == 2
    assert done.err.startswith(f"error: {said}\n")


def test_without_a_repository_runs_can_be_compared(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pipeline.py", PIPELINE)
    project.write("raw.json", '{"mon": 1}')
    project.pivot("init").ok()
    project.pivot("repro").ok()
    done = project.pivot("metrics", "diff", env={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert done.code == 2
    assert done.err.startswith("error: not in a git repository\n")
    assert "no metric differs" in project.pivot("metrics", "diff", "last").ok().err
