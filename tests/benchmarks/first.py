"""Measures first runs of flat pipelines of trivial stages, beside the floors that they stand on."""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from tests.benchmarks import cost
from tests.benchmarks.cost import Cost
from tests.benchmarks.figures import Figure

JOBS = 2
SIZES = (10, 100, 1000)
TARGET_MS = 5
"""Of wall a stage, with a thousand of them."""

VARIANTS = """
from typing import Annotated
from pivot_core import Out, Pipeline, Text

def make(variant: str) -> Annotated[str, Out("out/x.txt", Text())]:
    return variant

pipeline = Pipeline("flat")
for number in range({count}):
    pipeline.register(make, variant=str(number), outs={{"return": f"out/{{number}}.txt"}})
"""

FUNCTION = """
def s{number}() -> Annotated[str, Out("out/{number}.txt", Text())]:
    return "{number}"

pipeline.register(s{number})
"""


def figures(scratch: str, rounds: int) -> Iterator[Figure]:
    """Runs each new project once a round."""
    cases: dict[str, Callable[[int], str]] = {"variants": variants, "functions": functions}
    costs = dict[tuple[str, int], list[Cost]]()
    floors = list[tuple[float, float]]()
    for _ in range(rounds):
        floors.append((fork_floor(1000), round_trip_floor(1000)))
        for size in SIZES:
            for name, source in cases.items():
                done = first_run(source(size), f"{scratch}/first")
                costs.setdefault((name, size), []).append(done)
    fork_ms = statistics.median(fork for fork, _ in floors) * 1000
    trip_ms = statistics.median(trip for _, trip in floors) * 1000
    yield Figure("first: floor, one fork and wait", fork_ms, "ms")
    yield Figure("first: floor, one loky round trip", trip_ms, "ms")
    for (name, size), each in costs.items():
        found = cost.medians(each)
        case = f"first: {size} {name}"
        target = TARGET_MS if size == SIZES[-1] else None
        yield Figure(f"{case}, wall", found.wall_s * 1000 / size, "ms/stage", target)
        yield Figure(f"{case}, CPU", found.cpu_s * 1000 / size, "ms/stage")


def variants(count: int) -> str:
    return VARIANTS.format(count=count)


def functions(count: int) -> str:
    head = "from typing import Annotated\nfrom pivot_core import Out, Pipeline, Text\n"
    body = "".join(FUNCTION.format(number=number) for number in range(count))
    return head + 'pipeline = Pipeline("functions")\n' + body


def first_run(source: str, directory: str) -> Cost:
    """Runs a new project once."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    with open(f"{directory}/pipeline.py", "w", encoding="utf-8") as file:
        file.write(source)
    cost.pivot(directory, "init")
    return cost.pivot(directory, "repro", "--jobs", str(JOBS))


def fork_floor(count: int) -> float:
    """Returns seconds of wall for one fork, exit and wait, with two parents at it."""
    code = f"""
import os
import resource
for _ in range({count // JOBS}):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
"""
    began = time.perf_counter()
    # As heavy as a worker: what must be copied by a fork is what the parent has loaded.
    load = "import pivot_core.worker.run\n"
    parents = [subprocess.Popen([sys.executable, "-c", load + code]) for _ in range(JOBS)]
    for parent in parents:
        parent.wait()
    started = time.perf_counter()
    parents = [subprocess.Popen([sys.executable, "-c", load]) for _ in range(JOBS)]
    for parent in parents:
        parent.wait()
    return max(0.0, (started - began) - (time.perf_counter() - started)) / count


def round_trip_floor(count: int) -> float:
    """Returns seconds of wall for one empty task through a loky pool, two in flight."""
    import loky

    executor = loky.get_reusable_executor(max_workers=JOBS)
    list(executor.map(str, range(JOBS * 4)))
    began = time.perf_counter()
    flying = [executor.submit(str, number) for number in range(JOBS)]
    for number in range(count - JOBS):
        flying.pop(0).result()
        flying.append(executor.submit(str, number))
    for future in flying:
        future.result()
    took = time.perf_counter() - began
    executor.shutdown()
    return took / count
