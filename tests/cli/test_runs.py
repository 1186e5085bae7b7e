"""``repro`` and ``run``: what they run, what they say, what they exit with."""

import json
import re
import signal
import subprocess
from pathlib import Path
from typing import cast
from xml.etree import ElementTree

import pytest

from tests.cli.project import FAILING, HELPERS, Project
from tests.support import schemas

WAITING = """\
import os
import time


def scale(value):
    print("waiting for go")
    while not os.path.exists("go"):
        time.sleep(0.01)
    print("gone")
    return value
"""

SNAPSHOTS = Path(__file__).parents[2] / "snapshots" / "cli"


def steady(text: str) -> str:
    """Replaces what differs from run to run."""
    text = re.sub(r"\d{8}-\d{6}-[0-9a-f]{4}", "RUN", text)
    return re.sub(r" *\b\d+\.\d\ds", " 0.00s", text)


def test_a_first_run_makes_everything_and_a_second_one_nothing(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)

    first = project.pivot("repro", "-j", "1").ok()
    second = project.pivot("repro").ok()

    assert steady(first.out) == (SNAPSHOTS / "repro-first.txt").read_text()
    assert first.err == ""
    assert project.read("report.json").strip() == '"sum: 6.0"'
    assert second.out == "up to date: 3 stages\n"


