"""Who may touch a project's outs after an engine was killed."""

import asyncio
import fcntl
import os
from pathlib import Path

from pivot_core.engine import lease
from tests.support.project import Project

SOURCE = """
def one() -> Annotated[str, Out("one.txt", Text())]:
    return "1"

pipeline.register(one)
"""


async def test_a_successor_waits_for_what_a_killed_engine_left(tmp_path: Path) -> None:
    project = Project(tmp_path, SOURCE)
    await project.run()
    fd = os.open(project.layout.workers_lock, os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_SH)  # as a worker that still runs
    waiting = asyncio.create_task(lease.workers_gone(project.layout))
    await asyncio.wait((waiting,), timeout=0.1)
    assert not waiting.done()
    os.close(fd)
    await waiting


def test_a_released_lease_is_free_though_a_process_that_just_forked_has_its_file_too(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, SOURCE)
    first, second = lease.Lease(project.layout), lease.Lease(project.layout)
    assert first.acquire("one")
    # A worker that is being started has every open file until it executes its own program.
    (held,) = (fd for fd in opened() if is_file(fd, project.layout.engine_lock))
    inherited = os.dup(held)
    assert not second.acquire("two")
    first.release()
    assert second.acquire("two")
    second.release()
    os.close(inherited)


def opened() -> list[int]:
    return [int(name) for name in os.listdir("/proc/self/fd")]


def is_file(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except OSError:  # what lists the directory is open there too
        return False


async def test_a_worker_holds_the_lock_as_long_as_it_lives(tmp_path: Path) -> None:
    project = Project(tmp_path, SOURCE)
    async with project.live() as live:
        await live.run()
        waiting = asyncio.create_task(lease.workers_gone(project.layout))
        await asyncio.wait((waiting,), timeout=0.1)
        assert not waiting.done()
    await waiting
