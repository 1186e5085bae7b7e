"""Measures what one command takes: CPU of the whole process tree, wall time, peak memory.

A command is started by a bare interpreter, which takes the times itself: a process that is started inherits the peak
memory of its parent, and a bare interpreter's is below that of anything measured here.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

BARE = (sys.executable, "-I", "-c", "pass")
"""What takes one P of CPU."""
PIVOT = os.path.join(os.path.dirname(sys.executable), "pivot")

_START = """
import os, sys, time
began = time.perf_counter()
pid = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
took = time.perf_counter() - began
with open(sys.argv[1], "w") as file:
    code = os.waitstatus_to_exitcode(status)
    file.write(f"[{took}, {used.ru_utime + used.ru_stime}, {used.ru_maxrss}, {code}]")
"""
_KIB = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    wall_s: float
    cpu_s: float
    """Of the process and all that it and its children waited for."""
    memory_bytes: int
    """The peak of the largest process."""
    out: str
    """What was written to stdout."""


@dataclass(frozen=True)
class Costs:
    """The medians of several rounds."""

    wall_s: float
    cpu_s: float
    memory_bytes: float


def measure(command: Sequence[str], directory: str, env: Mapping[str, str] | None = None) -> Cost:
    """Runs a command, whose first word is a path; ends the benchmark when it fails."""
    with tempfile.NamedTemporaryFile("r") as report:
        start = (sys.executable, "-I", "-S", "-c", _START, report.name)
        variables = {**os.environ, **(env or {})}
        variables.pop("PYTHONDONTWRITEBYTECODE", None)  # users have their modules compiled
        done = subprocess.run(
            [*start, *command], cwd=directory, env=variables, capture_output=True, check=False
        )
        wall_s, cpu_s, memory, code = cast("tuple[float, float, int, int]", json.load(report))
    if code != 0:
        sys.exit(f"{command} exits {code} in {directory}:\n{done.stderr.decode()}")
    return Cost(wall_s, cpu_s, memory * _KIB, done.stdout.decode())


def pivot(directory: str, *arguments: str) -> Cost:
    """Runs ``pivot`` as a user does, with the project's own settings only."""
    return measure((PIVOT, *arguments), directory, {"XDG_CONFIG_HOME": f"{directory}/.home"})


def medians(rounds: Iterable[Cost]) -> Costs:
    """Returns the median of each figure."""
    known = list(rounds)
    return Costs(
        statistics.median(cost.wall_s for cost in known),
        statistics.median(cost.cpu_s for cost in known),
        statistics.median(cost.memory_bytes for cost in known),
    )
