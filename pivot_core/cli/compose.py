"""Owns the way from a command to an engine: becomes it, finds it, or starts one; the only module that builds engines.

pivot repro ──lease free──► Engine in this process ──► own run ──► clients left? `pivot serve` takes over
     └──lease taken──► socket ──same environment──► hands its request over, shows its events
                           └──another environment──► waits for the lease, saying for whom
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast, overload

from pivot_core.cli.results import Change, Finding, FindingKind, Scope, Setting
from pivot_core.cli.signals import Signals
from pivot_core.engine.engine import Engine
from pivot_core.engine.grounds import identity
from pivot_core.engine.lease import Lease
from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Plan, Planner
from pivot_core.engine.pool import Pool
from pivot_core.engine.record import Recorder
from pivot_core.errors import EXIT_OK, EXIT_TERMINATED, StoreError, UsageError
from pivot_core.model.decision import Status
from pivot_core.model.ids import Json, RunId
from pivot_core.port.client import SocketPort
from pivot_core.port.commands import CancelRun, Refused, Run
from pivot_core.port.events import Published, RunFinished, RunStarted, StageChanged
from pivot_core.port.protocol import Port
from pivot_core.port.queries import (
    Accounts,
    Explain,
    ExplainRun,
    Explanations,
    FindAffected,
    FindLog,
    History,
    Impacts,
    LogAnswer,
    Query,
    ShowRun,
    Summaries,
)
from pivot_core.port.values import (
    PROTOCOL,
    EngineInfo,
    RunReport,
    RunState,
    RunStatus,
    Snapshot,
    StageRow,
    StageState,
    Verdict,
)
from pivot_core.store import atomic, layout
from pivot_core.store import config as settings
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import State

if TYPE_CHECKING:
    from pivot_core.define.load import LoadReport
    from pivot_core.engine.workspace import Workspace

type Consumer = Callable[[Published | Snapshot], None]

_TRY_S = 0.05
"""How often a lease or a socket that is about to be free is tried."""
_SAY_S = 1.0
"""After how long a command says that it waits."""
_ATTACH_S = 15.0
_LINGER_S = 3.0
"""How long an engine that nobody needs waits for the next client."""


# --- projects --------------------------------------------------------------------------------------------------------


def find_root(start: str | None = None) -> str:
    """Returns the project's root: the nearest directory from ``start`` upwards with ``.pivot/``."""
    here = os.path.abspath(start or os.getcwd())
    root = layout.find_root(here)
    if root is None:
        raise UsageError("not in a Pivot project", here, "`pivot init` makes this directory one")
    return root


def init(directory: str, *, force: bool) -> list[str]:
    """Makes ``directory`` a project and returns the files written; with ``force``, Pivot's own .gitignore anew."""
    from pivot_core.store import gitignore

    here = Layout.at(directory)
    written = list[str]()
    if not os.path.exists(here.config_path):
        atomic.write_file(here.config_path, settings.template().encode())
        written.append(here.config_path)
    if gitignore.init_gitignore(here.pivot_dir, force=force):
        written.append(f"{here.pivot_dir}/.gitignore")
    return [os.path.relpath(path) for path in written]


def _project(root: str) -> tuple[Layout, Config]:
    config = settings.load(root)
    return Layout.at(root, config.cache_dir), config


# --- runs ------------------------------------------------------------------------------------------------------------


async def run(
    root: str, request: Run, consumer: Consumer, *, on_wait: Callable[[str], None]
) -> RunState:
    """Has ``request`` run, by an engine of this process or by the live one, and returns how it ended.

    ``consumer`` sees every event on the way; it must return at once. SIGINT cancels the request and not the engine of
    others, a second one at once; SIGTERM does the same and makes the exit code 143.
    """
    here, config = _project(root)
    with Signals() as signals:
        while True:
            lease = Lease(here)
            try:
                is_engine = lease.acquire(request.command)
            except StoreError as error:
                return await _run_nothing(root, request, consumer, error)
            if is_engine:
                finished = await _run_here(here, config, lease, request, consumer, signals)
            else:
                finished = await _hand_over(here, lease, request, consumer, on_wait, signals)
            if finished is not None:
                code = EXIT_TERMINATED if signals.is_terminated else finished.exit_code
                return replace(finished, exit_code=code)


