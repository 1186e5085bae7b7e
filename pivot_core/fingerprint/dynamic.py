"""Owns the calls that name a module or an attribute by a string: which of them source can tell."""

import ast
from collections.abc import Callable

from pivot_core.fingerprint import syntax
from pivot_core.fingerprint.form import Wild
from pivot_core.fingerprint.scope import Chain, Import

type Meaning = Callable[[str], Chain | None]
"""What a name stands for where the expression stands; ``None`` for a value that only a run knows."""

PROBES = frozenset({"getattr", "hasattr", "setattr", "delattr"})
_EXECUTORS = {
    "locate": ("pydoc", 0, "path"),
    "resolve_name": ("pkgutil", 0, "name"),
    "run_module": ("runpy", 0, "mod_name"),
    "run_path": ("runpy", 0, "path_name"),
    "spec_from_file_location": ("util", 1, "location"),
}
"""Functions that execute a module or look into one: where they are from, and which argument names it."""


def global_name(name: str) -> Chain:
    """Says what a name stands for outside of any function or class."""
    return Chain((), (name,))


def chain(node: ast.expr, meaning: Meaning) -> Chain | None:
    """Returns a dotted expression that starts at a global name, an import or something named by a string."""
    names = list[str]()
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    start = root(node, meaning)
    return start and start.then(*reversed(names))


def root(node: ast.expr, meaning: Meaning) -> Chain | None:
    """Returns what a dotted expression that starts with ``node`` starts at."""
    if isinstance(node, ast.Name):
        return meaning(node.id)
    if isinstance(thing := imported_by(node), Import):
        return Chain((thing,), ())
    if (entry := _entry_of(node)) is not None:
        kind, key = entry
        return Chain((), (key,)) if kind == "globals" else Chain((Import(key, 0, None),), ())
    if (attribute := attribute_of(node)) is not None:
        of = chain(attribute[0], meaning)
        return of and of.then(attribute[1])
    return None


def imported_by(node: ast.AST) -> Import | Wild | None:
    """Returns what ``import_module("x")`` or ``__import__("x")`` gives; None for another expression."""
    match node:
        case ast.Call(func=ast.Name(id="import_module" | "__import__" as function)):
            pass
        case ast.Call(func=ast.Attribute(attr="import_module" | "__import__" as function)):
            pass
        case _:
            return None
    name, package = _argument(node, 0, "name"), _argument(node, 1, "package")
    start, is_whole = _start(name)
    path = start.lstrip(".")
    level = len(start) - len(path)
    if level and function == "import_module" and isinstance(package, ast.Constant):
        parts = str(package.value).split(".")
        path = ".".join([*parts[: len(parts) - level + 1], path])
        level = 0
    return Import(path, level, None) if is_whole else Wild(path, level, node.lineno)


def executed_by(node: ast.AST) -> Import | Wild | None:
    """Returns what a call of the standard library executes or looks up by a module's name or path."""
    match node:
        case ast.Call(func=ast.Name(id=function)) if function in _EXECUTORS:
            of = _EXECUTORS[function][0]
        case ast.Call(func=ast.Attribute(value=value, attr=function)) if function in _EXECUTORS:
            of = syntax.last_name(value)
        case _:
            return None
    home, position, keyword = _EXECUTORS[function]
    if of != home:
        return None
    text, is_whole = _start(_argument(node, position, keyword))
    if "path" in function or "file" in function:
        text = text.removeprefix("./").removesuffix(".py").replace("/", ".")
    module, _, name = text.partition(":") if ":" in text else text.rpartition(".")
    if not is_whole:
        return Wild(module if ":" in text else text, 0, node.lineno)
    if function in ("locate", "resolve_name") and module:
        return Import(module, 0, name.partition(".")[0] or None)
    return Import(text, 0, None)


def attribute_of(node: ast.AST) -> tuple[ast.expr, str] | None:
    """Returns the object and the literal name in ``getattr(x, "name")`` and its kin."""
    match node:
        case ast.Call(func=ast.Name(id=function), args=[of, ast.Constant(value=str(name)), *_]):
            return (of, name) if function in PROBES else None
        case _:
            return None


def _entry_of(node: ast.AST) -> tuple[str, str] | None:
    """Returns the literal key in ``globals()["x"]`` or ``sys.modules["x"]``, after ``globals`` or ``modules``."""
    match node:
        case ast.Subscript(value=of, slice=ast.Constant(value=str(key))):
            pass
        case _:
            return None
    match of:
        case ast.Call(func=ast.Name(id="globals"), args=[], keywords=[]):
            return "globals", key
        case ast.Attribute(value=ast.Name(id="sys"), attr="modules"):
            return "modules", key
        case _:
            return None


def _argument(node: ast.Call, position: int, name: str) -> ast.expr | None:
    if position < len(node.args):
        return node.args[position]
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)


def _start(node: ast.expr | None) -> tuple[str, bool]:
    """Returns the part of a string expression that is known to come first, and whether it is all of it."""
    match node:
        case ast.Constant(value=str(text)):
            return text, True
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text, False
        case ast.BinOp(left=left, op=ast.Add()):
            return _start(left)[0], False
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return text.partition("%")[0], False
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return text.partition("{")[0], False
        case _:
            return "", False
