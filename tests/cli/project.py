"""A project in a temporary directory, and ``pivot`` as a process in it."""

import atexit
import functools
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import schemas
from tests.support.launcher import Launcher

PIVOT = os.path.join(os.path.dirname(sys.executable), "pivot")

PIPELINE = """\
from typing import Annotated

from helpers import scale
from pivot_core import JSON, Dep, Metric, Out, Pipeline, StageParams


class TrainParams(StageParams):
    rate: float = 0.5


def clean(
    raw: Annotated[list, Dep("raw.json", JSON())],
) -> Annotated[list, Out("clean.json", JSON())]:
    print("cleaning")
    return sorted(raw)


def train(
    params: TrainParams, data: Annotated[list, Dep("clean.json", JSON())]
) -> Annotated[dict, Metric("metrics/train.json")]:
    print("training")
    return {"sum": scale(sum(data)) * params.rate}


def report(
    scores: Annotated[dict, Dep("metrics/train.json", JSON())],
) -> Annotated[str, Out("report.json", JSON())]:
    return f"sum: {scores['sum']}"


pipeline = Pipeline("toy")
pipeline.register(clean)
pipeline.register(train)
pipeline.register(report)
"""

HELPERS = """\
def scale(value):
    return value * 2
"""

FAILING = HELPERS.replace("return value * 2", "raise KeyError('label')")


@functools.cache
def launcher() -> Launcher:
    """Returns the launcher of this process, which ends with it."""
    directory = tempfile.TemporaryDirectory()
    started = Launcher(Path(directory.name))
    atexit.register(directory.cleanup)
    atexit.register(started.close)
    return started


class Project:
    """A directory and what is done in it."""

    def __init__(self, root: Path) -> None:
        self.root: Path = root

    @classmethod
    def toy(cls, root: Path) -> "Project":
        """Makes a project of three stages: clean → train → report."""
        project = cls(root)
        project.write("pipeline.py", PIPELINE)
        project.write("helpers.py", HELPERS)
        project.write("raw.json", "[3, 1, 2]")
        (root / ".pivot").mkdir()
        return project

    def write(self, path: str, text: str) -> None:
        """Writes a file."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def read(self, path: str) -> str:
        """Reads a file."""
        return (self.root / path).read_text()

    def pivot(self, *arguments: str, env: dict[str, str] | None = None) -> "Done":
        """Runs ``pivot`` here, with stdout and stderr as files; JSON that it wrote fits its schema."""
        home = {"XDG_CONFIG_HOME": str(self.root / ".home")}
        done = launcher().run(self.root, *arguments, limit_s=120, **home, **(env or {}))
        schemas.check_output(arguments, done.out)
        return Done(done.code, done.out, done.err)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts ``pivot`` here; the test reads its stdout line by line."""
        # What a shell starts in the background ignores it, and so would this process.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return subprocess.Popen(
            [PIVOT, *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


class Done:
    """How a process ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code: int = code
        self.out: str = out
        self.err: str = err

    @property
    def words(self) -> dict[str, str]:
        """The first word of each line of stdout that names a stage, by the second one."""
        rows = [line.split() for line in self.out.splitlines()]
        return {row[1]: row[0] for row in rows if len(row) > 1}

    def ok(self) -> "Done":
        """Returns itself; fails the test unless the command exited with 0."""
        assert self.code == 0, f"exit {self.code}\n{self.out}\n{self.err}"
        return self
