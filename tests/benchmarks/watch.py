"""Measures how soon a stage begins after an edit, watched and with a command of its own, and what waiting costs.

The time is taken from before the file is written to the first line of the stage's function. The stages import pandas
where it is installed, else something else that is slow to import.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import statistics
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from typing import IO

from tests.benchmarks import cost
from tests.benchmarks.figures import Figure

SIZE = 100
EDITS = 50
DEBOUNCE_MS = 100
OVER_MS = 60
FILES = 10_000
IDLE_S = 20.0
IDLE_SHARE = 1.0
_HEAVY = "pandas" if importlib.util.find_spec("pandas") else "textual.app"
_QUIET_S = 0.3
"""Between the end of a run and the next edit: a person does not save again at once."""

_HEAD = """import os
import time
from pathlib import Path
from typing import Annotated

import {heavy}
from pivot_core import Dep, Out, PathOnly, Pipeline, Text

import helpers

def begin():
    began = time.time_ns()
    Path(os.environ["BEGUN"]).write_text(str(began))
"""
_STAGE = """
def s{number}(x: Annotated[str, Dep("data/{number}.txt", Text())]) -> Annotated[str, Out("out/{number}.txt", Text())]:
    begin()
    return x + str(helpers.h{number}())
"""
_MANY = """
def many(x: Annotated[Path, Dep("many/", PathOnly())]) -> Annotated[str, Out("out/many.txt", Text())]:
    return str(len(list(x.iterdir())))

pipeline.register(many)
"""


def figures(scratch: str, rounds: int) -> Iterator[Figure]:
    """Edits one stage after the other: the inside of its helper, and what it reads, by turns."""
    root = _project(f"{scratch}/edits")
    watched = list[float]()
    with _watch(root) as lines:
        _until_ended(lines)
        for turn in range(EDITS):
            time.sleep(_QUIET_S)
            watched.append(_after(root, turn))
            _until_ended(lines)

    def repro() -> None:
        cost.measure((cost.PIVOT, "repro"), root, _surroundings(root))

    cold = [_after(root, turn, repro) for turn in range(EDITS, EDITS + 2 * rounds)]
    case = f"watch: {SIZE} stages, {_HEAVY}, edit to stage"
    limit = DEBOUNCE_MS + OVER_MS
    yield Figure(f"{case}, median of {EDITS}", statistics.median(watched), "ms", limit)
    yield Figure(f"{case}, maximum", max(watched), "ms", limit)
    yield Figure(f"{case}, code, median", statistics.median(watched[::2]), "ms", limit)
    yield Figure(f"{case}, input, median", statistics.median(watched[1::2]), "ms", limit)
    yield Figure("watch: the same with a cold `pivot repro`, median", statistics.median(cold), "ms")
    yield Figure(f"watch: idle with {FILES} files, of one core", _idle(scratch), "%", IDLE_SHARE)


def _project(root: str) -> str:
    shutil.rmtree(root, ignore_errors=True)
    for number in range(SIZE):
        _write(f"{root}/data/{number}.txt", "a")
    body = [_HEAD.format(heavy=_HEAVY), *(_STAGE.format(number=n) for n in range(SIZE))]
    body.append('\npipeline = Pipeline("watched")\n')
    body += [f"pipeline.register(s{number})\n" for number in range(SIZE)]
    _write(f"{root}/pipeline.py", "".join(body))
    _write(f"{root}/helpers.py", "".join(f"\ndef h{n}():\n    return 0\n" for n in range(SIZE)))
    cost.pivot(root, "init")
    return root


def _after(root: str, turn: int, then: Callable[[], object] | None = None) -> float:
    """Edits something, and returns the milliseconds until the function of the stage that it concerns begins."""
    number = turn % SIZE
    path = f"{root}/data/{number}.txt"
    if turn % 2 == 0:
        path = f"{root}/helpers.py"
        with open(path, encoding="utf-8") as file:
            head, mark, rest = file.read().partition(f"def h{number}():\n    return ")
        text = head + mark + str(time.time_ns()) + rest[rest.index("\n") :]
    else:
        text = str(time.time_ns())
    edited = time.time_ns()
    _write(path, text)
    if then is not None:
        then()
    while (began := _last(root)) < edited:
        time.sleep(0.001)
    return (began - edited) / 1e6


def _last(root: str) -> int:
    with contextlib.suppress(OSError, ValueError), open(f"{root}.begun", encoding="utf-8") as file:
        return int(file.read())
    return 0


def _surroundings(root: str) -> dict[str, str]:
    return {"BEGUN": f"{root}.begun", "XDG_CONFIG_HOME": f"{root}/.home"}


@contextlib.contextmanager
def _watch(root: str) -> Generator[IO[bytes]]:
    """Yields what a watching command writes."""
    variables = {**os.environ, **_surroundings(root)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)
    command = (cost.PIVOT, "repro", "--watch", "--json", "--debounce", str(DEBOUNCE_MS))
    with subprocess.Popen(command, cwd=root, env=variables, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.send_signal(signal.SIGINT)


def _until_ended(lines: IO[bytes]) -> None:
    for line in lines:
        if json.loads(line)["event"] == "run_finished":
            return


def _idle(scratch: str) -> float:
    """Returns the share of a core that waiting takes, in percent."""
    root = f"{scratch}/many"
    shutil.rmtree(root, ignore_errors=True)
    for number in range(FILES):
        _write(f"{root}/many/{number % 100}/{number}.txt", "a")
    _write(
        f"{root}/pipeline.py", f"{_HEAD.format(heavy='json')}\npipeline = Pipeline('many')\n{_MANY}"
    )
    _write(f"{root}/helpers.py", "")
    cost.pivot(root, "init")
    with _watch(root) as lines:
        _until_ended(lines)
        time.sleep(2)
        before, began = _cpu_s(root), time.monotonic()
        time.sleep(IDLE_S)
        return 100 * (_cpu_s(root) - before) / (time.monotonic() - began)


def _cpu_s(root: str) -> float:
    """Returns the CPU that the watching command and its workers have taken so far."""
    with open(f"{root}/.pivot/engine/lock", encoding="utf-8") as file:
        engine = int(file.read().split()[0])
    total, ours = 0, {engine}
    for name in sorted((name for name in os.listdir("/proc") if name.isdigit()), key=int):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
            if int(name) in ours or int(fields[1]) in ours:
                ours.add(int(name))
                total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
