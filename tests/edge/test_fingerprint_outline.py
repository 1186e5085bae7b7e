"""After an inner edit, what is kept of earlier analyses is what a whole new one would find."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pivot_core.fingerprint.analyser import Analyser
from pivot_core.fingerprint.outline import Edit, Edits, Outline, compare, outline
from pivot_core.model.fingerprint import Analysis
from tests.edge.test_fingerprint_edits import (
    PROJECTS,
    a_stage,
    edits_of,
    files_of,
    stages_in,
    write,
)

NAMES = [path.stem for path in PROJECTS]
BEFORE = """\
import os

LIMIT = 3

def first(x, *, y=LIMIT):
    # why
    return x + y

@staticmethod
def second(
    x: "int",
):
    '''Says so.'''
    z = 1
    return x * z

class Third:
    def go(self):
        return 1

def last(): return LIMIT
"""


def outline_of(text: str) -> Outline:
    return outline(ast.parse(text).body, text.split("\n"))


def edit_of(old: str, new: str) -> Edit | None:
    """Returns the edit, which must give the outline that the new text has."""
    edit = compare(outline_of(old), new.encode())
    if edit is not None:
        assert edit.outline == outline_of(new)
    return edit


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("x + y", "x - y", {"first"}),
        ("# why", "# because\n    # of that", {"first"}),
        ("    return x + y", "    if x:\n        return y\n\n    return x", {"first"}),
        ("z = 1", "z = 2", {"second"}),
        ("return LIMIT", "return 7", {"last"}),
        ("import os\n", "import os\n\n# a comment\n", set[str]()),
        ("class Third", "# one\n\n\n# two\nclass Third", set[str]()),
        ("last(): return LIMIT\n", "last(): return LIMIT\n# the end", set[str]()),
    ],
)
def test_the_inside_of_functions_and_what_stands_between_statements_is_inner(
    old: str, new: str, changed: set[str]
) -> None:
    edit = edit_of(BEFORE, BEFORE.replace(old, new))
    assert edit is not None
    assert edit.changed == changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("y=LIMIT", "y=1"),
        ("x, *", "x, z, *"),
        ('"int"', '"str"'),
        ("@staticmethod", "@classmethod"),
        ("Says so.", "Says more."),
        ("return x * z", "yield x * z"),
        ("return 1", "return 2"),
        ("def first", "def other"),
        ("def first", "async def first"),
        ("return x + y", "return x + y\n\nextra = 1"),
        ("import os", "# -*- coding: latin-1 -*-\nimport os"),
        ("def last(): return LIMIT\n", "def last(): return LIMIT; extra = 1\nextra = 2"),
        ("def last(): return LIMIT\n", ""),
        ("LIMIT = 3\n", "LIMIT = 3\nif LIMIT:\n    LIMIT = 1\n"),
        ("return x + y", "return (x + y"),
        ("return x + y", "return x + y \\"),
        ("class Third:", "    extra = 1\nclass Third:"),
        ("LIMIT = 3", "LIMIT = 3; extra = 1"),
    ],
)
def test_everything_else_is_not_inner(old: str, new: str) -> None:
    assert compare(outline_of(BEFORE), BEFORE.replace(old, new).encode()) is None


def test_a_line_is_found_again_where_its_statement_went() -> None:
    after = BEFORE.replace("# why", "# why\n    # and\n    # how")
    after = after.replace("import os", "# x\nimport os")
    edit = edit_of(BEFORE, after)
    assert edit is not None
    lines = after.split("\n")
    for number, line in enumerate(BEFORE.split("\n"), 1):
        if line.startswith(("import", "LIMIT", "def", "@", "class", "    def")):
            assert lines[outline_of(BEFORE).line_in(edit.outline, number) - 1] == line


def analyses(analyser: Analyser, files: dict[str, str]) -> dict[str, Analysis]:
    return {name: analyser.analyse(a_stage(name)) for name in stages_in(files)}


def inner_edits(
    project: Path, root: Path, analyser: Analyser
) -> Iterator[tuple[dict[str, str], Edits]]:
    """Yields the files after each edit of a project that is an inner one, with the edit."""
    files = files_of(project.read_text())
    for old, new, _ in edits_of(project):
        name = next(name for name, text in files.items() if old in text)
        after = {**files, name: files[name].replace(old, new)}
        known = analyser.outlines.get(str(root / name))
        edit = known and compare(known, after[name].encode())
        if known and edit:
            yield after, Edits({name: (known, edit)})


@pytest.mark.parametrize("project", PROJECTS, ids=NAMES)
def test_what_an_inner_edit_does_not_concern_is_as_a_new_analysis_finds_it(
    project: Path, tmp_path: Path
) -> None:
    files = files_of(project.read_text())
    write(tmp_path, files)
    first = Analyser(str(tmp_path))
    before = analyses(first, files)
    for after, edits in inner_edits(project, tmp_path, first):
        write(tmp_path, after)
        again = Analyser(str(tmp_path))
        found = {
            name: again.analyse(a_stage(name)) if edits.concern(each) else edits.applied(each)
            for name, each in before.items()
        }
        assert found == analyses(Analyser(str(tmp_path)), after)
        write(tmp_path, files)


def test_most_edits_of_functions_are_inner_and_concern_few_stages(tmp_path: Path) -> None:
    count = kept = 0
    for project in PROJECTS:
        root = tmp_path / project.stem
        files = files_of(project.read_text())
        write(root, files)
        analyser = Analyser(str(root))
        before = analyses(analyser, files)
        for _, edits in inner_edits(project, root, analyser):
            count += 1
            kept += sum(not edits.concern(each) for each in before.values())
    assert count > 50
    assert kept > 5 * count


@pytest.mark.parametrize("project", PROJECTS, ids=NAMES)
def test_comments_and_blank_lines_concern_no_stage(project: Path, tmp_path: Path) -> None:
    files = files_of(project.read_text())
    write(tmp_path, files)
    analyser = Analyser(str(tmp_path))
    before = analyses(analyser, files)
    outlines = {path.removeprefix(f"{tmp_path}/"): each for path, each in analyser.outlines.items()}
    after = {name: f"# new\n\n{text}\n# end" for name, text in files.items()}
    compared = {name: compare(known, after[name].encode()) for name, known in outlines.items()}
    edits = Edits({name: (outlines[name], edit) for name, edit in compared.items() if edit})
    assert edits.files.keys() == outlines.keys()
    write(tmp_path, after)
    assert {name: edits.applied(each) for name, each in before.items()} == analyses(
        Analyser(str(tmp_path)), after
    )
