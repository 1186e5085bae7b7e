"""Runs that take from a remote what is there: nothing is made twice, and no byte comes that nobody reads."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from pivot_core.model.ids import RequestId, StageName
from pivot_core.port.commands import Accepted, Run
from pivot_core.port.events import Published, RunFinished
from pivot_core.port.protocol import Port
from pivot_core.port.queries import Explain, Explanations
from pivot_core.port.values import RunOptions, RunState, StageState
from tests.engine.test_sync import CHAIN, begun, cloned, done, push, template
from tests.support.project import Project


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = CHAIN.replace(", local):", "):")
    return template(tmp_path_factory.mktemp("base") / "here", source)


@pytest.fixture
def project(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that was run."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    return begun(base)


@pytest.fixture
def remote(project: Project) -> Path:
    return project.root.parent / "remote"


async def repro(project: Project, *targets: str) -> tuple[RunState, dict[str, str]]:
    """Does a run with ``pull`` and returns how it and its stages ended."""
    run, states = await course(project, *targets)
    return run, {name: state.status.value for name, state in states.items()}


async def course(project: Project, *targets: str) -> tuple[RunState, dict[StageName, StageState]]:
    """The same with the whole state of each stage."""
    async with project.live() as live:
        subscription = await live.engine.subscribe()
        command = Run(RequestId("r"), targets, RunOptions(pull=True))
        assert isinstance(await live.engine.send(command), Accepted)
        async for item in subscription:
            assert isinstance(item, Published)
            if isinstance(item.event, RunFinished):
                states = live.engine.standing.states
                run = item.event.run
                return run, {name: states[name] for name in run.stages}
    raise AssertionError("the engine ended before the run")


def cached(project: Project) -> list[bytes]:
    return sorted(path.read_bytes() for path in project.objects())


def here(
    project: Project, paths: Sequence[str] = ("clean.txt", "parts", "score.json")
) -> list[str]:
    return [path for path in paths if (project.root / path).exists()]


async def test_where_all_is_on_the_remote_nothing_runs_and_nothing_comes(project: Project) -> None:
    await done(project, push())
    clone = cloned(project, "clone")
    run, states = await repro(clone)
    assert run.exit_code == 0
    assert states == {"clean": "same", "parts": "same", "score": "same"}
    assert (cached(clone), here(clone)) == ([], [])
    assert clone.ran_log() == []


async def test_after_an_edit_of_the_last_stage_only_its_inputs_come(project: Project) -> None:
    await done(project, push())
    clone = cloned(project, "clone")
    clone.replace("pipeline.py", '{"length":', '{"size":')
    run, states = await repro(clone)
    assert run.exit_code == 0
    assert states == {"clean": "same", "parts": "same", "score": "ran"}
    assert clone.ran_log() == ["score"]
    assert here(clone) == ["parts", "score.json"]
    assert cached(clone) == sorted([b"texta", b"textb", clone.get("score.json").encode()])


async def test_what_was_asked_for_comes_and_what_it_needs_does_not(project: Project) -> None:
    await done(project, push())
    clone = cloned(project, "clone")
    _, states = await repro(clone, "score")
    assert states == {"clean": "same", "parts": "same", "score": "restored"}
    assert here(clone) == ["score.json"]
    assert len(cached(clone)) == 1
    (clone.root / "clean.txt").write_text("something else")
    ended = await clone.run()  # what is not here is made, and nothing was taken to be proven
    assert sorted(ended.ran) == ["clean", "parts"]


async def test_what_a_colleague_made_counts_without_its_bytes(project: Project) -> None:
    clone = cloned(project, "clone")
    project.replace("pipeline.py", 'text + "a"', 'text + "A"')
    await project.run()
    await done(project, push())
    project.ran_log()
    clone.put("pipeline.py", project.get("pipeline.py"))
    run, states = await repro(clone)
    assert run.exit_code == 0
    assert set(states.values()) == {"same"}
    assert clone.ran_log() == []
    assert here(clone) == []
    for stage in ("parts", "score"):
        path = f".pivot/stages/{stage}.lock"
        assert clone.get(path) == project.get(path), "the lock file names what the colleague made"
    _, states = await repro(clone, "parts", "score")
    assert clone.get("parts/a.txt") == "textA"
    assert (await clone.run("score")).ran == ["clean"]
    assert clone.ran_log() == ["clean"]


async def test_a_part_of_a_directory_comes_with_the_directory(project: Project) -> None:
    project.put(
        "pipeline.py",
        project.get("pipeline.py")
        + '\ndef one(text: Annotated[str, Dep("parts/a.txt", Text())]) -> Annotated[str, Out("one.txt", Text())]:\n'
        + '    note("one")\n    return text\n\npipeline.register(one)\n',
    )
    await project.run()
    await done(project, push())
    clone = cloned(project, "clone")
    clone.replace("pipeline.py", 'note("one")\n    return text', 'note("one")\n    return text * 2')
    _, states = await repro(clone)
    assert states == {"clean": "same", "parts": "same", "score": "same", "one": "ran"}
    assert clone.get("one.txt") == "textatexta"


async def test_a_directory_around_results_counts_with_what_lies_there(project: Project) -> None:
    project.put(
        "pipeline.py",
        project.get("pipeline.py")
        + '\ndef two(text: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("all/two.txt", Text())]:\n'
        + '    note("two")\n    return text\n\n'
        + 'def count(folder: Annotated[Path, Dep("all/", PathOnly())]) -> Annotated[str, Out("count.txt", Text())]:\n'
        + '    note("count")\n    return str(sorted(path.name for path in folder.iterdir()))\n\n'
        + "pipeline.register(two)\npipeline.register(count)\n",
    )
    project.put("all/one.txt", "1")
    await project.run()
    await done(project, push())
    clone = cloned(project, "clone")
    clone.put("all/one.txt", "1")
    _, states = await repro(clone)
    assert set(states.values()) == {"same"}
    assert cached(clone) == []
    clone.put("all/one.txt", "2")
    _, states = await repro(clone)
    assert (states["two"], states["count"]) == ("same", "ran")
    assert clone.get("count.txt") == project.get("count.txt")


async def test_an_input_that_nobody_can_bring_fails_the_stage_that_reads_it(
    project: Project,
) -> None:
    await done(project, push())
    clone = cloned(project, "clone")
    clone.remove("raw.txt")
    run, states = await repro(clone)
    assert run.exit_code == 0
    assert set(states.values()) == {"same"}
    clone.replace("pipeline.py", "raw.strip()", "raw.strip() + ''")
    run, states = await repro(clone)
    assert run.exit_code == 1
    assert states == {"clean": "failed", "parts": "blocked", "score": "blocked"}


async def test_what_the_remote_lost_is_made_again(project: Project, remote: Path) -> None:
    await done(project, push())
    for path in (remote / "files").glob("*/*"):
        if path.read_bytes() in (b"texta", b"textb"):
            path.unlink()
    clone = cloned(project, "clone")
    run, states = await repro(clone)
    assert run.exit_code == 0
    assert states == {"clean": "same", "parts": "ran", "score": "same"}
    assert here(clone) == ["clean.txt", "parts"]


async def test_a_damaged_object_makes_its_reader_fail_and_is_not_used(
    project: Project, remote: Path
) -> None:
    await done(project, push())
    (bad,) = [p for p in (remote / "files").glob("*/*") if p.read_bytes() == b"texta"]
    bad.chmod(0o644)
    bad.write_bytes(b"evil!")
    clone = cloned(project, "clone")
    clone.replace("pipeline.py", '{"length":', '{"size":')
    run, ended = await course(clone)
    assert run.exit_code == 1
    assert ended[StageName("score")].status.value == "failed"
    failure = ended[StageName("score")].failure
    assert failure is not None
    assert "'parts/': object" in failure.message
    assert failure.hint.startswith("`pivot repro --pull parts` makes it here")
    assert not (clone.root / "parts").exists()
    _, states = await repro(clone, "parts")
    assert states == {"clean": "same", "parts": "ran"}
    _, states = await repro(clone)
    assert states == {"clean": "same", "parts": "same", "score": "ran"}


async def test_a_remote_that_is_gone_ends_the_run_before_anything_runs(
    project: Project, remote: Path
) -> None:
    clone = cloned(project, "clone")
    shutil.rmtree(remote)
    run, _ = await repro(clone)
    assert run.exit_code == 5
    assert "does not exist" in run.problems[0].what
    assert clone.ran_log() == []


async def ask(port: Port) -> Explanations:
    return await port.ask(Explain())


async def test_a_look_knows_the_parts_of_a_directory_that_will_be_restored(
    project: Project,
) -> None:
    project.put(
        "pipeline.py",
        project.get("pipeline.py")
        + '\ndef one(text: Annotated[str, Dep("parts/a.txt", Text())]) -> Annotated[str, Out("one.txt", Text())]:\n'
        + '    note("one")\n    return text\n\npipeline.register(one)\n',
    )
    await project.run()
    shutil.rmtree(project.root / "parts")
    async with project.live() as live:
        found = {each.stage: each.verdict.value for each in await ask(live.engine)}
    assert found == {
        "clean": "up_to_date", "parts": "restore", "score": "up_to_date", "one": "up_to_date"
    }  # fmt: skip