def test_an_edited_helper_reruns_its_users_and_says_why(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.pivot("repro").ok()
    project.write("helpers.py", HELPERS.replace("* 2", "* 3"))

    planned = project.pivot("repro", "--dry-run").ok()
    done = project.pivot("repro", "-v").ok()

    assert planned.out.splitlines()[0] == "will run  train   code changed: helpers.scale"
    assert re.search(r"RUN +train +code changed: helpers.scale\n", done.out)
    assert "same      clean" in done.out


def test_a_failing_stage_shows_the_users_traceback_alone_and_exits_1(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.write("helpers.py", FAILING)

    done = project.pivot("repro", "-j", "1")

    assert done.code == 1
    assert re.search(r"FAIL +train +\d+\.\d\ds  KeyError: 'label'\n", done.out)
    assert "helpers.py" in done.err
    assert "pivot_core" not in done.err
    assert "  blocks: report\n" in done.err
    log = re.search(r"  log: +(\S+)", done.err)
    assert log is not None
    assert (tmp_path / log[1]).is_file()


def test_run_runs_the_named_stages_alone(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.pivot("repro").ok()

    done = project.pivot("run", "clean", "--force").ok()

    assert done.out.splitlines()[-1].endswith(": 1 ran")
    assert "forced" in done.out


def test_targets_are_stages_or_outputs_also_seen_from_a_sub_directory(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)

    first = project.pivot("repro", "clean.json").ok()
    second = project.pivot("-C", "metrics", "repro", "train.json")
    (tmp_path / "metrics").mkdir()
    third = project.pivot("repro", "-C", "metrics", "./train.json", "-v").ok()

    assert first.words["clean"] == "ran"
    assert "train" not in first.words
    assert second.code == 2
    assert third.words["train"] == "ran"
    assert "report" not in third.words


def test_json_lines_tell_the_run_from_start_to_end(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)

    done = project.pivot("repro", "--json").ok()

    lines = [cast("dict[str, object]", json.loads(line)) for line in done.out.splitlines()]
    assert lines[0]["event"] == "run_started"
    assert lines[0]["stages"] == ["clean", "train", "report"]
    assert lines[-1]["event"] == "run_finished"
    assert lines[-1]["counts"] == {"ran": 3}
    ended = [
        (state["stage"], state["status"])
        for line in lines
        if line["event"] == "stage"
        for state in [cast("dict[str, str]", line["state"])]
        if state["status"] == "ran"
    ]
    assert ended == [("clean", "ran"), ("train", "ran"), ("report", "ran")]
    (journal,) = (tmp_path / ".pivot" / "runs").glob("*/events.jsonl")
    asked, *kept = [json.loads(line) for line in journal.read_text().splitlines()]
    assert asked == {"command": "pivot repro --json"}
    for event in kept:
        if event["type"] != "Inputs":
            schemas.check("events", event)
    again = project.pivot("run", "train", "--json").ok()
    assert json.loads(again.out.splitlines()[-1])["counts"] == {"same": 1}


def test_quiet_says_nothing_of_a_good_run(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    done = project.pivot("-q", "repro").ok()
    assert done.out == done.err == ""


def test_a_workflow_gets_groups_an_annotation_and_a_summary(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "flows").mkdir()
    project = Project.toy(tmp_path / "flows")
    project.write("helpers.py", FAILING)
    page = tmp_path / "page.md"

    done = project.pivot("repro", env={"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)})

    assert done.code == 1
    assert re.findall("^::group::(\\w+ +\\w+)", done.out, re.MULTILINE) == [
        "ran  clean",
        "FAIL  train",
    ]
    assert "\ncleaning\n::" in done.out
    # The place is told from the top of the repository.
    error = "\n::error file=flows/helpers.py,line=2,title=stage 'train' failed::KeyError: 'label'\n"
    assert error in done.out
    assert "| train | failed |" in page.read_text()


def test_reports_are_written_whatever_becomes_of_the_run(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    reports = ("--ci", "--junit", "out/junit.xml", "--summary", "out/page.md")

    def cases() -> list[tuple[str | None, list[str]]]:
        suite = ElementTree.parse(tmp_path / "out/junit.xml").getroot()[0]
        return [(case.get("name"), [each.tag for each in case]) for case in suite]

    project.write("helpers.py", FAILING)
    assert project.pivot("repro", *reports).code == 1
    assert cases() == [
        ("clean", ["system-out"]),
        ("train", ["failure", "system-out"]),
        ("report", ["skipped"]),
    ]
    project.write("helpers.py", HELPERS)
    assert project.pivot("run", "train", *reports).code == 0
    assert "| train | ran |" in project.read("out/page.md")
    found = project.pivot("verify", *reports)
    assert "::error file=pipeline.py,line=25,title=pivot verify%3A report::" in found.out
    assert (found.code, cases()) == (1, [("report", ["failure"])])
    project.write("helpers.py", "def scale(")
    broken = project.pivot("repro", *reports)
    assert "::error file=helpers.py,line=1,title=pivot::" in broken.out
    assert broken.code == 3
    assert cases() == [("pivot", ["error"])]
    assert "SyntaxError" in project.read("out/page.md")
    assert project.pivot("repro", "--junit", ".").code == 2


def test_a_profile_tells_where_the_time_went(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)

    done = project.pivot("repro", "--trace", "trace.json").ok()
    project.pivot("status").ok()  # the run made a directory: the definition is loaded once more
    again = project.pivot("repro", "--profile").ok()
    project.write("helpers.py", "def scale(")
    broken = project.pivot("repro", "--profile")

    assert "3 ran" in done.out
    steps = {line[2:30].strip(): line.split()[-3:] for line in done.err.splitlines()}
    assert steps["fingerprint code"][0] == steps["load the definition"][0] == "1"
    assert steps["the stages' functions"][0] == steps["write outputs"][0] == "3"
    assert {"train", "clean", "report"} < {name.split(" ")[0] for name in steps}
    events = cast("list[dict[str, object]]", json.loads(project.read("trace.json"))["traceEvents"])
    assert sum(each["name"] == "the stages' functions" for each in events) == 3
    assert again.out == "up to date: 3 stages\n"
    assert re.search(r"^profile: tier 0 answered in [\d.]+ ms$", again.err, re.MULTILINE)
    assert broken.code == 3
    assert "load the definition" in broken.err


def until(process: subprocess.Popen[str], pattern: str) -> None:
    """Reads the process's output up to the line that matches."""
    assert process.stdout is not None
    for line in process.stdout:
        if re.match(pattern, line):
            return
    pytest.fail(f"no line matches {pattern!r}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_the_run_and_names_itself_in_the_exit_code(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    project = Project.toy(tmp_path)
    project.write("helpers.py", WAITING)
    with project.start("repro", "--junit", "junit.xml") as process:
        until(process, r"RUN +train")
        process.send_signal(number)
        rest = process.communicate(timeout=60)[0]

    assert process.returncode == code
    assert re.search(r"^cancelled train ", rest, flags=re.MULTILINE)
    assert "Traceback" not in rest
    assert 'message="cancelled while it ran"' in project.read("junit.xml")


def test_a_log_is_followed_until_its_stage_ends(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.write("helpers.py", WAITING)
    with project.start("repro") as process:
        until(process, r"RUN +train")
        with project.start("logs", "train", "--follow") as log:
            until(log, "waiting for go")
            project.write("go", "")
            rest = log.communicate(timeout=60)[0]
        process.communicate(timeout=60)

    assert log.returncode == process.returncode == 0
    assert rest == "gone\n"
