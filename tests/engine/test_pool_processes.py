"""No process outlives its stage, its worker or the engine."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import stage_project
from tests.support.stage_project import Project, running

STAGES = """
    def leaves() -> Annotated[str, Out("leaves.txt", Text())]:
        child = subprocess.Popen(["sleep", "4711"])
        return str(child.pid)

    def daemonises() -> Annotated[str, Out("daemonises.txt", Text())]:
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(writer, str(os.getpid()).encode())
                os.execvp("sleep", ["sleep", "4712"])
            os._exit(0)
        return os.read(reader, 99).decode()

    def daemonises_late() -> Annotated[str, Out("daemonises_late.txt", Text())]:
        reader, writer = os.pipe()
        if os.fork() == 0:
            daemon = subprocess.Popen(["sleep", "4715"], start_new_session=True)
            os.write(writer, str(daemon.pid).encode())
            time.sleep(0.05)  # the daemon is an orphan only after the stage has ended
            os._exit(0)
        return os.read(reader, 99).decode()

    def leaves_and_fails() -> Annotated[str, Out("leaves_and_fails.txt", Text())]:
        child = subprocess.Popen(["sleep", "4713"])
        print(child.pid)
        raise ValueError

    def leaves_what_ends() -> Annotated[str, Out("leaves_what_ends.txt", Text())]:
        subprocess.Popen(["true"])
        return ""

    def multiprocesses() -> Annotated[str, Out("multiprocesses.txt", Text())]:
        import multiprocessing
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        process = context.Process(target=queue.put, args=("from a process",))
        process.start()
        found = queue.get()
        process.join()
        return found

    def multiprocesses_by_default() -> Annotated[str, Out("multiprocesses_by_default.txt", Text())]:
        import multiprocessing
        queue = multiprocessing.Queue()
        process = multiprocessing.Process(target=queue.put, args=("from a process",))
        process.start()
        found = queue.get()
        process.join()
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return f"{found} of {pool.apply(len, ["abc"])}"

    def hangs() -> Annotated[str, Out("hangs.txt", Text())]:
        child = subprocess.Popen(["/bin/sleep", "4714"], start_new_session=True)
        print(child.pid, flush=True)
        time.sleep(1e9)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path, STAGES)


@pytest.mark.parametrize("function", ["leaves", "daemonises", "daemonises_late"])
async def test_what_a_stage_leaves_running_is_ended_and_named(
    project: Project, function: str
) -> None:
    async with running(project) as run:
        report = await run.pool.run(project.info(function))
    assert report["outcome"] == "done"
    (name,) = report["leftovers"]
    assert name.startswith("sleep 471")
    assert project.log(function) == [f"p ended what the stage left running: {name}"]
    assert not stage_project.is_alive(int((project.root / f"{function}.txt").read_text()))


async def test_what_a_failed_stage_leaves_running_is_ended(project: Project) -> None:
    async with running(project) as run:
        report = await run.pool.run(project.info("leaves_and_fails"))
    assert report["outcome"] == "failed"
    assert report["leftovers"] == ["sleep 4713"]
    assert not stage_project.is_alive(int(project.log("leaves_and_fails")[0][2:]))


async def test_what_ends_by_itself_is_not_named(project: Project) -> None:
    async with running(project) as run:
        report = await run.pool.run(project.info("leaves_what_ends"))
        assert report["leftovers"] == []


async def test_multiprocessing_works_and_its_tracker_is_spared(project: Project) -> None:
    async with running(project) as run:
        report = await run.pool.run(project.info("multiprocesses"))
    assert report["outcome"] == "done"
    assert report["leftovers"] == []
    assert (project.root / "multiprocesses.txt").read_text() == "from a process"
    assert project.log("multiprocesses") == []


async def test_multiprocessing_starts_processes_in_the_way_of_python(project: Project) -> None:
    async with running(project) as run:
        report = await run.pool.run(project.info("multiprocesses_by_default"))
    assert report["outcome"] == "done"
    assert (project.root / "multiprocesses_by_default.txt").read_text() == "from a process of 3"


