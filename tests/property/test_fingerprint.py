"""An edit that changes what a stage returns changes its fingerprint, judged by running the code.

Each project under ``fingerprint_projects`` holds stages ``st_…`` that return a value. Every literal in it is changed,
one at a time; every stage is run before and after.
"""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pivot_core.fingerprint.analyser import Analyser
from pivot_core.model.ids import StageName
from pivot_core.model.stage import FunctionRef, SourceLocation, Stage

HERE = SourceLocation("pipeline.py", 1)
PROJECTS = sorted((Path(__file__).parent / "fingerprint_projects").glob("*.txt"))
RUN_EACH = """
import json, os, sys
import asyncio, contextlib, copy, dataclasses, enum, functools, importlib, inspect, re, typing
sys.dont_write_bytecode = True
def outputs(directory):
    os.chdir(directory)
    sys.path.insert(0, directory)
    try:
        import pipeline
    except BaseException as error:
        return None
    found = {}
    for name, function in list(vars(pipeline).items()):
        if name.startswith("st_"):
            try:
                found[name] = repr(function(1))
            except BaseException as error:
                found[name] = f"{type(error).__name__}: {error}"
    return found
for directory in sys.argv[1:]:
    if not os.fork():
        with open(os.path.join(directory, "outputs.json"), "w") as file:
            json.dump(outputs(directory), file)
        os._exit(0)
    os.wait()
"""


@dataclass(frozen=True)
class Mutant:
    what: str
    files: dict[str, str]


def files_of(path: Path) -> dict[str, str]:
    files = dict[str, str]()
    for block in path.read_text().split("--- ")[1:]:
        name, _, content = block.partition("\n")
        files[name.strip()] = content
    return files


def mutants(files: dict[str, str]) -> Iterator[Mutant]:
    """Changes each number and string of each file."""
    for name, text in files.items():
        lines = text.split("\n")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
                continue
            line = lines[node.lineno - 1]
            old = line[node.col_offset : node.end_col_offset]
            if isinstance(node.value, int):
                new = str(node.value + 100)
            elif isinstance(node.value, str) and old[:1] in ("'", '"'):
                new = f"{old[:-1]}Z{old[-1]}"
            else:
                continue
            edited = f"{line[: node.col_offset]}{new}{line[node.end_col_offset :]}"
            changed = [*lines[: node.lineno - 1], edited, *lines[node.lineno :]]
            yield Mutant(f"{name}:{node.lineno}: {edited}", {**files, name: "\n".join(changed)})


def written(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def digests(root: Path, names: list[str]) -> dict[str, str]:
    analyser = Analyser(str(root))
    return {name: analyser.analyse(a_stage(name)).fingerprint.digest for name in names}


def a_stage(name: str) -> Stage:
    ref = FunctionRef("", "pipeline", name, HERE)
    return Stage(StageName(name), ref, (), (), {}, None, "", None, (), None, 0, HERE)


def run_each(directories: list[Path]) -> list[dict[str, str] | None]:
    command = [sys.executable, "-c", RUN_EACH, *map(str, directories)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return [json.loads((each / "outputs.json").read_text()) for each in directories]


@pytest.mark.parametrize("project", PROJECTS, ids=[path.stem for path in PROJECTS])
def test_no_edit_that_changes_a_result_is_missed(project: Path, tmp_path: Path) -> None:
    files = files_of(project)
    edits = list(mutants(files))
    roots = [written(tmp_path / "before", files)]
    roots += [written(tmp_path / str(index), edit.files) for index, edit in enumerate(edits)]
    before, *after = run_each(roots)
    assert before is not None
    assert not [name for name, value in before.items() if "Error: " in value]
    names = list(before)
    known = digests(roots[0], names)

    missed = list[str]()
    for edit, root, outputs in zip(edits, roots[1:], after, strict=True):
        if outputs is None:
            continue  # the edit broke the project
        found = digests(root, [name for name in names if outputs[name] != before[name]])
        missed += [f"{name} after {edit.what}" for name in found if found[name] == known[name]]

    assert missed == []
