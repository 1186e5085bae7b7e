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
from dataclasses import replace
from typing import TYPE_CHECKING

from pivot_core.cli import door, project
from pivot_core.cli.signals import Signals
from pivot_core.engine.engine import Engine
from pivot_core.engine.grounds import credentials, is_identity
from pivot_core.engine.lease import Lease
from pivot_core.errors import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TERMINATED,
    StoreError,
    UsageError,
)
from pivot_core.frozen import frozen
from pivot_core.model import codec
from pivot_core.model.decision import Status
from pivot_core.model.ids import RequestId, RunId
from pivot_core.port.client import SocketPort
from pivot_core.port.commands import (
    Accepted,
    CancelRun,
    CancelTransfer,
    Command,
    Refused,
    Run,
    Shutdown,
    Transfer,
    Unwatch,
    Watch,
)
from pivot_core.port.events import (
    Published,
    RunFinished,
    RunQueued,
    RunStarted,
    StageChanged,
    TransferFinished,
    WatchChanged,
)
from pivot_core.port.protocol import Port
from pivot_core.port.queries import Explain
from pivot_core.port.snapshot import PROTOCOL, EngineInfo, Snapshot
from pivot_core.port.transfers import TransferState
from pivot_core.port.values import RunState, RunStatus, StageState, Verdict
from pivot_core.store import journal
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout

if TYPE_CHECKING:
    from pivot_core.engine.profile import Profiler as Profiler

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


async def watch(
    root: str, request: Watch, consumer: Consumer, *, on_wait: Callable[[str], None]
) -> int:
    """Has files watched, by an engine of this process or by the live one, until a signal or somebody else ends it.

    Returns what the process exits with. A signal ends the run that watching has begun too; those of others go on.
    """

    async def follow(port: Port, signals: Signals) -> int | None:
        return await _follow_watch(port, request, consumer, signals)

    with Signals() as signals:
        asked = _Asked(
            request.command,
            request.request_id,
            follow,
            _stands_in,
            on_wait,
            signals,
            serves_others=True,
        )
        return await _ask(root, asked)


@frozen
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
    serves_others: bool = False
    """Whether an engine of this process does what other clients ask for, too."""


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
        only = None if asked.serves_others else asked.request_id
        engine = Engine(here, config, command=asked.command, only=only)
        await engine.open()
        try:
            finished = await asked.follow(engine, asked.signals)
            if asked.serves_others:
                await asked.signals.unless_asked_again(engine.until_idle())
            return finished
        finally:
            is_needed = engine.is_wanted
            await engine.end("its command is done")
    finally:
        lease.release()
        if is_needed:
            door.start_server(here.root, "--until-idle")


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
                whom = f"{info.command} (pid {info.pid}), which runs in another environment"
                asked.on_wait(f"waiting for {whom}; `pivot serve --stop` ends it")
                await _wait_for(here, asked.signals)
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


async def _wait_for(here: Layout, signals: Signals) -> None:
    """Waits until the lease is free."""
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


async def _sent(port: Port, request: Command) -> Accepted:
    """Has an engine accept a request; raises ``UsageError`` where it refuses."""
    reply = await port.send(request)
    if isinstance(reply, Refused):
        raise UsageError(reply.problem.what, reply.problem.where, reply.problem.hint)
    return reply


async def _follow(
    port: Port, request: Run, consumer: Consumer, signals: Signals
) -> RunState | None:
    """Shows events until the request's run has ended; ``None`` when the engine ends before."""
    subscription = await port.subscribe()
    consumer(subscription.snapshot)
    reply = await _sent(port, request)
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
    reply = await _sent(port, request)
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


async def _follow_watch(
    port: Port, request: Watch, consumer: Consumer, signals: Signals
) -> int | None:
    """Shows events until nothing is watched any more; ``None`` when the engine ends before."""
    subscription = await port.subscribe()
    consumer(subscription.snapshot)
    await _sent(port, request)
    known = subscription.snapshot.watch
    ours = f"{(known or request).request_id}."
    runs = set[RunId]()
    is_left = asyncio.Event()

    async def leave(at_once: bool) -> None:
        with contextlib.suppress(ConnectionError):
            await port.send(Unwatch(request.request_id))
            for run_id in tuple(runs):
                await port.send(CancelRun(run_id, at_once))
        if not runs:
            is_left.set()

    async def listen() -> int | None:
        is_on = True
        async for item in subscription:
            consumer(item)
            match item:
                case Published(event=RunStarted(run) | RunQueued(run)):
                    if run.request_id.startswith(ours):
                        runs.add(run.run_id)
                case Published(event=RunFinished(run)):
                    runs.discard(run.run_id)
                case Published(event=WatchChanged(watch)) | Snapshot(watch=watch):
                    is_on = watch is not None
                case _:
                    pass
            if not (is_on or runs):
                return EXIT_OK
        return None

    listening = asyncio.create_task(listen())
    leaving = asyncio.create_task(is_left.wait())
    try:
        with signals.to(leave):
            await asyncio.wait((listening, leaving), return_when=asyncio.FIRST_COMPLETED)
        if signals.asked.is_set():
            return EXIT_TERMINATED if signals.is_terminated else EXIT_INTERRUPTED
        return await listening
    finally:
        listening.cancel()
        leaving.cancel()


