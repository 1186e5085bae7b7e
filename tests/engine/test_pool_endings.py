"""How a stage can end, and that its neighbours do not notice."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from pivot_core.model.failure import FailureKind
from tests.support import stage_project
from tests.support.stage_project import Project, failure, running

STAGES = """
    def done() -> Annotated[str, Out("done.txt", Text())]:
        print("hello")
        print("world", file=sys.stderr)
        return "result"

    def raises() -> Annotated[str, Out("raises.txt", Text())]:
        Path("raises.txt").write_text("partial")
        inner()

    def inner():
        try:
            {}["cause"]
        except KeyError as error:
            raise ValueError("bad value") from error

    def exits() -> Annotated[str, Out("exits.txt", Text())]:
        os._exit(3)

    def sys_exits() -> Annotated[str, Out("sys_exits.txt", Text())]:
        sys.exit(0)

    def segfaults() -> Annotated[str, Out("segfaults.txt", Text())]:
        print("before", flush=True)
        ctypes.string_at(0)

    def killed() -> Annotated[str, Out("killed.txt", Text())]:
        os.kill(os.getpid(), signal.SIGKILL)

    def hangs() -> Annotated[str, Out("hangs.txt", Text())]:
        print("hanging", flush=True)
        time.sleep(1e9)

    def ignores() -> Annotated[str, Out("ignores.txt", Text())]:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ignoring", flush=True)
        time.sleep(1e9)

    def swallows() -> Annotated[str, Out("swallows.txt", Text())]:
        try:
            print("ready", flush=True)
            time.sleep(1e9)
        except KeyboardInterrupt:
            return "half"

    def waits(go: Annotated[Path, Dep("fifo", PathOnly())]) -> Annotated[str, Out("waits.txt", Text())]:
        print("waiting", flush=True)
        open("fifo").read()
        return "undisturbed"

    class Strange(Exception):
        def __reduce__(self):
            raise RuntimeError("cannot be pickled")

        def __str__(self):
            raise RuntimeError("cannot be shown")

    def strange() -> Annotated[Any, Out("strange.json", JSON())]:
        raise Strange

    def overflows() -> Annotated[str, Out("overflows.txt", Text())]:
        return overflows()

    def no_space() -> Annotated[str, Out("no_space.txt", Text())]:
        raise OSError(28, "No space left on device", "x")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, STAGES)


async def test_a_stage_that_returns_is_done_and_its_out_is_cached(project: Project) -> None:
    async with running(project) as run:
        report = await run.pool.run(project.info("done"))
    assert report["outcome"] == "done"
    assert (project.root / "done.txt").read_text() == "result"
    (found,) = report["outs"].values()
    assert (
        Path(project.layout.cache_dir, "files", found["hash"][:2], found["hash"][2:]).read_text()
        == "result"
    )
    assert sorted(project.log("done")) == ["e world", "o hello"]
    assert report["log_bytes"] == os.path.getsize(project.info("done")["log_path"])


async def test_no_commit_hashes_without_caching(project: Project) -> None:
    async with running(project) as run:
        report = await run.pool.run(project.info("done", commit=False))
    assert report["outs"]["done.txt"]["hash"]
    assert not os.path.exists(project.layout.cache_dir)


async def test_an_exception_is_told_with_the_users_frames_alone(project: Project) -> None:
    (project.root / "raises.txt").write_text("old")
    async with running(project) as run:
        report = await run.pool.run(project.info("raises"))
    told = failure(report)
    assert told.kind is FailureKind.EXCEPTION
    assert told.message == "ValueError: bad value"
    assert told.where is not None
    assert told.where.file == "pipeline.py"
    assert "in raises" in told.traceback
    assert "in inner" in told.traceback
    assert "KeyError: 'cause'" in told.traceback
    assert "pivot_core" not in told.traceback
    assert [line[2:] for line in project.log("raises")] == told.traceback.splitlines()
    assert (project.root / "raises.txt").read_text() == "old"
    assert not os.path.exists(project.layout.cache_dir)


@pytest.mark.parametrize(("function", "code"), [("exits", 3), ("sys_exits", 0)])
async def test_ending_the_process_is_a_failure(project: Project, function: str, code: int) -> None:
    async with running(project) as run:
        told = failure(await run.pool.run(project.info(function)))
    assert told.kind is FailureKind.EXIT
    assert told.exit_code == code
    assert "before it returned" in told.message


