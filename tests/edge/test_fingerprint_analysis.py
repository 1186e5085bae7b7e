"""What an analysis tells besides the digest: where, what to import first, what it rests on, and what it cannot know."""

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pivot_core.errors import DefinitionError
from pivot_core.fingerprint import files
from pivot_core.fingerprint.analyser import Analyser
from pivot_core.model.fingerprint import Analysis
from pivot_core.model.ids import StageName
from pivot_core.model.stage import FunctionRef, SourceLocation, Stage

HERE = SourceLocation("pipeline.py", 1)


def a_stage(function: str = "run", module: str = "pipeline", base: str = "") -> Stage:
    ref = FunctionRef(base, module, function, HERE)
    return Stage(StageName(function), ref, (), (), {}, None, "", None, (), None, 0, HERE)


def project(root: Path, **sources: str) -> Path:
    """Writes modules; ``__`` in a name stands for a directory."""
    for name, text in sources.items():
        stem = (
            name.replace("____init__", "//init").replace("__", "/").replace("//init", "/__init__")
        )
        path = root / f"{stem}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def analyse(
    root: Path, function: str = "run", module: str = "pipeline", base: str = ""
) -> Analysis:
    return Analyser(str(root)).analyse(a_stage(function, module, base))


def digest(root: Path, **sources: str) -> str:
    project(root, **sources)
    return analyse(root).fingerprint.digest


# --- the digest depends on the code alone ----------------------------------------------------------------------------

BIG = """
import helpers, json
from helpers import *
TABLE = {"a": helpers.one, "b": helpers.two}
SEEN = set()
def ping(x): return pong(x - 1) if x else json.dumps(x)
def pong(x): return ping(x)
class Model(helpers.Base):
    names: set = {"x", "y"}
    def go(self): return TABLE
def run(x): return Model().go(), ping(x), three(x), {"p", "q"}
"""
HELPERS = """
class Base: pass
def one(x): return x
def two(x): return one(x)
def three(x): return two(x)
TABLE = {}
TABLE[1] = one
"""


