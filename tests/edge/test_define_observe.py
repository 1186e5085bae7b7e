import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import pytest

from pivot_core.define.observe import (
    Observed,
    bytes_hash,
    module_names_hash,
    names_hash,
    value_hash,
)
from pivot_core.define.reading import environment_hash
from tests.support import loading

START = "from pivot_core import Pipeline\npipeline = Pipeline()\n"


def observed(root: Path, code: str, **files: str) -> Observed:
    return loading.report(root, {"pipeline.py": START + code, **files})["observed"]


def names(root: Path, paths: object) -> set[str]:
    """Returns the paths below ``root``, relative to it."""
    paths = cast("Iterable[str]", paths)
    return {path.removeprefix(f"{root}/") for path in paths if path.startswith(f"{root}/")}


def test_definition_modules_and_params_count(tmp_path: Path) -> None:
    found = observed(tmp_path, "import helper\n", **{"helper.py": "x = 1\n", "params.yaml": ""})
    assert names(tmp_path, found["files"]) == {"pipeline.py", "helper.py", "params.yaml"}
    assert names(tmp_path, found["absent"]) == {"pivot.yaml", "pivot.yml"}
    assert found["sources"][str(tmp_path / "helper.py")] == bytes_hash(b"x = 1\n")
    assert not found["unsafe"]
    assert not found["environment"]
    assert not found["listed"]


@pytest.mark.parametrize(
    ("code", "key", "expected"),
    [
        ("open('a.txt').read()", "files", "a.txt"),
        ("import pathlib; pathlib.Path('a.txt').read_text()", "files", "a.txt"),
        ("import os; os.close(os.open('a.txt', os.O_RDONLY))", "files", "a.txt"),
        ("import os; os.path.exists('a.txt')", "files", "a.txt"),
        ("import os; os.path.exists('b.txt')", "absent", "b.txt"),
        ("import pathlib; pathlib.Path('b.txt').exists()", "absent", "b.txt"),
        ("import os; os.access('b.txt', os.R_OK)", "absent", "b.txt"),
        ("import os; os.path.getmtime('a.txt')", "files", "a.txt"),
        ("import os; os.path.islink('a.txt')", "files", "a.txt"),
        ("import os; os.path.isdir('d')", "directories", "d"),
        ("import os; os.listdir('d')", "listed", "d"),
        ("import glob; glob.glob('d/*')", "listed", "d"),
        ("import pathlib; list(pathlib.Path('d').iterdir())", "listed", "d"),
        ("import os; list(os.walk('d'))", "listed", "d"),
        ("import os; [e.stat() for e in os.scandir('d')]", "files", "d/in.txt"),
        ("import json; json.load(open('d/in.txt'))", "files", "d/in.txt"),
    ],
)
def test_what_project_code_looks_at_counts(
    tmp_path: Path, code: str, key: str, expected: str
) -> None:
    files = {"a.txt": "1", "d/in.txt": "1"}
    found = observed(tmp_path, code, **files)
    assert expected in names(tmp_path, dict(found)[key])
    assert not found["unsafe"]


STAGE = """
import os
from typing import Annotated
from pivot_core import Dep, Out, StageParams, Text
from pydantic import Field, field_validator
class Params(StageParams):
    a: str = Field(default_factory=lambda: os.environ.get("IN_FACTORY", ""))
    b: str = Field(default_factory=lambda: open("a.txt").read())
    c: int = Field(default=1, validate_default=True)
    @field_validator("c")
    @classmethod
    def check(cls, value):
        return value + len(os.listdir("d"))
def stage(
    params: Params,
    text: "Annotated[str, Dep(os.environ.get('IN_TEXT', 'a.txt'), Text())]",
) -> Annotated[str, Out("o.txt", Text())]:
    return text
pipeline.register(stage)
"""


def test_what_is_looked_at_for_params_and_quoted_annotations_counts(tmp_path: Path) -> None:
    report = loading.report(tmp_path, {"pipeline.py": START + STAGE, "a.txt": "1", "d/in.txt": "1"})
    found = report["observed"]
    assert "a.txt" in names(tmp_path, found["files"])
    assert "d" in names(tmp_path, found["listed"])
    assert {"IN_FACTORY", "IN_TEXT"} <= found["environment"].keys()
    assert not found["unsafe"]
    assert report["readings"] == [], "the values and paths count, whatever they were made of"


def test_what_a_library_does_for_project_code_counts(tmp_path: Path) -> None:
    code = "import linecache; linecache.getline('a.txt', 1)"
    assert "a.txt" in names(tmp_path, observed(tmp_path, code, **{"a.txt": "1"})["files"])


