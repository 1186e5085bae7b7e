"""Workers between stages: what they import while they are idle, and when others take their place."""

import importlib.machinery
import shutil
import sysconfig
from pathlib import Path

import pytest

from pivot_core.worker.job import WarmRequest
from tests.support.stage_project import Project, gone, running

STAGES = """
def tells() -> Annotated[str, Out("tells.txt", Text())]:
    return f"{'colorsys' in sys.modules} {'pivot_core.define.params' in sys.modules} {os.getppid()}"

def grows() -> Annotated[str, Out("grows.txt", Text())]:
    import model
    return model.MARK
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, STAGES)
    project.write("MARK = 'old'\n", "model.py")
    return project


def told(project: Project) -> list[str]:
    return (project.root / "tells.txt").read_text().split()


async def test_idle_workers_import_what_stages_will_need(project: Project) -> None:
    project.write(f"from pivot_core import StageParams\n{STAGES}")
    async with running(project, jobs=4) as run:
        request = WarmRequest(modules=["colorsys"], sources=[str(project.root / "pipeline.py")])
        await run.pool.warm(request, 2)
        assert len(run.worker_pids()) == 2
        info = project.info("tells")
        info["sources"] = []
        await run.pool.run(info)
        assert told(project)[:2] == ["True", "True"]
        await run.pool.warm(request, 2)
        assert len(run.worker_pids()) == 2


async def test_getting_ready_survives_what_cannot_be_imported(project: Project) -> None:
    async with running(project) as run:
        await run.pool.warm(WarmRequest(modules=["no.such"], sources=["/no/such.py"]), 1)
        assert (await run.pool.run(project.info("tells")))["outcome"] == "done"


@pytest.mark.parametrize(("max_bytes", "is_replaced"), [(1 << 20, True), (None, False)])
async def test_a_worker_that_grew_too_large_is_replaced_between_stages(
    project: Project, max_bytes: int | None, is_replaced: bool
) -> None:
    async with running(project, max_bytes=max_bytes) as run:
        assert (await run.pool.run(project.info("tells")))["worker_bytes"] > 1 << 20
        first = told(project)[2]
        await run.pool.run(project.info("tells"))
        assert (told(project)[2] != first) is is_replaced
        assert not is_replaced or await gone([int(first)])


async def test_in_the_worker_a_c_extension_of_the_project_ends_it_and_a_module_is_imported_anew(
    project: Project,
) -> None:
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    source = Path(sysconfig.get_path("stdlib"), "lib-dynload", f"xxlimited{suffix}")
    if not source.exists():
        pytest.skip("this interpreter has no extension to copy")
    async with running(project) as run:
        await run.pool.run(project.info("grows", isolation="worker"))
        before = run.worker_pids()
        project.write("MARK = 'new'\n", "model.py")
        assert (await run.pool.run(project.info("grows", isolation="worker")))["is_spent"] is False
        assert (project.root / "grows.txt").read_text() == "new"
        assert run.worker_pids() == before
        shutil.copy(source, project.root)
        project.write("import xxlimited\nMARK = xxlimited.__file__\n", "model.py")
        assert (await run.pool.run(project.info("grows", isolation="worker")))["is_spent"] is True
        assert str(project.root) in (project.root / "grows.txt").read_text()
        assert await gone(before)
        assert (await run.pool.run(project.info("grows", isolation="worker")))["outcome"] == "done"
