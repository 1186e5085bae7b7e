"""A run takes the course that its request asked for: order, limits, failures, cancelling, queueing."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from pivot_core.model.decision import Status
from pivot_core.model.failure import FailureKind
from pivot_core.model.graph import Selection
from pivot_core.model.ids import RunId, StageName
from pivot_core.port.commands import CancelRun, CancelStage, Refused
from pivot_core.port.events import Published, StageChanged
from tests.support.project import WAYS, Ended, Gate, Project

DIAMOND = """
def top(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("top.txt", Text())]:
    note("top")
    return raw

def left(text: Annotated[str, Dep("top.txt", Text())]) -> Annotated[str, Out("left.txt", Text())]:
    note("left")
    return text + "l"

def right(text: Annotated[str, Dep("top.txt", Text())]) -> Annotated[str, Out("right.txt", Text())]:
    note("right")
    return text + "r"

def bottom(
    texts: Annotated[list[str], Dep(["left.txt", "right.txt"], Text())]
) -> Annotated[str, Out("bottom.txt", Text())]:
    note("bottom")
    return "".join(texts)

for stage in (top, left, right, bottom):
    pipeline.register(stage)
"""
PAIR = """
def one() -> Annotated[str, Out("one.txt", Text())]:
    meet("one")
    return "1"

def two() -> Annotated[str, Out("two.txt", Text())]:
    meet("two")
    return "2"

def after(text: Annotated[str, Dep("one.txt", Text())]) -> Annotated[str, Out("after.txt", Text())]:
    return text + "a"
"""
REGISTERED = """
for stage in (one, two, after):
    pipeline.register(stage)
"""


@pytest.fixture
def diamond(tmp_path: Path) -> Project:
    project = Project(tmp_path, DIAMOND)
    project.put("raw.txt", "x")
    return project


# --- what a request selects ------------------------------------------------------------------------------------------


async def test_a_target_runs_with_what_it_needs_alone(diamond: Project) -> None:
    ended = await diamond.run("left")
    assert ended.courses == {"top": list(WAYS), "left": list(WAYS)}


async def test_an_artifact_names_the_stage_that_makes_it(diamond: Project) -> None:
    ended = await diamond.run("right.txt")
    assert ended.ran == ["right", "top"]


async def test_an_unknown_target_is_a_usage_error_that_runs_nothing(diamond: Project) -> None:
    ended = await diamond.run("lefty")
    assert ended.run.exit_code == 2
    assert "lefty" in ended.run.problems[0].what
    assert "left" in ended.run.problems[0].hint
    assert ended.courses == {}


async def test_downstream_runs_what_follows_and_both_what_that_needs(diamond: Project) -> None:
    async with diamond.live(jobs=2) as live:
        await live.run()
        diamond.put("raw.txt", "y")
        ended = await live.run("left", selection=Selection.DOWNSTREAM)
        assert sorted(ended.final) == ["bottom", "left"]
        ended = await live.run("left", selection=Selection.BOTH)
    assert sorted(ended.final) == ["bottom", "left", "right", "top"]
    assert diamond.get("bottom.txt") == "ylyr"


async def test_only_runs_the_named_one_after_the_other_in_the_given_order(
    diamond: Project,
) -> None:
    async with diamond.live(jobs=2) as live:
        await live.run()
        diamond.ran_log()
        ended = await live.run("right", "left", "top", selection=Selection.ONLY, force=True)
        assert ended.ran == ["left", "right", "top"]
        assert diamond.ran_log() == ["right", "left", "top"]
        running = [change for change in ended.order if change[1] in ("running", "ran")]
        assert running == [
            (name, word) for name in ("right", "left", "top") for word in ("running", "ran")
        ]
        ended = await live.run("left", "right", selection=Selection.ONLY)
    assert ended.final == {"left": "same", "right": "same"}


async def test_only_goes_no_further_upstream(diamond: Project) -> None:
    async with diamond.live(jobs=2) as live:
        await live.run()
        diamond.put("raw.txt", "y")
        assert (await live.run("left", selection=Selection.ONLY)).final == {"left": "same"}
        assert (await live.run("top", "left", selection=Selection.ONLY)).ran == ["left", "top"]


async def test_only_says_who_makes_an_input_that_is_not_there(diamond: Project) -> None:
    ended = await diamond.run("left", selection=Selection.ONLY)
    assert ended.final == {"left": "failed"}
    failure = ended.failure("left")
    assert failure.kind is FailureKind.INPUT
    assert "'top.txt' is not there" in failure.message
    assert "'top'" in failure.hint


async def test_force_runs_what_is_named_and_not_its_upstreams(diamond: Project) -> None:
    async with diamond.live(jobs=2) as live:
        await live.run()
        ended = await live.run("bottom", force=True)
        assert ended.final == {"top": "same", "left": "same", "right": "same", "bottom": "ran"}
        ended = await live.run(force=True)
    assert ended.ran == ["bottom", "left", "right", "top"]


# --- --no-commit -----------------------------------------------------------------------------------------------------


def _records(project: Project) -> dict[str, bytes]:
    """Returns every file under ``.pivot`` that outlives a run, but journals and logs."""
    kept = (".lock", "data.mdb")
    return {
        str(path.relative_to(project.root)): path.read_bytes()
        for path in Path(project.layout.pivot_dir).rglob("*")
        if path.is_file() and (path.name.endswith(kept) or "cache" in path.parts)
    }


async def test_without_commit_outs_are_made_and_nothing_is_recorded(diamond: Project) -> None:
    async with diamond.live(jobs=2) as live:
        ended = await live.run(commit=False)
        assert ended.ran == ["bottom", "left", "right", "top"]
        assert diamond.get("bottom.txt") == "xlxr"
        assert diamond.objects() == []
        assert not os.path.exists(diamond.layout.stages_dir)
    assert (await diamond.run()).ran == ["bottom", "left", "right", "top"]


async def test_without_commit_a_committed_project_keeps_its_records(diamond: Project) -> None:
    async def run() -> Ended:
        async with diamond.live(only="r") as live:
            return await (await live.begin(commit=False, request="r")).end()

    await diamond.run()
    before = _records(diamond)
    diamond.put("raw.txt", "y")
    assert (await run()).ran == ["bottom", "left", "right", "top"]
    assert diamond.get("bottom.txt") == "ylyr"
    diamond.remove("left.txt")
    diamond.put("raw.txt", "x")
    ended = await run()
    assert ended.final == dict.fromkeys(ended.final, "restored")
    diamond.replace("pipeline.py", 'text + "l"', 'text + "L"')
    assert (await run()).ran == ["bottom", "left"]
    assert _records(diamond) == before


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keep_going", [True, False], ids=["keep going", "fail fast"])
async def test_what_a_failure_means_for_the_others(tmp_path: Path, keep_going: bool) -> None:
    project = Project(
        tmp_path,
        """
