"""What project code reads while the definition loads: what counts, by which hash, and which statement took it."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pivot_core import quick
from pivot_core.define import assembly
from pivot_core.define.observe import bytes_hash
from pivot_core.define.reading import UNCOUNTED, environment_hash, tagged
from pivot_core.model.fingerprint import Reading
from tests.support import loading

HEAD = "import os, json, pathlib\nfrom pivot_core import Pipeline\npipeline = Pipeline()\n"


def readings(
    root: Path, code: str, files: Mapping[str, str] | None = None, head: str = HEAD
) -> list[Reading]:
    report = loading.report(root, {"pipeline.py": head + code, **(files or {})})
    assert report["errors"] == []
    return list(assembly.assemble([report], str(root)).readings)


def symbols(root: Path, code: str, files: Mapping[str, str] | None = None) -> dict[str, str]:
    return {reading.symbol: reading.hash for reading in readings(root, code, files)}


def lines(reading: Reading) -> list[tuple[str, int]]:
    places = (*reading.through, reading.taken_at)
    return [(os.path.basename(place.file), place.line) for place in places]


# --- what counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("os.environ['PIVOT_TEST_A']", "<env>:PIVOT_TEST_A"),
        ("os.getenv('PIVOT_TEST_B', '1')", "<env>:PIVOT_TEST_B"),
        ("'PIVOT_TEST_B' in os.environ", "<env>:PIVOT_TEST_B"),
        ("os.environb.get(b'PIVOT_TEST_A')", "<env>:PIVOT_TEST_A"),
        ("os.path.expandvars('$PIVOT_TEST_A')", "<env>:PIVOT_TEST_A"),
        ("import string; string.Template('$HOME').substitute(os.environ)", "<env>:HOME"),
        ("dict(os.environ)", "<env>:*"),
        ("os.environ.copy()", "<env>:*"),
        ("{k: v for k, v in os.environ.items() if k.startswith('APP_')}", "<env>:*"),
        ("os.environ.get('LANG')", "<env>:LANG"),
        ("open('a.txt').read()", "<file>:a.txt"),
        ("pathlib.Path('d/b.txt').read_text()", "<file>:d/b.txt"),
        ("pathlib.Path('d/b.txt').resolve().read_text()", "<file>:d/b.txt"),
        ("import configparser; configparser.ConfigParser().read('c.ini')", "<file>:c.ini"),
        ("import pkgutil; pkgutil.get_data('pack', 'data.txt')", "<file>:pack/data.txt"),
        ("open(__file__).read()", "<file>:pipeline.py"),
        ("os.listdir('d')", "<listing>:d"),
        ("sorted(pathlib.Path('d').iterdir())", "<listing>:d"),
        ("os.path.exists('a.txt')", "<exists>:a.txt"),
        ("pathlib.Path('gone').is_dir()", "<exists>:gone"),
        ("os.path.getsize('a.txt')", "<exists>:a.txt"),
        ("os.path.islink('a.txt')", "<exists>:a.txt"),
        ("os.access('a.txt', os.R_OK)", "<exists>:a.txt"),
    ],
)
def test_what_a_statement_reads_counts(
    tmp_path: Path, code: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIVOT_TEST_A", "x")
    files = {"a.txt": "1", "d/b.txt": "2", "c.ini": "", "pack/__init__.py": "", "pack/data.txt": ""}
    assert list(symbols(tmp_path, code, files)) == [expected]


@pytest.mark.parametrize(
    "code",
    [
        "pathlib.Path(__file__).resolve().parent",
        "import helper",
        "import argparse; argparse.ArgumentParser().add_argument('--x')",
        "import inspect, helper; inspect.getsource(helper)",
        "import tempfile\nwith tempfile.TemporaryDirectory() as d: open(d + '/x', 'w+').read()",
        "import tempfile\nwith tempfile.NamedTemporaryFile() as f: open(f.name).read()",
        "import zoneinfo; zoneinfo.ZoneInfo('Europe/Berlin')",
        "import logging; logging.basicConfig(filename='run.log'); logging.info('x')",
        "os.makedirs('made/below', exist_ok=True)",
        "pathlib.Path('made/below').mkdir(parents=True, exist_ok=True)",
        "open('made.txt', 'w').write('x')",
        "os.path.isdir('.') and os.path.exists(os.getcwd())",
        "from pivot_core import StageParams\nclass Params(StageParams):\n    a: int = 1",
    ],
)
def test_what_tells_of_the_machine_alone_does_not_count(tmp_path: Path, code: str) -> None:
    assert symbols(tmp_path, code, {"helper.py": "x = 1\n"}) == {}
    assert symbols(tmp_path, code) == {}  # what the first time made is there the second time


def test_what_the_project_makes_if_it_is_missing_counts_the_same_each_time(tmp_path: Path) -> None:
    code = "if not os.path.exists('made'):\n    os.mkdir('made')"
    assert symbols(tmp_path, code) == symbols(tmp_path, code)


def test_what_stages_and_tools_make_is_left_out_of_listings(tmp_path: Path) -> None:
    stage = (
        "from typing import Annotated\nfrom pivot_core import Out, Text\n"
        "def f() -> Annotated[str, Out('out/deep/a.txt', Text())]: return ''\n"
        "pipeline.register(f)\nos.listdir('.')\nos.listdir('out') if os.path.isdir('out') else 0"
    )
    before = symbols(tmp_path, stage)["<listing>:."]
    loading.write(tmp_path, {"out/deep/a.txt": "", "out/.gitignore": "", "__pycache__/x.pyc": ""})
    found = symbols(tmp_path, stage)
    assert found["<listing>:."] == before
    empty = found["<listing>:out"]
    loading.write(tmp_path, {"new.txt": "", "out/own.txt": ""})
    found = symbols(tmp_path, stage)
    assert found["<listing>:."] != before
    assert found["<listing>:out"] != empty


# --- by which hash ----------------------------------------------------------------------------------------------------


def test_a_file_counts_by_its_bytes_wherever_it_lies(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere" / "far.txt"
    loading.write(tmp_path, {"elsewhere/far.txt": "far"})
    code = f"open('a.txt'); open({str(outside)!r})\ntry: open('gone.txt')\nexcept OSError: pass"
    assert symbols(tmp_path / "project", code, {"a.txt": "near"}) == {
        "<file>:.../far.txt": bytes_hash(b"far"),
        "<file>:a.txt": bytes_hash(b"near"),
        "<file>:gone.txt": tagged("absent"),
    }


def test_a_test_counts_by_what_it_told(tmp_path: Path) -> None:
    code = "os.path.exists('a.txt')\nos.path.getsize('b.txt')"
    first = symbols(tmp_path, code, {"a.txt": "1", "b.txt": "1"})
    assert symbols(tmp_path, code, {"a.txt": "12", "b.txt": "2"}) == first
    grown = symbols(tmp_path, code, {"b.txt": "12"})
    assert grown["<exists>:a.txt"] == first["<exists>:a.txt"]
    assert grown["<exists>:b.txt"] != first["<exists>:b.txt"]
    (tmp_path / "a.txt").unlink()
    gone = symbols(tmp_path, code)
    assert gone["<exists>:a.txt"] != first["<exists>:a.txt"]


def test_a_variable_counts_by_the_value_that_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = "for line in open('.env'): os.environ.setdefault(*line.strip().split('='))\n"
    code = setting + "X = os.environ['PIVOT_TEST_A']"
    one = symbols(tmp_path, code, {".env": "PIVOT_TEST_A=1\n"})
    two = symbols(tmp_path, code, {".env": "PIVOT_TEST_A=2\n"})
    assert one["<env>:PIVOT_TEST_A"] != two["<env>:PIVOT_TEST_A"]
    monkeypatch.setenv("PIVOT_TEST_A", "1")
    kept = readings(tmp_path, "X = os.environ['PIVOT_TEST_A']")
    assert [reading.hash for reading in kept] == [tagged("variable", "1")]


def test_an_unset_variable_is_not_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "os.environ.get('PIVOT_TEST_A')"
    unset = symbols(tmp_path, code)
    monkeypatch.setenv("PIVOT_TEST_A", "")
    assert symbols(tmp_path, code) != unset


def test_terminal_and_shell_do_not_count_in_a_walk_through_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "A = dict(os.environ)\nB = os.environ.get('COLUMNS')"
    before = symbols(tmp_path, code)
    monkeypatch.setenv("COLUMNS", "17")
    monkeypatch.setenv("LC_ALL", "C")
    after = symbols(tmp_path, code)
    assert after["<env>:*"] == before["<env>:*"]
    assert after["<env>:COLUMNS"] != before["<env>:COLUMNS"]
    monkeypatch.setenv("PIVOT_TEST_A", "1")
    assert symbols(tmp_path, code)["<env>:*"] != before["<env>:*"]


def test_no_value_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIVOT_TEST_A", "secret value")
    assert "secret" not in repr(
        readings(tmp_path, "os.environ['PIVOT_TEST_A']; open('a')", {"a": "secret"})
    )


# --- which statement --------------------------------------------------------------------------------------------------


def test_the_statement_that_took_a_value_is_that_of_the_innermost_module(tmp_path: Path) -> None:
    files = {
        "helper.py": "import reader\nX = 1\nCONFIG = reader.load('a.txt')\n",
        "reader.py": "def load(path):\n    return _open(path)\ndef _open(path):\n    return open(path).read()\n",
        "a.txt": "1",
    }
    (reading,) = readings(tmp_path, "import helper", files)
    assert lines(reading) == [("reader.py", 4), ("reader.py", 2), ("helper.py", 3)]


def test_a_value_that_a_class_takes_belongs_to_its_statement(tmp_path: Path) -> None:
    (reading,) = readings(tmp_path, "class C:\n    x = os.environ.get('PIVOT_TEST_A')")
    assert lines(reading) == [("pipeline.py", 5), ("pipeline.py", 4)]


def test_a_value_that_a_library_reads_belongs_to_its_user(tmp_path: Path) -> None:
    library = tmp_path / "lib" / "site-packages" / "settings"
    loading.write(library, {"__init__.py": "def load(path):\n    return open(path).read()\n"})
    code = f"import sys\nsys.path.append({str(library.parent)!r})\nimport settings\nS = settings.load('a.txt')\n"
    (reading,) = readings(tmp_path, code, {"a.txt": "1"})
    assert reading.symbol == "<file>:a.txt"
    assert lines(reading) == [("pipeline.py", 7)]


def test_a_file_that_a_library_asks_about_counts_by_its_bytes(tmp_path: Path) -> None:
    library = tmp_path / "lib" / "site-packages" / "table.py"
    loading.write(
        library.parent,
        {library.name: "import os\n\nis_there = lambda path: os.path.isfile(path)\n"},
    )
    head = f"{HEAD}import sys\nsys.path.append({str(library.parent)!r})\nimport table\n"
    (one,) = readings(tmp_path, "table.is_there('a.bin')", {"a.bin": "1"}, head)
    (other,) = readings(tmp_path, "table.is_there('a.bin')", {"a.bin": "2"}, head)
    assert one.symbol == "<file>:a.bin"
    assert one.hash != other.hash


@pytest.mark.parametrize(
    "code",
    [
        "import sqlite3; sqlite3.connect('d/a.db')",
        "import sqlite3; sqlite3.connect(pathlib.Path('d/a.db'))",
        "import sqlite3; sqlite3.connect('file:d/a.db?mode=ro', uri=True)",
        "import ctypes\ntry: ctypes.CDLL('d/a.db')\nexcept OSError: pass",
    ],
)
def test_what_c_code_opens_and_python_tells_counts(tmp_path: Path, code: str) -> None:
    assert symbols(tmp_path, code, {"d/a.db": ""}) == {"<file>:d/a.db": bytes_hash(b"")}


@pytest.mark.parametrize(
    "code", ["import sqlite3; sqlite3.connect(':memory:')", "import ctypes; ctypes.CDLL(None)"]
)
def test_what_is_no_file_does_not_count(tmp_path: Path, code: str) -> None:
    assert symbols(tmp_path, code) == {}


def test_what_a_thread_reads_belongs_to_the_statement_that_waits_for_it(tmp_path: Path) -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def read(): return open('a.txt').read()\n"
        "with ThreadPoolExecutor(1) as pool:\n"
        "    A = pool.submit(read).result()\n"
        "    B = pool.submit(pathlib.Path('b.txt').read_text).result()\n"
    )
    found = readings(tmp_path, code, {"a.txt": "1", "b.txt": "1"})
    assert [(each.symbol, lines(each)) for each in found] == [
        ("<file>:a.txt", [("pipeline.py", 5), ("pipeline.py", 7)]),
        ("<file>:b.txt", [("pipeline.py", 8)]),
    ]


SETTINGS = """
import os


