"""Watching: what an edit leads to, and what does not lead to anything."""

import asyncio
import os
import shutil
from pathlib import Path
from typing import cast

from pivot_core.model.decision import Status
from pivot_core.model.ids import RequestId, StageName
from pivot_core.port.commands import Accepted, CancelRun, Refused, Unwatch, Watch
from pivot_core.port.events import FilesChanged, Notice, StageChanged, WatchChanged
from pivot_core.port.queries import Attempts, FindLog, ListAttempts
from pivot_core.port.values import LogRef
from tests.support.project import Gate, Project
from tests.support.vigil import watching

CHAIN = """
    import model

    def first(x: Annotated[str, Dep("in/x.txt", Text())]) -> Annotated[str, Out("first.txt", Text())]:
        return x * model.times()

    def last(x: Annotated[str, Dep("first.txt", Text())]) -> Annotated[str, Out("last.txt", Text())]:
        print("at last")
        return x + "!"

    pipeline.register(first)
    pipeline.register(last)
"""
ANOTHER = """
def other(x: Annotated[str, Dep("first.txt", Text())]) -> Annotated[str, Out("other.txt", Text())]:
    return x.upper()

pipeline.register(other)
"""


def chain(root: Path) -> Project:
    project = Project(root, CHAIN)
    project.put("model.py", "def times():\n    return 2\n")
    project.put("in/x.txt", "ab")
    return project


def renamed_over(project: Project, name: str, text: str) -> None:
    """Saves a file as editors do that write another one first."""
    project.put(f"{name}.new", text)
    os.replace(project.root / f"{name}.new", project.root / name)


async def test_an_edit_runs_what_it_affects_and_nothing_else(tmp_path: Path) -> None:
    project = chain(tmp_path)
    async with watching(project) as vigil:
        assert await vigil.ran() == ["first", "last"]
        assert await vigil.after(
            lambda: project.put("model.py", "def times():\n    return 3\n")
        ) == ["first", "last"]
        assert project.get("last.txt") == "ababab!"
        assert await vigil.after(lambda: renamed_over(project, "in/x.txt", "c")) == [
            "first",
            "last",
        ]
        project.put("model.py", "def times():  # more than twice\n    return 3\n")
        while not (quiet := await vigil.next()).changed:
            pass
        assert (quiet.ran, quiet.changed) == ([], ["model.py"])
        definition = project.get("pipeline.py")
        longer = definition + ANOTHER
        assert await vigil.after(lambda: project.put("pipeline.py", longer)) == ["other"]
        project.put("pipeline.py", definition)
        while (await vigil.next()).run.stages != ("first", "last"):
            pass


async def test_a_mistake_is_told_with_its_place_and_its_repair_needs_no_restart(
    tmp_path: Path,
) -> None:
    project = chain(tmp_path)
    async with watching(project) as vigil:
        await vigil.ran()
        project.put("model.py", "def times()\n    return 3\n")
        broken = await vigil.trouble()
        assert broken.run.exit_code == 3
        assert broken.problems[0].where == "model.py:1"
        assert await vigil.after(
            lambda: project.put("model.py", "def times():\n    return 3\n")
        ) == ["first", "last"]
        definition = project.get("pipeline.py")
        project.remove("pipeline.py")
        assert (await vigil.trouble()).run.exit_code == 3
        assert await vigil.after(lambda: project.put("pipeline.py", definition + ANOTHER)) == [
            "other"
        ]
        shutil.rmtree(tmp_path / "in")
        assert "in/x.txt" in (await vigil.trouble()).run.problems[0].what
        assert await vigil.after(lambda: project.put("in/x.txt", "new")) == [
            "first",
            "last",
            "other",
        ]


async def test_locks_are_those_of_a_run_without_watching(tmp_path: Path) -> None:
    project = chain(tmp_path / "watched")
    async with watching(project) as vigil:
        await vigil.ran()
        await vigil.after(lambda: project.put("model.py", "def times():\n    return 4\n"))
    other = chain(tmp_path / "other")
    other.put("model.py", "def times():\n    return 4\n")
    await other.run()
    assert locks(project) == locks(other)


def locks(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(project.layout.stages_dir).iterdir()}


async def test_a_project_without_anything_starts_watching(tmp_path: Path) -> None:
    project = Project(tmp_path)
    async with watching(project) as vigil:
        assert (await vigil.trouble()).run.exit_code == 3
        (tmp_path / "in").mkdir()
        project.put("in/x.txt", "ab")
        project.put("model.py", "def times():\n    return 2\n")
        project.define(CHAIN)
        assert await vigil.ran() == ["first", "last"]


