"""Owns the calls that name a module or an attribute by a string: which of them source can tell."""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pivot_core.fingerprint import syntax
from pivot_core.fingerprint.form import Wild
from pivot_core.fingerprint.scope import Chain, Import

type Meaning = Callable[[str], Chain | None]
"""What a name stands for where the expression stands; ``None`` for a value that only a run knows."""

GLOBALS = "__globals__"
"""The attribute of a function that stands for the module in which it is defined."""
PROBES = frozenset({"getattr", "hasattr", "setattr", "delattr"})
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_SCRIPT = re.compile(r"(\./)?[A-Za-z_]\w*(/[A-Za-z_]\w*)*\.py")
_EXECUTORS = {
    "locate": ("pydoc", 0, "path"),
    "resolve_name": ("pkgutil", 0, "name"),
    "run_module": ("runpy", 0, "mod_name"),
    "run_path": ("runpy", 0, "path_name"),
    "spec_from_file_location": ("util", 1, "location"),
    "SourceFileLoader": ("machinery", 1, "path"),
    "find_spec": ("util", 0, "name"),
}
"""Functions that execute a module or look into one: where they are from, and which argument names it."""
IMPORTERS = frozenset(
    [
        *("__import__", "builtins.__import__", "importlib", "pkgutil", "pydoc", "runpy"),
        *(
            "importlib.__import__",
            "importlib.import_module",
            "importlib.machinery.SourceFileLoader",
        ),
        *("importlib.metadata.EntryPoint", "importlib.metadata.entry_points"),
        *("importlib.util.find_spec", "importlib.util.spec_from_file_location"),
        *("pkgutil.resolve_name", "pydoc.locate", "runpy.run_module", "runpy.run_path"),
    ]
)
"""What can give any module: under another name, or passed on, it may import what no call here shows."""


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
    if isinstance(thing := imported_by(node, meaning), Import):
        return Chain((thing,), ())
    if (entry := _entry_of(node)) is not None:
        kind, key = entry
        return Chain((), (key,)) if kind == "globals" else Chain((Import(key, 0, None),), ())
    if (attribute := attribute_of(node)) is not None:
        of = chain(attribute[0], meaning)
        return of and of.then(attribute[1])
    match node:
        case ast.Subscript(
            value=ast.Attribute(attr="__globals__") as names, slice=ast.Constant(value=str(key))
        ):
            of = chain(names, meaning)
            return of and of.then(key)
        case _ if (definition := _home_of(node)) is not None:
            of = chain(definition, meaning)
            return of and of.then(GLOBALS)
        case _:
            return None


def any_module(node: ast.expr) -> bool:
    """Whether an expression looks up a module that is imported, which one a run knows: ``sys.modules[name]``."""
    match node:
        case ast.Call(func=ast.Name(id="getmodule") | ast.Attribute(attr="getmodule")):
            return True
        case ast.Call(func=ast.Attribute(value=of, attr="get" | "__getitem__")):
            return _is_modules(of)
        case ast.Subscript(value=of):
            return _is_modules(of)
        case _:
            return False


def imported_by(node: ast.AST, meaning: Meaning) -> Import | Wild | None:
    """Returns what ``import_module("x")`` or ``__import__("x")`` gives; None for another expression."""
    if not isinstance(node, ast.Call):
        return None
    function = _function(node.func, meaning)
    if function not in ("import_module", "__import__"):
        return None
    name, package = _argument(node, 0, "name"), _argument(node, 1, "package")
    found, is_whole = named(name, node.lineno, meaning)
    if package is not None and function == "import_module":
        anchor, is_known = named(package, node.lineno, meaning)
        if found.level:
            found, is_whole = _relative(found, is_whole, anchor, is_known)
        elif (
            not anchor.level
        ):  # entries of a table are relative to the module itself, or to nothing
            found = replace(found, table=None)
    return Import(found.prefix, found.level, None) if is_whole else found


def _relative(name: Wild, is_whole: bool, package: Wild, is_known: bool) -> tuple[Wild, bool]:
    """Returns what a relative name stands for below a package, and whether that is all of it."""
    if is_known and package.level:
        return name, is_whole
    if package.of is not None and name.level == 1:
        return replace(name, prefix="." + name.prefix, level=0, of=package.of), False
    if not is_known:
        return Wild("", 0, name.line), False
    parts = package.prefix.split(".")
    path = ".".join([*parts[: len(parts) - name.level + 1], name.prefix])
    return replace(name, prefix=path, level=0), is_whole


