"""Owns running a stage that is a command: its environment, its lines one after the other, what a failure is called."""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping

from pivot_core.define.shell import is_variable
from pivot_core.model.failure import Failure, FailureKind
from pivot_core.model.stage import SourceLocation
from pivot_core.worker.job import CommandInfo, WorkerStageInfo

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_HINTS = {
    _NOT_FOUND: "a program was not found: is it installed where Pivot runs?",
    _NOT_EXECUTABLE: "a program could not be started: `chmod +x` it, or name its interpreter",
}
_SIGNALLED = frozenset(
    code for number in (signal.SIGINT, signal.SIGTERM) for code in (-number, 128 + number)
)
_HEARD_S = 1.0
"""How long a signal for the whole group may take from one process to the next."""
_IN_TIME = 0.8
"""The share of the grace that a command gets in a worker that would end with it."""


def run(info: WorkerStageInfo, command: CommandInfo) -> Failure | None:
    """Runs the lines of a command in turn; says what the first one that fails has done.

    What they print goes where this process prints. Raises KeyboardInterrupt.
    """
    where = SourceLocation(*command["where"])
    cwd = os.path.normpath(os.path.join(info["project_root"], command["cwd"]))
    environment = _environment(info, cwd)
    program = shutil.which(command["shell"], path=environment["PATH"])
    if not os.path.isdir(cwd):
        said = f"there is no directory '{command['cwd']}' to run the command in"
        return Failure(FailureKind.INPUT, said, where=where, hint="make it, or correct `cwd`")
    if program is None:
        said = f"there is no '{command['shell']}' to run the command"
        hint = "install it, or name another `executable`"
        return Failure(FailureKind.INPUT, said, where=where, hint=hint)
    for line in command["lines"]:
        call = [program, "-c", line]
        is_forked = info["isolation"] != "worker"
        code = (
            _in_own_process(call, cwd, environment)
            if is_forked
            else _in_worker(call, cwd, environment, info["grace_s"])
        )
        if code != 0:
            return _failure(code, where)
    return None


def _environment(info: WorkerStageInfo, cwd: str) -> dict[str, str]:
    """Returns the environment with the paths that have names; ``python`` is the interpreter that runs Pivot."""
    places = dict[str, list[str]]()
    for dep in info["deps"]:
        places[dep["param"]] = dep["paths"]
    for out in info["outs"]:
        places[out["field"]] = [out["path"]]
    named = {
        name: " ".join(_seen_from(cwd, info["project_root"], path) for path in paths)
        for name, paths in places.items()
        if is_variable(name)
    }
    if info["variant"]:
        named["variant"] = info["variant"]
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)])
    return {**os.environ, **named, "PATH": path, "PWD": cwd}


def _seen_from(cwd: str, root: str, path: str) -> str:
    return os.path.relpath(os.path.join(root, path), cwd) + ("/" if path.endswith("/") else "")


def _in_own_process(call: list[str], cwd: str, environment: Mapping[str, str]) -> int:
    """Waits for a command that is in this process's group; the worker signals the group, and ends it in time."""
    asked = list[int]()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _frame: asked.append(number))
    with _started(call, cwd, environment, None) as (process, ended):
        code = process.wait()
        # A shell ends at once, before this process hears of the signal even; what it has started may still write down
        # what it has.
        if code in _SIGNALLED:
            select.select([ended], [], [], _HEARD_S)
        if asked:
            select.select([ended], [], [])
            raise KeyboardInterrupt
        return code


def _in_worker(call: list[str], cwd: str, environment: Mapping[str, str], grace_s: float) -> int:
    """Waits for a command that has a group of its own, which this process hands an interrupt on to."""
    with _started(call, cwd, environment, 0) as (process, ended):
        try:
            return process.wait()
        except KeyboardInterrupt:
            _signal(process.pid, signal.SIGINT)
            select.select([ended], [], [], grace_s * _IN_TIME)
            _signal(process.pid, signal.SIGKILL)
            raise


@contextlib.contextmanager
def _started(
    call: list[str], cwd: str, environment: Mapping[str, str], group: int | None
) -> Generator[tuple["subprocess.Popen[bytes]", int]]:
    """Starts a command; yields it, and a descriptor that is at its end once all that it has started has ended."""
    reader, writer = os.pipe()
    try:
        try:
            process = subprocess.Popen(
                call,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=(writer,),
                process_group=group,
            )
        finally:
            os.close(writer)
        with process:
            yield process, reader
    finally:
        os.close(reader)


def _signal(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _failure(code: int, where: SourceLocation) -> Failure:
    number = -code if code < 0 else code - 128
    if code < 0 or (code > 128 and number in signal.valid_signals()):
        name = signal.Signals(number).name
        return Failure(
            FailureKind.SIGNAL, f"the command was killed by {name}", where=where, signal=name
        )
    return Failure(
        FailureKind.EXIT,
        f"the command ended with exit code {code}",
        where=where,
        exit_code=code,
        hint=_HINTS.get(code, ""),
    )
