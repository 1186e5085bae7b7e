"""Owns the commands that look at a project, or put things right in it, without an engine."""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast, overload

from pivot_core import quick
from pivot_core.cli import project
from pivot_core.cli.results import Change, Finding, FindingKind, Scope
from pivot_core.define import discover
from pivot_core.engine import loading
from pivot_core.engine.lease import Lease
from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Plan, Planner
from pivot_core.engine.record import Recorder
from pivot_core.errors import StoreError
from pivot_core.model.graph import NOTHING
from pivot_core.model.ids import RunId, StageName
from pivot_core.port.checkup import Check
from pivot_core.port.queries import (
    Accounts,
    CheckRemote,
    CompareRemote,
    Explain,
    ExplainRun,
    Explanations,
    FindAffected,
    FindLog,
    History,
    Impacts,
    ListRemotes,
    LogAnswer,
    Query,
    RemoteFindings,
    RemoteRows,
    ShowRun,
    Summaries,
)
from pivot_core.port.snapshot import PROTOCOL
from pivot_core.port.transfers import RemoteReport, Sweep
from pivot_core.port.values import RunReport, StageRow, TrackedRow, TrackedState, Verdict
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import State

if TYPE_CHECKING:
    from pivot_core.define.load import LoadReport
    from pivot_core.engine.loading import Wanted
    from pivot_core.engine.results import Results
    from pivot_core.engine.workspace import Workspace


def checkup(root: str, *, is_offline: bool) -> Iterator[Check]:
    """Yields what is to be known of a project's health; never raises for what it finds there."""
    from pivot_core.engine import checkup

    here, config, is_set = Layout.at(root), Config(), False

    def read() -> Iterator[Check]:
        nonlocal here, config, is_set
        here, config = project.opened(root)
        is_set = True
        keys = ", ".join(
            entry.key for entry in project.config_entries(root) if entry.scope is not Scope.DEFAULT
        )
        yield checkup.check("settings", keys or "none set")

    async def define(look: _Look) -> list[Check]:
        return await checkup.definition(look.here, look.planner)

    yield from checkup.guarded("settings", read)
    yield from checkup.checks(here, config)
    if is_set:
        yield from checkup.guarded("definition", lambda: _look(root, define))
    for name in config.remotes:
        if is_offline:
            yield checkup.check(f"remote {name}", "not asked (--offline)")
        else:
            work = checkup.remote(here, config, name)
            yield from checkup.guarded(f"remote {name}", lambda work=work: [asyncio.run(work)])


type ReadTail = Callable[[RunId, StageName, int, int], tuple[str, Sequence[str]]]
"""Takes a run, a stage, an attempt and a limit; returns where the log lies, and that many of its last lines."""


@overload
def answer(root: str, query: CheckRemote) -> RemoteFindings: ...
@overload
def answer(root: str, query: CompareRemote) -> RemoteReport: ...
@overload
def answer(root: str, query: ListRemotes) -> RemoteRows: ...
@overload
def answer(root: str, query: Explain) -> Explanations: ...
@overload
def answer(root: str, query: ExplainRun) -> Accounts: ...
@overload
def answer(root: str, query: FindAffected) -> Impacts: ...
@overload
def answer(root: str, query: FindLog) -> LogAnswer: ...
@overload
def answer(root: str, query: History) -> Summaries: ...
@overload
def answer(root: str, query: ShowRun) -> RunReport: ...
def answer(root: str, query: Query) -> object:
    """Answers a query; raises ``PivotError``.

    Where an engine is live that would load the definition as this process does, it is asked what would run: its plan
    is up to date, or gets so in workers that are warm.
    """
    if isinstance(query, Explain | FindAffected):
        found = _from_engine(root, query)
        if found is not None:
            return found
    from pivot_core.engine.answer import Answers

    async def ask(look: _Look) -> object:
        found = await Answers(look.here, look.state, look.planner).answer(query, look.observer)
        if isinstance(query, Explain):
            each = cast("Explanations", found)
            if all(one.verdict is Verdict.UP_TO_DATE for one in each):
                look.proven = {one.stage for one in each}
        return found

    return _look(root, ask)


def _from_engine(root: str, query: Explain | FindAffected) -> object:
    """Returns a live engine's answer; ``None`` without one, or where it is not as this process."""
    path = project.opened(root)[0].socket_path
    return asyncio.run(_ask(path, query)) if os.path.exists(path) else None


async def _ask(socket_path: str, query: Explain | FindAffected) -> object:
    from pivot_core.engine.grounds import is_identity
    from pivot_core.port.client import SocketPort

    try:
        port = await SocketPort.connect(socket_path)
    except OSError:
        return None
    try:
        info = await port.hello()
        if info.protocol != PROTOCOL or not is_identity(info.environment):
            return None
        if isinstance(query, Explain):
            return await port.ask(query)
        return await port.ask(query)
    except ConnectionError:
        return None
    finally:
        await port.close()


