import importlib.util
import os
import py_compile
import sys
from pathlib import Path
from typing import cast

import pytest

from pivot_core.define import importing, pipeline
from pivot_core.define.importing import CodeCache, is_project_file
from pivot_core.model.ids import Json
from tests.support import loading


def imported(
    root: Path, module: str, name: str, cache: CodeCache | None = None, base: str = ""
) -> Json:
    """Returns ``name`` of a project module, imported in a process of its own."""

    def run() -> Json:
        importing.install(str(root), base, cache)
        return cast("Json", vars(importlib.import_module(module))[name])

    return loading.in_child(run)


def test_a_stale_pyc_is_never_run(tmp_path: Path) -> None:
    source = tmp_path / "mod.py"
    source.write_text("x = 1\n")
    stat = source.stat()
    py_compile.compile(str(source))
    source.write_text("x = 2\n")
    os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert imported(tmp_path, "mod", "x") == 2


def test_no_pyc_is_written(tmp_path: Path) -> None:
    loading.write(tmp_path, {"pack/__init__.py": "", "pack/mod.py": "x = 1"})
    assert imported(tmp_path, "pack.mod", "x") == 1
    assert not list(tmp_path.rglob("*.pyc"))


def test_bytecode_without_source_is_refused(tmp_path: Path) -> None:
    loading.write(tmp_path, {"mod.py": "x = 1"})
    py_compile.compile(str(tmp_path / "mod.py"), cfile=str(tmp_path / "mod.pyc"))
    (tmp_path / "mod.py").unlink()

    def run() -> Json:
        importing.install(str(tmp_path), "")
        try:
            importlib.import_module("mod")
        except ImportError as error:
            return str(error)
        return None

    assert "has bytecode and no source" in str(loading.in_child(run))


def test_compiled_code_is_used_only_for_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "mod.py"
    source.write_text("x = 1\n")
    cache: CodeCache = {}
    importing.precompile([str(source), str(tmp_path / "gone.py")], cache)
    assert list(cache) == [str(source)]
    compiled = cache[str(source)]
    cache[str(source)] = (compiled[0], compile("x = 'cached'", str(source), "exec"))
    assert imported(tmp_path, "mod", "x", cache) == "cached"
    source.write_text("x = 2\n")
    assert imported(tmp_path, "mod", "x", cache) == 2


def test_precompiling_leaves_mistakes_and_warnings_to_the_import(tmp_path: Path) -> None:
    loading.write(tmp_path, {"bad.py": "x = (", "warns.py": "x = '\\d'\n", "zero.py": "x = '\0'"})
    cache: CodeCache = {}
    importing.precompile(map(str, sorted(tmp_path.iterdir())), cache)
    assert [os.path.basename(path) for path in cache] == ["warns.py"]


def test_the_definitions_directory_comes_before_the_root(tmp_path: Path) -> None:
    loading.write(
        tmp_path, {"helpers.py": "x = 'root'", "sub/helpers.py": "x = 'sub'", "other.py": "x = 3"}
    )
    assert imported(tmp_path, "helpers", "x", base="sub") == "sub"
    assert imported(tmp_path, "other", "x", base="sub") == 3
    assert imported(tmp_path, "helpers", "x") == "root"


def test_a_project_module_shadows_a_package_that_a_warm_process_has(tmp_path: Path) -> None:
    import hypothesis

    assert hypothesis.__name__ in sys.modules
    loading.write(tmp_path, {"hypothesis.py": "x = 'mine'"})
    assert imported(tmp_path, "hypothesis", "x") == "mine"


def test_data_directories_shadow_nothing(tmp_path: Path) -> None:
    (tmp_path / "hypothesis").mkdir()
    assert isinstance(imported(tmp_path, "hypothesis", "__version__"), str)


def test_the_source_of_project_code_can_be_shown(tmp_path: Path) -> None:
    code = "import inspect\ndef f():\n    return 1\nx = inspect.getsource(f)\n"
    loading.write(tmp_path, {"mod.py": code})
    assert imported(tmp_path, "mod", "x") == "def f():\n    return 1\n"