class Source:
    def __init__(self, settings):
        self.settings_cls, self.env_prefix, self.env_nested_delimiter = settings, settings.prefix, settings.delimiter
        self.env_vars = self._load_env_vars()

    def _extract_field_info(self, field, name):
        return [(name, (self.env_prefix + name).lower(), False), (name, field, False)]

    def _load_env_vars(self):
        return {name.lower(): value for name, value in os.environ.items()}
"""
DOTENV = """
import os


def resolve_variables(values):
    for value in values:
        env = {}
        env.update(os.environ)
"""
CLASS = "class App:\n    model_fields = {'debug': 'LEVEL', 'db': 'DSN'}\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (f"{CLASS}    prefix, delimiter = 'APP_', None\nX = Source(App)", ["~APP_*", "~DSN", "~LEVEL"]),
        (f"{CLASS}    prefix, delimiter = '', None\nX = Source(App)", ["~DB", "~DEBUG", "~DSN", "~LEVEL"]),
        (
            f"{CLASS}    prefix, delimiter = 'app_', '__'\nX = Source(App)",
            ["~APP_*", "~DSN", "~DSN__*", "~LEVEL", "~LEVEL__*"],
        ),
        ("class App:\n    model_fields, prefix, delimiter = None, '', None\nX = Source(App)", ["*"]),
        ("resolve_variables(['plain', '${PIVOT_TEST_A}/x', '${PIVOT_TEST_B:-1}'])", ["PIVOT_TEST_A", "PIVOT_TEST_B"]),
    ],
)  # fmt: skip
def test_of_a_library_of_settings_what_it_looks_for_counts(
    code: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVEL", "3")
    library = tmp_path / "lib" / "site-packages"
    files = {"kit/pydantic_settings/sources/env.py": SETTINGS, "kit/dotenv/main.py": DOTENV}
    loading.write(library, files)
    head = f"{HEAD}import sys\nsys.path.append({str(library)!r})\n"
    head += "from kit.pydantic_settings.sources.env import Source\n"
    head += "from kit.dotenv.main import resolve_variables\n"
    found = readings(tmp_path, code, head=head)
    assert [each.symbol for each in found] == [f"<env>:{name}" for name in expected]


def test_a_pattern_counts_by_all_that_it_means() -> None:
    here = {"APP_A": "1", "app_b": "2", "OTHER": "3"}
    assert environment_hash(here, "~APP_*") == environment_hash({**here, "OTHER": "4"}, "~APP_*")
    assert environment_hash(here, "~APP_*") != environment_hash({**here, "App_C": ""}, "~APP_*")
    assert environment_hash(here, "~APP_B") != environment_hash({**here, "app_b": "4"}, "~APP_B")
    assert environment_hash(here, "~APP_B") == environment_hash({**here, "APP_BC": "4"}, "~APP_B")


@pytest.mark.parametrize(
    ("names", "change", "is_same"),
    [
        (["*"], {"OLDPWD": "/x"}, False),
        (["*", "-OLDPWD", "-LC_*"], {"OLDPWD": "/x", "LC_TIME": "C", "SHOWN": "1"}, True),
        (["*", "-OLDPWD"], {"oldpwd": "/x"}, False),
        (["*", "-OLDPWD", "OLDPWD"], {"OLDPWD": "/x"}, False),
        (["~APP_*"], {"app_new": "1"}, False),
        (["~APP_*"], {"APPLE": "1"}, True),
        (["~APP"], {"App": "1"}, False),
        (["~APP"], {"APP_A": "1"}, True),
        ([], {"PIVOT_X": "1"}, False),
    ],
)
def test_tier_0_counts_the_same_variables(
    names: list[str], change: dict[str, str], is_same: bool
) -> None:
    before = {"SHOWN": "1", "OLDPWD": "/", "LC_TIME": "de"}
    first, second = (quick.environment_hash(names, each) for each in (before, {**before, **change}))
    assert (first == second) is is_same


def test_all_variables_are_those_that_a_walk_counts() -> None:
    def fast(environment: dict[str, str]) -> str:
        return quick.environment_hash(["*", *(f"-{name}" for name in UNCOUNTED)], environment)

    for name in ("PWD", "pwd", "_", "LC_ALL", "LC_", "lc_all", "TERM", "TERMINAL", "X"):
        environment = {name: "1"}
        assert (fast(environment) == fast({})) is (
            environment_hash(environment) == environment_hash({})
        )
