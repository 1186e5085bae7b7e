"""Owns projects that a whole engine of this process runs: files in, the course of each run out."""

import asyncio
import contextlib
import os
import secrets
import textwrap
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path

from pivot_core.engine.engine import Engine
from pivot_core.engine.lease import Lease
from pivot_core.model.decision import Status
from pivot_core.model.failure import Failure
from pivot_core.model.graph import Selection
from pivot_core.model.ids import RequestId, RunId
from pivot_core.port.commands import Accepted, Run
from pivot_core.port.events import TICKS, Notice, RunFinished, StageChanged
from pivot_core.port.protocol import Subscription
from pivot_core.port.snapshot import Snapshot
from pivot_core.port.values import RunOptions, RunState, RunStatus, StageState
from pivot_core.store import config, gitignore
from pivot_core.store.layout import Layout

HEAD = """\
import os
from pathlib import Path
from typing import Annotated, TypedDict
from pivot_core import (
    JSON, Dep, DirectoryOut, IncrementalOut, Metric, Out, PathOnly, Pipeline, StageParams, Text,
)

pipeline = Pipeline("test")

def note(text):
    with open("ran.log", "a") as file:
        file.write(text + "\\n")

def meet(name):
    with open("here", "w") as file:
        file.write(name + "\\n")
    fd = os.open("go", os.O_RDONLY)
    os.read(fd, 1)
    os.close(fd)
"""
"""What each definition begins with. ``meet`` tells the test that a stage is there, and waits for its word."""

WAYS = ("queued", "running", "ran")
"""The course of a stage that was run and gave its result."""


