"""Owns what counts of a stage function's annotations: the loaders and the params model, not types and paths."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pivot_core.fingerprint import dynamic, syntax
from pivot_core.fingerprint.form import Detail, Form
from pivot_core.fingerprint.names import Module, Names, Outside, Symbol
from pivot_core.fingerprint.normalize import normalise
from pivot_core.fingerprint.scope import Chain
from pivot_core.fingerprint.source import Unit

type Part = tuple[Module, ast.expr]
"""An expression that counts, with the module whose names it uses."""

_WITH_PATH = frozenset(["Dep", "DirectoryOut", "IncrementalOut", "Metric", "Out", "Plot"])
_ANNOTATED = frozenset(["typing.Annotated", "typing_extensions.Annotated"])
_NOT_CODE = frozenset(["path", "cache"])
_WITH_LOADER = frozenset(["Dep", "PlaceholderDep", "IncrementalOut"])
_OF_ANY = frozenset(
    [
        *("Any", "Dict", "Iterable", "Iterator", "List", "Mapping", "Sequence", "dict"),
        *("frozenset", "list", "object", "set", "tuple"),
    ]
)
"""What tells nothing of the objects, where no parameters in brackets do."""


def boundary(
    names: Names, module: Module, name: str, params: str | None
) -> Iterator[tuple[Module, Form]]:
    """Yields the forms of what counts at the border of the stage function ``module.name``.

    ``params`` is the parameter that takes the params model, the one annotation that counts as it is written.
    """
    reader = _Reader(names)
    for owner, unit in reader.definitions(module, ast.Name(name)):
        for function in _functions(unit.node, name):
            args = function.args
            for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs):
                if arg.annotation is None:
                    continue
                if arg.arg == params:
                    yield _form(owner, _unquoted(arg.annotation))
                else:
                    yield from _forms(arg.arg, reader.markers(owner, arg.annotation))
                    yield from reader.objects(owner, arg.annotation)
            if function.returns is not None:
                for field, parts in reader.fields(owner, function.returns):
                    yield from _forms(field, parts)


class _Reader:
    def __init__(self, names: Names) -> None:
        self._names: Names = names
        self._seen: set[tuple[Module, Unit]] = set()

    def definitions(self, module: Module, node: ast.expr) -> Iterator[tuple[Module, Unit]]:
        """Yields the statements of the project that define what a dotted expression names."""
        chain = dynamic.chain(node, dynamic.global_name)
        for target in self._names.resolve(module, chain) if chain else ():
            if isinstance(target, Symbol):
                for piece in target.module.bound.get(target.name, ()):
                    yield target.module, piece.unit

    def markers(self, module: Module, node: ast.expr) -> Iterator[Part]:
        """Yields what counts of the markers in an annotation."""
        node = _unquoted(node)
        match node:
            case ast.Subscript(value=generic, slice=ast.Tuple(elts=[inner, *metadata])) if (
                self._outside(module, generic) in _ANNOTATED
            ):
                yield from self.markers(module, inner)
                for part in metadata:
                    yield from self._marker(module, part)
            case ast.Subscript(value=generic, slice=inner):  # also of an alias that takes types
                yield from self.markers(module, generic)
                yield from self.markers(module, inner)
            case ast.BinOp(left=left, right=right):
                yield from self.markers(module, left)
                yield from self.markers(module, right)
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                for part in parts:
                    yield from self.markers(module, part)
            case ast.Name() | ast.Attribute():
                yield from self._named(module, node)
            case ast.Constant():
                pass
            case ast.Call(func=function) if self._outside(module, function).startswith("typing"):
                pass  # a type that is made: NewType, TypeVar
            case _:
                yield module, node

    def _named(self, module: Module, node: ast.expr) -> Iterator[Part]:
        """Yields what counts of what a name stands for: all of it, where its statement does not simply say so."""
        for owner, unit in self._new(module, node):
            value = _value(unit)
            if isinstance(unit.node, ast.ClassDef):
                continue
            if value is None or unit.guards:
                yield module, node
            else:
                yield from self.markers(owner, value)

    def objects(self, module: Module, node: ast.expr) -> Iterator[tuple[Module, Form]]:
        """Yields the classes of what a dep unpickles, to judge by its annotation: a pickle has only their names.

        Where the annotation does not tell, any class may be meant.
        """
        node = _unquoted(node)
        match node:
            case ast.Subscript(value=generic, slice=ast.Tuple(elts=[inner, *metadata])) if (
                syntax.last_name(generic) == "Annotated"
            ):
                if any(self._unpickles(module, part) for part in metadata):
                    yield from self._types(module, inner)
            case ast.Name() | ast.Attribute():
                for owner, unit in self._new(module, node):
                    value = _value(unit)
                    if value is not None:
                        yield from self.objects(owner, value)
            case _:
                pass

    def _types(self, module: Module, node: ast.expr) -> Iterator[tuple[Module, Form]]:
        for leaf in _leaves(node):
            chain = dynamic.chain(leaf, self._for_types(module))
            targets = self._names.resolve(module, chain) if chain else ()
            symbols = [target for target in targets if isinstance(target, Symbol)]
            if not symbols and syntax.last_name(leaf) in _OF_ANY:
                form = normalise([leaf], None)
                yield module, replace(form, reads=Detail.OBJECTS | Detail.NAMES)
            for symbol in symbols:
                yield from self._types_of(symbol, leaf)

    def _types_of(self, symbol: Symbol, leaf: ast.expr) -> Iterator[tuple[Module, Form]]:
        for owner, unit in self._new(symbol.module, ast.Name(symbol.name)):
            value = _value(unit)
            if value is not None:
                yield from self._types(owner, value)
            elif isinstance(unit.node, ast.ClassDef):
                name = ast.copy_location(ast.Name(symbol.name, ast.Load()), leaf)
                yield owner, replace(_form(owner, name)[1], lists_subclasses=True)

    def _for_types(self, module: Module) -> dynamic.Meaning:
        """Says what a name stands for, also one that only a type checker imports."""
        source = module.source

        def meaning(name: str) -> Chain:
            if source is None or name in source.groups or name not in source.for_types:
                return dynamic.global_name(name)
            return Chain(source.for_types[name], ())

        return meaning

    def _unpickles(self, module: Module, node: ast.expr) -> bool:
        """Whether a marker reads with `Pickle`."""
        if isinstance(node, ast.Name | ast.Attribute):
            found = [(owner, _value(unit)) for owner, unit in self._new(module, node)]
            return any(value and self._unpickles(owner, value) for owner, value in found)
        if not isinstance(node, ast.Call):
            return False
        kind = self._kind(module, node.func)
        if kind == "Pickle" or kind not in _WITH_LOADER:
            return kind == "Pickle"
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        return any(self._unpickles(module, each) for each in given)

    def fields(self, module: Module, node: ast.expr) -> Iterator[tuple[str, list[Part]]]:
        """Yields the outs of a return annotation: the fields of a TypedDict, sorted, else one without a name."""
        node = _unquoted(node)
        found = list(self._outs(module, node))
        yield from sorted(found, key=lambda field: field[0])
        if not found:
            yield "return", list(self.markers(module, node))

    def _outs(self, module: Module, node: ast.expr) -> Iterator[tuple[str, list[Part]]]:
        if not isinstance(node, ast.Name | ast.Attribute):
            return
        for owner, unit in self._new(module, node):
            if unit.guards:
                yield "", [(module, node)]
            match unit.node:
                case ast.ClassDef():
                    yield from self._fields_of(owner, unit.node)
                case ast.Assign(value=ast.Call(args=[_, ast.Dict(keys=keys, values=values)])):
                    for key, value in zip(keys, values, strict=True):
                        name = str(key.value) if isinstance(key, ast.Constant) else ""
                        yield name, list(self.markers(owner, value))
                case _:
                    value = _value(unit)
                    if value is not None:
                        yield from self._outs(owner, _unquoted(value))

    def _fields_of(self, module: Module, node: ast.ClassDef) -> Iterator[tuple[str, list[Part]]]:
        for base in node.bases:
            yield from self._outs(module, base)
        for part in node.body:
            if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                yield part.target.id, list(self.markers(module, part.annotation))
            elif not syntax.is_idle(part):
                yield "", [(module, ast.copy_location(ast.Name(node.name, ast.Load()), part))]

    def _marker(self, module: Module, node: ast.expr) -> Iterator[Part]:
        match node:
            case ast.Constant():
                pass  # a note for people
            case ast.Call(func=function):
                kind = self._kind(module, function)
                yield module, _without_path(node, kind) if kind else node
            case ast.Name() | ast.Attribute():
                made = [
                    (owner, self._made(owner, unit))
                    for owner, unit in self.definitions(module, node)
                ]
                for owner, call in made:
                    if call is not None:
                        yield from self._marker(owner, call)
                if not made or any(call is None for _, call in made):
                    yield module, node
            case _:
                yield module, node

    def _made(self, module: Module, unit: Unit) -> ast.Call | None:
        """Returns the call of a marker that a statement surely gives a name to."""
        value = _value(unit)
        if isinstance(value, ast.Call) and not unit.guards and self._kind(module, value.func):
            return value
        return None

    def _kind(self, module: Module, function: ast.expr) -> str:
        """Returns which of Pivot's own markers is called; empty for another function."""
        root, _, path = self._outside(module, function).partition(".")
        return path.rpartition(".")[2] if root == "pivot_core" else ""

    def _outside(self, module: Module, node: ast.expr) -> str:
        """Returns the full name of something outside the project; empty for what the project defines."""
        chain = dynamic.chain(node, dynamic.global_name)
        for target in self._names.resolve(module, chain) if chain else ():
            if isinstance(target, Outside):
                return target.path
        return ""

    def _new(self, module: Module, node: ast.expr) -> Iterator[tuple[Module, Unit]]:
        """Yields definitions that are not being read already: aliases and bases can go round."""
        for found in self.definitions(module, node):
            if found not in self._seen:
                self._seen.add(found)
                yield found
                self._seen.discard(found)


