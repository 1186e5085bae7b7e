"""What was read when the definition was loaded counts for the stages that reach the statement which took it."""

import os
from pathlib import Path

import pytest

from pivot_core.fingerprint.analyser import Analyser
from pivot_core.fingerprint.reading import Readings
from pivot_core.model.fingerprint import Analysis
from tests.support import loading

HEAD = """
import os, json, functools
from pathlib import Path
from typing import Annotated
from pivot_core import JSON, Out, Pipeline
pipeline = Pipeline()
def stage(func):
    pipeline.register(func, outs={"return": func.__name__})
"""
ENDING = """
def st_one() -> Annotated[object, Out("one", JSON())]: return {}
def st_two() -> Annotated[object, Out("two", JSON())]: return {}
def st_none() -> Annotated[object, Out("none", JSON())]: return 0
for st in (st_one, st_two, st_none): pipeline.register(st)
"""


def analyses(root: Path, code: str, one: str, two: str, **files: str) -> dict[str, Analysis]:
    """Loads and analyses a project with three stages that return ``one``, ``two`` and 0."""
    text = HEAD + code + ENDING.format(one, two)
    sources = {name.replace("__", "/") + ".py": source for name, source in files.items()}
    found = loading.definitions(root, {"pipeline.py": text, **sources})
    readings = Readings(found.readings, found.observed["sources"])
    analyser = Analyser(str(root), readings=readings)
    return {stage.name: analyser.analyse(stage) for stage in found.stages}


def read_by(analysis: Analysis) -> list[str]:
    return [s.name for s in analysis.fingerprint.symbols if s.name.startswith("<")]