async def test_a_segfault_keeps_what_was_printed_and_names_the_line(project: Project) -> None:
    async with running(project) as run:
        told = failure(await run.pool.run(project.info("segfaults")))
    assert (told.kind, told.signal) == (FailureKind.SIGNAL, "SIGSEGV")
    assert "in segfaults" in told.traceback
    assert "pivot_core" not in told.traceback
    assert told.where is not None
    assert told.where.file == "pipeline.py"
    assert "o before" in project.log("segfaults")


async def test_sigkill_without_evidence_is_not_called_out_of_memory(project: Project) -> None:
    async with running(project) as run:
        told = failure(await run.pool.run(project.info("killed")))
    assert (told.kind, told.signal, told.hint) == (FailureKind.SIGNAL, "SIGKILL", "")


@pytest.mark.parametrize("function", ["hangs", "ignores"])
async def test_a_time_limit_ends_the_stage(project: Project, function: str) -> None:
    async with running(project) as run:
        told = failure(await run.pool.run(project.info(function, timeout_s=0.3)))
    assert told.kind is FailureKind.TIMEOUT
    assert "0.3 s" in told.message
    assert any(line.startswith("p ") for line in project.log(function))


@pytest.mark.parametrize("function", ["hangs", "ignores", "swallows"])
async def test_an_interrupted_stage_is_cancelled_and_gives_no_result(
    project: Project, function: str
) -> None:
    (project.root / f"{function}.txt").write_text("old")
    async with running(project) as run:
        task = asyncio.create_task(run.pool.run(project.info(function)))
        await run.grew(function)
        run.pool.interrupt(function, 1, 0.2)
        report = await task
    assert report["outcome"] == "cancelled"
    assert report["outs"] == {}
    assert (project.root / f"{function}.txt").read_text() == "old"


async def test_an_interrupt_before_the_start_reaches_the_stage(project: Project) -> None:
    async with running(project) as run:
        task = asyncio.create_task(run.pool.run(project.info("hangs")))
        await asyncio.sleep(0)
        run.pool.interrupt("hangs", 1, 1.0)
        assert (await task)["outcome"] == "cancelled"


async def test_kill_ends_a_stage_that_ignores_signals(project: Project) -> None:
    async with running(project) as run:
        task = asyncio.create_task(run.pool.run(project.info("ignores")))
        await run.grew("ignores")
        run.pool.kill("ignores", 1)
        assert (await task)["outcome"] == "cancelled"


@pytest.mark.parametrize("function", ["exits", "segfaults", "killed", "hangs", "raises"])
async def test_a_neighbour_is_undisturbed(project: Project, function: str) -> None:
    os.mkfifo(project.root / "fifo")
    async with running(project, jobs=2) as run:
        neighbour = asyncio.create_task(run.pool.run(project.info("waits", deps={"go": "fifo"})))
        await run.grew("waits")
        pid = run.pids["waits"]
        await run.pool.run(project.info(function, timeout_s=0.5))
        (project.root / "fifo").write_text("go")
        report = await neighbour
    assert report["outcome"] == "done"
    assert run.pids["waits"] == pid
    assert (project.root / "waits.txt").read_text() == "undisturbed"
    assert project.log("waits") == ["o waiting"]


async def test_exceptions_that_cannot_be_pickled_or_shown_do_not_break_the_pool(
    project: Project,
) -> None:
    async with running(project) as run:
        told = failure(await run.pool.run(project.info("strange", outs={"return": "strange.json"})))
        assert "Strange" in told.message
        assert (await run.pool.run(project.info("done")))["outcome"] == "done"


async def test_endless_recursion_is_told_in_bounds(project: Project) -> None:
    async with running(project) as run:
        told = failure(await run.pool.run(project.info("overflows")))
    assert told.message.startswith("RecursionError")
    assert len(told.traceback) < 70_000


async def test_a_full_disk_is_named(project: Project) -> None:
    async with running(project) as run:
        told = failure(await run.pool.run(project.info("no_space")))
    assert told.kind is FailureKind.DISK


async def test_a_worker_that_is_killed_loses_its_attempt_and_no_process_stays(
    project: Project,
) -> None:
    from pivot_core.engine.pool import WorkerLost

    async with running(project) as run:
        task = asyncio.create_task(run.pool.run(project.info("hangs")))
        pid = await run.started("hangs")
        os.kill(os.getsid(pid), signal.SIGKILL)
        with pytest.raises(WorkerLost):
            await task
        assert await stage_project.gone([pid])
        assert (await run.pool.run(project.info("done")))["outcome"] == "done"
