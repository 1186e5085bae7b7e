"""What modules read on import: it runs the stages that use it, and comes back from the run cache."""

from pathlib import Path

import pytest

from pivot_core.engine.grounds import identity
from pivot_core.model.decision import CodeChanged, Edit, headline
from tests.support.project import Project

DEFINITION = """
import conf

def used() -> Annotated[str, Out("used.txt", Text())]:
    return conf.WORD

def plain() -> Annotated[str, Out("plain.txt", Text())]:
    return "plain"

pipeline.register(used)
pipeline.register(plain)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, DEFINITION)
    project.put("conf.py", "import os\nWORD = os.environ.get('CORPUS_WORD', 'none')\n")
    return project


async def test_a_variable_runs_its_users_and_its_old_value_restores_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with project.live() as live:
        await live.run()
    monkeypatch.setenv("CORPUS_WORD", "one")
    async with project.live() as live:
        assert (await live.run()).final == {"used": "ran", "plain": "same"}
    assert project.get("used.txt") == "one"
    monkeypatch.delenv("CORPUS_WORD")
    async with project.live() as live:
        assert (await live.run()).final == {"used": "restored", "plain": "same"}
        assert (await live.run()).final == {"used": "same", "plain": "same"}
    assert project.get("used.txt") == "none"
    lock = (project.root / ".pivot/stages/used.lock").read_text()
    assert '"<env>:CORPUS_WORD":' in lock
    assert "one" not in lock.replace("none", "")


@pytest.mark.parametrize("isolation", ["fork", "worker"])
async def test_stages_see_the_variable_that_was_fingerprinted(
    project: Project, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put(".pivot/config.yaml", f"run: {{isolation: {isolation}}}\n")
    monkeypatch.setenv("CORPUS_WORD", "two")
    async with project.live() as live:
        assert (await live.run()).ran == ["plain", "used"]
    assert project.get("used.txt") == "two"


@pytest.mark.parametrize(
    ("reads", "key"),
    [
        ("os.environ.get('CORPUS_WORD', 'none')", "variable CORPUS_WORD"),
        ("str(len(dict(os.environ)))", "variable *"),
    ],
)
async def test_an_engine_tells_what_another_process_must_have_alike(
    project: Project, reads: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.put("conf.py", f"import os\nWORD = {reads}\n")
    async with project.live() as live:
        await live.run()
        first = live.engine.about().environment
    assert key in first
    async with project.live() as live:
        assert live.engine.about().environment == first  # before it has looked at anything
    names = [name.removeprefix("variable ") for name in first if name.startswith("variable ")]
    assert identity(names) == first
    monkeypatch.setenv("CORPUS_WORD", "other")
    assert identity(names) != first


def test_a_reading_that_changed_is_told_in_words() -> None:
    for symbol, said in (
        ("<env>:SCALE", "read on import, changed: variable SCALE"),
        ("<file>:conf.json", "read on import, changed: file conf.json"),
        ("<listing>:plugins", "read on import, changed: names in plugins"),
        ("<exists>:flag", "read on import, changed: presence of flag"),
    ):
        assert headline(CodeChanged(symbol, Edit.CHANGED, None, None, None)) == said
