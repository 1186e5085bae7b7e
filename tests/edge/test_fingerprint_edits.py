"""Which stages an edit changes: each project once, with edits that must count and edits that must not.

A project under ``fingerprint_edits`` is a ``.txt`` with files under ``--- name`` lines, and a ``.toml`` with its edits.
Every function of its ``pipeline.py`` whose name starts with ``st_`` is a stage.
"""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pivot_core.fingerprint.analyser import Analyser
from pivot_core.model.ids import StageName
from pivot_core.model.stage import FunctionRef, SourceLocation, Stage

HERE = SourceLocation("pipeline.py", 1)
PROJECTS = sorted((Path(__file__).parent / "fingerprint_edits").glob("*.txt"))


def edits_of(project: Path) -> Iterator[tuple[str, str, set[str]]]:
    """Yields what is replaced (it stands once in the project), by what, and the stages that change."""
    with project.with_suffix(".toml").open("rb") as file:
        for edit in tomllib.load(file)["edit"]:
            yield edit["old"], edit["new"], {f"st_{name}" for name in edit["changes"]}


CASES = [
    pytest.param(project, *edit, id=f"{project.stem}: {edit[0][:40]} > {edit[1][:40]}")
    for project in PROJECTS
    for edit in edits_of(project)
]


def files_of(text: str) -> dict[str, str]:
    files = dict[str, str]()
    for block in text.split("--- ")[1:]:
        name, _, content = block.partition("\n")
        files[name.strip()] = content
    return files


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def a_stage(function: str, module: str = "pipeline", base: str = "") -> Stage:
    ref = FunctionRef(base, module, function, HERE)
    return Stage(StageName(function), ref, (), (), {}, "params", "", None, (), None, 0, HERE)


def stages_in(files: dict[str, str]) -> Iterator[str]:
    for node in ast.parse(files["pipeline.py"]).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("st_"):
            yield node.name


def digests(root: Path, files: dict[str, str]) -> dict[str, str]:
    write(root, files)
    analyser = Analyser(str(root))
    return {name: analyser.analyse(a_stage(name)).fingerprint.digest for name in stages_in(files)}


@pytest.mark.parametrize(("project", "old", "new", "changed"), CASES)
def test_an_edit_changes_exactly_the_stages_that_reach_it(
    project: Path, old: str, new: str, changed: set[str], tmp_path: Path
) -> None:
    files = files_of(project.read_text())
    before = digests(tmp_path, files)
    edited = [name for name, content in files.items() if old in content]
    assert len(edited) == 1, f"{old!r} stands in {edited}"
    assert files[edited[0]].count(old) == 1
    files[edited[0]] = files[edited[0]].replace(old, new)

    after = digests(tmp_path, files)

    assert {name for name in before if before[name] != after[name]} == changed


@pytest.mark.parametrize("project", PROJECTS, ids=[path.stem for path in PROJECTS])
def test_rewriting_a_whole_project_changes_no_stage(project: Path, tmp_path: Path) -> None:
    files = files_of(project.read_text())
    before = digests(tmp_path, files)
    rewritten = {
        name: "# rewritten\n" + ast.unparse(ast.parse(text)) for name, text in files.items()
    }
    assert digests(tmp_path, rewritten) == before