def _without_path(node: ast.Call, kind: str) -> ast.expr:
    """The path counts among the deps and outs, and where an out is kept does not change it."""
    if any(isinstance(argument, ast.Starred) for argument in node.args):
        return node
    arguments = node.args[1:] if kind in _WITH_PATH else node.args
    # IncrementalOut and Out take `cache` third.
    arguments = arguments[:1] if kind in _WITH_PATH else arguments
    keywords = [k for k in node.keywords if kind not in _WITH_PATH or k.arg not in _NOT_CODE]
    parts = [*arguments, *(keyword.value for keyword in keywords)]
    return ast.Tuple([ast.Constant(kind), *parts])


def _forms(name: str, parts: Iterator[Part] | Sequence[Part]) -> Iterator[tuple[Module, Form]]:
    for module, part in parts:
        yield _form(module, ast.Tuple([ast.Constant(name), part]))


def _form(module: Module, node: ast.expr) -> tuple[Module, Form]:
    source = module.source
    known = None if source is None or source.stars else source.groups
    return module, normalise([node], known)


def _leaves(node: ast.expr) -> Iterator[ast.expr]:
    """Yields the types that an annotation names, without those that only hold others."""
    node = _unquoted(node)
    match node:
        case ast.Name() | ast.Attribute():
            yield node
        case ast.Subscript(value=generic, slice=inner):
            if syntax.last_name(generic) not in _OF_ANY:
                yield generic
            yield from _leaves(inner)
        case ast.Tuple(elts=parts):
            for part in parts:
                yield from _leaves(part)
        case ast.BinOp(left=left, right=right):
            yield from _leaves(left)
            yield from _leaves(right)
        case _:
            pass


def _functions(node: ast.stmt, name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yields the definitions of a function in a statement, which may be a ``try`` with one in each branch."""
    if isinstance(node, ast.ClassDef):
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node
        return
    for inner in ast.walk(node):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and inner.name == name:
            yield inner


def _value(unit: Unit) -> ast.expr | None:
    match unit.node:
        case ast.Assign(value=value) | ast.TypeAlias(value=value):
            return value
        case ast.AnnAssign(value=value):
            return value
        case _:
            return None


def _unquoted(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return syntax.quoted(node.value) or node
    return node
