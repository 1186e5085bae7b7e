"""Lock files are the same wherever stages were run; what runs is the source, whatever bytecode lies there."""

import compileall
import os
import py_compile
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.cli.project import PIVOT

STAGES = '''
import enum
import functools
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple, TypedDict

from pivot_core import JSON, Dep, DirectoryOut, Metric, Out, PathOnly, StageParams, Text

import tools.numbers as numbers
from tools import *
from tools.loaders import Lines

WORDS = {"b", "a", "c", "d", "e", "f"}
FROZEN = frozenset(["x", "y", "z"])
TABLE = {"twice": lambda value: value * 2, "thrice": lambda value: value * 3}
PATTERN = re.compile("a+")
HERE = Path("data") / "more"
factor = functools.partial(numbers.scale, by=3)


class Color(enum.Enum):
    RED = 1
    GREEN = enum.auto()


@dataclass
class Point:
    x: int = 0
    tags: set = field(default_factory=lambda: set(WORDS))


class FitParams(StageParams):
    """The params."""

    rate: float = 1e-7
    names: list[str] = ["on", "1e3"]
    tags: set[str] = {"g", "f", "e", "d"}
    nested: dict[str, dict[str, float]] = {"b": {"z": 1.0, "a": 2.5}, "a": {}}


class Outs(TypedDict):
    model: Annotated[object, Out("out/model.json", JSON())]
    scores: Annotated[object, Metric("out/scores.json")]
    parts: Annotated[dict, DirectoryOut("out/parts/", Text())]


@traced
def fit(
    params: FitParams,
    rows: Annotated[list, Dep("data/rows.txt", Lines(strip=True))],
    path: Annotated[Path, Dep("data/many/", PathOnly())],
) -> Outs:
    """Fits."""
    point = Point(factor(len(rows)))
    names = sorted(os.fsencode(each).hex() for each in path.iterdir())
    parts = {f"{name}.txt": name for name in point.tags | FROZEN}
    return {"model": [point.x, names, Color.GREEN.value], "scores": TABLE["twice"](params.rate), "parts": parts}


def show(
    parts: Annotated[Path, Dep("out/parts/", PathOnly())], scores: Annotated[object, Dep("out/scores.json", JSON())]
) -> Annotated[str, Out("out/show.txt", Text())]:
    return f"{len(list(parts.iterdir()))} {scores} {bool(PATTERN.match('a'))} {HERE}"
'''
REGISTER = """
pipeline = Pipeline("all")
pipeline.register(fit)
pipeline.register(fit, variant="ü", outs={"model": "out/u.json", "scores": "out/us.json", "parts": "out/u/"})
pipeline.register(show)
"""
FILES = {
    "tools/__init__.py": """
import functools
from .numbers import scale
__all__ = ["traced"]
def traced(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)
    return wrapper
""",
    "tools/numbers.py": "def scale(value, by=2):\n    return value * by\n",
    "tools/loaders.py": """
class Base:
    def lines(self, path):
        return path.read_text(encoding="utf-8").splitlines()
class Lines(Base):
    def __init__(self, strip=False):
        self.strip = strip
    def load(self, path):
        return [line.strip() if self.strip else line for line in self.lines(path)]
""",
    "params.yaml": "fit: {rate: 0.25}\nfit@ü: {names: [b, a]}\n",
    "data/rows.txt": " one\ntwo \n",
    "data/many/a": "1",
    "data/many/B": "2",
    "data/many/é": "3",
    "data/many/sub/c": "4",
}
IN_PIPELINE = {"pipeline.py": f"{STAGES}\nfrom pivot_core import Pipeline\n{REGISTER}"}
IN_MODULE = {
    "steps.py": STAGES,
    "pipeline.py": f"from pivot_core import Pipeline\nfrom steps import fit, show\n{REGISTER}",
}


@dataclass(frozen=True)
class World:
    """Where and how a project is run."""

    directory: str = "project"
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    umask: int = 0o022
    is_reversed: bool = False
    """Whether files are written in the opposite order, in which a directory may then list them."""
    jobs: int = 2


