"""What a process does to find out that nothing changed; counted, not timed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TypedDict, cast

import pytest

from tests.cli.project import Project
from tests.contracts.test_import_weight import without_coverage

HEAVY = {
    "aiobotocore", "asyncio", "click", "dataclasses", "loky", "lmdb", "multiprocessing", "pandas", "pydantic", "rich",
    "textual", "threading", "typing", "watchfiles", "yaml", "pivot_core.engine", "pivot_core.model", "pivot_core.store",
    "pipeline", "heavy",
}  # fmt: skip
PIPELINE = """\
import heavy
from typing import Annotated
from pivot_core import Dep, Out, Pipeline, Text

pipeline = Pipeline("many")


def copy(text: Annotated[str, Dep("in.txt", Text())]) -> Annotated[str, Out("out.txt", Text())]:
    return text[:10]


for number in range({stages}):
    pipeline.register(
        copy, name=f"copy{{number}}", deps={{"text": "data/in.txt"}}, outs={{"return": f"out/{{number}}.txt"}}
    )
"""
PROGRAM = """\
import json, sys

opened, started = [], []


def notice(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        opened.append(args[0])
    elif event.startswith(("subprocess.", "os.fork", "os.posix_spawn", "os.exec", "os.spawn", "_posixsubprocess")):
        started.append(event)


sys.addaudithook(notice)
sys.argv[0] = "pivot"
from pivot_core.cli.main import main

code = main()
sys.stdout.flush()
done = {"modules": sorted(sys.modules), "opened": opened, "started": started, "code": code, "peak": 0}
if sys.platform == "linux":  # elsewhere a process is only told of its parent's peak and its own together
    with open("/proc/self/status") as status:
        done["peak"] = int(status.read().partition("VmHWM:")[2].split()[0]) * 1024
sys.stderr.write(json.dumps(done))
"""


LIBRARY = os.path.dirname(os.__file__) + os.sep


class Deeds(TypedDict):
    """What one process did."""

    modules: list[str]
    opened: list[str]
    started: list[str]
    code: int
    peak: int
    """Resident bytes; 0 where they cannot be told."""


def many(root: Path, stages: int, size: int) -> Project:
    """Makes a project of equal stages that all read a file of ``size`` bytes, and brings it up to date."""
    project = Project(root)
    project.write("pipeline.py", PIPELINE.format(stages=stages))
    project.write("heavy.py", "")
    project.write("data/in.txt", "x" * size)
    for number in range(stages):
        project.write(f"out/{number}.txt", "x" * 10)
    (root / ".pivot").mkdir()
    project.pivot("commit").ok()
    assert project.pivot("status").ok().out == f"up to date: {stages} stages\n"
    return project


def deeds(project: Project, *arguments: str, **environment: str) -> tuple[str, Deeds]:
    """Runs ``pivot`` and returns what it printed, and what it did."""
    kept = {name: text for name, text in without_coverage().items() if not name.startswith("PIVOT")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, *arguments],
        cwd=project.root,
        env={**kept, "XDG_CONFIG_HOME": str(project.root / ".home"), **environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = cast("Deeds", json.loads(done.stderr))
    assert found["code"] == 0
    return done.stdout, found


COMPLETION = {
    "_PIVOT_COMPLETE": "zsh_complete",
    "COMP_WORDS": "pivot repro copy2",
    "COMP_CWORD": "2",
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return many(tmp_path_factory.mktemp("small"), 3, 10)


@pytest.mark.parametrize(
    ("arguments", "environment", "said"),
    [
        (["repro"], {}, "up to date: 3 stages\n"),
        (["status"], {}, "up to date: 3 stages\n"),
        (["verify"], {}, "verified\n"),
        (["-q", "verify"], {}, ""),
        (["repro", "copy1"], {}, "up to date: 1 stage\n"),
        (["status", "out/1.txt", "copy1", "-C", "."], {}, "up to date: 1 stage\n"),
        ([], COMPLETION, "plain\ncopy2\n_\n"),
    ],
)
def test_nothing_is_loaded_to_say_that_nothing_changed(
    small: Project, arguments: list[str], environment: dict[str, str], said: str
) -> None:
    out, did = deeds(small, *arguments, **environment)
    assert out == said
    assert not HEAVY & set(did["modules"])
    assert did["started"] == []
    assert did["peak"] <= 30 << 20


def test_what_is_read_grows_neither_with_the_stages_nor_with_the_data(
    small: Project, tmp_path: Path
) -> None:
    large = many(tmp_path, 60, 5_000_000)
    opened = list[list[str]]()
    for project in (small, large):
        _, did = deeds(project, "repro")
        root = os.path.realpath(project.root)
        inside = [path for path in did["opened"] if path.startswith(root)]
        assert inside == [f"{root}/.pivot/state.lmdb/proof"]
        # Where names in a directory of the search path have come or gone, Python's own modules help to compare them.
        found = [path for path in did["opened"] if not path.startswith((LIBRARY, "/proc/"))]
        opened.append([path.removeprefix(root) for path in found])
    assert opened[0] == opened[1]
    proof = (large.root / ".pivot/state.lmdb/proof").read_bytes()
    assert len(proof.replace(os.fsencode(os.path.realpath(large.root)), b"")) < 60 * 250


def test_one_edited_leaf_of_a_thousand_runs_one_stage_in_one_worker(tmp_path: Path) -> None:
    project = many(tmp_path, 1000, 10)
    project.write("pipeline.py", project.read("pipeline.py") + LEAF)
    project.write("leaf.txt", "leaf")
    project.pivot("commit", "leaf").ok()
    assert project.pivot("status").ok().out == "up to date: 1001 stages\n"
    (tmp_path / "parents").unlink(missing_ok=True)

    project.write("pipeline.py", project.read("pipeline.py").replace('"leaf"', '"edited"'))
    done = project.pivot("repro").ok()

    assert done.out.splitlines()[-1].endswith(": 1 ran, 1000 same")
    assert project.read("leaf.txt") == "edited"
    assert len(set(project.read("parents").split())) == 1


LEAF = """

def note_worker():
    import os

    with open("parents", "a") as file:
        print(os.getppid(), file=file)


note_worker()


def leaf() -> Annotated[str, Out("leaf.txt", Text())]:
    return "leaf"


pipeline.register(leaf)
"""
"""A stage more; each import of the definition notes by which worker the importing process was forked."""
