"""What changes while a stage runs is never taken for what the stage read."""

import os
from pathlib import Path

import pytest

from pivot_core.model.failure import FailureKind
from tests.support.project import WAYS, Gate, Project

SLOW = """
import rules

def slow(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("slow.txt", Text())]:
    note("slow")
    meet("slow")
    return rules.change(raw)

def after(text: Annotated[str, Dep("slow.txt", Text())]) -> Annotated[str, Out("after.txt", Text())]:
    return text * 2

pipeline.register(slow)
pipeline.register(after)
"""
RULES = "def change(text):\n    return text.upper()\n"


@pytest.fixture
def slow(tmp_path: Path) -> Project:
    project = Project(tmp_path, SLOW)
    project.put("rules.py", RULES)
    project.put("raw.txt", "a")
    return project


async def test_an_input_edited_while_its_stage_runs_is_run_again(slow: Project) -> None:
    gate = Gate(slow)
    async with slow.live() as live:
        going = await live.begin()
        await gate.here("slow")
        slow.put("raw.txt", "b")
        gate.go()
        await gate.here("slow")
        gate.go()
        ended = await going.end()
        assert ended.run.exit_code == 0
        assert ended.courses["slow"] == ["queued", "running", "wait", *WAYS]
        assert slow.get("after.txt") == "BB"
        assert (await live.run()).ran == []
    gate.close()


async def test_an_edit_taken_back_while_the_stage_runs_changes_nothing(slow: Project) -> None:
    gate = Gate(slow)
    async with slow.live() as live:
        going = await live.begin()
        await gate.here("slow")
        slow.put("raw.txt", "b")
        slow.put("raw.txt", "a")
        gate.go()
        ended = await going.end()
        assert ended.courses["slow"] == list(WAYS)
        assert slow.get("after.txt") == "AA"
    gate.close()


async def test_an_edit_of_the_same_size_and_time_while_the_stage_runs_is_noticed(
    slow: Project,
) -> None:
    gate = Gate(slow)
    raw = slow.root / "raw.txt"
    async with slow.live() as live:
        going = await live.begin()
        await gate.here("slow")
        before = raw.stat()
        raw.write_text("b")
        os.utime(raw, ns=(before.st_atime_ns, before.st_mtime_ns))
        gate.go()
        await gate.here("slow")
        gate.go()
        await going.end()
        assert slow.get("after.txt") == "BB"
    gate.close()


async def test_an_input_that_never_rests_fails_its_stage(slow: Project) -> None:
    gate = Gate(slow)
    async with slow.live() as live:
        going = await live.begin()
        for number in range(3):
            await gate.here("slow")
            slow.put("raw.txt", f"b{number}")
            gate.go()
        ended = await going.end()
        assert ended.final == {"slow": "failed", "after": "blocked"}
        assert ended.failure("slow").kind is FailureKind.UNSTABLE_INPUT
        assert ended.run.exit_code == 1
        assert slow.ran_log() == ["slow"] * 3
        again = await live.begin()
        await gate.here("slow")
        gate.go()
        assert (await again.end()).ran == ["after", "slow"]
    gate.close()


async def test_a_deleted_input_is_noticed_after_the_stage(slow: Project) -> None:
    gate = Gate(slow)
    async with slow.live() as live:
        going = await live.begin()
        await gate.here("slow")
        slow.remove("raw.txt")
        gate.go()
        ended = await going.end()
        assert ended.final == {"slow": "failed", "after": "blocked"}
        assert ended.failure("slow").kind is FailureKind.INPUT
    assert not os.path.exists(slow.layout.stages_dir)
    gate.close()


