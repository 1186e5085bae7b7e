"""Owns small projects for tests of the worker and the pool: a ``pipeline.py``, and the info to run its functions."""

import asyncio
import contextlib
import os
import textwrap
from collections.abc import AsyncGenerator
from pathlib import Path

from pivot_core.engine.pool import Pool
from pivot_core.model import codec
from pivot_core.model.failure import Failure
from pivot_core.model.ids import Json, RunId, StageName
from pivot_core.store.layout import Layout
from pivot_core.worker.job import DepInfo, FuncInfo, OutInfo, StageReport, WorkerStageInfo

_HEAD = """
import os, sys, time, signal, subprocess, ctypes
from pathlib import Path
from typing import Annotated, Any, TypedDict
from pivot_core import JSON, Bytes, Dep, DirectoryOut, IncrementalOut, Out, PathOnly, Pipeline, Text

pipeline = Pipeline("test")
"""


class Project:
    """A project directory whose stages are run without an engine."""

    def __init__(self, root: Path, source: str) -> None:
        self.root: Path = root
        self.layout: Layout = Layout.at(str(root))
        (root / ".pivot").mkdir(exist_ok=True)
        self.write(source)

    def write(self, source: str, name: str = "pipeline.py") -> None:
        (self.root / name).write_text(_HEAD + textwrap.dedent(source))

    def info(
        self,
        function: str,
        *,
        stage: str = "",
        deps: dict[str, str | list[str]] | None = None,
        outs: dict[str, str] | None = None,
        kind: str = "out",
        params: dict[str, Json] | None = None,
        params_param: str | None = None,
        incremental: str | None = None,
        variant_param: str | None = None,
        preload: tuple[str, ...] = (),
        timeout_s: float | None = None,
        isolation: str = "fork",
        commit: bool = True,
        log_max_bytes: int = 1 << 30,
    ) -> WorkerStageInfo:
        """Describes one attempt; ``outs`` maps fields to paths, ``return`` to ``<function>.txt`` without it."""
        name = stage or function
        return WorkerStageInfo(
            run_id="run",
            stage=name,
            attempt=1,
            func=FuncInfo(base="", module="pipeline", qualname=function, ahead=[], behind=[]),
            command=None,
            fingerprint="",
            deps=[
                DepInfo(
                    param=param,
                    paths=[paths] if isinstance(paths, str) else paths,
                    is_list=not isinstance(paths, str),
                )
                for param, paths in (deps or {}).items()
            ],
            outs=[
                OutInfo(field=field, path=path, kind=kind, is_cached=True, param=incremental)
                for field, path in ({"return": f"{name}.txt"} if outs is None else outs).items()
            ],
            params=params or {},
            params_given=None,
            params_param=params_param,
            variant="small",
            variant_param=variant_param,
            preload=list(preload),
            sources=[str(self.root / "pipeline.py")],
            project_root=self.layout.root,
            state_dir=self.layout.state_dir,
            cache_dir=self.layout.cache_dir,
            links=["copy"],
            log_path=self.layout.log_path(RunId("run"), StageName(name), 1),
            log_max_bytes=log_max_bytes,
            timeout_s=timeout_s,
            grace_s=2.0,
            isolation=isolation,
            commit=commit,
        )

    def log(self, stage: str) -> list[str]:
        """Returns the log's records without their times: ``o text``."""
        path = Path(self.layout.log_path(RunId("run"), StageName(stage), 1))
        return [line[13:] for line in path.read_text().splitlines()] if path.exists() else []


class Running:
    """A pool and what it said."""

    def __init__(self, project: Project, jobs: int, max_bytes: int | None) -> None:
        self.project: Project = project
        self.pids: dict[str, int] = {}
        self._waiting: dict[str, asyncio.Event] = {}
        self.sizes: dict[str, int] = {}
        self.pool: Pool = Pool(
            project.layout,
            jobs,
            on_started=self._started,
            on_grew=self._grew,
            max_bytes=max_bytes,
        )

    async def started(self, stage: str) -> int:
        """Waits until the stage's process runs and returns its id."""
        await self._event(stage).wait()
        return self.pids[stage]

    async def grew(self, stage: str) -> None:
        """Waits until the stage's log has something."""
        await self._event(f"log of {stage}").wait()

    def worker_pids(self) -> list[int]:
        """Returns the workers of the pool that run."""
        return sorted(self.pool.workers)

    def _event(self, name: str) -> asyncio.Event:
        return self._waiting.setdefault(name, asyncio.Event())

    def _started(self, stage: str, _attempt: int, pid: int) -> None:
        self.pids[stage] = pid
        self._event(stage).set()

    def _grew(self, stage: str, _attempt: int, size: int) -> None:
        self.sizes[stage] = size
        self._event(f"log of {stage}").set()


@contextlib.asynccontextmanager
async def running(
    project: Project, jobs: int = 1, max_bytes: int | None = None
) -> AsyncGenerator[Running]:
    """Runs a pool for the time of the block."""
    run = Running(project, jobs, max_bytes)
    await run.pool.start()
    try:
        yield run
    finally:
        await run.pool.close(kill=True)


def failure(report: StageReport) -> Failure:
    """Returns the failure of a failed attempt."""
    assert report["outcome"] == "failed", report
    return codec.from_json(Failure, report["failure"])


def is_alive(pid: int) -> bool:
    """Tells whether a process runs; one that nobody has reaped does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(pids: list[int], limit_s: float = 5.0) -> bool:
    """Waits until none of the processes runs; false when some still do after ``limit_s``."""
    loop = asyncio.get_running_loop()
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            continue
        ended = asyncio.Event()
        loop.add_reader(handle, ended.set)
        try:
            await asyncio.wait_for(ended.wait(), limit_s)
        except TimeoutError:
            return False
        finally:
            loop.remove_reader(handle)
            os.close(handle)
    return True
