"""Owns the worker's side of one attempt: old outs aside, imports, the child, the verdict, outs put back or dropped."""

import contextlib
import fcntl
import functools
import gc
import importlib
import itertools
import json
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import pivot_core
from pivot_core.define import importing
from pivot_core.define.importing import CodeCache
from pivot_core.errors import PivotError
from pivot_core.model import codec
from pivot_core.model.failure import Failure, FailureKind
from pivot_core.model.ids import ArtifactPath
from pivot_core.model.message import Outcome
from pivot_core.model.stage import OutKind
from pivot_core.store import aside
from pivot_core.store.aside import Moved
from pivot_core.store.content import ContentJson
from pivot_core.store.layout import Layout
from pivot_core.worker import child, failure, inline, leftovers, supervise
from pivot_core.worker.capture import LogFile, Tail
from pivot_core.worker.child import ChildReport, Task
from pivot_core.worker.inline import CaptureInfo
from pivot_core.worker.job import LoadReply, LoadRequest, StageReport, WarmRequest, WorkerStageInfo
from pivot_core.worker.leash import Leash, Told
from pivot_core.worker.memory import OomCounter, resident_bytes
from pivot_core.worker.supervise import Ending


@dataclass(slots=True)
class Worker:
    """What a worker process keeps between stages."""

    leash: Leash
    inherited: tuple[int, ...]
    """Descriptors of the worker's own, which its children close."""
    codes: CodeCache
    memory: OomCounter
    attempts: "itertools.count[int]"
    lock: int | None = None
    """Held since the first stage, and by every child: outs are not touched by others meanwhile."""


_worker: list[Worker] = []
"""The one worker of this process, set by `become_worker`: the pool calls functions, not methods."""


def become_worker(socket_path: str) -> None:
    """Ties a new process to the engine and takes it out of the terminal's reach."""
    os.environ.pop("LOKY_MAX_MEMORY_LEAK_SIZE", None)
    os.setsid()
    leftovers.adopt()
    # loky makes its own way of starting processes the default, which fits its processes alone, and no stage's.
    multiprocessing.set_start_method(None, force=True)
    _own_streams()
    leash = Leash(socket_path)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # A thread of ours waits on a socket during each fork and holds no lock.
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
    inherited = [int(name) for name in os.listdir("/dev/fd")]
    _worker[:] = [
        Worker(leash, tuple(fd for fd in inherited if fd > 2), {}, OomCounter(), itertools.count())
    ]
    _freeze()


def run_stage(info: WorkerStageInfo) -> StageReport:
    """Runs one attempt and reports; raises nothing that the stage or the disk can cause."""
    return _Attempt(_worker[0], info).run()


def warm(request: WarmRequest) -> None:
    """Imports and compiles what stages will need, while nobody waits for this worker."""
    _prepare(request["modules"], request["sources"], _worker[0].codes)


def load_definitions(request: LoadRequest) -> LoadReply:
    """Loads a definition in a child of its own."""
    if "isolation" in request and request["isolation"] == "worker":
        return inline.load_definitions(request)
    worker = _worker[0]
    worker.leash.begin("", 0)
    output = Tail()
    call = functools.partial(_load, request)
    forked = supervise.fork(call, worker.inherited)
    worker.leash.holds(forked.pid)
    ending = supervise.watch(forked, output, worker.leash, ("", 0), None, ())
    try:
        return LoadReply(report=json.loads(ending.report), output=output.text(), ended="")
    except ValueError:
        return LoadReply(report=None, output=output.text(), ended=_ended(ending))


