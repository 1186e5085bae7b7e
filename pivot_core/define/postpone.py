"""Owns compiling a module so that the annotations of its stage functions are evaluated when asked for, not on import.

A stage's process imports the module of all stages and calls one function: evaluating ``Annotated[..., Dep(...)]`` for
a thousand others would cost it more than everything else. The text is kept instead, as ``from __future__ import
annotations`` keeps it. Only where evaluating it later must give the same: markers and loaders of ``pivot_core`` with
constant arguments, and names that the module binds once.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType

_STAR = "*"
_PLAIN = (
    ast.Subscript,
    ast.Attribute,
    ast.Constant,
    ast.Tuple,
    ast.List,
    ast.BinOp,
    ast.BitOr,
    ast.keyword,
    ast.Load,
)


def compile_postponed(source: bytes, path: str) -> CodeType:
    """Compiles a module; raises what ``compile`` raises."""
    tree = ast.parse(source, path)
    annotated = list(_annotated(tree.body))
    if annotated:
        bound = Counter(_bindings(tree, everywhere=b"global" in source or b":=" in source))
        ours = set(_imports_of_pivot(tree.body))
        lines = source.split(b"\n") if source.isascii() else []
        if _STAR not in bound:
            for owner, field in annotated:
                hint = getattr(owner, field)
                if _is_steady(hint, bound, ours):
                    text = ast.Constant(_text(hint, lines))
                    setattr(owner, field, ast.copy_location(text, hint))
    return compile(tree, path, "exec", dont_inherit=True)


def _annotated(body: Iterable[ast.stmt]) -> Iterator[tuple[ast.AST, str]]:
    """Yields where ``Annotated[...]`` stands in the signatures of undecorated functions of the module."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not node.decorator_list:
            given = node.args
            for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs):
                if _is_annotated(arg.annotation):
                    yield arg, "annotation"
            if _is_annotated(node.returns):
                yield node, "returns"


def _is_annotated(hint: ast.expr | None) -> bool:
    return (
        isinstance(hint, ast.Subscript)
        and isinstance(hint.value, ast.Name)
        and hint.value.id == "Annotated"
    )


def _is_steady(hint: ast.expr, bound: Counter[str], ours: set[str]) -> bool:
    """Tells whether an expression has the same value at the end of the module as where it stands."""
    for node in ast.walk(hint):
        if isinstance(node, ast.Name):
            if bound[node.id] != 1 and not (bound[node.id] == 0 and hasattr(builtins, node.id)):
                return False
        elif isinstance(node, ast.Call):
            if not (isinstance(node.func, ast.Name) and node.func.id in ours):
                return False
        elif not isinstance(node, _PLAIN):
            return False
    return True


def _text(hint: ast.expr, lines: Sequence[bytes]) -> str:
    """Returns an expression as source: as it is written where it stands on one line."""
    if hint.lineno == hint.end_lineno and hint.lineno <= len(lines):
        return lines[hint.lineno - 1][hint.col_offset : hint.end_col_offset].decode()
    return ast.unparse(hint)


def _bindings(tree: ast.Module, *, everywhere: bool) -> Iterator[str]:
    """Yields a name for each place that may bind it in the module: too many never postpones too much.

    Functions and expressions bind none, unless there is a ``global`` or a ``:=``: then look ``everywhere``.
    """
    nodes = list[ast.AST](tree.body)
    for node in nodes:
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        is_skipped = not everywhere and (is_function or isinstance(node, ast.Expr))
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).partition(".")[0]
        elif is_function or isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
            if node.name is not None:
                yield node.name
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            yield from node.names
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            yield node.rest
        if not is_skipped:
            nodes.extend(ast.iter_child_nodes(node))


def _imports_of_pivot(body: Iterable[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ImportFrom) and node.module == "pivot_core" and node.level == 0:
            yield from (alias.asname or alias.name for alias in node.names)
