"""Every edit that is known to run a stage needlessly is told to users, with its reason."""

from pathlib import Path

from tests.corpus import cases

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "change-detection.md"


def test_the_page_tells_each_needless_rerun() -> None:
    _, _, table = PAGE.read_text(encoding="utf-8").partition("## Needless reruns")
    rows = (line.strip("|").split("|") for line in table.splitlines() if line.startswith("| "))
    told = {edit.strip() for edit, _ in rows} - {"edit"}

    known = {
        edit.name
        for path in cases.files()
        for project in cases.load(path)
        for edit in project.edit
        if edit.needless
    }

    assert told == known


def test_needless_reruns_are_few() -> None:
    edits = [
        edit for path in cases.files() for project in cases.load(path) for edit in project.edit
    ]
    assert sum(bool(edit.needless) for edit in edits) <= 0.02 * len(edits)