class _Attempt:
    """One attempt from begin to report."""

    def __init__(self, worker: Worker, info: WorkerStageInfo) -> None:
        self._worker: Worker = worker
        self._leash: Leash = worker.leash
        self._info: WorkerStageInfo = info
        self._key: tuple[str, int] = (info["stage"], info["attempt"])
        self._layout: Layout = Layout(info["project_root"], info["cache_dir"])
        self._log: LogFile = LogFile(info["log_path"], info["log_max_bytes"])
        self._began: float = time.monotonic()
        self._marks: dict[str, float] = {"began": self._began}
        self._kills: int = 0

    def run(self) -> StageReport:
        self._leash.begin(*self._key)
        self._hold()
        try:
            paths = [ArtifactPath(out["path"]) for out in self._info["outs"]]
            key = f"{self._info['stage']}.{os.getpid()}.{next(self._worker.attempts)}"
            moved = aside.move_aside(self._layout, key, paths)
        except PivotError as error:
            return self._refused(error)
        report = self._run_with(moved)
        try:
            if report["outcome"] == Outcome.DONE.value:
                aside.drop(moved)
            else:
                aside.put_back(moved)
        except PivotError as error:
            self._log.note(str(error))
        self._log.close()
        report["log_bytes"] = self._log.written_bytes()
        return report

    def _hold(self) -> None:
        """Shares the lock that the successor of a killed engine waits for before it looks at outs."""
        if self._worker.lock is None:
            with contextlib.suppress(
                OSError
            ):  # no locks on this file system: the leash is quick all the same
                fd = os.open(
                    self._layout.workers_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
                )
                self._worker.lock = fd
                fcntl.flock(fd, fcntl.LOCK_SH)

    def _run_with(self, moved: Moved) -> StageReport:
        try:
            with self._leash.exposed(
                self._info["timeout_s"], functools.partial(self._abandon, moved)
            ):
                self._prepare()
        except KeyboardInterrupt:
            return self._stopped()
        self._marks["prepared"] = time.monotonic()
        task = Task(self._info, self._layout, self._worker.codes, self._previous(moved))
        body = functools.partial(child.perform, task)
        spared = leftovers.children()
        self._kills = self._worker.memory.read()
        if self._info["isolation"] == "worker":
            return self._judge(self._perform_here(body, moved, spared))
        try:
            forked = supervise.fork(body, self._worker.inherited)
        except OSError as error:
            told = Failure(FailureKind.EXCEPTION, f"cannot start a process: {error.strerror}")
            return self._report(Outcome.FAILED, told)
        self._leash.holds(forked.pid)
        self._leash.tell(Told(started=(*self._key, forked.pid)))
        left = self._seconds_left()
        return self._judge(supervise.watch(forked, self._log, self._leash, self._key, left, spared))

    def _perform_here(self, body: Callable[[], str], moved: Moved, spared: set[int]) -> Ending:
        self._leash.tell(Told(started=(*self._key, os.getpid())))
        capturing = CaptureInfo(
            stage=self._info["stage"],
            attempt=self._info["attempt"],
            path=self._info["log_path"],
            max_bytes=self._info["log_max_bytes"],
            stdout=-1,
            stderr=-1,
            engine=self._leash.path,
        )
        abandon = functools.partial(self._abandon, moved)
        left = self._seconds_left()
        return inline.perform(body, self._leash, left, abandon, capturing, spared)

    def _prepare(self) -> None:
        """Imports what the stage's module will import from installed packages, and compiles the project's modules."""
        wanted = list(self._wanted())
        if any(name not in sys.modules for name in wanted):
            self._leash.tell(Told(began=self._key))
        _prepare(wanted, self._info["sources"], self._worker.codes)

    def _wanted(self) -> Iterable[str]:
        if self._info["params_param"] is not None:
            yield "pivot_core.define.params"
        yield from self._info["preload"]

    def _previous(self, moved: Moved) -> dict[str, str]:
        kept = {
            out["path"]: moved.location(ArtifactPath(out["path"]))
            for out in self._info["outs"]
            if out["kind"] == OutKind.INCREMENTAL.value
        }
        return {path: location for path, location in kept.items() if location is not None}

    def _seconds_left(self) -> float | None:
        limit = self._info["timeout_s"]
        return None if limit is None else max(0.0, limit - (time.monotonic() - self._began))

    def _judge(self, ending: Ending) -> StageReport:
        if ending.leftovers:
            self._log.note("ended what the stage left running: " + ", ".join(ending.leftovers))
        if ending.is_cancelled:
            return self._report(Outcome.CANCELLED, None, ending=ending)
        if ending.is_timeout:
            return self._report(Outcome.FAILED, self._timeout(), ending=ending)
        try:
            told = cast("ChildReport", json.loads(ending.report))
        except ValueError:
            return self._report(Outcome.FAILED, self._crash(ending), ending=ending)
        self._marks.update(told["marks"])
        outcome = Outcome.DONE if told["failure"] is None else Outcome.FAILED
        report = self._report(outcome, None, told["outs"], ending)
        report["failure"] = told["failure"]
        report["inputs_modified"] = told["inputs_modified"]
        report["signs"], report["executed"] = told["signs"], told["executed"]
        return report

    def _crash(self, ending: Ending) -> Failure:
        said = _ended(ending)
        self._log.note(said)
        if ending.signal is None:
            hint = "return from the function instead of ending its process"
            return Failure(FailureKind.EXIT, said, exit_code=ending.exit_code, hint=hint)
        is_oom = ending.signal == signal.SIGKILL and self._worker.memory.read() > self._kills
        shown, where = failure.of_crash(ending.report, self._info["project_root"])
        return Failure(
            FailureKind.SIGNAL,
            said,
            shown,
            where,
            signal=_signal_name(ending.signal),
            hint="likely out of memory: the kernel killed a process for it" if is_oom else "",
        )

    def _timeout(self) -> Failure:
        said = f"ran longer than its time limit of {self._info['timeout_s']:g} s"
        return Failure(
            FailureKind.TIMEOUT, said, hint="raise `timeout` where the stage is registered"
        )

    def _stopped(self) -> StageReport:
        """Reports an attempt that ended before its child began."""
        if self._leash.timed_out:
            return self._report(Outcome.FAILED, self._timeout())
        return self._report(Outcome.CANCELLED, None)

    def _abandon(self, moved: Moved) -> str:
        """Cleans up and reports in place of a main thread that does not come to an end."""
        self._log.note("ended together with its worker process")
        self._log.close()
        aside.put_back(moved)
        return json.dumps(self._stopped())

    def _refused(self, error: PivotError) -> StageReport:
        return self._report(Outcome.FAILED, Failure(FailureKind.DISK, error.what, hint=error.hint))

    def _report(
        self,
        outcome: Outcome,
        failed: Failure | None,
        outs: dict[str, ContentJson] | None = None,
        ending: Ending | None = None,
    ) -> StageReport:
        return StageReport(
            stage=self._info["stage"],
            attempt=self._info["attempt"],
            outcome=outcome.value,
            failure=None if failed is None else codec.to_json(Failure, failed),
            outs=outs or {},
            signs={},
            executed={},
            duration_s=time.monotonic() - self._began,
            marks={**self._marks, "ended": time.monotonic()},
            log_bytes=self._log.size_bytes,
            leftovers=list(ending.leftovers) if ending is not None else [],
            inputs_modified=[],
            worker_bytes=resident_bytes(),
            is_spent=ending is not None and ending.is_spent,
        )


