"""Owns which names may hold the same object, or hold one that another name holds."""

import ast
import builtins
from collections.abc import Iterator

from pivot_core.fingerprint import dynamic, kinds
from pivot_core.fingerprint.kinds import Value
from pivot_core.fingerprint.names import Module, Names, Symbol
from pivot_core.fingerprint.scope import FUNCTIONS
from pivot_core.frozen import frozen

type Place = tuple[Module, str]
"""A name of a module; ``*`` for any of them."""

_BUILTINS = frozenset(dir(builtins))
_COPIES = frozenset({"copy", "deepcopy", "format", "join", "split"})
_HOLDS_STATE = frozenset({Value.CONTAINER, Value.OBJECT})


@frozen
class _Held:
    """A dotted expression whose value an expression may give, or hold."""

    node: ast.expr
    is_itself: bool
    """Whether it may be the value, and is not only held by it."""
    is_called: bool = False
    """Whether it is what calling the expression gives."""


class Sharing:
    """Follows values from one name to another, as far as assignments show."""

    def __init__(self, names: Names) -> None:
        self._names: Names = names
        self._known: dict[tuple[Place, bool], tuple[Place, ...]] = {}
        self._given: dict[Place, tuple[Place, ...]] = {}

    def of(self, place: Place, is_deep: bool) -> tuple[Place, ...]:
        """Returns the places that change with one, or ``is_deep`` with what it holds."""
        found = self._known.get((place, is_deep))
        if found is None:
            seen = {place: None}
            queue = [place]
            for module, name in queue:
                for each in self._direct(module, name, is_deep):
                    if each not in seen:
                        seen[each] = None
                        queue.append(each)
            found = self._known[place, is_deep] = tuple(queue[1:])
        return found

    def given_by(self, symbol: Symbol) -> tuple[Place, ...]:
        """Returns what a function may give that is not its own."""
        key = (symbol.module, symbol.name)
        found = self._given.get(key)
        if found is None:
            self._given[key] = ()  # while it is being looked for: functions may call themselves
            places = dict[Place, None]()
            for piece in symbol.module.bound.get(symbol.name, ()):
                node = piece.unit.node
                if isinstance(node, FUNCTIONS) and not symbol.rest:
                    piece.unit.is_followed = True
                    returned = self._places(symbol.module, _returned(node), is_deep=False)
                    places.update(dict.fromkeys(returned))
            found = self._given[key] = tuple(places)
        return found

    def _direct(self, module: Module, name: str, is_deep: bool) -> Iterator[Place]:
        for piece in module.bound.get(name, ()):
            match piece.unit.node:
                case ast.Assign(targets=targets, value=value):
                    if len(targets) > 1:
                        yield from ((module, other) for other in sorted(piece.unit.binds))
                case ast.AnnAssign(value=ast.expr() as value):
                    pass
                case _:
                    continue
            yield from self._places(module, _held(value), is_deep)

    def _places(self, module: Module, held: Iterator[_Held], is_deep: bool) -> Iterator[Place]:
        for each in held:
            if not (each.is_itself or is_deep):
                continue
            chain = dynamic.chain(each.node, dynamic.global_name)
            for target in self._names.resolve(module, chain) if chain else ():
                if not isinstance(target, Symbol):
                    continue
                value = kinds.value_of([p.unit for p in target.module.bound.get(target.name, ())])
                if each.is_called:
                    yield from self.given_by(target)
                elif value in _HOLDS_STATE or (each.is_itself and value is Value.CLASS):
                    yield target.module, target.name


def _held(node: ast.expr) -> Iterator[_Held]:
    """Yields what an expression may give, or hold, that has a name."""
    match node:
        case ast.Name() | ast.Attribute():
            yield _Held(node, is_itself=True)
        case ast.IfExp(body=first, orelse=second):
            yield from (*_held(first), *_held(second))
        case ast.BoolOp(values=values):
            for value in values:
                yield from _held(value)
        case ast.NamedExpr(value=value):
            yield from _held(value)
        case ast.Subscript(value=value) | ast.Await(value=value):
            yield from _held(value)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            yield from _inside(parts)
        case ast.Dict(values=parts):
            yield from _inside(parts)
        case ast.Call(func=function, args=args, keywords=keywords):
            if not _is_copy(function):
                yield _Held(function, is_itself=True, is_called=True)
                yield from _inside([*args, *(keyword.value for keyword in keywords)])
                if isinstance(function, ast.Attribute):
                    yield from _held(function.value)
        case _:
            pass


def _inside(parts: list[ast.expr]) -> Iterator[_Held]:
    for part in parts:
        for each in _held(part.value if isinstance(part, ast.Starred) else part):
            yield _Held(each.node, is_itself=False, is_called=each.is_called)


def _is_copy(function: ast.expr) -> bool:
    match function:
        case ast.Name(id=name):
            return name in _BUILTINS or name in _COPIES
        case ast.Attribute(attr=name):
            return name in _COPIES
        case _:
            return False


def _returned(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[_Held]:
    """Yields what a function may return that has a name outside of it, through its local variables."""
    made = dict[str, list[ast.expr]]()
    returned = list[ast.expr]()
    for part in ast.walk(node):
        match part:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                made.setdefault(name, []).append(value)
            case ast.Return(value=ast.expr() as value):
                returned.append(value)
            case _:
                pass
    while returned:
        for each in _held(returned.pop()):
            if isinstance(each.node, ast.Name) and not each.is_called and each.node.id in made:
                returned.extend(made.pop(each.node.id))
            else:
                yield each
