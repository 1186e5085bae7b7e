"""Errors: one form, the right exit code, plain words, and nothing of ours."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.project import PIPELINE, PIVOT, Project


def blocks(text: str) -> list[str]:
    """Returns what each ``error:`` line says."""
    return re.findall(r"^error: (.*)$", text, flags=re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "code", "what", "hint"),
    [
        (["repor"], 2, "no command 'repor'", "did you mean `pivot repro`?"),
        (["repro", "--dryrun"], 2, "no such option '--dryrun'", "did you mean --dry-run?"),
        (["repro", "trian"], 2, "no stage or output 'trian'", "did you mean 'train'?"),
        (["repro", "--jobs", "0"], 2, "invalid value for '-j' / '--jobs'", "`pivot repro --help`"),
        (["repro", "--explain"], 2, "'--explain' needs '--dry-run'", "`pivot explain`"),
        (["-C", "nowhere", "list"], 2, "cannot work in 'nowhere'", "no such file or directory"),
        (["show", "2020"], 2, "no run '2020'", "`pivot history`"),
        (["logs", "clean"], 2, "no log of 'clean'", ""),
        (["config", "get", "cache.lnk"], 2, "cache.lnk", "cache.link"),
    ],
)
def test_a_misuse_exits_2_with_what_and_a_hint(
    tmp_path: Path, arguments: list[str], code: int, what: str, hint: str
) -> None:
    done = Project.toy(tmp_path).pivot(*arguments)

    assert done.code == code
    assert done.out == ""
    assert len(blocks(done.err)) == 1
    assert what in done.err
    assert hint in done.err


def test_a_mistyped_name_is_answered_with_the_one_that_was_meant(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.pivot("repro", "clean").ok()
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    asked = {
        "metrics shwo": "`pivot metrics show`",
        "repro --forc": "--force",
        "show lats": "'last'",
        "logs claen": "'clean'",
        "track raw.jsn": "'raw.json'",
        "metrics show HAED": "'HEAD'",
        "params show -t trian": "'train'",
        "diff claen.json workspace last": "'clean.json'",
        "get claen --rev last": "'clean'",
    }
    for words, meant in asked.items():
        done = project.pivot(*words.split())
        assert f"did you mean {meant}?" in done.err, words
        assert done.code == 2


def test_outside_a_project_every_command_says_so(tmp_path: Path) -> None:
    for verb in ("repro", "status", "list", "history", "config list"):
        done = Project(tmp_path).pivot(*verb.split())
        assert done.code == 2
        assert "`pivot init`" in done.err


def test_definition_mistakes_are_reported_together_and_exit_3(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    twice = 'pipeline.register(clean, name="again")\n'
    project.write("pipeline.py", PIPELINE + twice + "pipeline.register(lambda: 1)\n")

    done = project.pivot("repro")
    listed = project.pivot("list")

    assert done.code == listed.code == 3
    assert len(blocks(done.err)) >= 1
    assert blocks(done.err) == blocks(listed.err)
    assert "where: " in done.err


def test_a_module_that_raises_shows_the_users_traceback(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    project.write("helpers.py", "1 / 0\n")

    done = project.pivot("status")

    assert done.code == 3
    assert "ZeroDivisionError" in done.err
    assert "helpers.py" in done.err
    assert "pivot_core" not in done.err


def test_no_definition_file_exits_3(tmp_path: Path) -> None:
    (tmp_path / ".pivot").mkdir()
    done = Project(tmp_path).pivot("repro")
    assert done.code == 3
    assert len(blocks(done.err)) == 1


def test_an_error_begins_lower_case_and_has_no_full_stop(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    for arguments in (["x"], ["repro", "--x"], ["repro", "x"], ["run"], ["config", "set", "a"]):
        for said in blocks(project.pivot(*arguments).err):
            assert not said[0].isupper()
            assert not said.endswith(".")


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    line = f"{PIVOT} list | head -0; {PIVOT} --help | head -0"
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the kernel has no /dev/full")
def test_output_that_cannot_be_written_exits_4(tmp_path: Path) -> None:
    project = Project.toy(tmp_path)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [PIVOT, "list"], cwd=project.root, stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.startswith("error: cannot write the output")
