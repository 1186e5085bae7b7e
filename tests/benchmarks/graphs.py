"""Writes the projects that are measured: the same graph in several forms, and as a ninja file.

The graph is a tree: stage ``n`` reads its own source file and what stage ``n // 10`` wrote, and writes one file.
"""

import os
import shutil
from collections.abc import Callable

from tests.benchmarks import cost

NAMES = "from typing import Annotated\nfrom pivot_core import Dep, Out, PathOnly, Pipeline, Text\n"
"""The names that definitions are written with."""

_STAGE = """
def s{number}({deps}) -> Annotated[str, Out("out/{number}.txt", Text())]:
    return {value} + "0"
"""
_HEAVY = """
import time

CELLS = list(range(2_000_000))
until = time.process_time() + {seconds}
while time.process_time() < until:
    pass
"""


def one_file(root: str, count: int) -> None:
    """Writes a definition with a function for each stage."""
    numbers = range(count)
    body = [NAMES, *(_stage(number) for number in numbers), '\npipeline = Pipeline("graph")\n']
    body += [f"pipeline.register(s{number})\n" for number in numbers]
    _write(f"{root}/pipeline.py", "".join(body))


def modules(root: str, count: int) -> None:
    """Writes a definition with a module for each stage."""
    body = [NAMES]
    for number in range(count):
        _write(f"{root}/stages/m{number}.py", NAMES + _stage(number))
        body.append(f"from stages.m{number} import s{number}\n")
    body.append('pipeline = Pipeline("graph")\n')
    body += [f"pipeline.register(s{number})\n" for number in range(count)]
    _write(f"{root}/pipeline.py", "".join(body))


def importing(line: str) -> Callable[[str], None]:
    """Returns a change that makes the definition begin with an import, which no stage uses."""

    def change(root: str) -> None:
        with open(f"{root}/pipeline.py", encoding="utf-8") as file:
            text = file.read()
        _write(f"{root}/pipeline.py", f"{line}\n{text}")

    return change


def heavy(root: str) -> None:
    """Makes the definition import a module of the project that takes half a second."""
    _write(f"{root}/heavy.py", _HEAVY.format(seconds=0.5))
    importing("import heavy")(root)


def large(root: str) -> None:
    """Adds a stage that depends on a file of 4 GiB (of zeros, which take no room)."""
    path = 'Annotated[object, Dep("data/large.bin", PathOnly())]'
    stage = f"\ndef large(path: {path}) -> Annotated[str, Out('out/large.txt', Text())]:\n"
    with open(f"{root}/pipeline.py", "a", encoding="utf-8") as file:
        file.write(f"{stage}    return 'seen'\n\npipeline.register(large)\n")
    with open(f"{root}/data/large.bin", "wb") as file:
        file.truncate(4 << 30)


def edit(root: str, number: int, version: int) -> None:
    """Changes what one stage adds to what it read, wherever the stage is written."""
    path = f"{root}/stages/m{number}.py"
    if not os.path.exists(path):
        path = f"{root}/pipeline.py"
    with open(path, encoding="utf-8") as file:
        before, mark, after = file.read().partition(f"def s{number}(")
    head, plus, rest = after.partition(' + "')
    _write(path, before + mark + head + plus + str(version) + rest[rest.index('"') :])


def project(root: str, count: int, write: Callable[[str, int], None]) -> str:
    """Makes a project, unless it is there, and runs it until nothing is left to do, not even to believe a file."""
    if not os.path.exists(f"{root}/.pivot"):
        shutil.rmtree(root, ignore_errors=True)
        sources(root, count)
        write(root, count)
        cost.pivot(root, "init")
    for _ in range(3):
        cost.pivot(root, "repro")
    return root


def changed(root: str, base: str, change: Callable[[str], None]) -> str:
    """Makes a project from another one, which has run, by a change after which hardly a stage runs again."""
    if not os.path.exists(root):
        shutil.copytree(base, root)
        change(root)
    for _ in range(3):
        cost.pivot(root, "repro")
    return root


def ninja(root: str, count: int) -> str:
    """Makes the same graph for ninja, which has built it."""
    shutil.rmtree(root, ignore_errors=True)
    sources(root, count)
    rules = [f"build {output(n)}: join {' '.join(inputs(n))}\n" for n in range(count)]
    rules.insert(0, "rule join\n command = cat $in >$out\n")
    _write(f"{root}/build.ninja", "".join(rules))
    binary = shutil.which("ninja") or "ninja"
    cost.measure((binary, "--quiet"), root)
    return root


def sources(root: str, count: int) -> None:
    """Writes each stage's source file."""
    for number in range(count):
        _write(f"{root}/data/{number}.txt", str(number))


def inputs(number: int) -> list[str]:
    """Returns what a stage reads: its source file and, but for the first one, the output of another."""
    return [f"data/{number}.txt", *([output(number // 10)] if number else [])]


def output(number: int) -> str:
    """Returns what a stage writes."""
    return f"out/{number}.txt"


def outputs(root: str, count: int) -> None:
    """Writes what the stages would: each the content of its inputs, one after the other."""
    for number in range(count):
        texts = list[str]()
        for path in inputs(number):
            with open(f"{root}/{path}", encoding="utf-8") as file:
                texts.append(file.read())
        _write(f"{root}/{output(number)}", "".join(texts))


def _stage(number: int) -> str:
    paths = inputs(number)
    names = ["own", "above"][: len(paths)]
    deps = ", ".join(
        f'{name}: Annotated[str, Dep("{path}", Text())]'
        for name, path in zip(names, paths, strict=True)
    )
    return _STAGE.format(number=number, deps=deps, value=" + ".join(names))


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