async def _run_nothing(
    root: str, request: Run, consumer: Consumer, refused: StoreError
) -> RunState:
    """Answers a request in a project that cannot be written: well when everything is up to date, else ``refused``."""
    found = await asyncio.to_thread(answer, root, Explain(request.targets, request.options))
    if any(each.verdict is not Verdict.UP_TO_DATE for each in found):
        raise refused
    began = RunState(
        RunId("read-only"),
        request.request_id,
        request.targets,
        request.options,
        RunStatus.RUNNING,
        queued_at=time.time(),
        started_at=time.time(),
        stages=tuple(each.stage for each in found),
    )
    ended = replace(
        began,
        status=RunStatus.DONE,
        ended_at=time.time(),
        counts={Status.SAME.value: len(found)},
        exit_code=EXIT_OK,
    )
    states = [
        StageChanged(each.stage, StageState(Status.SAME, began.run_id, tier=each.tier))
        for each in found
    ]
    for number, event in enumerate((RunStarted(began), *states, RunFinished(ended)), 1):
        consumer(Published(number, event))
    return ended


async def _run_here(
    here: Layout,
    config: Config,
    lease: Lease,
    request: Run,
    consumer: Consumer,
    signals: Signals,
) -> RunState | None:
    is_needed = False
    try:
        engine = Engine(here, config, command=request.command, only=request.request_id)
        await engine.open()
        try:
            return await _follow(engine, request, consumer, signals)
        finally:
            is_needed = engine.is_wanted
            await engine.end("its command is done")
    finally:
        lease.release()
        if is_needed:
            _start_server(here)


async def _hand_over(
    here: Layout,
    lease: Lease,
    request: Run,
    consumer: Consumer,
    on_wait: Callable[[str], None],
    signals: Signals,
) -> RunState | None:
    """Lets the live engine run the request; returns ``None`` when there is none any more."""
    began = time.monotonic()
    is_said = False
    while True:
        port = await _connect(here)
        if port is not None:
            try:
                info = await port.hello()
                if _stands_in(info):
                    return await _follow(port, request, consumer, signals)
                why = f"{info.command} (pid {info.pid}), which runs in another environment"
                await _wait_for(here, why, on_wait, signals)
                return None
            except ConnectionError:
                return None
            finally:
                await port.close()
        if lease.acquire(request.command):
            lease.release()
            return None
        if not is_said and time.monotonic() - began > _SAY_S:
            is_said = True
            on_wait(f"waiting for {_named(lease.holder())}")
        await signals.pause(_TRY_S)


async def _wait_for(
    here: Layout, whom: str, on_wait: Callable[[str], None], signals: Signals
) -> None:
    """Waits until the lease is free."""
    on_wait(f"waiting for {whom}")
    loop = asyncio.get_running_loop()
    free = asyncio.Event()

    def wait() -> None:
        lease = Lease(here)
        lease.acquire("pivot (waiting)", wait=True)
        lease.release()
        with contextlib.suppress(RuntimeError):  # the loop may be closed: nobody waits any more
            loop.call_soon_threadsafe(free.set)

    threading.Thread(target=wait, daemon=True).start()
    await signals.unless_asked(free.wait())


async def _follow(
    port: Port, request: Run, consumer: Consumer, signals: Signals
) -> RunState | None:
    """Shows events until the request's run has ended; ``None`` when the engine ends before."""
    subscription = await port.subscribe()
    consumer(subscription.snapshot)
    reply = await port.send(request)
    if isinstance(reply, Refused):
        raise UsageError(reply.problem.what, reply.problem.where, reply.problem.hint)
    run_id = reply.run_id
    if run_id is None:
        raise ConnectionResetError("the engine took no request")

    async def cancel(at_once: bool) -> None:
        with contextlib.suppress(ConnectionError):
            await port.send(CancelRun(run_id, at_once))

    known = subscription.snapshot.run
    if known is not None and known.run_id == run_id and known.ended_at is not None:
        return known  # an engine that took the request over was faster than this process
    with signals.to(cancel):
        async for item in subscription:
            consumer(item)
            ended = item.run if isinstance(item, Snapshot) else _finished(item)
            if ended is not None and ended.run_id == run_id and ended.ended_at is not None:
                return ended
    return None


