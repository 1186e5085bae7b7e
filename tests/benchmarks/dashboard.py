"""Measures the dashboard from outside: the installed ``pivot ui`` on a terminal of 160 x 48, with real keys.

Beside it runs the smallest Textual application that answers a key; its figures say what the machine and the library
take. Engines are real, but for graphs and floods of events that no pipeline makes on demand: those are replayed by
another process at a project's socket.
"""

import contextlib
import os
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from tests.benchmarks import cost, graphs
from tests.benchmarks.figures import Figure
from tests.benchmarks.replay import FAILED
from tests.benchmarks.screen import BARE, Screen, percentile

KEYS = 60
LARGE = 10_000
_WALK = [("j", r"❯\W*s1\b"), ("k", r"❯\W*s0\b")]
"""To and fro in the Stages panel; with what shows each."""
_FOCUS = [("2", "follow"), ("1", "run…")]
"""To the Logs panel and back; the footer tells."""
_UI = (cost.PIVOT, "ui")
_MIB = 1 << 20
_CHATTY = """
import os
import time
from typing import Annotated

from pivot_core import Out, Pipeline, Text

FILL = "loss 0.4231 accuracy 0.881 learning rate 3.0e-4, and so on up to 97 bytes"


def say(begin: int, end: int) -> None:
    numbers = range(begin, end)
    text = "".join(
        [f"line {n:08} {'needle' if n % 250_000 == 249_999 else FILL}\\n" for n in numbers]
    )
    data = memoryview(text.encode())
    while data:
        data = data[os.write(1, data) :]


def fill() -> int:
    for begin in range(0, 1_000_000, 10_000):
        say(begin, begin + 10_000)
    return 1_000_000


def speak(rate: int) -> None:
    done = first = fill()
    began = time.perf_counter()
    while not os.path.exists("stop"):
        wanted = first + int((time.perf_counter() - began) * rate)
        say(done, wanted)
        done = wanted
        time.sleep(0.02)


def quiet() -> Annotated[str, Out("quiet.txt", Text())]:
    return "quiet"


def million() -> Annotated[str, Out("million.txt", Text())]:
    return str(fill())


def odd() -> Annotated[str, Out("odd.txt", Text())]:
    print("before")
    for _ in range(50):
        os.write(1, b"x" * (1 << 20))
    os.write(1, b"\\n" + bytes(range(256)) * 400 + b"\\n\\x1b]52;c;AAAA\\x07\\x1b[2J\\x1b[?1000l\\n")
    print("after")
    return "odd"


def loud20() -> Annotated[str, Out("loud20.txt", Text())]:
    speak(20_000)
    return "done"


def loud100() -> Annotated[str, Out("loud100.txt", Text())]:
    speak(100_000)
    return "done"


pipeline = Pipeline("chatty")
for each in (quiet, million, odd, loud20, loud100):
    pipeline.register(each)
"""


@dataclass(frozen=True)
class _Yard:
    """What the smallest application takes, in seconds."""

    start: float
    key: float
    """The 95th percentile."""
    leave: float


def figures(scratch: str, rounds: int) -> Iterator[Figure]:
    """Measures the smallest application, then the dashboard case by case."""
    os.makedirs(scratch, exist_ok=True)
    yard = _yard(scratch, rounds)
    yield Figure("dashboard: smallest app, start to paint", yard.start * 1000, "ms")
    yield Figure("dashboard: smallest app, key to paint, p95", yard.key * 1000, "ms")
    yield Figure("dashboard: smallest app, quit", yard.leave * 1000, "ms")
    hundred = graphs.project(f"{scratch}/n100", 100, graphs.one_file)
    yield from _start(hundred, rounds, yard)
    yield from _idle(hundred, yard)
    yield from _leaving(hundred, rounds, yard)
    chatty = _chatty(f"{scratch}/chatty")
    yield from _million(chatty, yard)
    yield from _odd(chatty)
    for rate, target in ((20, 0.1), (100, 0.2)):
        yield from _flood(chatty, rate, target, yard)
    yield from _large(f"{scratch}/large", yard)