def walked_by(node: ast.Call) -> ast.expr | None:
    """Returns what the names start with that ``pkgutil.walk_packages`` gives."""
    is_walk = syntax.last_name(node.func) in ("iter_modules", "walk_packages")
    return _argument(node, 1, "prefix") if is_walk else None


def named(node: ast.expr | None, line: int, meaning: Meaning) -> tuple[Wild, bool]:
    """Returns what is known of the name of a module, and whether that is all of it."""
    start, is_whole = _start(node)
    path = start.lstrip(".")
    parts = _parts(node)
    match next(parts, None):
        case ast.Attribute(value=module, attr="__name__" | "__package__"):
            rest = next(parts, "")
            of = chain(module, meaning)
            text = rest if isinstance(rest, str) and of is not None else ""
            return Wild(text, 0, line, of), False
        case ast.Subscript(value=table) | ast.Call(func=ast.Attribute(value=table, attr="get")):
            is_entry = not path and next(parts, None) is None
            return Wild(path, 0, line, table=chain(table, meaning) if is_entry else None), False
        case _:
            return Wild(path, len(start) - len(path), line), is_whole


def executed_by(node: ast.AST, meaning: Meaning) -> Import | Wild | None:
    """Returns what a call of the standard library executes or looks up by a module's name or path."""
    if not isinstance(node, ast.Call):
        return None
    function = _function(node.func, meaning)
    if function not in _EXECUTORS:
        return None
    home, position, keyword = _EXECUTORS[function]
    if isinstance(node.func, ast.Attribute) and syntax.last_name(node.func.value) != home:
        return None
    text, is_whole = _start(_argument(node, position, keyword))
    if "path" in function or "file" in function.lower():
        text = text.removeprefix("./").removesuffix(".py").replace("/", ".")
    level = int(text.startswith("."))
    text = text[level:]
    module, _, name = text.partition(":") if ":" in text else text.rpartition(".")
    if not is_whole:
        return Wild(module if ":" in text else text, level, node.lineno)
    if function in ("locate", "resolve_name") and (module or level):
        return Import(module, level, name.partition(".")[0] or None)
    return Import(text, level, None)


def scripts_in(text: str) -> Iterator[Chain]:
    """Yields the scripts and, behind ``-m``, the modules that a text names, as a command does.

    A script may lie where the process runs or beside the module.
    """
    before = ""
    for word in map(_unquoted, text.split()):
        if _SCRIPT.fullmatch(word):
            path = word.removeprefix("./").removesuffix(".py").replace("/", ".")
            yield Chain((Import(path, 0, None), Import(path, 1, None)), ())
        elif before == "-m":
            yield from run_as(word)
        before = word


def run_as(name: str) -> Iterator[Chain]:
    """Yields what ``python -m`` executes for a name."""
    if _NAME.fullmatch(name):
        yield Chain((Import(name, 0, None),), ())
        yield Chain((Import(f"{name}.__main__", 0, None),), ())


def _unquoted(word: str) -> str:
    return word.strip("\"'")


def text_of(value: object) -> Chain | None:
    """Returns what a text names if it looks like a definition: ``tools.scale``, ``pkg.models:Forest.fit``."""
    if not isinstance(value, str) or not _DOTTED.fullmatch(value):
        return None
    module, *names = value.replace(":", ".").split(".")
    return Chain((Import(module, 0, None),), tuple(names))


def _function(node: ast.expr, meaning: Meaning) -> str:
    """Returns the name that a function was imported by: ``import_module`` where it is called ``load``."""
    match node:
        case ast.Name(id=name):
            of = meaning(name)
            if of is not None and len(of.imports) == 1 and not of.names:
                return of.imports[0].name or name
            return name
        case _:
            return syntax.last_name(node)


