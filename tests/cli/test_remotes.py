"""Sharing results by way of a remote, as a person does it: a directory here, the commands as processes."""

import asyncio
import json
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
import yaml

from pivot_core.cli import records
from tests.cli.project import HELPERS, Project
from tests.cli.test_looking import parsed
from tests.support.project import Project as Live
from tests.unit.test_cli_jsonl import check

GUIDE = Path(__file__).parents[2] / "docs/guide/ci.md"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was run, with a remote beside it."""
    base = tmp_path_factory.mktemp("base")
    (base / "project").mkdir()
    (base / "remote").mkdir()
    made = Project.toy(base / "project")
    made.pivot("config", "set", "remotes.origin", "../remote").ok()
    made.pivot("repro").ok()
    return base


@pytest.fixture
def project(base: Path, tmp_path: Path) -> Project:
    shutil.copytree(base, tmp_path, dirs_exist_ok=True)
    return Project(tmp_path / "project")


def cloned(project: Project, name: str = "clone") -> Project:
    """Returns a clone with what git would have."""
    clone = Project(project.root.parent / name)
    for path in (
        "pipeline.py",
        "helpers.py",
        "raw.json",
        "metrics",
        ".pivot/config.yaml",
        ".pivot/stages",
    ):
        source, target = project.root / path, clone.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    return clone


def lines(text: str) -> list[Mapping[str, object]]:
    return [cast("dict[str, object]", json.loads(line)) for line in text.splitlines()]


def test_a_clone_with_only_what_git_has_pulls_and_runs_nothing(project: Project) -> None:
    pushed = project.pivot("push").ok()
    assert pushed.out.startswith("pushed: 3 objects, ")
    assert "3 run-cache entries (origin)" in pushed.out
    clone = cloned(project)
    pulled = clone.pivot("pull").ok()
    assert "2 outputs restored" in pulled.out
    assert clone.pivot("repro").ok().out == "up to date: 3 stages\n"
    assert clone.read("report.json") == project.read("report.json")
    again = project.pivot("push").ok()
    assert "nothing to move" in again.out
    assert "3 there already" in again.out


def test_the_workflow_of_the_guide_holds(project: Project, tmp_path: Path) -> None:
    block = GUIDE.read_text().partition("```yaml")[2].partition("```")[0]
    jobs = cast("dict[str, dict[str, dict[str, list[dict[str, str]]]]]", yaml.safe_load(block))
    steps = [each["run"] for each in jobs["jobs"]["pipeline"]["steps"] if "run" in each]
    gate, run, send = [shlex.split(each)[1:] for each in steps if each.startswith("pivot ")]
    github = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    project.pivot("push").ok()
    clone = cloned(project)
    assert clone.pivot(*gate, env=github).ok().out.endswith("verified\n")

    edited = HELPERS.replace("* 2", "* 3")
    clone.write("helpers.py", edited)
    assert clone.pivot(*gate, env=github).code == 1
    assert "2 ran, 1 same" in clone.pivot(*run, env=github).ok().out
    assert "| report | ran |" in (tmp_path / "summary.md").read_text()
    assert '<testcase classname="clone" name="report"' in clone.read("reports/pivot.xml")
    assert "pushed: 2 objects" in clone.pivot(*send, env=github).ok().out

    project.write("helpers.py", edited)
    assert "2 restored, 1 same" in project.pivot("repro", "--pull", "report").ok().out


def test_a_dry_run_lists_and_moves_nothing(project: Project, tmp_path: Path) -> None:
    would = project.pivot("push", "--dry-run").ok()
    assert [line.split()[0] for line in would.out.splitlines()[:-1]] == [
        *("clean.json", "metrics/train.json", "report.json"),
    ]
    assert would.out.splitlines()[-1].startswith("would push: 3 objects")
    assert list((tmp_path / "remote").rglob("*")) == []


def test_what_fails_is_listed_the_rest_arrives_and_the_exit_code_is_5(
    project: Project, tmp_path: Path
) -> None:
    project.pivot("push").ok()
    for path in (tmp_path / "remote").glob("files/*/*"):
        if path.read_bytes() == (project.root / "clean.json").read_bytes():
            path.unlink()
    clone = cloned(project)
    pulled = clone.pivot("pull")
    assert pulled.code == 5
    assert "failed  clean.json: object" in pulled.err
    assert "is not on the remote" in pulled.err
    assert (clone.root / "report.json").exists()
    assert "pull failed: 1 object" in pulled.out or "pull failed: 2 objects" in pulled.out
    project.pivot("push").ok()
    clone.pivot("pull").ok()
    assert (clone.root / "clean.json").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("push", "--remote", "orign"), 2, "did you mean 'origin'?"),
        (("push", "trian"), 2, "did you mean 'train'?"),
        (("push", "--all", "train"), 2, "'--all' takes no targets"),
        (("status", "--remote=nobody"), 2, "no remote 'nobody'"),
    ],
)
def test_a_mistake_is_a_usage_error(
    project: Project, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = project.pivot(*arguments)
    assert done.code == code
    assert said in done.err


def test_without_a_remote_the_way_to_one_is_told(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    done = project.pivot("push")
    assert done.code == 2
    assert "no remote and no default" in done.err
    assert "pivot config set remotes.origin" in done.err
    assert "remotes.origin" in project.pivot("remote", "list").ok().err


def test_a_remote_that_is_gone_is_said_in_one_line(project: Project, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "remote")
    for arguments in (("fetch", "--all"), ("status", "--remote"), ("remote", "check")):
        done = project.pivot(*arguments)
        assert done.code == 5, arguments
        assert "does not exist" in done.out + done.err
        assert "Traceback" not in done.err


def test_status_tells_what_is_missing_where(project: Project) -> None:
    before = project.pivot("status", "--remote").ok()
    assert before.words == {
        "clean.json": "push", "metrics/train.json": "push", "report.json": "push", "3": "origin:"
    }  # fmt: skip
    project.pivot("push").ok()
    after = project.pivot("status", "--remote", "-v").ok()
    assert "all here and there" in after.out
    clone = cloned(project)
    there = clone.pivot("status", "train", "--remote").ok()
    assert there.words["clean.json"] == "fetch"
    found = clone.pivot("status", "--remote", "--json").ok()
    check(records.RemoteStatusRecord, parsed(found.out))


def test_json_lines_are_as_documented(project: Project, tmp_path: Path) -> None:
    pushed = lines(project.pivot("push", "--json").ok().out)
    assert [line["event"] for line in pushed] == ["transfer_started", "transfer_finished"]
    check(records.TransferStartedRecord, pushed[0])
    check(records.TransferFinishedRecord, pushed[-1])
    for path in (tmp_path / "remote").glob("files/*/*"):
        path.unlink()
    clone = cloned(project)
    assert lines(clone.pivot("fetch", "--json").out)[-1]["status"] == "failed"
    pulled = lines(clone.pivot("pull", "--json").out)
    failed = [line for line in pulled if line["event"] == "object_failed"]
    assert len(failed) == 3
    for line in failed:
        check(records.ObjectFailedRecord, line)


def test_remotes_are_listed_and_checked(project: Project, tmp_path: Path) -> None:
    project.pivot("config", "set", "remotes.backup.url", str(tmp_path / "remote")).ok()
    project.pivot("config", "set", "remotes.backup.read_only", "true").ok()
    project.pivot("config", "set", "default_remote", "origin").ok()
    listed = project.pivot("remote", "list").ok()
    assert [line.split()[0] for line in listed.out.splitlines()] == ["backup", "origin"]
    assert "read only" in listed.out.splitlines()[0]
    assert "default" in listed.out.splitlines()[1]
    check(records.RemotesRecord, parsed(project.pivot("remote", "list", "--json").ok().out))
    checked = project.pivot("remote", "check", "origin").ok()
    assert [line.split()[:2] for line in checked.out.splitlines()] == [
        ["ok", "bucket"], ["ok", "write"], ["ok", "read"]
    ]  # fmt: skip
    check(records.RemoteCheckRecord, parsed(project.pivot("remote", "check", "--json").ok().out))
    refused = project.pivot("push", "--remote", "backup")
    assert refused.code == 5
    assert "read only" in refused.err


async def test_a_push_beside_a_live_engine_is_done_by_it(project: Project) -> None:
    async with Live(project.root).live() as live:
        pushed = await asyncio.to_thread(project.pivot, "push")
        assert pushed.ok().out.startswith("pushed: 3 objects")
        done = live.engine.standing.transfer
        assert done is not None
        assert done.present == 0
        other = await asyncio.to_thread(project.pivot, "push", env={"AWS_PROFILE": "somebody-else"})
        assert other.code == 2
        assert "other AWS_* variables" in other.err


def test_settings_of_remotes_tell_where_they_come_from(project: Project) -> None:
    project.pivot("config", "set", "remotes.origin.profile", "me", "--local").ok()
    listed = project.pivot("config", "list").ok().out.splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in listed}
    assert rows["remotes.origin.url"][-1] == "project"
    assert rows["remotes.origin.profile"] == ["me", "local"]
    assert project.pivot("config", "get", "remotes.origin.jobs").ok().out == "20\n"


def test_the_gate_of_a_clone_without_data(project: Project, tmp_path: Path) -> None:
    project.pivot("push").ok()
    clone = cloned(project)
    (clone.root / "raw.json").unlink()
    assert clone.pivot("verify").code == 1
    passed = clone.pivot("verify", "--allow-missing").ok()
    assert passed.out.splitlines()[-1] == "verified"
    kinds = {" ".join(line.split()[:2]) for line in passed.out.splitlines()[:-1]}
    assert kinds == {"not here", "on remote"}
    assert list(clone.root.glob(".pivot/cache/files/*/*")) == []
    record = parsed(clone.pivot("verify", "--allow-missing", "--json").ok().out)
    check(records.VerifyRecord, record)
    clone.write("helpers.py", clone.read("helpers.py").replace("* 2", "* 3"))
    stale = clone.pivot("verify", "--allow-missing")
    assert stale.code == 1
    assert "would run  train" in stale.out
    clone.write("helpers.py", project.read("helpers.py"))
    for path in (tmp_path / "remote").glob("files/*/*"):
        path.unlink()
    gone = clone.pivot("verify", "--allow-missing")
    assert gone.code == 1
    assert "clean" in gone.out


def test_a_run_takes_from_the_remote_what_is_there(project: Project) -> None:
    project.pivot("push").ok()
    clone = cloned(project)
    clone.write("pipeline.py", clone.read("pipeline.py").replace('"sum: {', '"total: {'))
    ran = clone.pivot("repro", "--pull").ok()
    assert "1 ran, 2 same" in ran.out
    assert not (clone.root / "clean.json").exists()
    assert clone.pivot("repro", "--remote", "origin").code == 2
    assert clone.pivot("repro", "--pull", "--no-commit").code == 2
