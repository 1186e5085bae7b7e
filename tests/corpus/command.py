"""Runs ``pivot`` many times: as the installed command, or in children of a process that has imported it once.

Forked ──JSON line──► a process with the command line imported ──fork──► main() with argv, cwd and environ
       ◄─exit code──
"""

import json
import os
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypedDict, cast, override

PIVOT = os.path.join(os.path.dirname(sys.executable), "pivot")
_REPOSITORY = Path(__file__).parent.parent.parent
_LIMIT_S = 120


class Request(TypedDict):
    """One line to the process that forks."""

    arguments: list[str]
    directory: str
    environment: dict[str, str]
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str


class Commands(ABC):
    """A way to run ``pivot``; to be used as a context."""

    def __init__(self, scratch: Path) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self._stdout: Path = scratch / "stdout"
        self._stderr: Path = scratch / "stderr"
        kept = ("PATH", "LANG", "LC_ALL", "TMPDIR")
        self._environment: dict[str, str] = {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "HOME": str(scratch),
            "XDG_CONFIG_HOME": str(scratch),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, directory: Path, arguments: Sequence[str], changes: Mapping[str, str | None]
    ) -> Done:
        """Runs one command; ``changes`` sets variables, or unsets them."""
        together = {**self._environment, **changes}
        environment = {name: value for name, value in together.items() if value is not None}
        code = self._start(
            Request(
                arguments=list(arguments),
                directory=str(directory),
                environment=environment,
                stdout=str(self._stdout),
                stderr=str(self._stderr),
            )
        )
        return Done(code, self._stdout.read_text(), self._stderr.read_text())

    @abstractmethod
    def close(self) -> None:
        """Ends what was started."""

    @abstractmethod
    def _start(self, request: Request) -> int:
        """Runs a command to its end and returns its exit code."""


class Installed(Commands):
    """Starts the installed command each time."""

    @override
    def close(self) -> None:
        pass

    @override
    def _start(self, request: Request) -> int:
        with open(request["stdout"], "wb") as stdout, open(request["stderr"], "wb") as stderr:
            return subprocess.run(
                [PIVOT, *request["arguments"]],
                cwd=request["directory"],
                env=request["environment"],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                check=False,
                timeout=_LIMIT_S,
            ).returncode


class Forked(Commands):
    """Forks each command from a process that has imported the command line: saves most of its CPU."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(scratch)
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-m", "tests.corpus.command"],
            cwd=_REPOSITORY,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @override
    def close(self) -> None:
        self._process.communicate()

    @override
    def _start(self, request: Request) -> int:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        return int(stdout.readline())


def _serve() -> None:
    """Answers requests until stdin ends; there must be no thread and no event loop in this process."""
    sys.path[0] = os.path.dirname(PIVOT)  # as the installed command finds it
    __import__("pivot_core.cli.compose")
    for name in ("repro", "init"):
        __import__(f"pivot_core.cli.verbs.{name}")
    for line in sys.stdin:
        request = cast("Request", json.loads(line))
        child = os.fork()
        if child == 0:
            _become(request)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def _become(request: Request) -> None:
    """Is the command, and ends as it does."""
    code = 70
    try:
        _connect(os.devnull, os.O_RDONLY, 0)
        _connect(request["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 1)
        _connect(request["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 2)
        os.chdir(request["directory"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = [PIVOT, *request["arguments"]]
        # What starts workers looks at it, to import the same there.
        sys.modules["__main__"] = type(sys)("__main__")
        from pivot_core.cli.main import main

        code = main()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 the judge sees it next, as what the command said
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _connect(path: str, flags: int, descriptor: int) -> None:
    opened = os.open(path, flags, 0o644)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    _serve()
