"""Each edit of the corpus runs the stages that it must run, and no others; the outs are those of a run from scratch."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus import cases
from tests.corpus.cases import Layout, Project
from tests.corpus.command import Commands, Forked
from tests.corpus.judge import Known, judge


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with Forked(tmp_path_factory.mktemp("commands")) as forked:
        yield forked


CASES = [
    pytest.param(
        f"{path}: {project.name}",
        project,
        layout,
        id=f"{path.parent.name}/{path.stem}: {project.name} [{layout}]",
        marks=[] if project.quick and layout is project.layouts[0] else [pytest.mark.long],
    )
    for path in cases.files()
    for project in cases.load(path)
    for layout in project.layouts
]


@pytest.fixture(scope="session")
def known() -> dict[str, Known]:
    """What runs from scratch gave, by project: one layout after another asks for it."""
    return {}


@pytest.mark.parametrize(("name", "project", "layout"), CASES)
def test_edits_run_what_they_must(
    name: str,
    project: Project,
    layout: Layout,
    tmp_path: Path,
    commands: Commands,
    known: dict[str, Known],
) -> None:
    shared = known.setdefault(name, {})
    wrong = [
        f"{each.verdict.value}: {each.edit}\n{each.said}"
        for each in judge(project, layout, tmp_path, commands, shared)
        if not each.is_fine
    ]
    assert not wrong, "\n\n".join(["", *wrong])