async def test_code_edited_before_the_stage_imports_it_counts_as_what_ran(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
def slow() -> Annotated[str, Out("slow.txt", Text())]:
    meet("slow")
    import late
    return late.word()

pipeline.register(slow)
""",
    )
    project.put("late.py", "def word():\n    return 'old'\n")
    gate = Gate(project)
    async with project.live() as live:
        going = await live.begin()
        await gate.here("slow")
        project.put("late.py", "def word():\n    return 'new'\n")
        gate.go()
        await gate.here("slow")
        gate.go()
        assert (await going.end()).run.exit_code == 0
        assert project.get("slow.txt") == "new"
        assert (await live.run()).final == {"slow": "same"}
        project.put("late.py", "def word():\n    return 'old'\n")
        going = await live.begin()
        await gate.here("slow")
        gate.go()
        assert (await going.end()).ran == ["slow"]
        assert project.get("slow.txt") == "old"
    gate.close()


async def test_a_file_edited_before_the_stage_reads_it_on_import_counts_as_what_was_read(
    tmp_path: Path,
) -> None:
    project = Project(
        tmp_path,
        """
import conf

def slow() -> Annotated[str, Out("slow.txt", Text())]:
    meet("slow")
    return "a"

def after(text: Annotated[str, Dep("slow.txt", Text())]) -> Annotated[str, Out("after.txt", Text())]:
    return conf.WORD

pipeline.register(slow)
pipeline.register(after)
""",
    )
    project.put("conf.py", "WORD = open('word.txt').read()\n")
    project.put("word.txt", "old")
    gate = Gate(project)
    async with project.live() as live:
        going = await live.begin()
        await gate.here("slow")
        project.put("word.txt", "new")
        gate.go()
        assert (await going.end()).final == {"slow": "ran", "after": "ran"}
        assert project.get("after.txt") == "new"
        assert (await live.run()).final == {"slow": "same", "after": "same"}
        project.put("word.txt", "old")
        assert (await live.run()).ran == ["after"]
        assert project.get("after.txt") == "old"
        project.put("word.txt", "new")
        assert (await live.run()).final == {"slow": "same", "after": "restored"}
        assert project.get("after.txt") == "new"
    gate.close()


async def test_code_edited_after_the_import_runs_the_stage_in_the_next_run(slow: Project) -> None:
    gate = Gate(slow)
    async with slow.live() as live:
        going = await live.begin()
        await gate.here("slow")
        slow.replace("rules.py", "upper", "title")
        slow.put("raw.txt", "ab")
        slow.put("raw.txt", "a")
        gate.go()
        await going.end()
        going = await live.begin()
        await gate.here("slow")
        gate.go()
        assert "slow" in (await going.end()).ran
    gate.close()


@pytest.mark.parametrize(
    "body",
    [
        'open("raw.txt", "a").write("x")',
        'os.rename("raw.txt", "other.txt")',
        'os.remove("raw.txt")',
        'Path("raw.txt").write_text("x")',
        'os.truncate("raw.txt", 0)',
    ],
)
async def test_a_stage_that_modifies_its_own_input_fails_at_once(tmp_path: Path, body: str) -> None:
    project = Project(
        tmp_path,
        f"""
def bad(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("bad.txt", Text())]:
    note("bad")
    {body}
    return raw

pipeline.register(bad, retries=0)
""",
    )
    project.put("raw.txt", "a")
    ended = await project.run()
    assert ended.courses == {"bad": ["queued", "running", "failed"]}
    assert ended.failure("bad").kind is FailureKind.MODIFIED_INPUT
    assert "raw.txt" in ended.failure("bad").message
    assert project.get("raw.txt") == "a"
    assert not (project.root / "bad.txt").exists()


async def test_an_edited_definition_counts_in_the_next_run_of_the_same_engine(
    slow: Project,
) -> None:
    gate = Gate(slow)
    async with slow.live() as live:
        going = await live.begin()
        await gate.here("slow")
        slow.replace("pipeline.py", "text * 2", "text * 3")
        gate.go()
        first = await going.end()
        second = await live.run()
    assert slow.get("after.txt") == "AAA"
    assert first.run.exit_code == second.run.exit_code == 0
    gate.close()