def patched_by(node: ast.Call, meaning: Meaning) -> Iterator[Chain]:
    """Yields what a call puts something else in the place of: ``mock.patch("tools.scale", faster)``."""
    match node.func:
        case ast.Attribute(value=of, attr="object" | "dict" | "multiple" as kind):
            is_patch = syntax.last_name(of) == "patch"
        case ast.Name(id="patch") | ast.Attribute(attr="patch"):
            kind, is_patch = "", True
        case ast.Attribute(value=ast.Name(), attr="setattr"):
            is_named = isinstance(_argument(node, 1, "name"), ast.Constant)
            kind, is_patch = "object" if is_named else "", True
        case _:
            return
    keyword = "in_dict" if kind == "dict" else "target"
    target = _argument(node, 0, keyword) if is_patch else None
    match target:
        case ast.Constant(value=str(text)) if kind == "multiple":
            found = Chain((Import(text, 0, None),), ())
        case ast.Constant(value=text):
            found = text_of(text)
        case ast.expr():
            found = chain(target, meaning)
        case None:
            return
    if found is None:
        return
    match kind:
        case "dict":
            yield found.then("*")
        case "multiple":
            yield from (found.then(each.arg) for each in node.keywords if each.arg)
        case "object":
            attribute = _argument(node, 1, "attribute")
            if isinstance(attribute, ast.Constant) and isinstance(attribute.value, str):
                yield found.then(attribute.value)
        case _:
            if found.names:
                yield found


def attribute_of(node: ast.AST) -> tuple[ast.expr, str] | None:
    """Returns the object and the literal name in ``getattr(x, "name")`` and its kin."""
    match node:
        case ast.Call(func=ast.Name(id=function), args=[of, ast.Constant(value=str(name)), *_]):
            return (of, name) if function in PROBES else None
        case _:
            return None


def _entry_of(node: ast.AST) -> tuple[str, str] | None:
    """Returns the literal key in ``globals()["x"]`` or ``sys.modules["x"]``, after ``globals`` or ``modules``.

    The key of the module itself, ``sys.modules[__name__]``, is empty.
    """
    match node:
        case ast.Subscript(value=of, slice=ast.Constant(value=str(key))):
            pass
        case ast.Subscript(value=of, slice=ast.Name(id="__name__")) if _is_modules(of):
            return "modules", ""
        case _:
            return None
    match of:
        case ast.Call(func=ast.Name(id="globals"), args=[], keywords=[]):
            return "globals", key
        case _:
            return ("modules", key) if _is_modules(of) else None


def _home_of(node: ast.AST) -> ast.expr | None:
    """Returns the definition whose module is looked up: ``f`` in ``inspect.getmodule(f)``."""
    match node:
        case ast.Call(
            func=ast.Name(id="getmodule") | ast.Attribute(attr="getmodule"), args=[definition]
        ):
            return definition
        case ast.Subscript(value=of, slice=ast.Attribute(value=definition, attr="__module__")):
            return definition if _is_modules(of) else None
        case _:
            return None


def _is_modules(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and node.attr == "modules"
        and isinstance(node.value, ast.Name)
        and node.value.id == "sys"
    )


def _argument(node: ast.Call, position: int, name: str) -> ast.expr | None:
    if position < len(node.args):
        return node.args[position]
    return next((keyword.value for keyword in node.keywords if keyword.arg == name), None)


def _start(node: ast.expr | None) -> tuple[str, bool]:
    """Returns the part of a string expression that is known to come first, and whether it is all of it.

    The name of the module itself is written as where a relative import starts: ``.``.
    """
    known = list[str]()
    for part in _parts(node):
        match part:
            case str(text):
                known.append(text.removeprefix(".") if known == ["."] else text)
            case ast.Name(id="__name__" | "__package__") if not "".join(known):
                known = ["."]
            case _:
                return "".join(known), False
    return "".join(known), True


def _parts(node: ast.expr | None) -> Iterator[str | ast.expr | None]:
    """Takes a string expression apart into texts and what only a run knows."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            for value in values:
                yield from _parts(value)
        case ast.FormattedValue(value=value, format_spec=None):
            yield from _parts(value)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _parts(left)
            yield from _parts(right)
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
            yield from _filled(text, "%s", right.elts if isinstance(right, ast.Tuple) else [right])
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format"), args=args
        ):
            yield from _filled(text, "{}", args)
        case ast.Call(
            func=ast.Attribute(value=ast.Constant(value=str(text)), attr="join"),
            args=[ast.List(elts=parts) | ast.Tuple(elts=parts)],
        ):
            for index, part in enumerate(parts):
                yield from (text,) if index else ()
                yield from _parts(part)
        case _:
            yield node


def _filled(text: str, gap: str, values: Sequence[ast.expr]) -> Iterator[str | ast.expr | None]:
    """Yields the parts of a text whose gaps are filled with values, up to a gap of another kind."""
    texts = text.split(gap)
    for index, part in enumerate(texts):
        before = part.partition(gap[0])[0]
        yield before
        if before != part:
            yield None
        if index < len(texts) - 1:
            yield from _parts(values[index]) if index < len(values) else (None,)