def home(root: str) -> str | None:
    """Returns the directory of the pipeline around the working directory; ``None`` where there is but one, or none."""
    homes = {discover.home(each) for each in loading.search(root).definitions}
    place = quick.place_in(root, os.getcwd())
    return quick.home(homes, place) if len(homes) > 1 else None


def named(root: str, targets: Sequence[str]) -> Collection[StageName]:
    """Returns the stages that targets name; raises ``UsageError``."""

    async def ask(look: _Look) -> Collection[StageName]:
        return set((await look.planner.current()).named(targets))

    return _look(root, ask)


def stage_rows(root: str, targets: Sequence[str] = ()) -> tuple[str, tuple[StageRow, ...]]:
    """Returns the project's name, and its stages in topological order; with targets these and what they need."""

    async def ask(look: _Look) -> tuple[str, tuple[StageRow, ...]]:
        plan = await look.planner.current()
        wanted = plan.graph.ancestors(plan.named(targets)) if targets else plan.graph.stages
        return plan.project, tuple(row for row in plan.rows() if row.name in wanted)

    return _look(root, ask)


def status(root: str, query: Explain) -> tuple[Explanations, tuple[TrackedRow, ...]]:
    """Returns what a run would do, and how the tracked data stands that targets name or read; all without targets.

    A live engine is asked first: it loads an edited definition in warm workers, and leaves the plan in the state.
    """
    _from_engine(root, Explain(depth=query.depth))

    async def ask(look: _Look) -> tuple[Explanations, tuple[TrackedRow, ...]]:
        from pivot_core.engine import tracking
        from pivot_core.engine.answer import Answers

        plan = await look.planner.current()
        chosen = tracking.choose(look.here, plan.graph, query.targets)
        rows = await asyncio.to_thread(tracking.rows, look.observer, chosen.data)
        found: Explanations = ()
        if chosen.others or not query.targets:
            answers = Answers(look.here, look.state, look.planner)
            wanted = replace(query, targets=chosen.others)
            found = cast("Explanations", await answers.answer(wanted, look.observer))
        is_done = all(one.verdict is Verdict.UP_TO_DATE for one in found)
        if is_done and all(row.state is TrackedState.SAME for row in rows):
            look.proven = {one.stage for one in found}
        return found, tuple(rows)

    return _look(root, ask)


def track(root: str, paths: Sequence[str], *, remove: bool) -> list[Change]:
    """Records files and directories that no stage makes, or with ``remove`` forgets them."""

    async def ask(look: _Look) -> list[Change]:
        from pivot_core.engine import tracking

        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{look.here.root}/{quick.PLACE}")  # it knows nothing of what is tracked now
        if remove:
            return await asyncio.to_thread(
                lambda: list(tracking.untrack(look.here, look.config, paths))
            )
        graph = (await look.planner.current()).graph if look.is_defined else NOTHING
        given = (look.here, look.config, look.cache, graph, paths)
        return await asyncio.to_thread(lambda: list(tracking.track(*given)))

    return _look(root, ask, must_write=True)


def verify(
    root: str, targets: Sequence[str], *, may_be_absent: bool = False, remote: str | None = None
) -> list[Finding]:
    """Returns what keeps the project from being done and whole.

    With ``may_be_absent`` outs may be on a remote alone: the default one, or ``remote``.
    """

    async def ask(look: _Look) -> list[Finding]:
        plan = await look.planner.current()
        async with contextlib.AsyncExitStack() as stack:
            if may_be_absent:
                from pivot_core.engine import supply

                here = (look.here, look.config, look.cache)
                taken = supply.opened(*here, plan, targets, remote, (), lambda _: None)
                look.observer.distant = (await stack.enter_async_context(taken)).distant
            work = look.workspace(plan).verify(targets, may_be_absent=may_be_absent)
            found = await asyncio.to_thread(list, work)
        look.observer.distant = None
        if not found and not targets:
            look.proven = {*plan.graph.stages}
        return found

    return _look(root, ask)


def verify_cache(root: str) -> Iterator[Finding]:
    """Yields every object of the cache whose bytes are not what its name says."""
    here, config = project.opened(root)
    for name, why in Cache(here, config.cache_link).verify():
        yield Finding(FindingKind.DAMAGED, why, path=here.object_path(name))


def commit(root: str, targets: Sequence[str]) -> list[Change]:
    """Records what lies in the workspace as the result of the named stages, without running them."""

    async def ask(look: _Look) -> list[Change]:
        workspace = look.workspace(await look.planner.current())
        return await asyncio.to_thread(lambda: list(workspace.commit(targets)))

    return _look(root, ask, must_write=True)


def checkout(root: str, targets: Sequence[str], *, force: bool) -> list[Change]:
    """Puts the outs that the lock files name into the workspace."""

    async def ask(look: _Look) -> list[Change]:
        workspace = look.workspace(await look.planner.current())
        return await asyncio.to_thread(lambda: list(workspace.checkout(targets, force=force)))

    return _look(root, ask, must_write=True)