# --- start, idle, end ------------------------------------------------------------------------------------------------


def _yard(scratch: str, rounds: int) -> _Yard:
    starts, leaves = list[float](), list[float]()
    keys = list[float]()
    for number in range(rounds):
        with Screen(BARE, scratch) as screen:
            starts.append(screen.until("bare0") - screen.began)
            if number == 0:
                screen.calm()
                keys = screen.latencies([("k", rf"bare{each}\b") for each in range(1, KEYS + 1)])
            pressed = screen.press("q")
            leaves.append(screen.leave() - pressed)
    return _Yard(statistics.median(starts), percentile(keys, 0.95), statistics.median(leaves))


def _start(project: str, rounds: int, yard: _Yard) -> Iterator[Figure]:
    cold, warm = list[float](), list[float]()
    for _ in range(rounds):
        with Screen(_UI, project) as screen:
            cold.append(screen.until(r"\bs0\b") - screen.began)
            with Screen(_UI, project) as second:
                warm.append(second.until(r"\bs0\b") - second.began)
        _no_engine(project)
    for name, found in (("no engine is live", cold), ("beside another", warm)):
        case = f"dashboard: start to a stage's name, {name}"
        value = statistics.median(found)
        yield Figure(case, value * 1000, "ms", 1000)
        yield Figure(case, value / yard.start, "× app", 1.25)


def _idle(project: str, yard: _Yard) -> Iterator[Figure]:
    with Screen(_UI, project) as screen:
        screen.until(r"\bs0\b")
        screen.calm(1.0)
        screen.press("g")
        screen.calm()
        yield from _keys(screen, "idle", _WALK, 0.025, yard)
        yield Figure("dashboard: idle, CPU", screen.cpu(10) * 100, "%", 2)


def _leaving(project: str, rounds: int, yard: _Yard) -> Iterator[Figure]:
    quits, ends, kept = list[float](), list[float](), True
    for _ in range(rounds):
        for found, is_killed in ((quits, False), (ends, True)):
            with Screen(_UI, project) as screen:
                screen.until(r"\bs0\b")
                screen.calm()
                began = time.perf_counter()
                if is_killed:
                    screen.process.terminate()
                else:
                    began = screen.press("q")
                found.append(screen.leave() - began)
                kept = kept and screen.is_restored
    quit_s = statistics.median(quits)
    yield Figure("dashboard: quit to shell", quit_s * 1000, "ms", 300)
    yield Figure("dashboard: quit to shell", quit_s / yard.leave, "× app")
    yield Figure("dashboard: SIGTERM to shell", statistics.median(ends) * 1000, "ms", 300)
    yield Figure("dashboard: terminals left in other modes", not kept, "", 0)