def test_a_helper_module_is_project_code_too(tmp_path: Path) -> None:
    files = {
        "pack/__init__.py": "",
        "pack/read.py": "def f():\n    return open('a.txt').read()\n",
        "a.txt": "1",
    }
    found = observed(tmp_path, "from pack import read\nread.f()\n", **files)
    assert names(tmp_path, found["files"]) == {
        "pipeline.py",
        "pack/__init__.py",
        "pack/read.py",
        "a.txt",
    }
    assert str(tmp_path / "pack") in found["searched"]


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.environ['PIVOT_TEST_A']",
        "import os; os.environ.get('PIVOT_TEST_A')",
        "import os; os.getenv('PIVOT_TEST_A')",
        "from os import environ; 'PIVOT_TEST_A' in environ",
        "import os; os.environb.get(b'PIVOT_TEST_A')",
        "import os; os.path.expandvars('$PIVOT_TEST_A')",
    ],
)
def test_variables_that_project_code_reads_count_by_hash(
    tmp_path: Path, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIVOT_TEST_A", "secret value")
    found = observed(tmp_path, code + "\nos_environ = __import__('os').getenv('PIVOT_TEST_B')")
    assert found["environment"]["PIVOT_TEST_A"] == value_hash("secret value")
    assert found["environment"]["PIVOT_TEST_B"] is None
    assert "secret value" not in repr(found)


def test_walking_through_the_environment_counts_as_all_of_it(tmp_path: Path) -> None:
    found = observed(tmp_path, "import os; dict(os.environ)")
    assert found["environment"]["*"] == environment_hash(dict(os.environ))


def test_a_variable_that_the_definition_sets_counts_as_it_was_before(tmp_path: Path) -> None:
    code = "import os; os.environ['PIVOT_TEST_C'] = '1'; os.environ['PIVOT_TEST_C']"
    assert observed(tmp_path, code)["environment"]["PIVOT_TEST_C"] is None


def test_what_a_library_does_while_it_is_imported_does_not_count(tmp_path: Path) -> None:
    library = tmp_path / "lib" / "site-packages" / "noisy"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text(
        f"import os\nos.environ.get('PIVOT_TEST_D')\nopen({str(tmp_path / 'a.txt')!r})\nos.listdir('.')\n"
    )
    code = f"import sys\nsys.path.append({str(library.parent)!r})\nimport noisy\n"
    found = observed(tmp_path, code, **{"a.txt": "1"})
    assert names(tmp_path, found["files"]) == {"pipeline.py"}
    assert not found["environment"]
    assert not found["listed"]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import subprocess; subprocess.run(['true'])", "starts a process"),
        ("import os; os.system('true')", "starts a process"),
        ("import os\nif not os.fork(): os._exit(0)", "starts a process"),
        ("import socket; s = socket.socket(); s.bind(('127.0.0.1', 0))", "opens a socket"),
        ("import sqlite3; sqlite3.connect(':memory:')", "opens a database"),
    ],
)
def test_what_cannot_be_observed_makes_the_definition_unsafe(
    tmp_path: Path, code: str, reason: str
) -> None:
    assert reason in observed(tmp_path, code)["unsafe"]


def test_a_pipe_is_never_the_same_and_never_changes(tmp_path: Path) -> None:
    code = "import os\nos.mkfifo('pipe')\nfd = os.open('pipe', os.O_RDWR)\nos.write(fd, b'x')\nos.read(fd, 1)\n"
    found = observed(tmp_path, code)
    assert found["unsafe"] == [f"looks at '{tmp_path}/pipe', which is no regular file"]
    assert (found["changed"], names(tmp_path, found["files"])) == ([], {"pipeline.py"})


CHANGING = "x = open('a.txt').read()\nif len(x) < {}: open('a.txt', 'a').write('.')\n"
REGISTERED = "def one() -> None: ...\npipeline.register(one)\n"


def test_a_file_that_changes_while_loading_is_told(tmp_path: Path) -> None:
    found = observed(tmp_path, CHANGING.format(9), **{"a.txt": ""})
    assert found["changed"] == [str(tmp_path / "a.txt")]


@pytest.mark.parametrize(("limit", "text", "reasons"), [(1, ".", 0), (9, "..", 1)])
def test_a_definition_that_changed_is_loaded_once_more(
    tmp_path: Path, limit: int, text: str, reasons: int
) -> None:
    files = {"pipeline.py": START + CHANGING.format(limit) + REGISTERED, "a.txt": ""}
    found = loading.definitions(tmp_path, files).observed
    assert (tmp_path / "a.txt").read_text() == text
    assert (
        found["unsafe"] == [f"'{tmp_path}/a.txt' changes while the definition is loaded"] * reasons
    )


def test_a_file_that_is_only_written_does_not_count(tmp_path: Path) -> None:
    assert "log.txt" not in names(tmp_path, observed(tmp_path, "open('log.txt', 'w')")["files"])


def test_only_names_that_an_import_finds_change_the_hash_of_a_searched_directory(
    tmp_path: Path,
) -> None:
    before = module_names_hash(str(tmp_path))
    (tmp_path / "data.csv").write_text("")
    (tmp_path / "not-a-name").mkdir()
    assert module_names_hash(str(tmp_path)) == before
    for name in (
        "json.py",
        "fast.cpython-313-x86_64-linux-gnu.so" if sys.platform == "linux" else "a.so",
    ):
        (tmp_path / name).write_text("")
        assert module_names_hash(str(tmp_path)) != before
        before = module_names_hash(str(tmp_path))
    (tmp_path / "package").mkdir()
    assert module_names_hash(str(tmp_path)) != before
    assert module_names_hash(str(tmp_path), {"package"}) == module_names_hash(str(tmp_path))
    assert module_names_hash(str(tmp_path), {"other"}) == before
    assert module_names_hash(str(tmp_path / "gone")) == ""


def test_the_hash_of_names_notices_any_name(tmp_path: Path) -> None:
    before = names_hash(str(tmp_path))
    (tmp_path / "data.csv").write_text("")
    assert names_hash(str(tmp_path)) != before
