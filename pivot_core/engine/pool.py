"""Owns the worker processes: starts them as they are needed, hands them tasks, and is the other end of their leash.

    run(info) ─▶ a group with a free worker ─▶ loky ─▶ worker.job.run_stage ─▶ report
    interrupt, kill ─▶ the worker's connection      on_started, on_grew ◀─ the worker's connection

Workers come in groups of 1, 1, 2, 4 … (each a reusable executor of its own), so that one stage starts one worker, many
stages start all, and a worker that dies takes no more than its group with it.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pivot_core.errors import DefinitionError
from pivot_core.model import codec
from pivot_core.model.failure import Failure, FailureKind
from pivot_core.model.ids import Json
from pivot_core.model.message import Outcome
from pivot_core.store.layout import Layout
from pivot_core.worker import job
from pivot_core.worker.job import LoadReply, LoadRequest, StageReport, WarmRequest, WorkerStageInfo
from pivot_core.worker.leash import Asked, Told

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

type Key = tuple[str, int]
"""A stage and its attempt."""

_LINE_MAX = 1 << 22
_NET_S = 1.5
"""How much later than it should have ended a worker is killed that does not answer (C code that holds the GIL)."""
_LEAK_MAX = "1e15"
"""loky must not replace a worker because it has imported something large."""


class WorkerLost(Exception):
    """A worker process died, and with it the attempts that its group was running; the stages are not to blame."""


class Pool:
    """At most ``jobs`` workers; the caller never has more tasks in flight."""

    def __init__(
        self,
        layout: Layout,
        jobs: int,
        *,
        on_started: Callable[[str, int, int], None],
        on_grew: Callable[[str, int, int], None],
        max_bytes: int | None = None,
    ) -> None:
        """``max_bytes`` is what a worker may hold between stages before another takes its place."""
        self._max_bytes: int | None = max_bytes
        self._layout: Layout = layout
        self._jobs: int = max(1, jobs)
        self._on_started: Callable[[str, int, int], None] = on_started
        self._on_grew: Callable[[str, int, int], None] = on_grew
        self._groups: list[_Group] = []
        self._server: asyncio.Server | None = None
        self._lines: set[_Line] = set()
        self._attempts: dict[Key, _Attempt] = {}

    async def start(self) -> None:
        """Listens for workers; starts none."""
        path = self._layout.workers_socket
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        _sweep(os.path.dirname(path))
        self._server = await asyncio.start_unix_server(self._serve, path, limit=_LINE_MAX)
        os.chmod(path, 0o600)

    @property
    def workers(self) -> tuple[int, ...]:
        """The process ids of the workers that are connected."""
        return tuple(line.worker for line in self._lines if line.worker is not None)

    async def run(self, info: WorkerStageInfo) -> StageReport:
        """Runs one attempt in a worker; raises `WorkerLost`."""
        key = (info["stage"], info["attempt"])
        attempt = self._attempts[key] = _Attempt(info)
        try:
            return cast("StageReport", await self._submit(job.run_stage, info))
        except WorkerLost:
            if attempt.line is not None:
                await attempt.line.read_out()
            if attempt.report is not None:
                return attempt.report
            if attempt.grace_s is not None:
                return _ended(info, Outcome.CANCELLED, None)
            if attempt.is_overdue:
                said = f"ran longer than its time limit of {info['timeout_s']:g} s"
                return _ended(info, Outcome.FAILED, Failure(FailureKind.TIMEOUT, said))
            raise
        finally:
            del self._attempts[key]
            if attempt.net is not None:
                attempt.net.cancel()

    async def warm(self, request: WarmRequest, count: int) -> None:
        """Has workers get ready that have nothing to do, ``count`` of them started for it at most.

        One that dies of it is found out by who needs it.
        """
        while (
            len(self._groups) < min(count, self._jobs) and sum(g.size for g in self._groups) < count
        ):
            self._add_group()
        idle = [group for group in self._groups if not group.busy and group.warm_for != request]
        for group in idle:
            group.warm_for = request
        # One task for each worker of a group; a busy one leaves its task to a neighbour that is done already.
        tasks = [group.submit(job.warm, request) for group in idle for _ in range(group.size)]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def load_definitions(self, request: LoadRequest) -> dict[str, Json]:
        """Loads a definition in a worker's child and returns the report of ``define.load``.

        Raises ``DefinitionError`` when the definition ended its process, and `WorkerLost`.
        """
        reply = cast("LoadReply", await self._submit(job.load_definitions, request))
        if reply["report"] is None:
            raise DefinitionError(
                f"loading the pipeline's definition {reply['ended']}",
                f"{request['project_root']}/{request['definition']}",
                "a definition must neither end its process nor crash it",
                detail=reply["output"],
            )
        return cast("dict[str, Json]", reply["report"])

    def interrupt(self, stage: str, attempt: int, grace_s: float) -> None:
        """Asks an attempt to end: SIGINT to its process group, SIGKILL after so many seconds."""
        running = self._attempts.get((stage, attempt))
        if running is not None:
            running.grace_s = grace_s
            if running.line is not None:
                self._ask(running, running.line, grace_s)

    def kill(self, stage: str, attempt: int) -> None:
        """Ends an attempt at once."""
        self.interrupt(stage, attempt, 0.0)

    async def close(self, *, kill: bool = False) -> None:
        """Ends the workers and removes the socket; with ``kill`` what they run ends at once."""
        if kill:
            for line in self._lines:
                line.cut()
        await asyncio.gather(*(group.close() for group in self._groups))
        self._groups.clear()
        for line in self._lines:
            line.cut()
        if self._server is not None:
            self._server.close()
            await asyncio.sleep(0)  # a worker that connects just now is a client from then on
            self._server.abort_clients()
            await self._server.wait_closed()
            self._server = None
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._layout.workers_socket)

    async def _submit[T: (WorkerStageInfo, LoadRequest)](
        self, function: Callable[[T], str], argument: T
    ) -> object:
        group = self._group()
        group.busy += 1
        try:
            found = cast("object", json.loads(await group.submit(function, argument)))
            group.is_spent |= function is job.run_stage and self._is_spent(
                cast("StageReport", found)
            )
            return found
        finally:
            group.busy -= 1
            if group.is_spent and not group.busy:
                group.renew()

    def _is_spent(self, report: StageReport) -> bool:
        """Tells whether the worker that ran a stage is to be replaced."""
        is_large = self._max_bytes is not None and report["worker_bytes"] > self._max_bytes
        return is_large or report["is_spent"]

    def _group(self) -> "_Group":
        for group in self._groups:
            if group.busy < group.size:
                return group
        return self._add_group()

    def _add_group(self) -> "_Group":
        started = sum(group.size for group in self._groups)
        size = max(1, min(started or 1, self._jobs - started))
        self._groups.append(_Group(size, self._layout.workers_socket))
        return self._groups[-1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = _Line(writer)
        self._lines.add(line)
        try:
            while text := await reader.readline():
                self._hear(line, cast("Told", json.loads(text)))
        except (ConnectionError, ValueError):
            pass  # a worker that died in the middle of a line
        finally:
            self._lines.discard(line)
            line.cut()
            line.at_end.set()

    def _hear(self, line: "_Line", told: Told) -> None:
        if "hello" in told:
            line.worker = told["hello"]
        elif "began" in told:
            self._found(line, *told["began"])
        elif "started" in told:
            stage, attempt, pid = told["started"]
            line.child = pid
            self._found(line, stage, attempt)
            self._on_started(stage, attempt, pid)
        elif "grew" in told:
            self._on_grew(*told["grew"])
        elif "ended" in told:
            stage, attempt, report = told["ended"]
            if (stage, attempt) in self._attempts:
                self._attempts[stage, attempt].report = cast("StageReport", json.loads(report))

    def _found(self, line: "_Line", stage: str, number: int) -> None:
        """Notes which worker has an attempt, and passes on what was asked meanwhile."""
        attempt = self._attempts.get((stage, number))
        if attempt is None or attempt.line is not None:
            return
        attempt.line = line
        limit = attempt.info["timeout_s"]
        if attempt.grace_s is not None:
            self._ask(attempt, line, attempt.grace_s)
        elif limit is not None:
            attempt.spread_net(limit + 1 + _NET_S)

    @staticmethod
    def _ask(attempt: "_Attempt", line: "_Line", grace_s: float) -> None:
        asked = Asked(end=(attempt.info["stage"], attempt.info["attempt"], grace_s))
        line.writer.write(json.dumps(asked).encode() + b"\n")
        attempt.spread_net(grace_s + _NET_S)


@dataclass(slots=True, eq=False)
class _Attempt:
    """One attempt in flight."""

    info: WorkerStageInfo
    line: "_Line | None" = None
    """The worker that has it, once known."""
    grace_s: float | None = None
    """Set when it was asked to end."""
    report: StageReport | None = None
    """What a worker said that has to end together with its stage."""
    net: asyncio.TimerHandle | None = None
    is_overdue: bool = False

    def spread_net(self, delay_s: float) -> None:
        """Kills the worker unless the attempt has ended by then."""
        if self.net is not None:
            self.net.cancel()
        self.net = asyncio.get_running_loop().call_later(delay_s, self._end_worker)

    def _end_worker(self) -> None:
        self.is_overdue = True
        if self.line is not None:
            self.line.end_worker()


@dataclass(slots=True, eq=False)
class _Line:
    """The connection of one worker."""

    writer: asyncio.StreamWriter
    worker: int | None = None
    child: int | None = None
    at_end: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when everything that the worker said was heard."""

    async def read_out(self) -> None:
        """Waits for the last words of a worker that has died; a descendant may hold the connection open."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.at_end.wait(), _NET_S)

    def cut(self) -> None:
        """Ends the connection, and so the worker; a child that its worker left behind is ended too."""
        self.writer.transport.abort()
        if self.child is not None and self.worker is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # The worker leads the session: the id is not some other process's that came to have it.
                if os.getsid(self.child) == self.worker:
                    os.killpg(self.child, signal.SIGKILL)
        self.child = None

    def end_worker(self) -> None:
        if self.worker is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.worker, signal.SIGKILL)


class _Group:
    """Some workers that live and die together.

    The group's own thread makes the executor (executors are reusable per thread) and gives it its first task, which
    starts the processes: nobody waits for that but who needs it.
    """

    def __init__(self, size: int, socket_path: str) -> None:
        self.size: int = size
        self.busy: int = 0
        self.is_spent: bool = False
        """Whether other workers are to take the place of these when none of them has a task."""
        self.warm_for: WarmRequest | None = None
        """What they were last told to get ready for."""
        self._socket_path: str = socket_path
        self._executor: Executor | None = None
        self._thread: ThreadPoolExecutor = ThreadPoolExecutor(1, "workers", _ignore_interrupts)

    async def submit[T: Mapping[str, object]](
        self, function: Callable[[T], str], argument: T
    ) -> str:
        try:
            if self._executor is None:
                loop = asyncio.get_running_loop()
                future = await loop.run_in_executor(self._thread, self._first, function, argument)
            else:
                future = self._executor.submit(function, argument)
            return await asyncio.wrap_future(future)
        except (BrokenExecutor, RuntimeError) as error:  # loky's "is shut down" is a RuntimeError
            self._executor = None
            raise WorkerLost(str(error)) from error

    def renew(self) -> None:
        """Ends the workers; the next task starts others."""
        executor, self._executor = self._executor, None
        self.is_spent, self.warm_for = False, None
        if executor is not None:
            self._thread.submit(executor.shutdown)

    async def close(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._thread, executor.shutdown)
        self._thread.shutdown(wait=False)

    def _first[T: Mapping[str, object]](
        self, function: Callable[[T], str], argument: T
    ) -> Future[str]:
        import loky

        _tame_loky()
        executor: Executor = loky.get_reusable_executor(
            max_workers=self.size,
            context="loky",
            timeout=None,
            initializer=job.initialize,
            initargs=(self._socket_path,),
            env={"LOKY_MAX_MEMORY_LEAK_SIZE": _LEAK_MAX},
        )
        future = executor.submit(function, argument)
        self._executor = executor
        return future


def _sweep(directory: str) -> None:
    """Removes the sockets of engines that were killed: nobody answers there."""
    for name in os.listdir(directory):
        if name.startswith("workers-"):
            with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(FileNotFoundError):
                try:
                    probe.connect(f"{directory}/{name}")
                except ConnectionRefusedError:
                    os.unlink(f"{directory}/{name}")


def _tame_loky() -> None:
    """Keeps loky from doing, and from telling the terminal, what we see to ourselves."""
    from loky import process_executor
    from loky.backend import resource_tracker

    # It would look for descendants with psutil or pgrep, and break where there is neither. The leash ends them.
    process_executor.kill_process_tree = _kill_worker
    # Its tracker removes the semaphores of an engine that was killed, and need not say so. It takes over our -W.
    quiet = "ignore::UserWarning:loky.backend.resource_tracker"
    sys.warnoptions.append(quiet)
    try:
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(quiet)


def _kill_worker(process: "BaseProcess") -> None:
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    process.join()


def _ignore_interrupts() -> None:
    """Blocks SIGINT in this thread, and so in new workers until they are ready to ignore it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _ended(info: WorkerStageInfo, outcome: Outcome, failure: Failure | None) -> StageReport:
    """Reports in place of a worker that could not."""
    return StageReport(
        stage=info["stage"],
        attempt=info["attempt"],
        outcome=outcome.value,
        failure=None if failure is None else codec.to_json(Failure, failure),
        outs={},
        signs={},
        executed={},
        duration_s=0.0,
        marks={},
        log_bytes=0,
        leftovers=[],
        inputs_modified=[],
        worker_bytes=0,
        is_spent=True,
    )