@pytest.mark.parametrize("seed", ["0", "1", "4711"])
def test_hash_seed_and_directory_do_not_show(seed: str, tmp_path: Path) -> None:
    here = project(tmp_path / "here", pipeline=BIG, helpers=HELPERS)
    there = project(tmp_path / "some" / "where" / "else", pipeline=BIG, helpers=HELPERS)
    code = (
        "import sys; sys.path[:0] = sys.argv[2:]\n"
        "from test_fingerprint_analysis import analyse, Path\n"
        "print(repr(analyse(Path(sys.argv[1])).fingerprint))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(there), str(Path(__file__).parent), *sys.path],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == repr(analyse(here).fingerprint)


def test_the_layout_of_the_project_does_not_show_in_the_digest(tmp_path: Path) -> None:
    body = "def helper(x): return x + 1\ndef run(x): return helper(x)\n"
    flat = project(tmp_path / "flat", pipeline=body)
    split = project(
        tmp_path / "split",
        pipeline="from stages.work import run\n",
        stages__work="from stages.deep.tools import helper\ndef run(x): return helper(x)\n",
        stages__deep__tools="def helper(x): return x + 1\n",
    )
    assert (
        analyse(flat).fingerprint.digest
        == analyse(split, module="stages.work").fingerprint.digest
        == analyse(split).fingerprint.digest
    )


def test_renaming_and_moving_a_private_helper_changes_nothing(tmp_path: Path) -> None:
    before = digest(
        tmp_path,
        pipeline="from helpers import _scale\ndef run(x): return _scale(x)\n",
        helpers="K = 2\ndef _scale(x): return x * K\n",
    )
    renamed = digest(
        tmp_path,
        pipeline="import helpers as h\ndef run(x): return h._stretch(x)\n",
        helpers="FACTOR = 2\ndef _stretch(x):\n    return x * FACTOR\n",
    )
    moved = digest(
        tmp_path,
        pipeline="def run(x): return grow(x)\ndef grow(x): return x * L\nL = 2\n",
        helpers="",
    )
    assert before == renamed == moved


def test_definitions_may_be_reordered(tmp_path: Path) -> None:
    parts = ["def a(x): return x\n", "B = 2\n", "def run(x): return a(x) + B + C\n", "C = 3\n"]
    assert digest(tmp_path, pipeline="".join(parts)) == digest(
        tmp_path, pipeline="".join(reversed(parts))
    )


def test_another_version_of_a_package_that_counts_is_another_fingerprint(tmp_path: Path) -> None:
    project(tmp_path, pipeline="import yaml\n\ndef run():\n    return yaml.safe_load('1')\n")

    def analysed(version: str) -> Analysis:
        found = Analyser(str(tmp_path), versions=lambda modules: dict.fromkeys(modules, version))
        return found.analyse(a_stage())

    one, other = analysed("1.0"), analysed("1.1")
    assert one == analysed("1.0")
    assert one.fingerprint.digest != other.fingerprint.digest
    assert [name for name, _ in one.locations] == ["<package>:yaml", "pipeline:run"]


def test_two_equal_definitions_are_not_one(tmp_path: Path) -> None:
    two = digest(tmp_path, pipeline="A = []\nB = []\ndef run(): A.append(1); return A, B\n")
    one = digest(tmp_path, pipeline="A = []\nB = []\ndef run(): A.append(1); return A, A\n")
    assert two != one


def test_exchanged_helpers_are_noticed_and_named(tmp_path: Path) -> None:
    text = "def a(x): return 1\ndef b(x): return 2\ndef run(x): return {}(x) - {}(x)\n"
    project(tmp_path, pipeline=text.format("a", "b"))
    before = analyse(tmp_path).fingerprint
    project(tmp_path, pipeline=text.format("b", "a"))
    after = analyse(tmp_path).fingerprint
    assert before.digest != after.digest
    changed = set(before.symbols) - set(after.symbols)
    assert {symbol.name for symbol in changed} == {"pipeline:run"}


# --- symbols ----------------------------------------------------------------------------------------------------------


def test_symbols_are_sorted_and_located(tmp_path: Path) -> None:
    project(
        tmp_path,
        pipeline="import pkg.tools\n\n\ndef run(x):\n    return pkg.tools.f(x)\n",
        pkg__tools="import functools\nK = 1\n\n@functools.cache\ndef f(x):\n    return K\n",
    )
    analysis = analyse(tmp_path)
    names = [symbol.name for symbol in analysis.fingerprint.symbols]
    assert names == ["pipeline:run", "pkg.tools:K", "pkg.tools:f"]
    assert [(name, str(place)) for name, place in analysis.locations] == [
        ("pipeline:run", "pipeline.py:4"),
        ("pkg.tools:K", "pkg/tools.py:2"),
        ("pkg.tools:f", "pkg/tools.py:5"),
    ]


def test_an_edit_changes_the_hash_of_its_symbol_alone(tmp_path: Path) -> None:
    pipeline = "from helpers import f\ndef run(x): return f(x)\n"
    project(tmp_path, pipeline=pipeline, helpers="K = 1\ndef f(x): return K\n")
    before = analyse(tmp_path).fingerprint
    project(tmp_path, helpers="K = 2\ndef f(x): return K\n")
    after = analyse(tmp_path).fingerprint
    assert {s.name for s in set(before.symbols) ^ set(after.symbols)} == {"helpers:K"}


def test_the_source_of_a_symbol_is_shown_as_written(tmp_path: Path) -> None:
    text = "@cache  # kept\ndef run(x):\n    # why\n    return x\nT = {}\nT['a'] = 1\nT['b'] = 2\n"
    project(tmp_path, pipeline=text)
    analyser = Analyser(str(tmp_path))
    assert (
        analyser.source("pipeline:run") == "@cache  # kept\ndef run(x):\n    # why\n    return x\n"
    )
    assert analyser.source("pipeline:T") == "T = {}\n\nT['a'] = 1\n\nT['b'] = 2\n"
    assert analyser.source("pipeline:gone") is None
    assert analyser.source("gone:run") is None


def test_two_pipelines_may_each_have_helpers(tmp_path: Path) -> None:
    pipeline = "from helpers import f\ndef run(x): return f(x)\n"
    for name in ("a", "b"):
        body = f"def f(x): return {name!r}\n"
        project(tmp_path, **{f"{name}__pipeline": pipeline, f"{name}__helpers": body})
    analyser = Analyser(str(tmp_path))
    first, second = (analyser.analyse(a_stage(base=base)) for base in ("a", "b"))
    assert first.fingerprint.digest != second.fingerprint.digest
    assert {str(place) for _, place in second.locations} == {"b/pipeline.py:2", "b/helpers.py:1"}
    assert analyser.source("helpers:f", base="b") == "def f(x): return 'b'\n"


# --- modules ----------------------------------------------------------------------------------------------------------


def test_sources_are_the_project_modules_that_an_import_executes(tmp_path: Path) -> None:
    project(
        tmp_path,
        pipeline=(
            "from typing import TYPE_CHECKING\nimport pkg.a\nif TYPE_CHECKING:\n    import pkg.types_\n"
            "def run(x):\n    import pkg.late\n    return pkg.late.f(x)\n"
        ),
        pkg____init__="",
        pkg__a="from . import b\n",
        pkg__b="",
        pkg__late="def f(x): return x\n",
        pkg__types_="",
        unrelated="",
    )
    found = [os.path.relpath(path, tmp_path) for path in analyse(tmp_path).sources]
    assert found == ["pkg/__init__.py", "pkg/b.py", "pkg/a.py", "pipeline.py"]


def test_preload_is_installed_third_party_code(tmp_path: Path) -> None:
    project(
        tmp_path,
        pipeline=(
            "import json, yaml, xxhash as x, nowhere_to_be_found\nfrom pivot_core import Pipeline\n"
            "import own\nfrom rich import table\n"
            "def run(x):\n    from click import command\n    return command\n"
            "def other(x):\n    import lmdb\n"
        ),
        own="import pydantic.fields\n",
    )
    assert analyse(tmp_path).preload == (
        "click",
        "pydantic.fields",
        "rich",
        "rich.table",
        "xxhash",
        "yaml",
    )


def test_a_project_module_shadows_the_standard_library(tmp_path: Path) -> None:
    project(tmp_path, pipeline="import statistics\ndef run(x): return statistics.mean(x)\n")
    outside = analyse(tmp_path)
    project(tmp_path, statistics="def mean(x): return 0\n")
    inside = analyse(tmp_path)
    assert [s.name for s in outside.fingerprint.symbols] == ["pipeline:run"]
    assert [s.name for s in inside.fingerprint.symbols] == ["pipeline:run", "statistics:mean"]


def test_our_own_packages_are_never_project_code(tmp_path: Path) -> None:
    project(tmp_path, pipeline="import pivot_core\ndef run(x): return pivot_core.CSV()\n")
    project(tmp_path, pivot_core____init__="CSV = 1\n")
    assert [s.name for s in analyse(tmp_path).fingerprint.symbols] == ["pipeline:run"]


def test_a_directory_on_the_import_path_counts_as_project_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "elsewhere")])
    project(tmp_path / "elsewhere", library__core="def f(x): return x\n", library____init__="")
    root = project(
        tmp_path / "root", pipeline="from library.core import f\ndef run(x): return f(x)\n"
    )
    names = [symbol.name for symbol in analyse(root).fingerprint.symbols]
    assert names == ["library.core:f", "pipeline:run"]


