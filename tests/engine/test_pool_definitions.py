"""Definitions load in a worker, and whatever they do, the engine goes on."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from pivot_core.engine.pool import Pool
from pivot_core.errors import DefinitionError
from pivot_core.worker.job import LoadRequest
from tests.support import stage_project
from tests.support.stage_project import Project, running

STAGE = """
    def one() -> Annotated[str, Out("one.txt", Text())]:
        return ""

    pipeline.register(one)
"""


async def load(pool: Pool, project: Project, isolation: str) -> dict[str, object]:
    request = LoadRequest(
        project_root=project.layout.root,
        definition="pipeline.py",
        prefixed=[],
        modules=[],
        isolation=isolation,
    )
    return dict(await pool.load_definitions(request))


@pytest.mark.parametrize("isolation", ["fork", "worker"])
async def test_a_definition_gives_its_stages(tmp_path: Path, isolation: str) -> None:
    project = Project(tmp_path, STAGE)
    async with running(project) as run:
        report = await load(run.pool, project, isolation)
    assert "one" in str(report["stages"])


@pytest.mark.parametrize("isolation", ["fork", "worker"])
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("print('last words', flush=True)\nos._exit(7)", "ended its process with exit code 7"),
        ("os.kill(os.getpid(), 9)", "killed by"),
    ],
)
async def test_a_definition_that_ends_its_process_is_an_error(
    tmp_path: Path, isolation: str, source: str, said: str
) -> None:
    project = Project(tmp_path, source)
    async with running(project) as run:
        with pytest.raises(DefinitionError) as caught:
            await load(run.pool, project, isolation)
        assert said in caught.value.what
        project.write(STAGE)
        assert (await load(run.pool, project, isolation))["stages"]
    assert "last words" in caught.value.detail or "last words" not in source


HANGING = """
import os
with open("{0}/gate", "w") as gate:
    gate.write(str(os.getpid()))
open("{0}/never").read()
"""


@pytest.fixture
def gated(tmp_path: Path) -> Path:
    """A directory with two FIFOs: code that hangs writes its process id to ``gate`` and reads ``never``."""
    os.mkfifo(tmp_path / "gate")
    os.mkfifo(tmp_path / "never")
    return tmp_path


async def test_a_definition_that_hangs_ends_with_the_pool(gated: Path) -> None:
    project = Project(gated, HANGING.format(gated))
    async with running(project) as run:
        loading = asyncio.create_task(load(run.pool, project, "fork"))
        pid = int(await asyncio.to_thread((gated / "gate").read_text))
        await run.pool.close(kill=True)
        await asyncio.gather(loading, return_exceptions=True)
        assert await stage_project.gone([pid])


async def test_a_stage_is_cancelled_while_the_worker_imports_for_it(gated: Path) -> None:
    project = Project(gated, STAGE)
    (gated / "slow_module_of_a_test.py").write_text(HANGING.format(gated))
    sys.path.append(str(gated))
    try:
        async with running(project) as run:
            info = project.info("one", preload=("slow_module_of_a_test",))
            task = asyncio.create_task(run.pool.run(info))
            pid = int(await asyncio.to_thread((gated / "gate").read_text))
            run.pool.interrupt("one", 1, 5.0)
            assert (await task)["outcome"] == "cancelled"
            assert (await run.pool.run(project.info("one")))["outcome"] == "done"
            assert run.worker_pids() == [pid]
    finally:
        sys.path.remove(str(gated))
