"""Owns the way from a command to an engine: becomes it, finds it, or starts one; the only module that builds engines.

pivot repro ──lease free──► Engine in this process ──► own run ──► clients left? `pivot serve` takes over
     └──lease taken──► socket ──same environment──► hands its request over, shows its events
                           └──another environment──► waits for the lease, saying for whom
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from pivot_core.cli import door, project
from pivot_core.cli.signals import Signals
from pivot_core.engine.engine import Engine
from pivot_core.engine.grounds import credentials, identity
from pivot_core.engine.lease import Lease
from pivot_core.errors import EXIT_OK, EXIT_TERMINATED, StoreError, UsageError
from pivot_core.model import codec
from pivot_core.model.decision import Status
from pivot_core.model.ids import RequestId, RunId
from pivot_core.port.client import SocketPort
from pivot_core.port.commands import CancelRun, CancelTransfer, Refused, Run, Transfer
from pivot_core.port.events import (
    Published,
    RunFinished,
    RunStarted,
    StageChanged,
    TransferFinished,
)
from pivot_core.port.protocol import Port
from pivot_core.port.queries import Explain
from pivot_core.port.snapshot import PROTOCOL, EngineInfo, Snapshot
from pivot_core.port.transfers import TransferState
from pivot_core.port.values import RunState, RunStatus, StageState, Verdict
from pivot_core.store import journal
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout

type Consumer = Callable[[Published | Snapshot], None]

_TRY_S = 0.05
"""How often a lease or a socket that is about to be free is tried."""
_SAY_S = 1.0
"""After how long a command says that it waits."""
_LINGER_S = 3.0
"""How long an engine that nobody needs waits for the next client."""


# --- runs ------------------------------------------------------------------------------------------------------------


async def run(
    root: str, request: Run, consumer: Consumer, *, on_wait: Callable[[str], None]
) -> RunState:
    """Has ``request`` run, by an engine of this process or by the live one, and returns how it ended.

    ``consumer`` sees every event on the way; it must return at once. SIGINT cancels the request and not the engine of
    others, a second one at once; SIGTERM does the same and makes the exit code 143.
    """

    async def follow(port: Port, signals: Signals) -> RunState | None:
        return await _follow(port, request, consumer, signals)

    def may_take(info: EngineInfo) -> bool:
        return _stands_in(info) and (not request.options.pull or _speaks(info))

    with Signals() as signals:
        asked = _Asked(request.command, request.request_id, follow, may_take, on_wait, signals)
        try:
            finished = await _ask(root, asked)
        except _NotWritableError as error:
            return await _run_nothing(root, request, consumer, error)
        code = EXIT_TERMINATED if signals.is_terminated else finished.exit_code
        return replace(finished, exit_code=code)


async def transfer(
    root: str, request: Transfer, consumer: Consumer, *, on_wait: Callable[[str], None]
) -> TransferState:
    """Has a transfer done, by an engine of this process or by the live one, and returns how it ended.

    The rest is as `run` has it.
    """

    async def follow(port: Port, signals: Signals) -> TransferState | None:
        return await _follow_transfer(port, request, consumer, signals)

    with Signals() as signals:
        asked = _Asked(request.command, request.request_id, follow, _speaks, on_wait, signals)
        finished = await _ask(root, asked)
        code = EXIT_TERMINATED if signals.is_terminated else finished.exit_code
        return replace(finished, exit_code=code)


@dataclass(frozen=True, slots=True)
class _Asked[T]:
    """A request on its way to an engine."""

    command: str
    request_id: RequestId
    follow: Callable[[Port, Signals], Awaitable[T | None]]
    """Hands it over and waits for its end; ``None`` when the engine ends before."""
    may_take: Callable[[EngineInfo], bool]
    """Whether a live engine may do it."""
    on_wait: Callable[[str], None]
    signals: Signals


class _NotWritableError(StoreError):
    """The project cannot be locked."""


async def _ask[T](root: str, asked: _Asked[T]) -> T:
    """Becomes the engine or finds it, as often as it takes."""
    here, config = project.opened(root)
    while True:
        lease = Lease(here)
        try:
            is_engine = lease.acquire(asked.command)
        except StoreError as error:
            raise _NotWritableError(error.what, error.where, error.hint) from error
        if is_engine:
            finished = await _be_engine(here, config, lease, asked)
        else:
            finished = await _hand_over(here, lease, asked)
        if finished is not None:
            return finished


async def _run_nothing(
    root: str, request: Run, consumer: Consumer, refused: StoreError
) -> RunState:
    """Answers a request in a project that cannot be written: well when everything is up to date, else ``refused``."""
    from pivot_core.cli import look

    found = await asyncio.to_thread(look.answer, root, Explain(request.targets, request.options))
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


async def _be_engine[T](here: Layout, config: Config, lease: Lease, asked: _Asked[T]) -> T | None:
    is_needed = False
    try:
        engine = Engine(here, config, command=asked.command, only=asked.request_id)
        await engine.open()
        try:
            return await asked.follow(engine, asked.signals)
        finally:
            is_needed = engine.is_wanted
            await engine.end("its command is done")
    finally:
        lease.release()
        if is_needed:
            door.start_server(here.root)


async def _hand_over[T](here: Layout, lease: Lease, asked: _Asked[T]) -> T | None:
    """Lets the live engine do what is asked; returns ``None`` when there is none any more."""
    began = time.monotonic()
    is_said = False
    while True:
        port = await _connect(here)
        if port is not None:
            try:
                info = await port.hello()
                if asked.may_take(info):
                    return await asked.follow(port, asked.signals)
                why = f"{info.command} (pid {info.pid}), which runs in another environment"
                await _wait_for(here, why, asked.on_wait, asked.signals)
                return None
            except ConnectionError:
                return None
            finally:
                await port.close()
        if lease.acquire(asked.command):
            lease.release()
            return None
        if not is_said and time.monotonic() - began > _SAY_S:
            is_said = True
            asked.on_wait(f"waiting for {project.named(lease.holder())}")
        await asked.signals.pause(_TRY_S)


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


async def _follow_transfer(
    port: Port, request: Transfer, consumer: Consumer, signals: Signals
) -> TransferState | None:
    """Shows events until the request's transfer has ended; ``None`` when the engine ends before."""
    subscription = await port.subscribe()
    reply = await port.send(request)
    if isinstance(reply, Refused):
        raise UsageError(reply.problem.what, reply.problem.where, reply.problem.hint)
    name = reply.transfer_id
    if name is None:
        raise ConnectionResetError("the engine took no request")

    async def cancel(at_once: bool) -> None:
        del at_once  # nothing is half done, so there is nothing to be patient for
        with contextlib.suppress(ConnectionError):
            await port.send(CancelTransfer(name))

    with signals.to(cancel):
        async for item in subscription:
            consumer(item)
            ended = item.transfer if isinstance(item, Snapshot) else _transferred(item)
            if ended is not None and ended.transfer_id == name and ended.ended_at is not None:
                return ended
    return None


