"""Measures how fast content is hashed: one large file, and a directory of many small ones, beside plain loops.

All of it lies in the page cache. Each thing is measured in processes of its own, which take the time of what is
compared and nothing else.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from typing import cast

from tests.benchmarks import cost
from tests.benchmarks.figures import Figure

FILES = 10_000
FILE_BYTES = 16 << 10
_BLOCK = 1 << 20
_DEFINITION = """
from pathlib import Path
from typing import Annotated
from pivot_core import Dep, Out, PathOnly, Pipeline, Text

def count(files: Annotated[Path, Dep("files/", PathOnly())]) -> Annotated[str, Out("count.txt", Text())]:
    return str(sum(1 for _ in files.iterdir()))

pipeline = Pipeline("many")
pipeline.register(count)
"""

_TIMES = """
import json, os, sys, time
def report(work, *given):
    wall, cpu = time.perf_counter(), time.process_time()
    work(*given)
    print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu]))
"""
_OURS = """
from pivot_core.store import hashing
report(hashing.hash_file, sys.argv[1])
"""
_LOOP = """
import xxhash
def loop(path):
    buffer, digest = bytearray(1 << 20), xxhash.xxh3_128()
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
    digest.hexdigest()
report(loop, sys.argv[1])
"""
_MEMORY = """
import xxhash
def memory(size):
    data, digest = memoryview(os.urandom(1 << 26)), xxhash.xxh3_128()
    def work():
        for _ in range(size >> 26):
            for start in range(0, 1 << 26, 1 << 20):
                digest.update(data[start : start + (1 << 20)])
    return work
report(memory(os.stat(sys.argv[1]).st_size))
"""
_FILES_LOOP = """
import xxhash
def loop(directory):
    for name in os.listdir(directory):
        with open(f"{directory}/{name}", "rb", buffering=0) as file:
            xxhash.xxh3_128(file.read()).hexdigest()
report(loop, sys.argv[1] + "/files")
"""
_FILES_OURS = """
from pivot_core.engine.observe import Observer
from pivot_core.store.cache import Cache
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store import state
layout = Layout.at(sys.argv[1])
notices = []
known = state.State(layout, read_only=True, notices=notices, max_bytes=1 << 30, boot_id="")
observer = Observer(layout, Cache(layout), known, Ignore.load(layout.root))
report(observer.row, "files/")
"""


def figures(scratch: str, rounds: int, *, is_big: bool) -> Iterator[Figure]:
    """Measures the large file, then the many small ones."""
    yield from _one_file(scratch, rounds, (4 if is_big else 1) << 30)
    yield from _many_files(scratch, rounds)


def _one_file(scratch: str, rounds: int, size: int) -> Iterator[Figure]:
    path = f"{scratch}/large"
    os.makedirs(scratch, exist_ok=True)
    with open(path, "wb") as file:
        file.writelines(os.urandom(_BLOCK) for _ in range(size // _BLOCK))
    programs = {"ours": _OURS, "loop": _LOOP, "memory": _MEMORY}
    found = {name: list[tuple[float, float]]() for name in programs}
    peak = 0
    for _ in range(rounds):
        for name, program in programs.items():
            done, times = _run(program, path)
            found[name].append(times)
            if name == "ours":
                peak = max(peak, done.memory_bytes)
    os.remove(path)
    case = f"hash: a file of {size >> 30} GiB"
    ours, loop, memory = (_median(found[name]) for name in programs)
    yield Figure(f"{case}, wall", ours[0] * 1000, "ms")
    yield Figure(f"{case}, wall", ours[0] / loop[0], "× loop", 1.2)
    yield Figure(f"{case}, CPU", ours[1] / loop[1], "× loop", 1.2)
    yield Figure(f"{case}, wall", ours[0] / memory[0], "× memory")
    yield Figure(f"{case}, peak memory", peak / 2**20, "MiB", 100)


def _many_files(scratch: str, rounds: int) -> Iterator[Figure]:
    root = f"{scratch}/many"
    if not os.path.exists(f"{root}/.pivot"):
        _make_files(root)
    for _ in range(3):
        cost.pivot(root, "repro")
    loops, rows = list[tuple[float, float]](), list[tuple[float, float]]()
    first, second = list[cost.Cost](), list[cost.Cost]()
    now = int(time.time())  # no time repeats one of an earlier benchmark
    for number in range(now, now + rounds):
        _touch(f"{root}/files", number - 86400)
        loops.append(_run(_FILES_LOOP, root)[1])
        rows.append(_run(_FILES_OURS, root)[1])
        first.append(cost.pivot(root, "repro"))
        cost.pivot(root, "repro")
        second.append(cost.pivot(root, "repro"))
    loop, row = _median(loops), _median(rows)
    again, anew = cost.medians(second), cost.medians(first)
    case = f"hash: {FILES} files of 16 KiB"
    yield Figure(f"{case}, a plain loop, wall", loop[0] * 1000, "ms")
    yield Figure(f"{case}, as a dep is looked at, wall", row[0] / loop[0], "× loop", 3)
    yield Figure(f"{case}, as a dep is looked at, CPU", row[1] / loop[1], "× loop", 3)
    over = anew.cpu_s - again.cpu_s
    yield Figure(f"{case}, first repro over the next, CPU", over / loop[1], "× loop", 3)
    yield Figure(f"{case}, next repro, wall", again.wall_s / loop[0], "× loop")


def _make_files(root: str) -> None:
    os.makedirs(f"{root}/files", exist_ok=True)
    for number in range(FILES):
        with open(f"{root}/files/{number:05}.bin", "wb") as file:
            file.write(os.urandom(FILE_BYTES))
    with open(f"{root}/pipeline.py", "w", encoding="utf-8") as file:
        file.write(_DEFINITION)
    cost.pivot(root, "init")


def _touch(directory: str, at: int) -> None:
    """Gives every file another time, long past, so that none is believed and all are old enough to be."""
    with os.scandir(directory) as entries:
        for entry in entries:
            os.utime(entry.path, (at, at + 0.5))


def _run(program: str, path: str) -> tuple[cost.Cost, tuple[float, float]]:
    done = cost.measure((sys.executable, "-c", _TIMES + program, path), "/")
    wall_s, cpu_s = cast("tuple[float, float]", json.loads(done.out))
    return done, (wall_s, cpu_s)


def _median(rounds: list[tuple[float, float]]) -> tuple[float, float]:
    walls, cpus = zip(*rounds, strict=True)
    return statistics.median(walls), statistics.median(cpus)