def test_a_compiled_module_of_the_project_counts_by_its_bytes(tmp_path: Path) -> None:
    project(tmp_path, pipeline="import fast\ndef run(x): return fast.go(x)\n")
    compiled = tmp_path / "fast.so"
    compiled.write_bytes(b"one")
    before = analyse(tmp_path)
    compiled.write_bytes(b"two")
    after = analyse(tmp_path)
    assert before.fingerprint.digest != after.fingerprint.digest
    assert "fast:*" in [symbol.name for symbol in after.fingerprint.symbols]
    assert "no source" in after.caveats[0].message


# --- what an analysis rests on ----------------------------------------------------------------------------------------


def test_inputs_hold_what_was_read_and_what_was_looked_for(tmp_path: Path) -> None:
    root = project(tmp_path, pipeline="import helpers, json\ndef run(x): return x\n", helpers="")
    analyser = Analyser(str(root))
    analyser.analyse(a_stage())
    inputs = dict(analyser.inputs)
    assert inputs[str(root / "pipeline.py")] == files.observe(str(root / "pipeline.py"))
    assert inputs[str(root / "helpers.py")] is not None
    assert inputs[str(root / "json.py")] is None
    assert inputs[str(root / "json" / "__init__.py")] is None
    assert inputs[str(root / "helpers" / "__init__.py")] is None


