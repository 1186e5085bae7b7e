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


async def test_a_worker_holds_the_lock_as_long_as_it_lives(tmp_path: Path) -> None:
    project = Project(tmp_path, SOURCE)
    async with project.live() as live:
        await live.run()
        waiting = asyncio.create_task(lease.workers_gone(project.layout))
        await asyncio.wait((waiting,), timeout=0.1)
        assert not waiting.done()
    await waiting
