"""The same without a fork: ``run.isolation: worker``."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from pivot_core.engine.pool import WorkerLost
from pivot_core.model.failure import FailureKind
from tests.engine import test_pool_endings, test_pool_output, test_pool_processes, test_pool_stages
from tests.support import stage_project
from tests.support.stage_project import Project, failure, running


def project_of(tmp_path: Path, source: str) -> Project:
    (tmp_path / "one.txt").write_text("1")
    (tmp_path / "helper.py").write_text("VALUE = 'clean'\n")
    return Project(tmp_path, source)


@pytest.fixture
def endings(tmp_path: Path) -> Project:
    return project_of(tmp_path, test_pool_endings.STAGES)


async def test_a_stage_is_done_and_the_next_gets_a_log_of_its_own(endings: Project) -> None:
    async with running(endings) as run:
        for stage in ("first", "second"):
            info = endings.info(
                "done", stage=stage, outs={"return": "done.txt"}, isolation="worker"
            )
            report = await run.pool.run(info)
            assert report["outcome"] == "done"
            assert sorted(endings.log(stage)) == ["e world", "o hello"]
            assert report["log_bytes"] == os.path.getsize(info["log_path"])
        await run.grew("second")
        assert len(run.worker_pids()) == 1


async def test_failures_are_told_as_from_a_child(endings: Project) -> None:
    (endings.root / "raises.txt").write_text("old")
    async with running(endings) as run:
        raised = failure(await run.pool.run(endings.info("raises", isolation="worker")))
        exited = failure(await run.pool.run(endings.info("sys_exits", isolation="worker")))
    assert raised.message == "ValueError: bad value"
    assert "pivot_core" not in raised.traceback
    assert exited.kind is FailureKind.EXIT
    assert (endings.root / "raises.txt").read_text() == "old"


async def test_an_interrupt_cancels_and_the_worker_goes_on(endings: Project) -> None:
    async with running(endings) as run:
        task = asyncio.create_task(run.pool.run(endings.info("hangs", isolation="worker")))
        await run.grew("hangs")
        workers = run.worker_pids()
        run.pool.interrupt("hangs", 1, 5.0)
        assert (await task)["outcome"] == "cancelled"
        assert (await run.pool.run(endings.info("done", isolation="worker")))["outcome"] == "done"
        assert run.worker_pids() == workers


async def test_a_stage_that_ignores_the_interrupt_ends_with_its_worker(endings: Project) -> None:
    (endings.root / "ignores.txt").write_text("old")
    async with running(endings) as run:
        task = asyncio.create_task(run.pool.run(endings.info("ignores", isolation="worker")))
        await run.grew("ignores")
        workers = run.worker_pids()
        run.pool.interrupt("ignores", 1, 0.1)
        assert (await task)["outcome"] == "cancelled"
        assert await stage_project.gone(workers)
        assert (await run.pool.run(endings.info("done", isolation="worker")))["outcome"] == "done"
    assert (endings.root / "ignores.txt").read_text() == "old"


@pytest.mark.parametrize("function", ["hangs", "ignores"])
async def test_a_time_limit_ends_the_stage(endings: Project, function: str) -> None:
    async with running(endings) as run:
        report = await run.pool.run(endings.info(function, timeout_s=0.3, isolation="worker"))
    assert failure(report).kind is FailureKind.TIMEOUT


async def test_a_crash_loses_the_worker(endings: Project) -> None:
    async with running(endings) as run:
        with pytest.raises(WorkerLost):
            await run.pool.run(endings.info("segfaults", isolation="worker"))
        assert (await run.pool.run(endings.info("done", isolation="worker")))["outcome"] == "done"


async def test_c_code_that_holds_the_gil_writes_a_megabyte(tmp_path: Path) -> None:
    project = project_of(tmp_path, test_pool_output.STAGES)
    async with running(project) as run:
        info = project.info("holds_the_gil", timeout_s=60, isolation="worker")
        assert (await run.pool.run(info))["outcome"] == "done"
    assert project.log("holds_the_gil") == ["o " + "x" * 99] * 10_000


async def test_what_a_stage_leaves_running_is_ended_and_named(tmp_path: Path) -> None:
    project = project_of(tmp_path, test_pool_processes.STAGES)
    async with running(project) as run:
        report = await run.pool.run(project.info("leaves", isolation="worker"))
    assert report["leftovers"] == ["sleep 4711"]


async def test_modules_and_environment_are_put_right(tmp_path: Path) -> None:
    project = project_of(tmp_path, test_pool_stages.STAGES)
    async with running(project) as run:
        for function in ("pollutes", "observes"):
            info = project.info(function, outs={"return": f"{function}.json"}, isolation="worker")
            assert (await run.pool.run(info))["outcome"] == "done"
    seen = json.loads((project.root / "observes.json").read_text())
    assert (seen["value"], seen["environ"], seen["path"]) == ("clean", False, False)
    assert seen["cwd"] == str(project.root)


async def test_a_guard_ends_with_its_stage(tmp_path: Path) -> None:
    project = project_of(tmp_path, test_pool_stages.STAGES)
    async with running(project) as run:
        for _ in range(2):
            info = project.info(
                "removes", deps={"one": "one.txt"}, outs={"return": "w.txt"}, isolation="worker"
            )
            assert failure(await run.pool.run(info)).kind is FailureKind.MODIFIED_INPUT
        info = project.info(
            "counts", outs={"return": "one.txt"}, kind="incremental", incremental="before"
        )
        info["isolation"] = "worker"
        assert (await run.pool.run(info))["outcome"] == "done"
    assert (project.root / "one.txt").read_text() == "2\n"
