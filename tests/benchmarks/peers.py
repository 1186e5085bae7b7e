"""The graph of :mod:`graphs` in the words of other tools, and what each takes to find all of it up to date.

Every tool has its defaults, but for what it would report to its makers or ask them. It has run the graph before; DVC
has been told to accept outputs that were written beforehand, since it takes long to run a thousand commands.
"""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.benchmarks import cost, graphs
from tests.benchmarks.cost import Cost

_SNAKEMAKE = """
rule all:
    input: expand("out/{{n}}.txt", n=range({count}))

rule first:
    input: "data/0.txt"
    output: "out/0.txt"
    shell: "cat {{input}} >{{output}}"

rule join:
    input: "data/{{n}}.txt", lambda wildcards: f"out/{{int(wildcards.n) // 10}}.txt"
    output: "out/{{n,[1-9][0-9]*}}.txt"
    shell: "cat {{input}} >{{output}}"
"""
_DOIT = """
def task_join():
    for n in range({count}):
        deps = [f"data/{{n}}.txt", *([f"out/{{n // 10}}.txt"] if n else [])]
        out = f"out/{{n}}.txt"
        action = f"cat {{' '.join(deps)}} >{{out}}"
        yield {{"name": str(n), "file_dep": deps, "targets": [out], "actions": [action]}}
"""
_PYTASK = """
from pathlib import Path
from typing import Annotated

from pytask import Product, task

for n in range({count}):
    deps = [Path(f"data/{{n}}.txt"), *([Path(f"out/{{n // 10}}.txt")] if n else [])]

    @task(id=str(n))
    def task_join(
        deps: list[Path] = deps, out: Annotated[Path, Product] = Path(f"out/{{n}}.txt")
    ) -> None:
        out.write_text("".join(dep.read_text() for dep in deps))
"""


class _Text(Protocol):
    def __call__(self, *, count: int) -> str: ...


@dataclass(frozen=True)
class _Tool:
    name: str
    definition: str
    """The file that the graph is written to."""
    text: _Text
    """Writes the graph of so many stages."""
    command: tuple[str, ...] = ()
    """What runs whatever is out of date."""
    first: tuple[tuple[str, ...], ...] = ()
    """What is run before that, once."""
    has_outputs: bool = False
    """Whether the outputs are there at the beginning."""


@dataclass(frozen=True)
class Peer:
    """A tool that has run the graph and is done with it."""

    name: str
    """With the version, as it says."""
    path: str
    root: str
    command: tuple[str, ...]

    def measure(self) -> Cost:
        """Measures a run in which nothing is to be done; ends the benchmark when something was."""
        before = _outputs(self.root)
        took = _run(self.path, self.command, self.root)
        if not before or _outputs(self.root) != before:
            sys.exit(f"{self.name} has written outputs again in {self.root}")
        return took


def prepare(scratch: str, count: int, tools: str) -> Iterator[Peer]:
    """Makes a project for each tool that is in the directory ``tools``, unless it is there."""
    for tool in _TOOLS:
        path = shutil.which(tool.name, path=tools)
        if path is None:
            continue
        root = f"{scratch}/{tool.name}"
        if not os.path.exists(f"{root}/settled"):
            _make(tool, path, root, count)
        version = re.search(r"\d+(\.\d+)+", _run(path, ("--version",), root).out)
        name = f"{tool.name} {version[0]}" if version else tool.name
        yield Peer(name, path, root, tool.command)


def _make(tool: _Tool, path: str, root: str, count: int) -> None:
    """Writes the project and runs it, twice: some tools note more when they look again."""
    shutil.rmtree(root, ignore_errors=True)
    graphs.sources(root, count)
    Path(root, tool.definition).write_text(tool.text(count=count), encoding="utf-8")
    os.makedirs(f"{root}/out")
    if tool.has_outputs:
        graphs.outputs(root, count)
    for command in (*tool.first, tool.command, tool.command):
        _run(path, command, root)
    Path(root, "settled").touch()


def _run(path: str, command: tuple[str, ...], root: str) -> Cost:
    """Runs the tool with no settings but the project's."""
    places = {
        "HOME": root,
        "XDG_CACHE_HOME": f"{root}/.cache",
        "DVC_SITE_CACHE_DIR": f"{root}/site",
    }
    return cost.measure((path, *command), root, {**places, "DVC_NO_ANALYTICS": "1"})


def _outputs(root: str) -> dict[str, int]:
    """Returns when each output was written last."""
    with os.scandir(f"{root}/out") as entries:
        return {entry.name: entry.stat().st_mtime_ns for entry in entries}


def _dvc(*, count: int) -> str:
    stages = ["stages:\n"]
    for number in range(count):
        inputs, output = graphs.inputs(number), graphs.output(number)
        stages.append(f"  s{number}:\n    cmd: cat {' '.join(inputs)} >{output}\n")
        stages.append(f"    deps: [{', '.join(inputs)}]\n    outs: [{output}]\n")
    return "".join(stages)


_TOOLS = (
    _Tool("doit", "dodo.py", _DOIT.format),
    _Tool("snakemake", "Snakefile", _SNAKEMAKE.format, ("--cores", "1")),
    _Tool("pytask", "task_join.py", _PYTASK.format),
    _Tool(
        "dvc",
        "dvc.yaml",
        _dvc,
        ("repro",),
        (("init", "--no-scm"), ("config", "core.check_update", "false"), ("commit", "--force")),
        has_outputs=True,
    ),
)