WORLDS = {
    "another directory": World("deep/er/a project, ünlike the 'first'"),
    "a hash seed": World(environment={"PYTHONHASHSEED": "1"}),
    "another hash seed": World(environment={"PYTHONHASHSEED": "4242"}),
    "language and time zone": World(
        environment={"LANG": "C", "LC_ALL": "C", "TZ": "Asia/Kathmandu"}
    ),
    "a umask": World(umask=0o077),
    "files in another order": World(is_reversed=True, jobs=1),
}


def pivot(root: Path, *arguments: str, world: World | None = None) -> None:
    """Runs ``pivot``, which must end well."""
    world = world or World()
    kept = {name: os.environ[name] for name in ("PATH",)}
    done = subprocess.run(
        [PIVOT, *arguments],
        cwd=root,
        env={
            **kept,
            "XDG_CONFIG_HOME": str(root / ".home"),
            "LANG": "C.UTF-8",
            **world.environment,
        },
        umask=world.umask,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run(base: Path, files: Mapping[str, str], world: World) -> dict[str, bytes]:
    """Runs a project from scratch and returns its lock files."""
    root = base / world.directory
    for name in sorted(files, reverse=world.is_reversed):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files[name], encoding="utf-8")
    (root / ".pivot").mkdir()
    pivot(root, "repro", "-q", "--jobs", str(world.jobs), world=world)
    return {path.name: path.read_bytes() for path in (root / ".pivot/stages").iterdir()}


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The lock files of a run in plain circumstances."""
    return run(tmp_path_factory.mktemp("first"), {**FILES, **IN_PIPELINE}, World())


@pytest.mark.parametrize("name", WORLDS)
def test_lock_files_are_the_same_everywhere(
    name: str, first: dict[str, bytes], tmp_path: Path
) -> None:
    assert len(first) == 3
    assert run(tmp_path, {**FILES, **IN_PIPELINE}, WORLDS[name]) == first


def test_the_module_of_a_stage_shows_in_the_names_of_symbols_alone(
    first: dict[str, bytes], tmp_path: Path
) -> None:
    for name, data in run(tmp_path, {**FILES, **IN_MODULE}, World()).items():
        here, there = yaml.safe_load(data), yaml.safe_load(first[name])
        assert here["code"].pop("digest") == there["code"].pop("digest")
        for lock in (here, there):
            symbols = lock.pop("code")["symbols"]
            lock["symbols"] = sorted(symbol.partition(":")[2] for symbol in symbols)
        assert here == there


@pytest.mark.parametrize("isolation", ["fork", "worker"])
@pytest.mark.parametrize(
    "mode",
    [py_compile.PycInvalidationMode.TIMESTAMP, py_compile.PycInvalidationMode.UNCHECKED_HASH],
)
def test_bytecode_that_looks_valid_is_never_run(
    mode: py_compile.PycInvalidationMode, isolation: str, tmp_path: Path
) -> None:
    files = {
        "pipeline.py": """
from typing import Annotated
from pivot_core import JSON, Dep, Out, Pipeline, Text
import helpers
from paths import SOURCE
def one(text: Annotated[str, Dep(SOURCE, Text())]) -> Annotated[object, Out("one.json", JSON())]:
    return [text, helpers.number()]
pipeline = Pipeline("p")
pipeline.register(one)
""",
        "helpers.py": "def number():\n    return 1\n",
        "paths.py": "SOURCE = 'a.txt'\n",
        "a.txt": "a",
        "b.txt": "b",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert compileall.compile_dir(tmp_path, quiet=1, invalidation_mode=mode)
    (tmp_path / ".pivot").mkdir()
    (tmp_path / ".pivot/config.yaml").write_text(f"run: {{isolation: {isolation}}}\n")
    pivot(tmp_path, "repro", "-q")
    before = (tmp_path / "one.json").read_text().split()

    edit_stealthily(tmp_path / "helpers.py", "1", "2")
    edit_stealthily(tmp_path / "paths.py", "a.txt", "b.txt")
    pivot(tmp_path, "repro", "-q")

    assert before == ["[", '"a",', "1", "]"]
    assert (tmp_path / "one.json").read_text().split() == ["[", '"b",', "2", "]"]


def edit_stealthily(path: Path, old: str, new: str) -> None:
    """Edits a file so that its bytecode looks as if made of it: with the same size and time."""
    was = path.stat()
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert path.stat().st_size == was.st_size
