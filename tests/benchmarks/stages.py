"""Measures what a stage costs: first runs and no-ops of flat pipelines, beside the floors that they stand on.

    python -m tests.benchmarks.stages [--rounds 3] [--sizes 10,100,1000]

Every figure is a median over rounds; rounds alternate between the things compared. P is the CPU time of
``python -I -c pass`` in the same round.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass

JOBS = 2
PIVOT = [sys.executable, "-m", "pivot_core"]

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


@dataclass(frozen=True)
class Cost:
    """What one command took."""

    wall_s: float
    cpu_s: float
    """Of the process and all that it waited for."""


def measure(command: list[str], directory: str) -> Cost:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=directory, capture_output=True, check=False)
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command} exits {done.returncode}:\n{done.stderr.decode()}")
    cpu_s = after.ru_utime + after.ru_stime
    return Cost(wall_s, cpu_s - before.ru_utime - before.ru_stime)


def variants(count: int) -> str:
    return VARIANTS.format(count=count)


def functions(count: int) -> str:
    head = "from typing import Annotated\nfrom pivot_core import Out, Pipeline, Text\n"
    body = "".join(FUNCTION.format(number=number) for number in range(count))
    return head + 'pipeline = Pipeline("functions")\n' + body


def first_and_noop(source: str, directory: str) -> tuple[Cost, Cost]:
    """Runs a new project once, then again."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    with open(f"{directory}/pipeline.py", "w", encoding="utf-8") as file:
        file.write(source)
    measure([*PIVOT, "init"], directory)
    repro = [*PIVOT, "repro", "--jobs", str(JOBS)]
    first = measure(repro, directory)
    measure(repro, directory)  # settles what was too young to be believed
    return first, measure(repro, directory)


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


def median(rounds: list[Cost], pick: Callable[[Cost], float]) -> float:
    return statistics.median(pick(cost) for cost in rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", default="10,100,1000")
    given = parser.parse_args()
    sizes = [int(size) for size in str(given.sizes).split(",")]
    cases: dict[str, Callable[[int], str]] = {"variants": variants, "functions": functions}
    bare = list[Cost]()
    firsts = dict[tuple[str, int], list[Cost]]()
    noops = dict[tuple[str, int], list[Cost]]()
    floors = list[tuple[float, float]]()
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(int(given.rounds)):
            bare.append(measure([sys.executable, "-I", "-c", "pass"], scratch))
            floors.append((fork_floor(1000), round_trip_floor(1000)))
            for size in sizes:
                for name, source in cases.items():
                    first, noop = first_and_noop(source(size), f"{scratch}/project")
                    firsts.setdefault((name, size), []).append(first)
                    noops.setdefault((name, size), []).append(noop)
    p = median(bare, lambda cost: cost.cpu_s)
    fork_ms = statistics.median(fork for fork, _ in floors) * 1000
    trip_ms = statistics.median(trip for _, trip in floors) * 1000
    print(f"P = {p * 1000:.1f} ms of CPU; {JOBS} workers; medians of {given.rounds} rounds")
    print(f"floor of one fork and wait {fork_ms:.2f} ms, of one loky round trip {trip_ms:.2f} ms")
    print(
        f"{'stages':>16}  {'first run':>10}  {'a stage':>9}  {'no-op':>8}  {'no-op CPU':>10}  {'in P':>6}"
    )
    for (name, size), rounds in firsts.items():
        wall_s = median(rounds, lambda cost: cost.wall_s)
        noop = noops[name, size]
        cpu_s = median(noop, lambda cost: cost.cpu_s)
        noop_s = median(noop, lambda cost: cost.wall_s)
        first = f"{wall_s:>8.2f} s  {wall_s / size * 1000:>6.2f} ms"
        print(f"{size:>6} {name:>9}  {first}  {noop_s:>6.2f} s  {cpu_s:>8.2f} s  {cpu_s / p:>6.1f}")


if __name__ == "__main__":
    main()
