"""The commands that only look, and those that move results: a case or two each."""

import json
import re
from pathlib import Path
from typing import cast

from pivot_core.cli import records
from tests.cli.project import FAILING, HELPERS, Project
from tests.unit.test_cli_jsonl import check


def parsed(text: str) -> dict[str, object]:
    return cast("dict[str, object]", json.loads(text))


def test_list_and_dag_show_the_definition(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)

    assert project.pivot("list").ok().out.splitlines()[0] == "clean   pipeline.py:11  clean.json"
    assert project.pivot("list", "-q").ok().out == "clean\ntrain\nreport\n"
    assert project.pivot("dag").ok().out == "clean\n└─ train\n   └─ report\n"
    assert '  "clean" -> "train";\n' in project.pivot("dag", "--dot").ok().out
    assert "  s0 --> s1\n" in project.pivot("dag", "--mermaid").ok().out
    listed = parsed(project.pivot("list", "--json").ok().out)
    check(records.ListRecord, listed)
    assert listed["project"] == "toy"


def test_status_and_explain_name_the_change(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    assert re.match(r"will run +clean +no result yet\n", project.pivot("status").ok().out)
    project.pivot("repro").ok()
    assert project.pivot("status").ok().out == "up to date: 3 stages\n"
    project.write("helpers.py", "\n" + HELPERS.replace("* 2", "* 3"))
    project.write("params.yaml", "train: {rate: 1e-1}\n")

    status = project.pivot("status").ok()
    explained = project.pivot("explain", "train").ok()
    plan = parsed(project.pivot("explain", "metrics/train.json", "--json").ok().out)

    assert status.out.splitlines() == [
        "will run  train   code changed: helpers.scale (+1 more)",
        "unknown   report  waits for train",
        "3 stages: 1 would run, 1 not known before an upstream ran, 1 up to date",
    ]
    assert "~ code changed: helpers.scale (helpers.py:2)\n" in explained.out
    assert "~ param rate: 0.5 → 0.1\n" in explained.out
    check(records.PlanRecord, plan)
    assert [stage["stage"] for stage in cast("list[dict[str, str]]", plan["stages"])] == ["train"]


def test_verify_passes_when_nothing_would_run_and_nothing_is_lost(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    before = project.pivot("verify")
    project.pivot("repro").ok()
    (tmp_path / "clean.json").unlink()
    after = project.pivot("verify").ok()
    found = parsed(project.pivot("verify", "--json").ok().out)
    cache = project.pivot("verify", "--cache").ok()

    assert before.code == 1
    assert re.match(r"would run +clean ", before.out)
    assert "not checked out" in after.out
    assert after.out.endswith("verified\n")
    check(records.VerifyRecord, found)
    assert cache.out == "verified\n"


def test_a_damaged_object_fails_the_check_of_the_cache(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.pivot("repro").ok()
    victim = next((tmp_path / ".pivot/cache/files").glob("*/*"))
    victim.chmod(0o644)
    victim.write_text("damaged")

    done = project.pivot("verify", "--cache")

    assert done.code == 1
    assert done.out.startswith("damaged")


def test_checkout_restores_and_leaves_edits_alone_without_force(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.pivot("repro").ok()
    (tmp_path / "clean.json").unlink()
    project.write("report.json", "mine")

    gentle = project.pivot("checkout")
    kept = project.read("report.json")
    project.pivot("checkout", "--force").ok()

    assert gentle.code == 1
    assert re.search(r"restored +clean\.json", gentle.out)
    assert re.search(r"refused +report\.json", gentle.out)
    assert kept == "mine"
    assert project.read("report.json") != "mine"


def test_commit_takes_the_workspace_as_the_result(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.pivot("repro", "--no-commit").ok()
    before = project.pivot("verify")

    project.pivot("commit").ok()

    assert before.code == 1
    assert project.pivot("status").ok().out == "up to date: 3 stages\n"


def test_history_show_and_logs_tell_of_past_runs(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    nothing = project.pivot("history").ok()
    project.write("helpers.py", FAILING)
    project.pivot("repro", "-j", "1")

    history = parsed(project.pivot("history", "--json").ok().out)
    shown = project.pivot("show").ok()
    report = parsed(project.pivot("show", "--json").ok().out)
    log = project.pivot("logs", "clean", "--time").ok()
    everything = project.pivot("logs").ok()

    assert nothing.out == ""
    check(records.HistoryRecord, history)
    check(records.ShowRecord, report)
    assert "pivot repro -j 1" in project.pivot("history").ok().out
    assert "FAIL train: KeyError: 'label'" in shown.out
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} cleaning\n", log.out)
    assert everything.out.startswith("clean | cleaning\ntrain | training\n")


def test_settings_are_set_listed_and_unset(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)

    project.pivot("config", "set", "cache.link", "hardlink,copy").ok()
    got = project.pivot("config", "get", "cache.link").ok()
    listed = project.pivot("config", "list", "--json").ok()
    project.pivot("config", "unset", "cache.link").ok()

    assert got.out == "hardlink,copy\n"
    check(records.ConfigRecord, parsed(listed.out))
    assert project.pivot("config", "get", "cache.link").ok().out == "reflink,copy\n"


def test_init_makes_a_project_that_keeps_results_out_of_git(tmp_path: Path) -> None:
    project = Project(tmp_path)

    first = project.pivot("init", "new").ok()
    again = project.pivot("init", "new").ok()

    assert ".pivot/config.yaml" in first.out
    assert (tmp_path / "new/.pivot/.gitignore").is_file()
    assert "wrote" not in again.out


def test_demo_writes_and_runs_an_example(tmp_path: Path) -> None:
    project = Project(tmp_path)

    done = project.pivot("demo", "there").ok()
    again = project.pivot("-C", "there", "repro").ok()

    assert (tmp_path / "there/reports/tomorrow.txt").is_file()
    assert "Try next" in done.out
    assert again.out.startswith("up to date")
