"""Owns running a stage in the worker itself, where a fork is unsafe or unwanted: what it changed is put right after.

Two things differ from a child: a crash takes the worker with it, and output is read by a process of its own.
"""

import contextlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Collection, Generator
from typing import TypedDict, cast

from pivot_core.define import importing
from pivot_core.worker import capture, leftovers
from pivot_core.worker.job import LoadReply, LoadRequest
from pivot_core.worker.leash import Leash
from pivot_core.worker.supervise import Ending


class CaptureInfo(TypedDict):
    """What the capturing process is told on its command line."""

    stage: str
    attempt: int
    path: str
    max_bytes: int
    stdout: int
    stderr: int
    engine: str
    """The engine's socket for workers, where it says that the log grew."""


def perform(
    body: Callable[[], str],
    leash: Leash,
    timeout_s: float | None,
    abandon: Callable[[], str],
    capturing: CaptureInfo,
    spared: Collection[int],
) -> Ending:
    """Runs ``body`` in this process and says how it ended, in the terms of a child."""
    text, left = "", list[str]()
    is_interrupted = is_spent = False
    with _captured(capturing) as reader, _restored():
        try:
            with leash.exposed(timeout_s, abandon):
                text = body()
        except KeyboardInterrupt:
            is_interrupted = True
        is_spent = importing.has_extensions()
        left = leftovers.end(None, {*spared, reader})
    return Ending(
        report=text,
        exit_code=0,
        signal=None,
        is_cancelled=not leash.timed_out and (is_interrupted or leash.grace_s is not None),
        is_timeout=leash.timed_out,
        leftovers=tuple(left),
        is_spent=is_spent,
    )


def load_definitions(request: LoadRequest) -> LoadReply:
    """Loads a definition in a new interpreter."""
    reader, writer = os.pipe()
    script = "import sys; sys.path[:] = sys.argv[3:]; from pivot_core.worker import inline; inline.load()"
    with os.fdopen(reader, "rb") as report:
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(writer), json.dumps(request), *sys.path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
        )
        os.close(writer)
        output, _ = process.communicate()
        text = report.read()
    shown = output[-capture.PIECE :].decode("utf-8", "replace")
    try:
        return LoadReply(report=json.loads(text), output=shown, ended="")
    except ValueError:
        code = process.returncode
        how = (
            f"killed by signal {-code}" if code < 0 else f"ended its process with exit code {code}"
        )
        return LoadReply(report=None, output=shown, ended=how)


def load() -> None:
    """Loads a definition in this process, which was made for it, and writes the report to its descriptor."""
    from pivot_core.define import load as loading

    with os.fdopen(int(sys.argv[1]), "w") as report:
        asked = cast("LoadRequest", json.loads(sys.argv[2]))
        found = loading.load(
            asked["project_root"], asked["definition"], asked["prefixed"], asked["modules"]
        )
        json.dump(found, report)


@contextlib.contextmanager
def _captured(capturing: CaptureInfo) -> Generator[int]:
    """Leads descriptors 1 and 2 into a process that writes the log; yields its id."""
    stdout, stderr = os.pipe(), os.pipe()
    told = CaptureInfo({**capturing, "stdout": stdout[0], "stderr": stderr[0]})
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(capture.__file__), json.dumps(told)],
        stdin=subprocess.PIPE,
        pass_fds=(stdout[0], stderr[0]),
    )
    null = os.dup(1)
    os.dup2(stdout[1], 1)
    os.dup2(stderr[1], 2)
    for fd in (*stdout, *stderr):
        os.close(fd)
    try:
        yield process.pid
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os.dup2(null, 1)
        os.dup2(null, 2)
        os.close(null)
        process.communicate()


@contextlib.contextmanager
def _restored() -> Generator[None]:
    """Puts back what a stage may have changed in its process: directory, environment, search path, modules."""
    environ, umask = dict(os.environ), os.umask(0o077)
    os.umask(umask)
    path, finders = list(sys.path), list(sys.meta_path)
    streams = (sys.stdin, sys.stdout, sys.stderr)
    random.seed()
    try:
        yield
    finally:
        for name in importing.project_modules():
            sys.modules.pop(name, None)
        for directory in list(sys.path_importer_cache):
            if importing.is_project_file(directory + os.sep):
                del sys.path_importer_cache[directory]
        sys.path[:], sys.meta_path[:] = path, finders
        sys.stdin, sys.stdout, sys.stderr = streams
        os.environ.clear()
        os.environ.update(environ)
        os.umask(umask)
        os.chdir("/")