async def test_every_file_of_a_directory_counts_but_for_ignored_ones(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
        def count(there: Annotated[Path, Dep("raw/", PathOnly())]) -> Annotated[str, Out("n.txt", Text())]:
            return str(sum(path.is_file() for path in there.rglob("*")))

        pipeline.register(count)
        """,
    )
    project.put(".pivotignore", "*.tmp\n")
    project.put("raw/a.txt", "a")
    async with watching(project) as vigil:
        await vigil.ran()
        assert await vigil.after(lambda: project.put("raw/deep/er/b.txt", "b")) == ["count"]
        assert await vigil.after(lambda: project.put("raw/deep/er/c.txt", "c")) == ["count"]
        project.put("raw/deep/x.tmp", "x")
        assert await vigil.after(lambda: project.remove("raw/a.txt")) == ["count"]
        seen = [path for e in vigil.told if isinstance(e, FilesChanged) for path in e.paths]
        assert not [path for path in seen if path.endswith(".tmp")]
        assert project.get("n.txt") == "3"
        assert await vigil.after(lambda: project.put(".pivotignore", "*.tmp\nb.txt\n")) == ["count"]


async def test_many_files_at_once_are_one_batch_and_outs_are_none(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
        def copy(there: Annotated[Path, Dep("raw/", PathOnly())]) -> Annotated[dict, DirectoryOut("made/", Text())]:
            return {path.name: path.read_text() for path in there.iterdir()}

        def size(there: Annotated[Path, Dep("made/", PathOnly())]) -> Annotated[str, Out("n.txt", Text())]:
            return str(sum(len(path.read_text()) for path in there.iterdir()))

        pipeline.register(copy)
        pipeline.register(size)
        """,
    )
    for number in range(200):
        project.put(f"raw/{number}.txt", "a")
    async with watching(project) as vigil:
        await vigil.ran()
        for number in range(200):
            project.put(f"raw/{number}.txt", "bb")
        while project.get("n.txt") != "400":
            await vigil.next()
        changed = [e for e in vigil.told if isinstance(e, FilesChanged)]
        assert sum(e.count for e in changed) >= 200
        assert len(changed) <= 3
        assert not [path for e in changed for path in e.paths if not path.startswith("raw/")]


MEETING = """
    import model, other

    def slow(x: Annotated[str, Dep("x.txt", Text())]) -> Annotated[str, Out("slow.txt", Text())]:
        meet("slow")
        return x * model.times()

    def beside() -> Annotated[str, Out("beside.txt", Text())]:
        meet("beside")
        return str(other.number())

    pipeline.register(slow)
    pipeline.register(beside)
"""


def meeting(root: Path) -> Project:
    project = Project(root, MEETING)
    project.put("model.py", "def times():\n    return 2\n")
    project.put("other.py", "def number():\n    return 1\n")
    project.put("x.txt", "ab")
    return project


async def test_a_running_stage_that_is_out_of_date_begins_anew_and_others_go_on(
    tmp_path: Path,
) -> None:
    project = meeting(tmp_path)
    gate = Gate(project)
    async with watching(project) as vigil:
        await gate.here("slow", "beside")
        project.put("model.py", "def times():\n    return 3\n")
        await gate.here("slow")
        project.put("x.txt", "c")
        await gate.here("slow")
        gate.go(2)
        found = await vigil.next()
        assert found.ran == ["beside", "slow"]
        assert found.courses["beside"] == ["queued", "running", "ran"]
        assert found.courses["slow"].count("queued") == 3
        assert project.get("slow.txt") == "ccc"
        said = [e.message for e in vigil.told if isinstance(e, Notice)]
        assert said == [
            "'slow' begins anew: its code or a param has changed",
            "'slow' begins anew: an input has changed",
        ]
        assert (await vigil.next()).ran == []  # what changed during a run is looked at after it
        slow = ListAttempts(StageName("slow"))
        attempts = cast("Attempts", await vigil.live.engine.ask(slow))
        assert [each.status.value for each in attempts] == ["ran", "cancelled", "cancelled"]
    gate.close()


async def test_without_restarts_a_running_stage_is_let_finish(tmp_path: Path) -> None:
    project = meeting(tmp_path)
    project.put(".pivot/config.yaml", "watch:\n  restart: never\n")
    gate = Gate(project)
    async with watching(project) as vigil:
        await gate.here("slow", "beside")
        project.put("other.py", "def number():\n    return 5\n")
        async with vigil.seen:
            await vigil.seen.wait_for(lambda: any(isinstance(e, FilesChanged) for e in vigil.told))
        gate.go(2)
        assert (await vigil.next()).ran == ["beside", "slow"]
        await gate.here("beside")
        gate.go()
        assert await vigil.ran() == ["beside"]
        assert project.get("beside.txt") == "5"
    gate.close()