def _finished(item: Published) -> RunState | None:
    return item.event.run if isinstance(item.event, RunFinished) else None


def _stands_in(info: EngineInfo) -> bool:
    """Tells whether an engine loads definitions and runs stages as this process would."""
    prefix = "variable "
    names = [key.removeprefix(prefix) for key in info.environment if key.startswith(prefix)]
    return info.protocol == PROTOCOL and dict(info.environment) == dict(identity(names))


def _named(holder: str) -> str:
    pid, _, command = holder.partition(" ")
    return f"{command} (pid {pid})" if command else "another command"


# --- engines for others ----------------------------------------------------------------------------------------------


async def serve(root: str, *, until_idle: bool) -> None:
    """Runs an engine for clients: until a signal or a client ends it, or until nobody needs it."""
    here, config = _project(root)
    lease = Lease(here)
    if not lease.acquire("pivot serve"):
        if until_idle:
            return  # another engine was faster; the client finds that one
        raise UsageError(
            "the project has a live engine already", _named(lease.holder()), "use that one"
        )
    try:
        engine = Engine(here, config, command="pivot serve")
        await engine.open()
        with Signals() as signals:
            asked = asyncio.create_task(signals.asked.wait())
            try:
                await _until_done(engine, asked, until_idle=until_idle)
            finally:
                asked.cancel()
                await engine.end("it was asked to" if signals.asked.is_set() else "nobody needs it")
    finally:
        lease.release()


