"""Settings that change while an engine is live."""

from pathlib import Path

from pivot_core.errors import UsageError
from tests.support.project import Project
from tests.support.vigil import watching

DEFINITION = """
def one() -> Annotated[str, Out("one.txt", Text())]:
    return "one"

pipeline.register(one)
"""
SETTINGS = ".pivot/config.yaml"


async def test_the_next_run_takes_them(tmp_path: Path) -> None:
    project = Project(tmp_path, DEFINITION)
    async with project.live() as live:
        assert (await live.run()).ran == ["one"]
        assert "/one.txt" in project.get(".gitignore")
        project.put(
            SETTINGS, "git: {ignore: false}\nrun: {keep: 1}\nworkers: {max_memory: 99000000}\n"
        )
        (tmp_path / ".gitignore").unlink()
        ended = await live.run(force=True)
        assert ended.run.problems == ()
        assert ended.ran == ["one"]
        assert not (tmp_path / ".gitignore").exists()
        assert len(list((tmp_path / ".pivot/runs").iterdir())) == 1


async def test_a_mistake_in_them_is_told_with_its_place_by_each_run_until_it_is_mended(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, DEFINITION)
    async with project.live() as live:
        assert (await live.run()).ran == ["one"]
        project.put(SETTINGS, "run:\n  jobs: many\n")
        failed = (await live.run()).run
        assert failed.exit_code == UsageError.exit_code
        assert failed.problems[0].where.endswith(f"{SETTINGS}:2")
        project.put(SETTINGS, "")
        assert (await live.run()).final == {"one": "same"}


async def test_what_an_engine_has_for_life_is_told_once(tmp_path: Path) -> None:
    project = Project(tmp_path, DEFINITION)
    async with project.live() as live:
        project.put(SETTINGS, "cache: {dir: elsewhere}\n")
        said = (await live.run()).notices
        assert said == ["cache.dir and state.max_bytes stay as they are until this engine ends"]
        assert (await live.run()).notices == []
    assert not (tmp_path / "elsewhere").exists()


async def test_watching_takes_note_of_them(tmp_path: Path) -> None:
    project = Project(tmp_path, DEFINITION)
    async with watching(project) as vigil:
        assert await vigil.ran() == ["one"]
        project.put(SETTINGS, "run: {jobs: 1}\n")
        while (seen := await vigil.next()).changed != [SETTINGS]:
            pass
        assert seen.run.jobs == 1