def _transferred(item: Published) -> TransferState | None:
    return item.event.transfer if isinstance(item.event, TransferFinished) else None


def _finished(item: Published) -> RunState | None:
    return item.event.run if isinstance(item.event, RunFinished) else None


def _stands_in(info: EngineInfo) -> bool:
    """Tells whether an engine loads definitions and runs stages as this process would."""
    prefix = "variable "
    names = [key.removeprefix(prefix) for key in info.environment if key.startswith(prefix)]
    return info.protocol == PROTOCOL and dict(info.environment) == dict(identity(names))


def _speaks(info: EngineInfo) -> bool:
    """Tells whether an engine can do a transfer as this process would."""
    if info.protocol == PROTOCOL and info.credentials != credentials():
        raise UsageError(
            f"{info.command} (pid {info.pid}) has this project and other AWS_* variables",
            "",
            "end it (a dashboard: quit), or name a profile: `pivot config set remotes.NAME.profile`",
        )
    return info.protocol == PROTOCOL


# --- engines for others ----------------------------------------------------------------------------------------------


async def serve(root: str, *, until_idle: bool) -> None:
    """Runs an engine for clients: until a signal or a client ends it, or until nobody needs it."""
    here, config = project.opened(root)
    lease = Lease(here)
    if not lease.acquire("pivot serve"):
        if until_idle:
            return  # another engine was faster; the client finds that one
        raise UsageError(
            "the project has a live engine already", project.named(lease.holder()), "use that one"
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
        _keep(here, engine.standing)
    finally:
        lease.release()


def _keep(here: Layout, standing: Snapshot) -> None:
    """Writes down how everything stands, for a front end to show until the next engine is there."""
    if standing.stages:
        with contextlib.suppress(StoreError):
            journal.write_last(here, codec.to_json(Snapshot, standing))


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
    return await _connect(project.opened(root)[0])


async def _connect(here: Layout) -> SocketPort | None:
    try:
        return await SocketPort.connect(here.socket_path)
    except OSError:
        return None