async def test_cancelling_ends_daemons_too(project: Project) -> None:
    async with running(project) as run:
        task = asyncio.create_task(run.pool.run(project.info("hangs")))
        await run.grew("hangs")
        run.pool.interrupt("hangs", 1, 1.0)
        report = await task
    assert report["outcome"] == "cancelled"
    assert report["leftovers"] == ["sleep 4714"]


async def test_closing_by_force_ends_everything(project: Project) -> None:
    async with running(project) as run:
        task = asyncio.create_task(run.pool.run(project.info("hangs")))
        await run.grew("hangs")
        pids = [run.pids["hangs"], int(project.log("hangs")[0][2:]), *run.worker_pids()]
        await run.pool.close(kill=True)
        assert await stage_project.gone(pids)
        await asyncio.gather(task, return_exceptions=True)
    assert not os.path.exists(project.layout.workers_socket)


async def test_one_task_starts_one_worker_and_many_start_all(project: Project) -> None:
    async with running(project, jobs=4) as run:
        await run.pool.run(project.info("leaves_what_ends"))
        assert len(run.worker_pids()) == 1
        infos = [project.info("leaves_what_ends", stage=f"s{number}") for number in range(4)]
        await asyncio.gather(*(run.pool.run(info) for info in infos))
        # A worker may still be starting while its neighbour in the group has done both tasks.
        async with asyncio.timeout(20):
            while len(run.worker_pids()) < 4:  # noqa: ASYNC110 no event tells of a connection
                await asyncio.sleep(0.01)


ENGINE = """
import asyncio, sys
from pathlib import Path
from tests.support.stage_project import Project, running
from tests.engine.test_pool_processes import STAGES

async def main():
    project = Project(Path(sys.argv[1]), STAGES)
    async with running(project) as run:
        task = asyncio.create_task(run.pool.run(project.info("hangs")))
        await run.grew("hangs")
        print(run.pids["hangs"], project.log("hangs")[0][2:], *run.worker_pids(), flush=True)
        await task

asyncio.run(main())
"""


async def test_nothing_outlives_an_engine_that_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", ENGINE, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    loop = asyncio.get_running_loop()
    line = await loop.run_in_executor(None, process.stdout.readline)
    pids = [int(pid) for pid in line.split()]
    assert len(pids) == 3
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert await stage_project.gone(pids, 2.0)
    process.stdout.close()
    assert await loop.run_in_executor(None, process.stderr.read) == ""
    process.stderr.close()


async def test_a_pool_that_is_closed_says_nothing_and_leaves_no_semaphore(tmp_path: Path) -> None:
    before = set(os.listdir("/dev/shm"))
    script = ENGINE.replace('"hangs"', '"leaves_what_ends"').replace(
        "await run.grew(", "await run.started("
    )
    script = script.replace('project.log("leaves_what_ends")[0][2:]', "0")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    worker = int(out.split()[-1])
    assert not stage_project.is_alive(worker)
    assert not [name for name in set(os.listdir("/dev/shm")) - before if str(process.pid) in name]


LOST = """
import sys
sys.modules["psutil"] = None
import asyncio, os, signal
from pathlib import Path
from pivot_core.engine.pool import WorkerLost
from tests.support.stage_project import Project, running
from tests.engine.test_pool_processes import STAGES

async def main():
    project = Project(Path(sys.argv[1]), STAGES)
    async with running(project) as run:
        task = asyncio.create_task(run.pool.run(project.info("hangs")))
        await run.grew("hangs")
        os.kill(run.worker_pids()[0], signal.SIGKILL)
        try:
            await task
        except WorkerLost:
            print("lost", run.pids["hangs"])

asyncio.run(main())
"""


async def test_a_lost_worker_is_cleaned_up_without_tools_to_look_for_processes(
    tmp_path: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        LOST,
        str(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PATH": "/nowhere"},
    )
    out, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    word, pid = out.split()
    assert word == b"lost"
    assert not stage_project.is_alive(int(pid))