def sweep(
    root: str, *, remote: str | None, projects: Sequence[str], runs: int, is_real: bool
) -> Sweep:
    """Finds, and with ``is_real`` removes, what nothing names any more: in the cache, or on a remote."""
    from pivot_core.engine import garbage

    async def ask(look: _Look) -> Sweep:
        if remote is None:
            garbage.check_shared(look.here, projects)
        plan = await look.planner.current()
        keep = await asyncio.to_thread(garbage.kept, look.here, look.state, plan, projects, runs)
        if remote is not None:
            return await garbage.sweep_remote(look.here, look.config, remote, keep, is_real=is_real)
        return garbage.sweep_cache(
            look.here,
            look.cache,
            look.state,
            keep,
            run_keep=look.config.run_keep,
            is_real=is_real,
        )

    return _look(root, ask, must_write=is_real)


def log_tails(root: str) -> ReadTail:
    """Returns what reads the end of an attempt's log, also while the project's engine is in this process."""
    from pivot_core.engine import tail

    here = project.opened(root)[0]

    def read(run: RunId, stage: StageName, attempt: int, limit: int) -> tuple[str, Sequence[str]]:
        path = here.log_path(run, stage, attempt)
        return path, tail.read(path, None, limit).lines

    return read


def results[T](root: str, ask: "Callable[[Results], T]", say: Callable[[str], None]) -> T:
    """Lets ``ask`` look at what stages made, as of any revision; ``say`` is told what is fetched for that."""

    async def gather(look: _Look) -> T:
        from pivot_core.engine.results import Results

        loop = asyncio.get_running_loop()

        def plan() -> Plan:
            return asyncio.run_coroutine_threadsafe(look.planner.current(), loop).result()

        found = Results(look.here, look.config, look.cache, look.state, plan, say)
        return await asyncio.to_thread(ask, found)

    return _look(root, gather)


class _Look:
    """What a command without an engine works with."""

    def __init__(self, here: Layout, config: Config, state: State) -> None:
        self.here = here
        self.state = state
        self.config = config
        self.cache = Cache(here, config.cache_link)
        self.planner = Planner(
            here,
            state,
            self._define,
            counts_packages=config.fingerprint_packages == "rerun",
        )
        self.observer = Observer(here, self.cache, state, Ignore.load(here.root))
        self.recorder = Recorder(here, self.cache, state, self.observer, commit=True)
        self.proven: Collection[StageName] = ()
        """Stages that were found up to date, all of those that were looked at."""

    @property
    def is_defined(self) -> bool:
        """Whether the project has a definition."""
        return bool(loading.search(self.here.root).definitions)

    def workspace(self, plan: Plan) -> "Workspace":
        from pivot_core.engine.workspace import Workspace

        return Workspace(self.here, self.cache, plan, self.observer, self.recorder)

    def finish(self) -> None:
        """Keeps what was learnt; to be called by the project's only writer."""
        self.recorder.finish()
        last = self.planner.last
        if self.proven and last is not None and last[0].graph.ancestors(self.proven) == self.proven:
            from pivot_core.engine.proof import Prover

            Prover(self.here, self.config, self.state, self.observer).keep(*last, self.proven)

    async def _define(self, wanted: "Sequence[Wanted]") -> "list[LoadReport]":
        from pivot_core.engine.pool import Pool  # most looks load nothing
        from pivot_core.engine.workshop import cpus

        pool = Pool(self.here, min(len(wanted), cpus()), on_started=_unheard, on_grew=_unheard)
        await pool.start()
        try:
            return await loading.load_all(pool, self.here.root, self.config.run_isolation, wanted)
        finally:
            await pool.close()


def _unheard(_stage: str, _attempt: int, _number: int) -> None:
    """Takes what a pool tells of stages, of which this one runs none."""


def _look[T](root: str, ask: Callable[[_Look], Awaitable[T]], *, must_write: bool = False) -> T:
    """Lets ``ask`` look at the project; what it hashed is kept when no engine is live.

    Raises ``StoreError`` when it ``must_write`` and another process is the project's engine.
    """
    here, config = project.opened(root)
    lease = Lease(here)
    try:
        is_writer = lease.acquire("pivot")
    except StoreError:
        if must_write:
            raise
        is_writer = False
    try:
        if must_write and not is_writer:
            hint = (
                "wait until it is done; `pivot serve --stop` ends one that waits in the background"
            )
            raise StoreError("the project is in use", project.named(lease.holder()), hint)
        state = State.open(here, read_only=not is_writer, max_bytes=config.state_max_bytes)
        look = _Look(here, config, state)
        try:
            found = asyncio.run(_as_coroutine(ask(look)))
            if is_writer:
                look.finish()
        finally:
            state.close()
        return found
    finally:
        lease.release()


async def _as_coroutine[T](work: Awaitable[T]) -> T:
    return await work