def bad() -> Annotated[str, Out("bad.txt", Text())]:
    print("about to fail")
    os.write(2, b"no label\\n")
    raise KeyError("label")

def child(text: Annotated[str, Dep("bad.txt", Text())]) -> Annotated[str, Out("c.txt", Text())]:
    return text

def other(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("o.txt", Text())]:
    return raw

pipeline.register(bad)
pipeline.register(child)
pipeline.register(other)
""",
    )
    project.put("raw.txt", "x")
    async with project.live(jobs=1) as live:
        ended = await live.run(keep_going=keep_going)
        assert ended.run.exit_code == 1
        assert ended.courses["bad"] == ["queued", "running", "failed"]
        assert ended.states["child"].by == ("bad",)
        if keep_going:
            assert ended.final == {"bad": "failed", "child": "blocked", "other": "ran"}
        else:
            assert ended.final == {"bad": "failed", "child": "blocked", "other": "cancelled"}
        failure = ended.failure("bad")
        assert failure.message == "KeyError: 'label'"
        assert "pivot_core" not in failure.traceback
        assert "about to fail" in ended.states["bad"].log_tail
        assert ended.states["bad"].err_tail == ("no label",)
        project.replace("pipeline.py", 'raise KeyError("label")', 'return "good"')
        ended = await live.run()
    assert ended.final["bad"] == ended.final["child"] == "ran"


async def test_fail_fast_lets_what_runs_finish(tmp_path: Path) -> None:
    project = Project(tmp_path, PAIR.replace('return "2"', "raise ValueError") + REGISTERED)
    gate = Gate(project)
    async with project.live(jobs=2) as live:
        going = await live.begin()
        await gate.here("one", "two")
        gate.go(2)
        ended = await going.end()
    assert ended.final["two"] == "failed"
    assert ended.final["one"] == "ran"
    gate.close()


async def test_a_stage_is_tried_again_as_often_as_it_may(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
def shaky() -> Annotated[str, Out("shaky.txt", Text())]:
    note("try")
    print("trying")
    if len(Path("ran.log").read_text().split()) < 3:
        raise OSError("not yet")
    return "done"

pipeline.register(shaky, retries=2)
""",
    )
    ended = await project.run()
    assert ended.courses["shaky"] == ["queued", "running"] * 3 + ["ran"]
    assert ended.states["shaky"].attempt == 3
    for attempt in (1, 2, 3):
        assert os.path.exists(
            project.layout.log_path(ended.run.run_id, StageName("shaky"), attempt)
        )


