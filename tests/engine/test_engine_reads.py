"""Which files are opened when inputs are looked at, counted by an audit hook in a process of its own."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import cast

from tests.cli.project import Project

FILES = 300
PIPELINE = """
from pathlib import Path
from typing import Annotated
from pivot_core import Dep, Out, PathOnly, Pipeline, Text

def count(
    files: Annotated[Path, Dep("files/", PathOnly())],
    large: Annotated[Path, Dep("large.bin", PathOnly())],
) -> Annotated[str, Out("count.txt", Text())]:
    return f"{sum(1 for _ in files.iterdir())} {large.stat().st_size}"

pipeline = Pipeline("many")
pipeline.register(count)
"""
COUNTING = """
import collections, json, sys
opened = collections.Counter()
def hook(event, given):
    if event == "open" and isinstance(given[0], str):
        opened[given[0]] += 1
sys.addaudithook(hook)
from pivot_core.cli.main import main
sys.argv[0] = "pivot"
code = main()
print(json.dumps(opened), file=sys.stderr)
sys.exit(code)
"""


def opened(project: Project, *arguments: str) -> Counter[str]:
    """Returns how often ``pivot`` itself (not its workers) opened each path."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", COUNTING, *arguments],
        cwd=project.root,
        env={**os.environ, "XDG_CONFIG_HOME": str(project.root / ".home")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return Counter(cast("dict[str, int]", json.loads(done.stderr.splitlines()[-1])))


def inputs(project: Project, found: Counter[str]) -> Counter[str]:
    """Keeps the stage's inputs, by name."""
    names = {os.path.relpath(os.path.join(project.root, path), project.root) for path in found}
    own = {name for name in names if name.startswith("files/") or name == "large.bin"}
    return Counter({name: found[str(project.root / name)] + found[name] for name in own})


def many_files(root: Path) -> Project:
    project = Project(root)
    project.write("pipeline.py", PIPELINE)
    project.write("large.bin", "x" * 3_000_000)
    for number in range(FILES):
        project.write(f"files/{number}.txt", str(number))
    project.pivot("init").ok()
    return project


def test_an_input_is_read_once_and_then_never_again(tmp_path: Path) -> None:
    project = many_files(tmp_path)

    first = opened(project, "repro")

    assert set(inputs(project, first).values()) == {1}
    assert len(inputs(project, first)) == FILES + 1
    assert "1 ran" not in project.pivot("repro").ok().out
    for verb in ("repro", "status", "verify"):
        assert not inputs(project, opened(project, verb)), verb


def test_only_the_file_that_changed_is_read_again(tmp_path: Path) -> None:
    project = many_files(tmp_path)
    project.pivot("repro").ok()
    project.write("files/7.txt", "changed")

    again = opened(project, "repro")

    assert inputs(project, again) == {"files/7.txt": 1}


def test_the_clock_is_not_asked_for_each_file(tmp_path: Path) -> None:
    project = many_files(tmp_path)

    first = opened(project, "repro")

    asked = [count for path, count in first.items() if path.endswith("/.clock")]
    assert sum(asked) < FILES / 10