async def test_a_stage_whose_paths_change_while_it_runs_is_cancelled_for_the_next_run(
    tmp_path: Path,
) -> None:
    project = meeting(tmp_path)
    gate = Gate(project)
    async with watching(project) as vigil:
        await gate.here("slow", "beside")
        project.replace("pipeline.py", 'Out("slow.txt"', 'Out("late.txt"')
        await vigil.until("slow", Status.CANCELLED)
        gate.go()
        assert (await vigil.next()).ran == ["beside"]
        await gate.here("slow")
        gate.go()
        assert await vigil.ran() == ["slow"]
        assert project.get("late.txt") == "abab"
    gate.close()


async def test_watching_begins_once_and_ends_for_whoever_began_it(tmp_path: Path) -> None:
    project = chain(tmp_path)
    async with watching(project, "first", initial=False) as vigil:
        await vigil.is_listening()
        engine = vigil.live.engine
        assert await engine.send(Watch(RequestId("v"), ("first",))) == Accepted()
        refused = await engine.send(Watch(RequestId("v")))
        assert isinstance(refused, Refused)
        assert "first" in refused.problem.what
        await engine.send(Unwatch(RequestId("v")))
        assert engine.standing.watch is not None
        assert await vigil.after(lambda: project.put("in/x.txt", "z")) == ["first"]
        await engine.send(Unwatch(RequestId("w")))
        assert engine.standing.watch is None
        async with vigil.seen:
            await vigil.seen.wait_for(lambda: WatchChanged(None) in vigil.told)
        project.put("in/x.txt", "y")
        ended = await vigil.live.run("last")
        assert ended.ran == ["first", "last"]


async def test_a_run_of_somebody_else_and_its_cancellation_leave_watching_on(
    tmp_path: Path,
) -> None:
    project = meeting(tmp_path)
    gate = Gate(project)
    async with watching(project, initial=False) as vigil:
        await vigil.is_listening()
        going = await vigil.live.begin("beside")
        await gate.here("beside")
        await vigil.live.engine.send(CancelRun(going.run_id))
        await vigil.next()
        project.put("other.py", "def number():\n    return 7\n")
        await gate.here("slow", "beside")
        gate.go(2)
        assert await vigil.ran() == ["beside", "slow"]
    gate.close()


async def test_the_end_of_the_engine_in_the_middle_of_a_run_leaves_nothing(tmp_path: Path) -> None:
    project = meeting(tmp_path)
    gate = Gate(project)
    async with watching(project):
        await gate.here("slow", "beside")
        project.put("model.py", "def times():\n    return 3\n")
        await asyncio.sleep(0)
    assert project.leftovers() == []
    gate.close()


async def test_a_renamed_stage_keeps_its_durations_attempts_and_logs(tmp_path: Path) -> None:
    project = chain(tmp_path)
    async with watching(project) as vigil:
        await vigil.ran()
        text = project.get("pipeline.py").replace("last(", "final(").replace("(last)", "(final)")
        project.put("pipeline.py", text)
        while "final" not in (found := await vigil.next()).courses:
            pass
        assert found.courses["final"][-1] == "restored"
        final = StageName("final")
        engine = vigil.live.engine
        attempts = cast("Attempts", await engine.ask(ListAttempts(final)))
        assert [each.status for each in attempts] == [Status.RESTORED, Status.RAN]
        log = await engine.ask(FindLog(final))
        assert isinstance(log, LogRef)
        assert os.path.basename(log.path).startswith("last.")
        states = [e.state for e in vigil.told if isinstance(e, StageChanged) and e.stage == final]
        assert states[-1].expected_s is not None


async def test_a_pipeline_that_appears_below_the_root_is_run(tmp_path: Path) -> None:
    project = chain(tmp_path)
    definition = project.get("pipeline.py").partition("def first")[0].replace("import model", "")
    async with watching(project) as vigil:
        await vigil.ran()
        (tmp_path / "more" / "deep").mkdir(parents=True)
        assert await vigil.after(
            lambda: project.put(
                "more/deep/pipeline.py", definition + ANOTHER.replace("first.txt", "../../last.txt")
            )
        ) == ["other"]
        assert project.get("more/deep/other.txt") == "ABAB!"