def _keys(
    screen: Screen, case: str, keys: list[tuple[str, str]], target: float, yard: _Yard
) -> Iterator[Figure]:
    found = screen.latencies(keys * (KEYS // 2))
    p95 = percentile(found, 0.95)
    yield Figure(f"dashboard: {case}, key to paint, p95", p95 * 1000, "ms", target * 1000)
    yield Figure(f"dashboard: {case}, key to paint, p95", p95 / yard.key, "× app")
    yield Figure(f"dashboard: {case}, key to paint, max", max(found) * 1000, "ms")


# --- logs ------------------------------------------------------------------------------------------------------------


def _chatty(root: str) -> str:
    if not os.path.exists(f"{root}/.pivot"):
        os.makedirs(root, exist_ok=True)
        with open(f"{root}/pipeline.py", "w", encoding="utf-8") as file:
            file.write(_CHATTY)
        cost.pivot(root, "init")
    cost.pivot(root, "repro", "million", "quiet", "odd")
    return root


def _million(project: str, yard: _Yard) -> Iterator[Figure]:
    """Opens a log of a million lines, 97 MB, and searches it."""
    with Screen(_UI, project) as screen:
        screen.until("million")
        screen.calm(1.0)
        screen.press("g")
        screen.calm(1.0)
        before = screen.memory_bytes
        pressed = screen.press("j")
        opened = screen.until("line 00999999") - pressed
        screen.calm(2.0)
        grown = screen.memory_bytes - before
        yield Figure("dashboard: 1 M lines, key to last page", opened * 1000, "ms", 150)
        yield Figure("dashboard: 1 M lines, key to last page", opened / yard.key, "× app")
        yield Figure("dashboard: 1 M lines, memory", grown / _MIB, "MiB", 30)
        yield from _search(screen)
        yield Figure(
            "dashboard: 1 M lines and searches, memory",
            (screen.memory_bytes - before) / _MIB,
            "MiB",
        )


def _search(screen: Screen) -> Iterator[Figure]:
    """Looks for the four lines that differ, from the top."""
    screen.press("2")
    screen.until("search")
    screen.press("g")
    screen.until("line 00000000")
    screen.press("/")
    screen.calm(1.0)
    pressed = screen.press("needle\r")
    first = screen.until("line 00249999") - pressed
    whole = screen.until(r"/4\b") - pressed
    yield Figure("dashboard: search of 1 M lines, first hit", first * 1000, "ms", 150)
    yield Figure("dashboard: search of 1 M lines, complete", whole * 1000, "ms", 2500)


def _odd(project: str) -> Iterator[Figure]:
    """Walks over a line of 50 MB, bytes of all kinds, and escapes that would change the terminal."""
    with Screen(_UI, project) as screen:
        screen.until("million")
        screen.calm(1.0)
        screen.press("gj")
        screen.calm()
        pressed = screen.press("j")
        slowest = screen.until("after") - pressed
        seen = screen.painted
        screen.press("2")
        for key in "kkkkkgGwgGkkw":
            pressed = screen.press(key)
            screen.until(r"\S")
            slowest = max(slowest, time.perf_counter() - pressed)
            screen.calm(0.1)
            seen += screen.painted
        leaked = sum(seen.count(escape) for escape in (b"\x1b]52", b"\x1b[2J", b"\x1b[?1000l"))
        yield Figure("dashboard: a line of 50 MB, slowest key", slowest * 1000, "ms", 250)
        yield Figure("dashboard: escapes of a log that reach the terminal", leaked, "", 0)


def _flood(project: str, rate: int, target: float, yard: _Yard) -> Iterator[Figure]:
    """Follows a log of a million lines that grows all the time."""
    case = f"{rate} k lines/s"
    with _running(project, f"loud{rate}") as log, Screen(_UI, project) as screen:
        screen.until(r"line 01\d{6}")
        screen.drain(2)
        yield from _keys(screen, case, _FOCUS, target, yard)
        yield Figure(f"dashboard: {case}, CPU", screen.cpu(10) * 100, "%", 60)
        before = screen.memory_bytes
        screen.drain(5)
        yield Figure(
            f"dashboard: {case}, memory in 5 s", (screen.memory_bytes - before) / _MIB, "MiB"
        )
        yield Figure(f"dashboard: {case}, lines behind", _behind(screen, log), "lines", rate * 1000)
        if rate == 20:
            yield from _storm(screen, yard)


def _behind(screen: Screen, log: str) -> int:
    """Returns how many lines the last one on screen is before the last one in the file."""
    screen.drain(1)
    with open(log, "rb") as file:
        file.seek(-4096, os.SEEK_END)
        written = file.read().rpartition(b"line ")[2][:8]
    shown = max(int(part[:8]) for part in screen.text.split("line ")[1:] if part[:8].isdigit())
    return int(written) - shown


def _storm(screen: Screen, yard: _Yard) -> Iterator[Figure]:
    """Resizes a hundred times, then asks how soon it is itself again."""
    for _ in range(50):
        for rows, columns in ((15, 60), (60, 240)):
            screen.resize(rows, columns)
            screen.drain(0.02)
    resized = screen.resize(48, 160)
    screen.press("1")
    settled = screen.until(r"\b1 Stages\b") - resized
    yield Figure("dashboard: 100 sizes in a flood, settled", settled * 1000, "ms", 150)
    yield Figure("dashboard: 100 sizes in a flood, settled", settled / yard.key, "× app")


@contextlib.contextmanager
def _running(project: str, stage: str) -> Generator[str]:
    """Runs a stage until the block ends, from when its log has a million lines; gives the log."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{project}/stop")
    run = subprocess.Popen(
        (cost.PIVOT, "repro", "--force", stage), cwd=project, stdout=subprocess.DEVNULL
    )
    try:
        yield _grown(project, stage)
    finally:
        with open(f"{project}/stop", "wb"):
            pass
        run.wait()


def _grown(project: str, stage: str) -> str:
    while True:
        time.sleep(0.1)
        runs = f"{project}/.pivot/runs"
        newest = max(name for name in os.listdir(runs) if name[0].isdigit())
        log = f"{runs}/{newest}/logs/{stage}.1.log"
        with contextlib.suppress(FileNotFoundError):
            if os.path.getsize(log) > 95 * 1_000_000:
                return log


# --- graphs ----------------------------------------------------------------------------------------------------------


def _large(root: str, yard: _Yard) -> Iterator[Figure]:
    """Shows ten thousand stages that change all the time, then very often."""
    os.makedirs(root, exist_ok=True)
    if not os.path.exists(f"{root}/.pivot"):
        cost.pivot(root, "init")
    with _replayed(root, 2) as engine, Screen(_UI, root) as screen:
        screen.until(r"\bs0\b")
        screen.calm(1.0)
        small = screen.memory_bytes
        del engine
    case = f"{LARGE} stages"
    with _replayed(root, LARGE) as engine, Screen(_UI, root) as screen:
        painted = screen.until(r"\bs0\b")
        loaded = painted - engine.told(screen)
        screen.calm(1.0)
        yield Figure(f"dashboard: {case}, state to paint", loaded * 1000, "ms", 150)
        yield Figure(f"dashboard: {case}, state to paint", loaded / yard.key, "× app")
        yield Figure(f"dashboard: {case}, memory", (screen.memory_bytes - small) / _MIB, "MiB", 10)
        engine.tell("steady 200 12")
        screen.drain(1)
        yield from _keys(screen, f"{case}, 200 changes/s", _WALK, 0.03, yard)
        engine.told(screen)
        engine.tell("burst 50000")
        shown = screen.until(rf"failed: {FAILED}")
        late = shown - engine.told(screen)
        yield Figure("dashboard: 50 k changes in 1 s, right after", late * 1000, "ms", 300)
        yield from _both(screen, engine, f"{root}/replay.log", yard)


def _both(screen: Screen, engine: "_Engine", log: str, yard: _Yard) -> Iterator[Figure]:
    """Follows a log that grows by 20,000 lines a second while stages of a large graph change."""
    case = f"{LARGE} stages and 20 k lines/s"
    screen.press("g")
    engine.tell("chatter 20000 200 30")
    screen.until(r"line \d{8}")
    screen.drain(2)
    before = screen.memory_bytes
    yield from _keys(screen, case, _FOCUS, 0.1, yard)
    grown = (screen.memory_bytes - before) / _MIB
    yield Figure(f"dashboard: {case}, memory over {KEYS} keys", grown, "MiB", 10)
    engine.told(screen)
    yield Figure(f"dashboard: {case}, last lines missing", _behind(screen, log), "lines", 0)


class _Engine:
    """A replaying engine."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, line: str) -> None:
        """Asks for events."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def told(self, screen: Screen) -> float:
        """Waits for an answer, a time."""
        assert self._process.stdout is not None
        while not select.select([self._process.stdout], [], [], 0)[0]:
            screen.drain(0.02)
        return float(self._process.stdout.readline())


@contextlib.contextmanager
def _replayed(root: str, count: int) -> Generator[_Engine]:
    command = (sys.executable, "-m", "tests.benchmarks.replay", root, str(count))
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield _Engine(process)
        finally:
            process.kill()


def _no_engine(project: str) -> None:
    """Waits until the engine that nobody needs any more is gone."""
    while os.path.exists(f"{project}/.pivot/engine/engine.sock"):
        time.sleep(0.05)