@pytest.mark.parametrize(
    ("code", "one", "two"),
    [
        ("A = os.getenv('A_')", "A", "1"),
        ("A = os.getenv('A_'); B = 1", "A", "2"),
        ("class A:\n    x = os.getenv('A_')", "A.x", "1"),
        ("class A:\n    x = os.getenv('A_')\nb = A()", "b", "1"),
        ("def a(x=os.getenv('A_')): return x", "a()", "1"),
        ("def take(): return os.getenv('A_')\nA = take()", "A", "take"),
        ("def take():\n    return os.getenv('A_')\nA = take()\ndef a():\n    return A", "a()", "1"),
        ("def take(n): return os.getenv(n)\nA = take('A_')\nB = take('B_') if 0 else 1", "A", "B"),
        ("T = {}\nT['x'] = os.getenv('A_')\nU = {}", "T", "U"),
        ("T = {}\ndef fill(): T['x'] = os.getenv('A_')\nfill()", "T", "1"),
        ("A = [\n    1,\n    os.getenv(\n        'A_'\n    ),\n]", "A", "1"),
        ("if os.getenv('A_'):\n    A = 1\nelse:\n    A = 2", "A", "1"),
        ("if os.getenv('A_'):\n    def a(): return 1\nelse:\n    def a(): return 2", "a()", "1"),
        ("try:\n    A = os.environ['A_']\nexcept KeyError:\n    A = 1", "A", "1"),
        ("for A in [os.getenv('A_')]: pass", "A", "1"),
        ("@functools.cache\ndef a(): return os.getenv('A_')\nprint(a())", "a()", "print"),
        (
            "def d(f):\n    x = os.getenv('A_')\n    return lambda: x\n@d\ndef a(): return 1",
            "a()",
            "d",
        ),
        ("import helper", "helper.A", "helper.B"),
        ("from helper import A, B", "A", "B"),
        ("from helper import *", "A", "B"),
        ("import helper\nA = helper.take()", "A", "helper.take"),
    ],
)
def test_only_who_reaches_the_statement_depends_on_what_it_read(
    tmp_path: Path, code: str, one: str, two: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = "import os\ndef take():\n    return os.getenv('A_')\nA = take()\nB = 1\n"
    before = analyses(tmp_path, code, one, two, helper=helper)
    assert {name: read_by(found) for name, found in before.items()} == {
        "st_one": ["<env>:A_"],
        "st_two": [],
        "st_none": [],
    }
    assert [found.caveats for found in before.values()] == [(), (), ()]
    monkeypatch.setenv("A_", "1")
    after = analyses(tmp_path, code, one, two, helper=helper)
    changed = {
        name for name in before if before[name].fingerprint.digest != after[name].fingerprint.digest
    }
    assert changed == {"st_one"}


def test_a_reading_that_is_as_it_was_counts_as_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list[dict[str, Analysis]]()
    for value in ("1", "2", "1"):
        monkeypatch.setenv("A_", value)
        found.append(analyses(tmp_path, "A = os.getenv('A_')", "A", "1"))
    first, other, again = [
        {name: each.fingerprint for name, each in some.items()} for some in found
    ]
    assert first == again != other


def test_a_reading_is_located_and_reached_through_its_statement(tmp_path: Path) -> None:
    helper = "import os\nX = 1\ndef take():\n    return os.getenv('A_')\nA = take()\n"
    code = "import helper\ndef use(): return helper.A"
    found = analyses(tmp_path, code, "use()", "1", helper=helper)["st_one"]
    assert str(dict(found.locations)["<env>:A_"]) == "helper.py:4"
    assert found.route("<env>:A_") == ("pipeline:st_one", "pipeline:use", "helper:A", "<env>:A_")


def test_a_file_that_is_read_counts_by_its_content_alone(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("1")
    code = "A = json.loads(Path('c.json').read_text())"
    before = analyses(tmp_path, code, "A", "1")["st_one"].fingerprint
    os.utime(tmp_path / "c.json", (1, 1))
    assert analyses(tmp_path, code, "A", "1")["st_one"].fingerprint == before
    (tmp_path / "c.json").write_text("2")
    after = analyses(tmp_path, code, "A", "1")["st_one"].fingerprint
    assert {s.name for s in set(before.symbols) ^ set(after.symbols)} == {"<file>:c.json"}
    assert before.digest != after.digest


def test_the_fingerprint_is_the_same_in_another_directory(tmp_path: Path) -> None:
    found = list[Analysis]()
    for place in ("here", "some/where/else"):
        root = tmp_path / place
        loading.write(root, {"conf/c.json": "1"})
        code = (
            "HERE = Path(__file__).resolve().parent\n"
            "A = [json.loads(p.read_text()) for p in sorted((HERE / 'conf').iterdir())]\n"
        )
        found.append(analyses(root, code, "A, HERE", "1")["st_one"])
    assert read_by(found[0]) == ["<file>:conf/c.json", "<listing>:conf"]
    assert found[0].fingerprint == found[1].fingerprint


@pytest.mark.parametrize(
    ("code", "one", "message"),
    [
        ("def a():\n    import late\n    return late.A", "a()", "the environment is read"),
        ("A = pack.read_parquet('x')", "A", "data is read when module 'pipeline' is imported"),
    ],
)
def test_what_nobody_noticed_is_named(tmp_path: Path, code: str, one: str, message: str) -> None:
    head = "import pack\n"
    late = "import os\nA = os.environ.get('A_')\n"
    pack = "def __getattr__(name): return len\n"
    found = analyses(tmp_path, head + code, one, "1", late=late, pack=pack)
    (caveat,) = found["st_one"].caveats
    assert caveat.message.startswith(message)
    assert found["st_two"].caveats == ()


@pytest.mark.parametrize(
    ("body", "unread"),
    [
        ("import late\n    return late.A", {"late"}),
        ("from inner import take\n    return take()", {"late"}),
        ("import importlib\n    return importlib.import_module('late').A", {"late"}),
        ("import importlib\n    return importlib.import_module('LATE'.lower()).A", set[str]()),
        ("import late\n    return late.B", set[str]()),
    ],
)
def test_only_a_module_that_a_reached_import_names_is_asked_for(
    tmp_path: Path, body: str, unread: set[str]
) -> None:
    late = "import os\nA = os.environ.get('A_')\nB = 1\n"
    inner = "import late\ndef take(): return late.A\n"
    text = HEAD + f"def a():\n    {body}\n" + ENDING.format("a()", "1")
    found = loading.definitions(
        tmp_path, {"pipeline.py": text, "late.py": late, "inner.py": inner, "script.py": late}
    )
    analyser = Analyser(str(tmp_path), readings=Readings(found.readings, found.observed["sources"]))
    for stage in found.stages:
        analyser.analyse(stage)
    assert analyser.unread == ({"": unread} if unread else {})