async def _until_done(engine: Engine, asked: asyncio.Task[bool], *, until_idle: bool) -> None:
    while not asked.done() and not engine.is_ending:
        engine.clients_changed.clear()
        changed = asyncio.create_task(engine.clients_changed.wait())
        is_needed = not until_idle or engine.clients > 0
        busy = asyncio.create_task(engine.until_idle())
        if not is_needed and not engine.is_busy:
            await asyncio.wait(
                (changed, asked), timeout=_LINGER_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not changed.done() and not engine.is_busy:
                changed.cancel()
                return
        elif is_needed:
            await asyncio.wait((changed, asked), return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.wait((changed, asked, busy), return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        busy.cancel()


async def connect(root: str) -> SocketPort | None:
    """Connects to the live engine; ``None`` without one."""
    return await _connect(_project(root)[0])


async def _connect(here: Layout) -> SocketPort | None:
    try:
        return await SocketPort.connect(here.socket_path)
    except OSError:
        return None


class ProjectDoor:
    """The way to a project's engine for a front end that stays open."""

    def __init__(self, root: str) -> None:
        self.root = root

    async def attach(self) -> Port:
        """Connects to the live engine, or starts one."""
        here = _project(self.root)[0]
        deadline = time.monotonic() + _ATTACH_S
        server: subprocess.Popen[bytes] | None = None
        while time.monotonic() < deadline:
            port = await _connect(here)
            if port is not None:
                return port
            lease = Lease(here)
            if server is None and lease.acquire("pivot ui (starting an engine)"):
                lease.release()
                server = _start_server(here)
            elif server is not None and server.poll() not in (None, 0):
                break
            await asyncio.sleep(_TRY_S)
        raise StoreError("no engine could be started", _log_path(here), _last_line(here))


def _start_server(here: Layout) -> subprocess.Popen[bytes]:
    """Starts ``pivot serve`` apart from this process, its terminal and its signals."""
    with open(_log_path(here), "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pivot_core", "-C", here.root, "serve", "--until-idle"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _log_path(here: Layout) -> str:
    return f"{here.engine_dir}/serve.log"


def _last_line(here: Layout) -> str:
    with contextlib.suppress(OSError), open(_log_path(here), encoding="utf-8") as file:
        return file.read()[-2000:].strip()
    return ""


# --- looking ---------------------------------------------------------------------------------------------------------


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
    """Answers a query without a live engine; raises ``PivotError``."""
    from pivot_core.engine.answer import Answers

    async def ask(look: _Look) -> object:
        found = await Answers(look.here, look.state, look.planner).answer(query, look.observer)
        if isinstance(query, Explain):
            each = cast("Explanations", found)
            look.is_complete = not query.targets and all(
                one.verdict is Verdict.UP_TO_DATE for one in each
            )
        return found

    return _look(root, ask)


def stage_rows(root: str) -> tuple[str, tuple[StageRow, ...]]:
    """Returns the pipeline's name and its stages in topological order."""

    async def ask(look: _Look) -> tuple[str, tuple[StageRow, ...]]:
        plan = await look.planner.current()
        return plan.project, plan.rows()

    return _look(root, ask)


def verify(root: str, targets: Sequence[str]) -> list[Finding]:
    """Returns what keeps the project from being done and whole."""

    async def ask(look: _Look) -> list[Finding]:
        plan = await look.planner.current()
        found = await asyncio.to_thread(lambda: list(look.workspace(plan).verify(targets)))
        look.is_complete = not found and not targets
        return found

    return _look(root, ask)


def verify_cache(root: str) -> Iterator[Finding]:
    """Yields every object of the cache whose bytes are not what its name says."""
    here, config = _project(root)
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


class _Look:
    """What a command without an engine works with."""

    def __init__(self, here: Layout, config: Config, state: State) -> None:
        self.here = here
        self.state = state
        self._config = config
        self._cache = Cache(here, config.cache_link)
        self.planner = Planner(here, state, self._define)
        self.observer = Observer(here, self._cache, state, Ignore.load(here.root))
        self.recorder = Recorder(here, self._cache, state, self.observer, commit=True)
        self.is_complete = False
        """Whether every stage of the plan was found up to date."""

    def workspace(self, plan: Plan) -> "Workspace":
        from pivot_core.engine.workspace import Workspace

        return Workspace(self.here, self._cache, plan, self.observer, self.recorder)

    def finish(self) -> None:
        """Keeps what was learnt; to be called by the project's only writer."""
        self.recorder.finish()
        if self.is_complete and self.planner.last is not None:
            from pivot_core.engine.proof import Prover

            Prover(self.here, self._config, self.state, self.observer).keep(*self.planner.last)

    async def _define(self, modules: Sequence[str]) -> "LoadReport":
        pool = Pool(self.here, 1, on_started=_unheard, on_grew=_unheard)
        await pool.start()
        try:
            report = await pool.load_definitions(
                {
                    "project_root": self.here.root,
                    "modules": list(modules),
                    "isolation": self._config.run_isolation,
                }
            )
        finally:
            await pool.close()
        return cast("LoadReport", cast("object", report))


def _unheard(_stage: str, _attempt: int, _number: int) -> None:
    """Takes what a pool tells of stages, of which this one runs none."""


def _look[T](root: str, ask: Callable[[_Look], Awaitable[T]], *, must_write: bool = False) -> T:
    """Lets ``ask`` look at the project; what it hashed is kept when no engine is live.

    Raises ``StoreError`` when it ``must_write`` and another process is the project's engine.
    """
    here, config = _project(root)
    lease = Lease(here)
    try:
        is_writer = lease.acquire("pivot")
    except StoreError:
        if must_write:
            raise
        is_writer = False
    try:
        if must_write and not is_writer:
            raise StoreError(
                "the project is in use", _named(lease.holder()), "wait until it is done"
            )
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


# --- settings --------------------------------------------------------------------------------------------------------


def config_entries(root: str) -> list[Setting]:
    """Returns every setting as it takes effect, with where it comes from."""
    files = {settings.path_of(root, scope): Scope(scope.value) for scope in settings.Scope}

    def scope_of(origin: str) -> Scope:
        if origin == "default":
            return Scope.DEFAULT
        return files.get(origin, Scope.ENVIRONMENT)

    return [
        Setting(entry.key, entry.value, scope_of(entry.origin)) for entry in settings.entries(root)
    ]


def config_get(root: str, key: str) -> Json:
    """Returns one setting; raises ``UsageError`` for an unknown key."""
    return settings.get(root, key).value


def config_set(root: str, key: str, text: str, scope: Scope) -> None:
    """Sets a key in the file of ``scope``; raises ``UsageError`` for a bad key or value."""
    from pivot_core.store import config_edit

    config_edit.set_value(root, key, text, settings.Scope(scope.value))


def config_unset(root: str, key: str, scope: Scope) -> None:
    """Removes a key from the file of ``scope``; raises ``UsageError`` for an unknown key."""
    from pivot_core.store import config_edit

    config_edit.unset(root, key, settings.Scope(scope.value))