async def test_a_stage_fails_when_its_retries_are_used_up(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
def bad() -> Annotated[str, Out("bad.txt", Text())]:
    note("try")
    raise OSError("never")

pipeline.register(bad, retries=1)
""",
    )
    ended = await project.run()
    assert ended.courses["bad"] == ["queued", "running"] * 2 + ["failed"]
    assert project.ran_log() == ["try", "try"]


async def test_a_stage_over_its_time_limit_fails_and_its_neighbour_goes_on(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        PAIR.replace('meet("one")', "import signal; signal.pause()")
        + "pipeline.register(one, timeout=0.3)\npipeline.register(two)\n",
    )
    gate = Gate(project)
    async with project.live(jobs=2) as live:
        going = await live.begin(keep_going=True)
        await gate.here("two")
        await going.until("one", Status.FAILED)
        gate.go()
        ended = await going.end()
    assert ended.final == {"one": "failed", "two": "ran"}
    assert ended.failure("one").kind is FailureKind.TIMEOUT
    gate.close()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("os._exit(3)", FailureKind.EXIT),
        ("os.kill(os.getpid(), 9)", FailureKind.SIGNAL),
        ("import ctypes; ctypes.string_at(0)", FailureKind.SIGNAL),
        ("raise SystemExit(0)", FailureKind.EXIT),
    ],
    ids=["exit", "kill", "segfault", "sys.exit"],
)
async def test_a_stage_that_ends_its_process_fails_alone(
    tmp_path: Path, body: str, kind: FailureKind
) -> None:
    project = Project(tmp_path, PAIR.replace('return "1"', body) + REGISTERED)
    gate = Gate(project)
    async with project.live(jobs=2) as live:
        going = await live.begin(keep_going=True)
        await gate.here("one", "two")
        gate.go()
        gate.go()
        ended = await going.end()
    assert ended.final == {"one": "failed", "after": "blocked", "two": "ran"}
    assert ended.failure("one").kind is kind
    gate.close()


async def test_stages_of_one_mutex_group_never_overlap(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
def alone(variant: str) -> Annotated[str, Out("${variant}.txt", Text())]:
    path = Path("inside")
    path.touch(exist_ok=False)
    os.sched_yield()
    path.unlink()
    return variant

for number in range(8):
    pipeline.register(
        alone, variant=f"v{number}", outs={"return": f"{number}.txt"}, mutex=["gpu"]
    )
""",
    )
    ended = await project.run()
    assert len(ended.ran) == 8


# --- cancelling ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pair(tmp_path: Path) -> Project:
    return Project(tmp_path, PAIR + REGISTERED)


async def test_cancelling_one_stage_lets_its_neighbour_finish(pair: Project) -> None:
    gate = Gate(pair)
    async with pair.live(jobs=2) as live:
        going = await live.begin()
        await gate.here("one", "two")
        await live.engine.send(CancelStage(going.run_id, StageName("one")))
        await going.until("one", Status.CANCELLED)
        gate.go()
        ended = await going.end()
    assert ended.final == {"one": "cancelled", "after": "blocked", "two": "ran"}
    assert ended.run.exit_code == 130
    assert not (pair.root / "one.txt").exists()
    gate.close()


STUBBORN = """
def stubborn() -> Annotated[str, Out("stubborn.txt", Text())]:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    meet("stubborn")
    return ""

pipeline.register(stubborn)
"""


async def test_a_stage_that_is_asked_to_end_says_when_it_is_killed(tmp_path: Path) -> None:
    project = Project(tmp_path, STUBBORN)
    project.put(".pivot/config.yaml", "run:\n  grace: 0.5\n")
    gate = Gate(project)
    limits = list[float | None]()
    async with project.live() as live:
        going = await live.begin()
        await gate.here("stubborn")
        watching = await live.engine.subscribe()
        before = time.time()
        await live.engine.send(CancelStage(going.run_id, StageName("stubborn")))
        async for item in watching:
            if isinstance(item, Published) and isinstance(item.event, StageChanged):
                limits.append(item.event.state.kill_at)
                if item.event.state.status is Status.CANCELLED:
                    break
        await watching.close()
        await going.end()
    assert limits[0] is not None
    assert before < limits[0] < time.time() + 0.5
    assert limits[-1] is None
    gate.close()


@pytest.mark.parametrize("at_once", [True, False])
async def test_cancelling_the_run_ends_all_of_it(pair: Project, at_once: bool) -> None:
    gate = Gate(pair)
    async with pair.live(jobs=2) as live:
        going = await live.begin()
        await gate.here("one", "two")
        await live.engine.send(CancelRun(going.run_id, at_once))
        ended = await going.end()
        assert ended.run.exit_code == 130
        assert ended.final["one"] == ended.final["two"] == "cancelled"
        again = await live.begin()
        await gate.here("one", "two")
        gate.go()
        gate.go()
        assert (await again.end()).ran == ["after", "one", "two"]
    assert pair.leftovers() == []
    gate.close()


