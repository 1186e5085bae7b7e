"""``pivot explain``: the lines that differ, the way to them, who wrote an input, and past runs as they were."""

import json
import re
from pathlib import Path
from typing import cast

import pytest

from pivot_core.cli import records
from tests.cli.project import FAILING, HELPERS, Project
from tests.unit.test_cli_jsonl import check

THRICE = HELPERS.replace("* 2", "* 3")
FOURFOLD = HELPERS.replace("* 2", "* 4")


def stages(text: str) -> dict[str, dict[str, object]]:
    record = json.loads(text)
    return {each["stage"]: each for each in record["stages"]}


def newest_run(project: Project) -> str:
    runs = json.loads(project.pivot("history", "--json").ok().out)["runs"]
    return cast("str", runs[0]["run_id"])


def causes(stage: dict[str, object]) -> dict[str, dict[str, object]]:
    """Returns what is known of each reason of a stage, by its kind."""
    given = cast("list[dict[str, object]]", stage["reasons"])
    return {str(each["kind"]): cast("dict[str, object]", each["detail"]) for each in given}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The toy project, run once."""
    made = Project.toy(tmp_path)
    made.pivot("repro").ok()
    return made


def test_a_change_of_code_is_shown_by_its_lines_and_the_way_to_it(project: Project) -> None:
    project.write("helpers.py", "# why\n" + THRICE)

    explained = project.pivot("explain", "train").ok().out
    dry = project.pivot("repro", "--dry-run", "--explain", "train").ok().out

    assert re.sub(r"unchanged: \d", "unchanged: 2", explained) == (
        "train  will run\n"
        "  ~ code changed: helpers.scale (helpers.py:2)\n"
        "      via   train → helpers.scale\n"
        "\n"
        "      @@ -2,2 +2,2 @@\n"
        "       def scale(value):\n"
        "      -    return value * 2\n"
        "      +    return value * 3\n"
        "\n"
        "  unchanged: 2 symbols, 1 input, 1 param (-v lists them)\n"
    )
    same = "clean  is up to date  (tier 1, generations; 1 symbol, 1 input unchanged)"
    assert dry == f"{same}\n\n{explained}"


def test_looking_at_an_edit_does_not_forget_what_was_recorded(project: Project) -> None:
    project.write("helpers.py", THRICE)
    project.pivot("status").ok()
    project.write("helpers.py", FOURFOLD)

    explained = project.pivot("explain", "train").ok().out

    assert "-    return value * 2\n" in explained
    assert "+    return value * 4\n" in explained


def test_an_input_is_shown_with_who_wrote_it(project: Project) -> None:
    project.write("raw.json", "[4, 1]")
    project.pivot("run", "clean").ok()
    run = newest_run(project)

    explained = project.pivot("explain", "train").ok().out
    plan = stages(project.pivot("explain", "train", "--json").ok().out)

    author = f"stage 'clean', written in run {run}, [-0-9]+ [:0-9]+\n"
    hashes = "[0-9a-f]{8} → [0-9a-f]{8}\n"
    told = f"~ input changed: clean.json\n      hash  {hashes}      by    {author}"
    assert re.search(told, explained)
    origin = cast("dict[str, object]", causes(plan["train"])["DepChanged"]["origin"])
    assert (origin["stage"], origin["run_id"], origin["is_restored"]) == ("clean", run, False)


def test_an_input_that_somebody_changed_has_no_author(project: Project) -> None:
    project.write("raw.json", "[4, 1]")

    explained = project.pivot("explain", "clean").ok().out

    assert "~ input changed: raw.json\n      hash " in explained
    assert "      by " not in explained


def test_json_holds_everything_that_is_said(project: Project) -> None:
    project.write("helpers.py", THRICE)
    project.write("params.yaml", "train: {rate: 0.25}\n")

    done = project.pivot("explain", "--json").ok()
    plan = stages(done.out)
    dry = stages(project.pivot("repro", "-n", "--explain", "--json").ok().out)
    plain = stages(project.pivot("repro", "-n", "--json").ok().out)

    check(records.PlanRecord, json.loads(done.out))
    assert dry == plan
    found = causes(plan["train"])
    assert found["CodeChanged"]["route"] == ["pipeline:train", "helpers:scale"]
    assert found["CodeChanged"]["diff"] == (
        "@@ -1,2 +1,2 @@\n def scale(value):\n-    return value * 2\n+    return value * 3\n"
    )
    assert (found["ParamChanged"]["old"], found["ParamChanged"]["new"]) == (0.5, 0.25)
    same = cast("list[str]", plan["train"]["unchanged_code"])
    assert same[-2:] == ["pipeline:TrainParams", "pipeline:train"]
    assert plan["train"]["unchanged"] == ["clean.json"]
    assert plain["train"]["unchanged_code"] == []
    assert "diff" not in causes(plain["train"])["CodeChanged"]


def test_verbose_lists_what_is_unchanged_and_what_is_installed(project: Project) -> None:
    project.write("helpers.py", "import click\n" + THRICE)

    explained = project.pivot("explain", "train", "-v").ok().out

    assert "  unchanged code    " in explained
    assert " " * 20 + "pipeline.train\n" in explained
    assert "  unchanged inputs  clean.json\n" in explained
    assert "  unchanged params  rate\n" in explained
    assert re.search(r"  packages +click \d", explained)
    assert re.search(r"      hash  [0-9a-f]{8} → [0-9a-f]{8}\n", explained)
    assert re.search(r"  code [0-9a-f]{32}\n", explained)


def test_a_past_run_is_told_as_it_was(project: Project) -> None:
    project.write("helpers.py", THRICE)
    project.pivot("repro").ok()
    run = newest_run(project)
    project.write("helpers.py", FAILING)
    project.pivot("repro")
    failed = newest_run(project)
    project.write("helpers.py", FOURFOLD)
    project.pivot("repro").ok()

    told = project.pivot("explain", "--run", run).ok().out
    one = project.pivot("explain", "--run", run[-4:], "report").ok().out
    failure = project.pivot("explain", "--run", failed, "train").ok().out
    record = json.loads(project.pivot("explain", "--run", run, "--json").ok().out)

    assert told.startswith(f"run {run}\n\ntrain  ran in ")
    assert "-    return value * 2\n      +    return value * 3\n" in told
    assert f"      by    stage 'train', written in run {run}, " in told
    assert told.endswith("\n\n1 stage up to date (-v lists them)\n")
    assert "train  ran" not in one
    assert "report  ran in " in one
    assert "-    return value * 3\n      +    raise KeyError('label')\n" in failure
    assert "  failed: KeyError: 'label'\n" in failure
    check(records.AccountsRecord, record)
    assert [each["stage"] for each in record["stages"]] == ["clean", "train", "report"]


def test_an_unknown_stage_of_a_past_run_is_refused_with_the_nearest(project: Project) -> None:
    run = newest_run(project)

    done = project.pivot("explain", "--run", run, "trian")
    unknown = project.pivot("explain", "--run", "nothing", "train")

    assert done.code == 2
    assert f"no stage 'trian' in run {run}" in done.err
    assert "did you mean 'train'?" in done.err
    assert unknown.code == 2


def test_without_the_state_only_the_lines_are_missing(project: Project) -> None:
    project.write("helpers.py", THRICE)
    for file in (project.root / ".pivot/state.lmdb").iterdir():
        file.unlink()

    explained = project.pivot("explain", "train").ok().out

    assert "~ code changed: helpers.scale (helpers.py:1)\n" in explained
    assert "      via   train → helpers.scale\n" in explained
    assert "which lines differ is not known here\n" in explained
    assert "@@" not in explained