def _transferred(item: Published) -> TransferState | None:
    return item.event.transfer if isinstance(item.event, TransferFinished) else None


def _finished(item: Published) -> RunState | None:
    return item.event.run if isinstance(item.event, RunFinished) else None


def _stands_in(info: EngineInfo) -> bool:
    """Tells whether an engine loads definitions and runs stages as this process would."""
    return info.protocol == PROTOCOL and is_identity(info.environment)


def _speaks(info: EngineInfo) -> bool:
    """Tells whether an engine can do a transfer as this process would."""
    if info.protocol == PROTOCOL and info.credentials != credentials():
        raise UsageError(
            f"{info.command} (pid {info.pid}) has this project and other AWS_* variables",
            "",
            "end it (a dashboard: quit), or name a profile: `pivot config set remotes.NAME.profile`",
        )
    return info.protocol == PROTOCOL


def profiler() -> "Profiler":
    """Returns what finds out where the time of a run goes that an engine of this process does."""
    from pivot_core.engine.profile import Profiler

    return Profiler()


# --- engines for others ----------------------------------------------------------------------------------------------


async def serve(root: str, *, until_idle: bool = False, idle_s: float | None = None) -> None:
    """Runs an engine for clients: until a signal or a client ends it, or until nobody has needed it for a while.

    ``idle_s`` is that while in seconds; ``until_idle`` stands for a short one. Without both it is for ever, and with
    ``until_idle`` alone nothing is got ready before a client is there.
    """
    here, config = project.opened(root)
    lease = Lease(here)
    if not lease.acquire("pivot serve"):
        if until_idle:
            return  # another engine was faster; the client finds that one
        raise _is_taken(lease)
    try:
        engine = Engine(here, config, command="pivot serve")
        await engine.open()
        if not until_idle:
            engine.look_around()
        with Signals() as signals:
            asked = asyncio.create_task(signals.asked.wait())
            try:
                await _until_done(engine, asked, _LINGER_S if until_idle else idle_s)
            finally:
                asked.cancel()
                await engine.end("it was asked to" if signals.asked.is_set() else "nobody needs it")
        _keep(here, engine.standing)
    finally:
        lease.release()


async def start(root: str, *, idle_s: float) -> EngineInfo:
    """Starts an engine apart from this process, and returns it once it answers; raises ``StoreError``."""
    here = project.opened(root)[0]
    if (port := await _connect(here)) is not None:
        await port.close()
        raise _is_taken(Lease(here))
    process = door.start_server(root, "--idle-timeout", f"{idle_s / 60:g}")
    while process.poll() is None:
        if (port := await _connect(here)) is not None:
            try:
                return await port.hello()
            finally:
                await port.close()
        await asyncio.sleep(_TRY_S)
    raise StoreError("no engine could be started", door.log_path(root), door.log_of(root))


async def stop(root: str, *, force: bool) -> EngineInfo | None:
    """Ends the live engine and waits until it is gone; returns it, or ``None`` when there was none.

    Raises ``UsageError`` when a run or a transfer is under way, unless with ``force``.
    """
    here = project.opened(root)[0]
    port = await _connect(here)
    if port is None:
        return None
    try:
        info = await port.hello()
        subscription = await port.subscribe()
        known = subscription.snapshot
        is_busy = any(
            each is not None and each.ended_at is None for each in (known.run, known.transfer)
        )
        if is_busy and not force:
            what = f"{info.command} (pid {info.pid}) has a run or a transfer under way"
            raise UsageError(what, "", "wait for its end, or `pivot serve --stop --force`")
        with contextlib.suppress(ConnectionError):
            await port.send(Shutdown())
            async for _ in subscription:
                pass
    finally:
        await port.close()
    lease = Lease(here)
    await asyncio.to_thread(lease.acquire, "pivot serve --stop", wait=True)
    lease.release()
    return info


def _is_taken(lease: Lease) -> UsageError:
    whom, hint = project.named(lease.holder()), "use that one, or end it: `pivot serve --stop`"
    return UsageError("the project has a live engine already", whom, hint)


def _keep(here: Layout, standing: Snapshot) -> None:
    """Writes down how everything stands, for a front end to show until the next engine is there."""
    if standing.stages:
        with contextlib.suppress(StoreError):
            journal.write_last(here, codec.to_json(Snapshot, standing))


async def _until_done(engine: Engine, asked: asyncio.Task[bool], linger_s: float | None) -> None:
    """Returns when the engine is asked to end, or when nobody has needed it for so many seconds."""
    while not asked.done() and not engine.is_ending:
        engine.clients_changed.clear()
        changed = asyncio.create_task(engine.clients_changed.wait())
        rested = asyncio.create_task(engine.until_idle())
        limit_s: float | None = None
        waits: set[asyncio.Task[bool] | asyncio.Task[None]] = {changed, asked}
        if linger_s is not None and not engine.clients:
            if engine.is_busy:
                waits.add(rested)
            else:
                limit_s = linger_s
        done, _ = await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
        changed.cancel()
        rested.cancel()
        if not done and not engine.is_busy:
            return


async def connect(root: str) -> SocketPort | None:
    """Connects to the live engine; ``None`` without one."""
    return await _connect(project.opened(root)[0])


async def _connect(here: Layout) -> SocketPort | None:
    try:
        return await SocketPort.connect(here.socket_path)
    except OSError:
        return None
