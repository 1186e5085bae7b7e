"""Owns running ``pivot`` as a process of its own, cheaply: forked from a process that imported it once.

test ──JSON lines──► launcher (this file as a program, no threads) ──fork──► pivot_core.cli.main
"""

import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

_REPOSITORY = str(Path(__file__).parents[2])
_MARK = "LAUNCHED_IN"


@dataclass(frozen=True, slots=True)
class Done:
    """A command that ended."""

    code: int
    """The exit code; minus the number of the signal that ended it."""
    out: str
    err: str


class Command:
    """A ``pivot`` process under way."""

    def __init__(self, launcher: "Launcher", pid: int, base: Path) -> None:
        self._launcher: Launcher = launcher
        self.pid: int = pid
        self._base: Path = base
        self._fd: int = os.pidfd_open(pid)

    def signal(self, number: int) -> None:
        """Sends it a signal, and nobody else."""
        signal.pidfd_send_signal(self._fd, number)

    def ended_within(self, seconds: float) -> bool:
        """Waits for its end, so long at most."""
        return bool(select.select([self._fd], [], [], seconds)[0])

    def wait(self, limit_s: float = 60.0) -> Done:
        """Waits for its end and returns what it said."""
        if not self.ended_within(limit_s):
            self.signal(signal.SIGKILL)
            said = self._read("err")
            self._collect()
            raise AssertionError(f"no end after {limit_s} s: {said}")
        return self._collect()

    def said(self) -> str:
        """Returns what it wrote to stdout so far."""
        return self._read("out")

    def complained(self) -> str:
        """Returns what it wrote to stderr so far."""
        return self._read("err")

    def _collect(self) -> Done:
        code = self._launcher.collect(self.pid)
        os.close(self._fd)
        return Done(code, self._read("out"), self._read("err"))

    def _read(self, name: str) -> str:
        path = self._base.with_suffix(f".{name}")
        return path.read_text() if path.exists() else ""


class Launcher:
    """The process that has everything imported and forks commands."""

    def __init__(self, directory: Path) -> None:
        self._directory: Path = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._serial: int = 0
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_REPOSITORY,
            env=_environment(),
        )

    def start(self, root: Path, *arguments: str, **environment: str) -> Command:
        """Starts ``pivot`` in a project."""
        self._serial += 1
        base = self._directory / str(self._serial)
        request = {
            "arguments": arguments,
            "root": str(root),
            "environment": environment,
            "base": str(base),
        }
        return Command(self, self._ask({"start": request}), base)

    def run(self, root: Path, *arguments: str, limit_s: float = 60.0, **environment: str) -> Done:
        """Runs ``pivot`` in a project to its end."""
        return self.start(root, *arguments, **environment).wait(limit_s)

    def collect(self, pid: int) -> int:
        """Reaps a command that ended and returns its exit code."""
        return self._ask({"collect": pid})

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, request: Mapping[str, object]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return int(self._process.stdout.readline())


@contextlib.contextmanager
def launcher(directory: Path) -> Generator[Launcher]:
    """Has a launcher for the time of the block."""
    started = Launcher(directory)
    try:
        yield started
    finally:
        started.close()


def _environment() -> dict[str, str]:
    """What commands inherit: nothing that changes what they say on this machine alone."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIVOT_", "GITHUB_", "COV_"))
        and name not in ("NO_COLOR", "PYTHONPATH")
    }


def processes_of(root: Path) -> list[int]:
    """Returns the live processes that belong to a project: by directory, or by what they were started with."""
    found = list[int]()
    for name in os.listdir("/proc"):
        if name.isdecimal() and int(name) != os.getpid() and _belongs(name, str(root)):
            found.append(int(name))
    return found


def gone_within(root: Path, seconds: float) -> list[int]:
    """Waits until no process of the project is left; returns those that are after so long."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(root)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                fd = os.pidfd_open(pid)
                select.select([fd], [], [], max(0.0, deadline - time.monotonic()))
                os.close(fd)
    return left


def describe(pids: list[int]) -> list[str]:
    """Returns the command lines of processes, for a failed assertion."""
    lines = list[str]()
    for pid in pids:
        with contextlib.suppress(OSError):
            lines.append(f"{pid} " + Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))
    return lines


def _belongs(pid: str, root: str) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            if file.read().rpartition(")")[2].split()[0] in "ZX":
                return False
        if os.readlink(f"/proc/{pid}/cwd").startswith(root):
            return True
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"{_MARK}={root}\0".encode() in file.read()
    except OSError:
        return False


def _serve() -> None:
    """Starts and collects commands until stdin ends."""
    given = dict(os.environ)
    for name in (
        "asyncio.subprocess",
        "concurrent.futures.thread",
        "loky",
        "pivot_core.cli.compose",
    ):
        importlib.import_module(name)
    from pivot_core.cli import main

    os.environ.clear()  # a command sets some variables itself, and notices when they are set already
    os.environ.update(given)
    sys.argv[0] = "pivot"
    for line in sys.stdin:
        request = json.loads(line)
        if "collect" in request:
            _, status = os.waitpid(request["collect"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        asked = request["start"]
        pid = os.fork()
        if pid == 0:
            _become(asked["root"], asked["base"], asked["environment"])
            sys.argv[1:] = asked["arguments"]
            code = 70
            try:
                code = main.main()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                _leave(code)
        print(pid, flush=True)


def _become(root: str, base: str, environment: dict[str, str]) -> None:
    os.setsid()
    os.chdir(root)
    os.environ.update(environment)
    os.environ[_MARK] = root
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for fd, name in ((1, "out"), (2, "err")):
        target = os.open(f"{base}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(target, fd)
        os.close(target)


def _leave(code: int) -> None:
    """Ends as the interpreter would: exit functions run, then the process ends."""
    import atexit
    import threading

    threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] what `sys.exit` does first
    atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage] what `sys.exit` does next
    os._exit(code)


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(sys.executable)  # as the installed command finds it
    _serve()