def test_a_new_module_is_noticed_by_the_inputs(tmp_path: Path) -> None:
    root = project(
        tmp_path,
        pipeline="import importlib\ndef run(x): return importlib.import_module('plugins.' + x)\n",
        plugins____init__="",
        plugins__one="",
    )
    analyser = Analyser(str(root))
    analyser.analyse(a_stage())
    assert all(files.observe(path) == known for path, known in analyser.inputs.items())
    project(root, plugins__two="")
    differing = [path for path, known in analyser.inputs.items() if files.observe(path) != known]
    assert differing == [f"{root}/plugins/"]


# --- what source cannot tell ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("def run(x): return use(helpers)\ndef use(m): return m", 2, "used as a value"),
        ("def run(x):\n    return getattr(helpers, x)", 3, "used as a value"),
        ("def run(x):\n    return eval(x)", 3, "eval() can use any name"),
        ("def run(x):\n    return globals()[x]", 3, "globals() can use any name"),
        ("def run(x):\n    return helpers.nothing", 3, "shows what 'nothing' is"),
        ("def run(x):\n    return __import__(x)", 3, "name of an imported module is computed"),
        ("import os\nA = os.environ['A']\ndef run(x): return A", 3, "the environment is read"),
        ("A = open('x').read()\ndef run(x): return A", 2, "a file is read"),
        ("A = helpers.read()\ndef run(x): return A", None, "a file is read"),
    ],
)
def test_what_cannot_be_known_is_named_with_its_place(
    body: str, line: int | None, words: str, tmp_path: Path
) -> None:
    helpers = "def read():\n    return open('x').read()\n"
    project(tmp_path, pipeline=f"import helpers\n{body}\n", helpers=helpers)
    (caveat,) = analyse(tmp_path).caveats
    assert words in caveat.message
    assert str(caveat.where) == (f"pipeline.py:{line}" if line else "helpers.py:2")


@pytest.mark.parametrize(
    "body",
    [
        "def run(x):\n    m = helpers\n    return m.read()",
        "def run(x):\n    return open(x).read()",
        "m = helpers\ndef run(x): return m.read()",
        "def run(x): return getattr(x, 'a' + x)",
        "def run(x): return eval\n" if False else "def run(x): return x.eval(x)",
        "class Reader:\n    def load(self, path): return open(path)\ndef run(x): return Reader()",
    ],
)
def test_what_is_known_has_no_caveat(body: str, tmp_path: Path) -> None:
    project(tmp_path, pipeline=f"import helpers\n{body}\n", helpers="def read(): return 1\n")
    assert analyse(tmp_path).caveats == ()


# --- mistakes ---------------------------------------------------------------------------------------------------------


def test_a_function_that_is_not_there_is_a_definition_error(tmp_path: Path) -> None:
    project(tmp_path, pipeline="def run(x): return x\n")
    with pytest.raises(DefinitionError, match="module 'pipeline' has no function 'gone'"):
        analyse(tmp_path, "gone")
    with pytest.raises(DefinitionError, match="module 'elsewhere' of stage function 'run'"):
        analyse(tmp_path, module="elsewhere")