def test_what_was_executed_is_told(tmp_path: Path) -> None:
    loading.write(tmp_path, {"a.py": "import b, json", "b.py": "x = 1"})

    def run() -> Json:
        executed = importing.install(str(tmp_path), "")
        importlib.import_module("a")
        return {os.path.basename(path): source.decode() for path, source in executed.items()}

    assert loading.in_child(run) == {"a.py": "import b, json", "b.py": "x = 1"}


def test_installing_twice_leaves_one_finder(tmp_path: Path) -> None:
    def run() -> Json:
        before = len(sys.meta_path)
        importing.install(str(tmp_path), "")
        importing.install(str(tmp_path), "sub")
        return [len(sys.meta_path) - before, *sys.path[:2]]

    assert loading.in_child(run) == [1, str(tmp_path / "sub"), str(tmp_path)]


def test_resolving_says_what_is_missing(tmp_path: Path) -> None:
    loading.write(tmp_path, {"mod.py": "x = 1\ndef f(): ...\n"})

    def run() -> Json:
        importing.install(str(tmp_path), "")
        said = list[Json]()
        for name in ("f", "g", "x"):
            try:
                said.append(getattr(importing.resolve("mod", name), "__name__", ""))
            except ImportError as error:
                said.append(str(error))
        return said

    assert loading.in_child(run) == [
        "f",
        "module 'mod' has no function 'g'",
        "'mod.x' is an int, not a function",
    ]


def test_project_code_is_told_by_its_place(tmp_path: Path) -> None:
    assert is_project_file(str(tmp_path / "x.py"))
    assert is_project_file("/usr/share/dict/words")
    for path in (os.__file__, pytest.__file__, importing.__file__, "relative.py", "<string>"):
        assert not is_project_file(str(path))


def test_a_stage_process_records_nothing() -> None:
    def run() -> Json:
        pipeline.stop_recording()
        recorded = pipeline.Pipeline()
        recorded.register(print)
        recorded.include(recorded)
        return len(recorded.registrations)

    assert loading.in_child(run) == 0


def test_a_finder_of_an_editable_install_gets_source_too(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "edited.py"
    loading.write(tmp_path, {"elsewhere/edited.py": "x = 1\n", "project/a.txt": ""})
    stat = place.stat()
    py_compile.compile(str(place))
    place.write_text("x = 2\n")
    os.utime(place, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    class EditableFinder:
        def find_spec(self, name: str, _path: object = None, _target: object = None) -> object:
            return importlib.util.spec_from_file_location(name, place) if name == "edited" else None

    def run() -> Json:
        sys.meta_path.append(EditableFinder())  # pyright: ignore[reportArgumentType] as such installs do
        importing.install(str(tmp_path / "project"), "")
        return cast("Json", importlib.import_module("edited").x)

    assert loading.in_child(run) == 2


@pytest.mark.parametrize(
    ("change", "order"),
    [
        ("sys.path.insert(0, 'src')", ["src", "sub", ".", "X"]),
        ("sys.path.insert(1, 'src')", ["sub", "src", ".", "X"]),
        ("sys.path.append('src')", ["sub", ".", "X", "src"]),
        ("sys.path[:0] = ['src', 'sub']", ["src", "sub", ".", "X"]),
        ("sys.path.append('/elsewhere/lib')", ["sub", ".", "X", "/elsewhere/lib"]),
        ("sys.path.append('sub')", ["sub", ".", "X"]),
    ],
)  # fmt: skip
def test_another_process_finds_modules_in_the_same_order(
    tmp_path: Path, change: str, order: list[str]
) -> None:
    root = str(tmp_path)

    def run() -> Json:
        sys.path[:] = [path for path in sys.path if not importing.is_project_file(path + os.sep)]
        given = len(sys.path)
        importing.install(root, "sub")
        before = list(sys.path)
        exec(change)
        ahead, behind = importing.added(root, "sub", before)
        sys.path[:] = before[-given:]
        importing.install(root, "sub", None, ahead, behind)
        shown = [
            os.path.relpath(each, root) if each.startswith(root) else each for each in sys.path
        ]
        return ["X" if each == before[-1] else each for each in shown if each not in before[:-1]]

    found = loading.in_child(run)
    assert found == order