def _prepare(modules: Iterable[str], sources: Sequence[str], codes: CodeCache) -> None:
    missing = [name for name in modules if name not in sys.modules]
    for name in missing:
        _import(name)
    importing.precompile(sources, codes)
    late = importing.author_names(sources, codes).difference(vars(pivot_core))
    for name in late:
        getattr(pivot_core, name)
    if missing or late:
        _freeze()


def _load(request: LoadRequest) -> str:
    from pivot_core.define import load

    return json.dumps(
        load.load(
            request["project_root"],
            request["definition"],
            request["prefixed"],
            request["modules"],
        )
    )


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 the stage's own import shows it, with the user's traceback
        return


def _freeze() -> None:
    """Keeps the collector of a child from touching, and so copying, what the worker has loaded."""
    gc.collect()
    gc.freeze()


def _own_streams() -> None:
    """Detaches the worker from the engine's terminal; the text layers serve the children, whose 1 and 2 are pipes."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
    for name, fd, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        stream = open(  # noqa: SIM115 open for the life of the process
            fd, mode, buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _ended(ending: Ending) -> str:
    if ending.signal is None:
        return f"ended its process with exit code {ending.exit_code} before it returned"
    name = _signal_name(ending.signal)
    return f"killed by {name} ({signal.strsignal(ending.signal)})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