def test_source_that_does_not_parse_is_told_in_pythons_words(tmp_path: Path) -> None:
    project(
        tmp_path, pipeline="import pkg.broken\ndef run(x): return x\n", pkg__broken="x = 1\ny = (\n"
    )
    with pytest.raises(DefinitionError) as caught:
        analyse(tmp_path)
    assert caught.value.what == "cannot parse 'pkg/broken.py': '(' was never closed"
    assert caught.value.where == "pkg/broken.py:2"


def test_deeply_nested_source_is_taken_whole(tmp_path: Path) -> None:
    nested = "x" + ".a()" * 3000
    text = f"HIDDEN = 1\ndef run(x): return {nested}\n"
    project(tmp_path, pipeline=text)
    before = analyse(tmp_path)
    project(tmp_path, pipeline=text.replace("HIDDEN = 1", "HIDDEN = 2"))
    assert before.caveats
    assert before.fingerprint.digest != analyse(tmp_path).fingerprint.digest


def test_a_long_sum_is_no_deep_nesting(tmp_path: Path) -> None:
    project(tmp_path, pipeline="def run(x): return " + " + ".join(["x"] * 3000) + "\n")
    assert analyse(tmp_path).caveats == ()


def test_sources_in_other_encodings_are_read(tmp_path: Path) -> None:
    text = "# -*- coding: latin-1 -*-\ndef run(x): return 'é'\n"
    (tmp_path / "pipeline.py").write_bytes(text.encode("latin-1"))
    analyser = Analyser(str(tmp_path))
    latin = analyser.analyse(a_stage()).fingerprint.digest
    assert analyser.source("pipeline:run") == "def run(x): return 'é'\n"
    assert latin == digest(tmp_path, pipeline="def run(x): return 'é'\n")


def test_nothing_of_the_project_is_imported(tmp_path: Path) -> None:
    marker = hashlib.md5(str(tmp_path).encode(), usedforsecurity=False).hexdigest()
    project(tmp_path, pipeline=f"import m{marker}\nraise SystemExit(3)\ndef run(x): return x\n")
    project(tmp_path, **{f"m{marker}": "raise SystemExit(4)\n"})
    analyse(tmp_path)
    assert f"m{marker}" not in sys.modules


# --- additions to the import path -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "behind", "found"),
    [
        (("src", "."), (), "src/tools.py"),
        ((".", "src"), (), "tools.py"),
        ((), ("src",), "tools.py"),
        ((), ("src", "more"), "tools.py"),
    ],
)
def test_modules_are_found_where_loading_found_them(
    ahead: tuple[str, ...], behind: tuple[str, ...], found: str, tmp_path: Path
) -> None:
    project(
        tmp_path,
        tools="def g(x): return x\n",
        src__tools="def g(x): return -x\n",
        src__json="def g(x): return x\n",
        src__steps="import json\nimport tools\ndef f(x): return tools.g(json.dumps(x))\n",
    )
    ref = FunctionRef("", "steps", "f", SourceLocation("src/steps.py", 1), ahead, behind)
    analysis = Analyser(str(tmp_path)).analyse(dataclasses.replace(a_stage(), func=ref))
    places = {name: place.file for name, place in analysis.locations}
    assert places["tools:g"] == found
    # Only what stands before the standard library hides it.
    assert ("json:g" in places) is bool(ahead)


def test_a_module_is_found_by_the_file_of_its_function(tmp_path: Path) -> None:
    project(tmp_path, code__library__tools="def f(x): return x\n")
    ref = FunctionRef("", "library.tools", "f", SourceLocation("code/library/tools.py", 1))
    stage = dataclasses.replace(a_stage(), func=ref, defined=SourceLocation("pivot.yaml", 3))
    found = Analyser(str(tmp_path)).analyse(stage).fingerprint.symbols
    assert [symbol.name for symbol in found] == ["library.tools:f"]
