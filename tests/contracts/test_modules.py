"""How modules are cut and named, and what they may reach of one another."""

import ast
from collections.abc import Iterator

import pivot_core
import pivot_core.port
from tests.contracts.sources import OURS, TESTS, Module

LINES_MAX = 600
LINES_WORTH_A_SPLIT = 400
FUNCTION_LINES_MAX = 60
NO_NOUN = {"utils", "util", "helpers", "common", "misc", "types"}


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yields every function and method."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yields what is imported from where: (module, name), with an empty name for a module as a whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((module, alias.name) for alias in node.names)


def is_private(name: str) -> bool:
    """Tells whether a name is meant for its own module."""
    return name.startswith("_") and not name.endswith("__")


def test_every_directory_of_tests_is_a_package() -> None:
    """Two modules of one name could not be collected together otherwise."""
    modules = {module.name.rpartition(".")[0] for module in TESTS}
    packages = {module.name for module in TESTS if module.path.name == "__init__.py"}
    assert modules <= packages | {""}


def test_no_module_is_too_long_to_read() -> None:
    lines = {module.name: module.text.count("\n") for module in (*OURS, *TESTS)}
    too_long = {name: count for name, count in lines.items() if count > LINES_MAX}
    near = {name: n for name, n in lines.items() if LINES_MAX >= n > LINES_WORTH_A_SPLIT}
    assert too_long == {}, f"worth a split too: {near}"


def test_no_function_is_too_long_to_read() -> None:
    too_long = {
        f"{module.name}.{node.name}": lines
        for module in (*OURS, *TESTS)
        for node in functions(module.tree)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    }
    assert too_long == {}


def test_each_module_opens_with_a_sentence() -> None:
    def opening(module: Module) -> str:
        return (ast.get_docstring(module.tree) or "").partition("\n")[0]

    silent = {
        module.name: opening(module)
        for module in OURS
        if not opening(module)[:1].isupper() or not opening(module).endswith((".", ":", "?"))
    }
    assert silent == {}


def test_modules_are_named_after_nouns() -> None:
    parts = {part: module.name for module in OURS for part in module.name.split(".")}
    assert [parts[part] for part in NO_NOUN & parts.keys()] == []


def test_nobody_reaches_for_a_private_name() -> None:
    reached = [
        f"{module.name} imports {name} from {origin}"
        for module in (*OURS, *TESTS)
        for origin, name in imported(module.tree)
        if origin.startswith("pivot_") and (is_private(name) or "._" in origin)
    ]
    assert reached == []


def test_imports_are_absolute() -> None:
    relative = [
        f"{module.name}: {origin}"
        for module in (*OURS, *TESTS)
        for origin, _ in imported(module.tree)
        if origin.startswith(".")
    ]
    assert relative == []


def test_the_core_draws_no_live_display() -> None:
    """The layer contracts see packages only; of rich, one module is forbidden."""
    drawing = [
        module.name
        for module in OURS
        if module.name.startswith("pivot_core")
        for origin, name in imported(module.tree)
        if origin.startswith("rich.live") or (origin, name) == ("rich", "live")
    ]
    assert drawing == []


def test_the_names_for_authors_are_these() -> None:
    assert pivot_core.__all__ == [
        *("CSV", "JSON", "JSONL", "YAML", "Bytes", "Dep", "DirectoryOut", "IncrementalOut"),
        *("Loader", "MatplotlibFigure", "Metric", "NumPy", "Out", "Parquet", "PathOnly", "Pickle"),
        *("Pipeline", "PlaceholderDep", "Plot", "Reader", "StageParams", "Text", "Writer", "shell"),
    ]


def test_the_port_offers_all_that_it_imports() -> None:
    module = next(module for module in OURS if module.name == "pivot_core.port")
    names = {name for _, name in imported(module.tree)}
    assert names == set(pivot_core.port.__all__)