@dataclass(slots=True)
class Ended:
    """A run that ended."""

    run: RunState
    courses: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Every status that each stage had, in order."""
    states: dict[str, StageState] = field(default_factory=dict[str, StageState])
    order: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """All changes of all stages, in order."""
    notices: list[str] = field(default_factory=list[str])

    @property
    def final(self) -> dict[str, str]:
        """The last status of each stage."""
        return {name: course[-1] for name, course in self.courses.items()}

    @property
    def ran(self) -> list[str]:
        """The stages that were run, sorted."""
        return sorted(name for name, status in self.final.items() if status == "ran")

    def failure(self, stage: str) -> Failure:
        """Returns why a stage failed."""
        found = self.states[stage].failure
        assert found is not None, self.courses
        return found


class Project:
    """A project directory."""

    def __init__(self, root: Path, source: str = "") -> None:
        self.root: Path = root
        root.mkdir(parents=True, exist_ok=True)
        self.layout: Layout = Layout.at(str(root))
        os.makedirs(self.layout.pivot_dir, exist_ok=True)
        gitignore.init_gitignore(self.layout.pivot_dir, force=False)
        if source:
            self.define(source)

    def define(self, source: str) -> None:
        """Writes ``pipeline.py``: the head, then ``source``."""
        self.put("pipeline.py", HEAD + textwrap.dedent(source))

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text) if name.endswith(".py") else text)

    def get(self, name: str) -> str:
        return (self.root / name).read_text()

    def replace(self, name: str, old: str, new: str) -> None:
        """Edits a file; what is replaced must be there."""
        text = self.get(name)
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def remove(self, name: str) -> None:
        (self.root / name).unlink()

    def ran_log(self) -> list[str]:
        """Returns what stages noted, in order, and forgets it."""
        path = self.root / "ran.log"
        lines = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def objects(self) -> list[Path]:
        """Returns the files of the cache."""
        return [path for path in Path(self.layout.cache_dir, "files").rglob("*") if path.is_file()]

    def object_of(self, name: str) -> Path:
        """Returns the cache object that holds the bytes of an out."""
        data = (self.root / name).read_bytes()
        (found,) = [path for path in self.objects() if path.read_bytes() == data]
        return found

    def leftovers(self) -> list[str]:
        """Returns the temporary files and what was set aside that lie about; none may after a run."""
        return sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if ".pivot-tmp-" in path.name
            or (path.parent.name in ("tmp", "aside") and path.parent.parent.name != "files")
        )

    @contextlib.asynccontextmanager
    async def live(self, jobs: int = 1, only: str | None = None) -> AsyncGenerator["Live"]:
        """Runs an engine for the time of the block; for ``only`` one request, as a command does.

        One that lives on gets workers ready after a run, as many as ``jobs``: a test that needs no two at once has one.
        """
        settings = config.load(str(self.root))
        here = Layout.at(str(self.root), settings.cache_dir)
        lease = Lease(here)
        assert lease.acquire("a test")
        try:
            request = None if only is None else RequestId(only)
            engine = Engine(here, settings, command="a test", only=request)
            await engine.open()
            try:
                yield Live(engine, jobs)
            finally:
                await engine.end("the test is over")
        finally:
            lease.release()

    async def run(
        self,
        *targets: str,
        selection: Selection = Selection.UPSTREAM,
        force: bool = False,
        keep_going: bool = False,
        commit: bool = True,
    ) -> Ended:
        """Does one run with an engine of its own, as a command does: it gets no worker ready for another run."""
        async with self.live(only="r") as live:
            going = await live.begin(
                *targets,
                selection=selection,
                force=force,
                keep_going=keep_going,
                commit=commit,
                request="r",
            )
            return await going.end()


class Live:
    """An engine and what it tells."""

    def __init__(self, engine: Engine, jobs: int) -> None:
        self.engine: Engine = engine
        self._jobs: int = jobs

    async def run(
        self,
        *targets: str,
        selection: Selection = Selection.UPSTREAM,
        force: bool = False,
        keep_going: bool = False,
        jobs: int | None = None,
        commit: bool = True,
    ) -> Ended:
        """Does one run and waits for its end."""
        going = await self.begin(
            *targets,
            selection=selection,
            force=force,
            keep_going=keep_going,
            jobs=jobs,
            commit=commit,
        )
        return await going.end()

    async def begin(
        self,
        *targets: str,
        selection: Selection = Selection.UPSTREAM,
        force: bool = False,
        keep_going: bool = False,
        jobs: int | None = None,
        commit: bool = True,
        request: str = "",
    ) -> "Going":
        """Asks for a run."""
        options = RunOptions(selection, force, keep_going, jobs or self._jobs, commit)
        subscription = await self.engine.subscribe()
        name = RequestId(request or secrets.token_hex(4))
        reply = await self.engine.send(Run(name, targets, options))
        assert isinstance(reply, Accepted)
        assert reply.run_id is not None
        return Going(reply.run_id, subscription)


class Going:
    """A run under way."""

    def __init__(self, run_id: RunId, subscription: Subscription) -> None:
        self.run_id: RunId = run_id
        self._subscription: Subscription = subscription
        self._seen: asyncio.Condition = asyncio.Condition()
        self._ended: Ended | None = None
        self._told: Ended = Ended(
            RunState(run_id, RequestId(""), (), RunOptions(), RunStatus.QUEUED, 0)
        )
        self._task: asyncio.Task[None] = asyncio.create_task(self._listen())

    async def until(self, stage: str, status: Status) -> StageState:
        """Waits until a stage has a status."""
        async with self._seen:
            await self._seen.wait_for(lambda: (stage, status.value) in self._told.order)
        return self._told.states[stage]

    async def end(self) -> Ended:
        """Waits for the end of the run."""
        await self._task
        assert self._ended is not None, f"the engine ended before the run: {self._told.order}"
        return self._ended

    async def _listen(self) -> None:
        async for item in self._subscription:
            assert not isinstance(item, Snapshot)
            if isinstance(item.event, TICKS):
                continue
            async with self._seen:
                self._take(item.event)
                self._seen.notify_all()
            if self._ended is not None:
                break
        await self._subscription.close()

    def _take(self, event: object) -> None:
        told = self._told
        match event:
            case StageChanged(stage, state) if state.run_id == self.run_id:
                told.courses.setdefault(stage, []).append(state.status.value)
                told.states[stage] = state
                told.order.append((stage, state.status.value))
            case RunFinished(run) if run.run_id == self.run_id:
                told.run = run
                self._ended = told
            case Notice(message=message):
                told.notices.append(message)
            case _:
                pass


class Gate:
    """The test's end of ``meet``: two named pipes in the project."""

    def __init__(self, project: Project) -> None:
        self._fds: list[int] = []
        for name in ("here", "go"):
            path = project.root / name
            os.mkfifo(path)
            self._fds.append(os.open(path, os.O_RDWR | os.O_NONBLOCK))

    async def here(self, *names: str) -> None:
        """Waits until these stages are at their ``meet``, in any order."""
        loop = asyncio.get_running_loop()
        waiting = set(names)
        while waiting:
            readable = loop.create_future()
            loop.add_reader(self._fds[0], _resolve, readable)
            await readable
            loop.remove_reader(self._fds[0])
            waiting -= set(os.read(self._fds[0], 4096).decode().split())

    def go(self, count: int = 1) -> None:
        """Lets so many stages go on."""
        os.write(self._fds[1], b"." * count)

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
