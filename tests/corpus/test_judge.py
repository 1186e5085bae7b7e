"""The judge sees what is wrong, and says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.corpus.cases import Edit, Project
from tests.corpus.command import Commands, Forked, Installed
from tests.corpus.judge import Verdict, judge

STAGES = """
import json
from typing import Annotated
from pivot_core import JSON, Dep, Out

def first(values: Annotated[list, Dep("data/in.json", JSON())]) -> Annotated[int, Out("out/first.json", JSON())]:
    return values[0]

def hidden() -> Annotated[int, Out("out/hidden.json", JSON())]:
    return len(open("data/undeclared.txt").read())
"""
NOT_DECLARED = {"op": "write", "file": "data/undeclared.txt", "text": "longer"}
COMMENT = {"op": "append", "file": "stages", "text": "\n# the end\n"}
SYNTAX = {"op": "append", "file": "stages", "text": "\nreturn\n"}


def other(number: int) -> dict[str, str]:
    """Takes another value: another one for each edit, or the run cache would have what the second one asks for."""
    return {"op": "replace", "file": "stages", "old": "values[0]", "new": f"values[{number}]"}


def a_project(*edits: dict[str, object], stages: str = STAGES) -> Project:
    return Project.model_validate(
        {
            "name": "to be judged",
            "stages": stages,
            "files": {"data/in.json": "[1, 2, 3, 4, 5]", "data/undeclared.txt": "short"},
            "edit": [
                {"name": f"edit {number}", "reason": "so it is", **edit}
                for number, edit in enumerate(edits)
            ],
        }
    )


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    with Forked(tmp_path_factory.mktemp("commands")) as forked:
        yield forked


def test_each_edit_gets_its_verdict(tmp_path: Path, commands: Commands) -> None:
    cases: list[tuple[dict[str, object], Verdict]] = [
        ({"do": [other(1)], "reruns": ["first"]}, Verdict.RIGHT),
        ({"do": [other(2)]}, Verdict.NEEDLESS),
        ({"do": [other(3)], "needless": ["first"]}, Verdict.KNOWN),
        ({"do": [COMMENT], "reruns": ["first"]}, Verdict.WRONG_SKIP),
        ({"do": [COMMENT], "needless": ["first"]}, Verdict.ERROR),
        ({"do": [NOT_DECLARED]}, Verdict.WRONG_SKIP),
        ({"do": [SYNTAX]}, Verdict.ERROR),
        ({"do": [SYNTAX], "fails": "'return' outside function"}, Verdict.RIGHT),
        ({"do": [SYNTAX], "fails": "something else"}, Verdict.ERROR),
        ({"do": [other(4)], "reruns": ["first"], "undo_reruns": ["first"]}, Verdict.ERROR),
    ]
    found = list(judge(a_project(*(edit for edit, _ in cases)), "module", tmp_path, commands))
    assert [each.verdict for each in found] == [verdict for _, verdict in cases]
    assert [bool(each.said) for each in found] == [not each.is_fine for each in found]


def test_a_project_that_does_not_run_is_an_error(tmp_path: Path, commands: Commands) -> None:
    project = a_project({"do": [COMMENT]}, stages=STAGES + SYNTAX["text"])
    (found,) = judge(project, "pipeline", tmp_path, commands)
    assert found.verdict is Verdict.ERROR


def test_forked_and_installed_commands_say_the_same(tmp_path: Path, commands: Commands) -> None:
    installed = Installed(tmp_path / "home")
    for arguments in (["--version"], ["status"], ["init", "new"]):
        for name in ("a", "b"):
            (tmp_path / name).mkdir(exist_ok=True)
        said = (
            installed.run(tmp_path / "a", arguments, {}),
            commands.run(tmp_path / "b", arguments, {}),
        )
        assert said[0].code == said[1].code
        assert said[0].stdout == said[1].stdout


def test_a_case_must_be_whole() -> None:
    with pytest.raises(ValueError, match="gives no reason"):
        Edit.model_validate({"name": "it", "do": [COMMENT]})