async def test_a_stage_that_is_about_to_start_is_cancelled_too(pair: Project) -> None:
    gate = Gate(pair)
    async with pair.live(jobs=2) as live:
        going = await live.begin()
        await going.until("one", Status.RUNNING)  # said before a worker has it
        await live.engine.send(CancelRun(going.run_id))
        assert (await going.end()).final["one"] == "cancelled"
    gate.close()


async def test_a_stage_that_ignores_the_interrupt_is_killed(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
import signal

def deaf() -> Annotated[str, Out("deaf.txt", Text())]:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    meet("deaf")
    return ""

pipeline.register(deaf)
""",
    )
    project.put(".pivot/config.yaml", "run: {grace: 0.2}\n")
    gate = Gate(project)
    async with project.live() as live:
        going = await live.begin()
        await gate.here("deaf")
        await live.engine.send(CancelRun(going.run_id))
        assert (await going.end()).final == {"deaf": "cancelled"}
    gate.close()


async def test_what_is_not_active_cannot_be_cancelled(pair: Project) -> None:
    async with pair.live(jobs=2) as live:
        for command in (
            CancelRun(RunId("nothing")),
            CancelStage(RunId("nothing"), StageName("one")),
        ):
            assert isinstance(await live.engine.send(command), Refused)


async def test_a_run_can_be_cancelled_while_its_definition_loads(tmp_path: Path) -> None:
    project = Project(tmp_path, 'meet("definition")\n')
    gate = Gate(project)
    async with project.live(only="r") as live:
        going = await live.begin(request="r")
        await gate.here("definition")
        await live.engine.send(CancelRun(going.run_id))
        assert (await going.end()).run.exit_code == 130
    gate.close()


async def test_an_engine_ends_while_a_definition_loads(tmp_path: Path) -> None:
    project = Project(tmp_path, 'meet("definition")\n')
    gate = Gate(project)
    async with project.live(only="r") as live:
        going = await live.begin(request="r")
        await gate.here("definition")
    assert (await going.end()).run.exit_code == 130
    async with project.live() as live:
        await live.begin()
        await gate.here("definition")
    gate.close()


# --- requests --------------------------------------------------------------------------------------------------------


async def test_a_second_request_waits_for_the_first(pair: Project) -> None:
    gate = Gate(pair)
    async with pair.live(jobs=2) as live:
        first = await live.begin()
        await gate.here("one", "two")
        second = await live.begin("one", force=True)
        gate.go()
        gate.go()
        assert (await first.end()).ran == ["after", "one", "two"]
        await gate.here("one")
        gate.go()
        assert (await second.end()).final == {"one": "ran"}
    gate.close()


async def test_a_queued_request_can_be_taken_back(pair: Project) -> None:
    gate = Gate(pair)
    async with pair.live(jobs=2) as live:
        first = await live.begin()
        await gate.here("one", "two")
        second = await live.begin()
        await live.engine.send(CancelRun(second.run_id))
        ended = await second.end()
        assert (ended.run.exit_code, ended.courses) == (130, {})
        gate.go()
        gate.go()
        assert (await first.end()).run.exit_code == 0
    gate.close()


async def test_the_same_request_twice_is_one_run(diamond: Project) -> None:
    async with diamond.live(jobs=2) as live:
        first, second = await asyncio.gather(live.begin(request="r"), live.begin(request="r"))
        assert first.run_id == second.run_id
        assert (await first.end()).run.exit_code == (await second.end()).run.exit_code == 0
    assert sorted(diamond.ran_log()) == ["bottom", "left", "right", "top"]


async def test_an_engine_that_ends_ends_its_run(pair: Project) -> None:
    gate = Gate(pair)
    async with pair.live(jobs=2) as live:
        going = await live.begin()
        await gate.here("one", "two")
    ended = await going.end()
    assert ended.run.exit_code == 130
    assert pair.leftovers() == []
    gate.close()


async def test_a_request_taken_back_while_the_engine_looks_around_harms_nothing(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, 'meet("definition")\n')
    gate = Gate(project)
    async with project.live(jobs=2) as live:
        going = await live.begin()
        await gate.here("definition")
        await live.engine.send(CancelRun(going.run_id))
        assert (await going.end()).run.exit_code == 130
        gate.go()
        again = await live.begin()
        await gate.here("definition")
        gate.go()
        assert (await again.end()).run.exit_code == 0
    gate.close()


async def test_a_run_whose_history_cannot_be_written_goes_on(diamond: Project) -> None:
    diamond.put(".pivot/runs", "in the way")
    async with diamond.live(jobs=2) as live:
        ended = await live.run()

    assert ended.ran == ["bottom", "left", "right", "top"]
    assert [notice for notice in ended.notices if "this run gets no history" in notice]
