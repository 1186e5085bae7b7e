"""Owns what a module adds to ``sys.path``, as far as its source shows."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass

from pivot_core.fingerprint.source import Source


@dataclass(frozen=True, slots=True)
class Addition:
    """A directory that a module puts on ``sys.path``."""

    directory: str | None
    """Absolute; ``None`` where source does not show which one."""
    is_first: bool
    """Whether it goes before what is there."""
    line: int


def additions(source: Source, root: str) -> Iterator[Addition]:
    """Yields what importing a module puts on ``sys.path``; relative paths start at ``root``, where stages run."""
    paths = _Paths(source)
    for unit in source.units:
        for node in _added(unit.node):
            path = paths.value(node)
            directory = None if path is None else os.path.normpath(os.path.join(root, path))
            yield Addition(directory, _is_first(unit.node), unit.line)


def _is_first(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr="insert"))) | ast.Assign():
            return True
        case _:
            return False


def _added(node: ast.stmt) -> list[ast.expr]:
    match node:
        case ast.Expr(value=ast.Call(func=function, args=args)):
            pass
        case ast.AugAssign(target=target, value=ast.List(elts=elements)) if _is_path(target):
            return elements
        case ast.Assign(targets=[ast.Subscript(value=target)], value=ast.List(elts=elements)):
            return elements if _is_path(target) else []
        case _:
            return []
    match function:
        case ast.Attribute(value=target, attr="append") if _is_path(target):
            return args
        case ast.Attribute(value=target, attr="insert") if _is_path(target):
            return args[1:]
        case ast.Attribute(value=target, attr="extend") if _is_path(target):
            return args[0].elts if args and isinstance(args[0], ast.List | ast.Tuple) else args
        case ast.Attribute(value=ast.Name(id="site"), attr="addsitedir"):
            return args
        case _:
            return []


def _is_path(node: ast.expr) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="sys"), attr="path"):
            return True
        case _:
            return False


class _Paths:
    """Works out expressions over ``__file__``, ``os.path`` and ``pathlib``."""

    def __init__(self, source: Source) -> None:
        self._source: Source = source
        self._busy: set[str] = set()

    def value(self, node: ast.expr) -> str | None:
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id="__file__"):
                return self._source.path
            case ast.Name(id=name):
                return self._constant(name)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                return self._joined([left, right])
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                first, second = self.value(left), self.value(right)
                return None if first is None or second is None else first + second
            case ast.Attribute(value=of, attr="parent"):
                return self._parent(of, 1)
            case ast.Subscript(
                value=ast.Attribute(value=of, attr="parents"), slice=ast.Constant(value=int(up))
            ):
                return self._parent(of, up + 1)
            case ast.Call(func=function, args=args):
                return self._call(function, args)
            case _:
                return None

    def _call(self, function: ast.expr, args: list[ast.expr]) -> str | None:
        match function:
            case ast.Attribute(attr="dirname"):
                return self._parent(args[0], 1) if args else None
            case ast.Attribute(attr="join"):
                return self._joined(args)
            case ast.Attribute(value=of, attr="joinpath"):
                return self._joined([of, *args])
            case ast.Attribute(attr="abspath" | "realpath" | "normpath" | "fspath" | "expanduser"):
                return self.value(args[0]) if args else None
            case ast.Attribute(value=of, attr="resolve" | "absolute" | "as_posix"):
                return self.value(of)
            case ast.Attribute(attr="getcwd" | "cwd"):
                return "."
            case ast.Name(id="str" | "Path" | "PurePath") | ast.Attribute(attr="Path"):
                return self._joined(args) if args else "."
            case _:
                return None

    def _joined(self, nodes: list[ast.expr]) -> str | None:
        parts = [self.value(node) for node in nodes]
        known = [part for part in parts if part is not None]
        return os.path.join(*known) if known and len(known) == len(parts) else None

    def _parent(self, node: ast.expr, levels: int) -> str | None:
        path = self.value(node)
        if path is None:
            return None
        for _ in range(levels):
            path = os.path.dirname(os.path.normpath(path))
        return path

    def _constant(self, name: str) -> str | None:
        units = self._source.groups.get(name, [])
        if len(units) != 1 or name in self._busy:
            return None
        match units[0].node:
            case ast.Assign(targets=[ast.Name()], value=value):
                self._busy.add(name)
                found = self.value(value)
                self._busy.discard(name)
                return found
            case _:
                return None
