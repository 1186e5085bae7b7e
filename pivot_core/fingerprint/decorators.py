"""Owns which decorators call what they decorate at once, and not when somebody else does."""

import ast
from collections.abc import Iterator

from pivot_core.fingerprint import dynamic
from pivot_core.fingerprint.arguments import Arguments, is_code
from pivot_core.fingerprint.form import Change, Site
from pivot_core.fingerprint.names import Module, Names, Outside, Piece, Symbol
from pivot_core.fingerprint.scope import FUNCTIONS

type _Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
type _Made = tuple[Module, _Function, int]
"""A function with its module, and how many calls it takes until it gets what is decorated."""


class Decorators:
    """Looks into the project's decorators."""

    def __init__(self, names: Names, arguments: Arguments) -> None:
        self._names: Names = names
        self._arguments: Arguments = arguments

    def run(self, piece: Piece) -> bool:
        """Whether the decorators of a function or class may call it; those from outside the project do not."""
        node = piece.unit.node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            return False
        return any(
            self._calls(module, function, layers)
            for decorator in node.decorator_list
            for module, function, layers in self._functions(piece.module, decorator, 1)
        )

    def _functions(self, module: Module, node: ast.expr, layers: int) -> Iterator[_Made]:
        """Yields what may be called by using an expression as a decorator."""
        while isinstance(node, ast.Call):
            chain = dynamic.chain(node.func, dynamic.global_name)
            resolved = self._names.resolve(module, chain) if chain else ()
            if Outside("functools.partial") in resolved and node.args:
                node = node.args[0]
            else:
                node = node.func
                layers += 1
        if isinstance(node, ast.Lambda):
            yield module, node, layers
        chain = dynamic.chain(node, dynamic.global_name)
        for target in self._names.resolve(module, chain) if chain else ():
            if isinstance(target, Symbol):
                yield from self._definitions(target, layers)

    def _definitions(self, symbol: Symbol, layers: int) -> Iterator[_Made]:
        module = symbol.module
        for piece in module.bound.get(symbol.name, ()):
            match piece.unit.node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() as function if not symbol.rest:
                    piece.unit.is_followed = True
                    yield module, function, layers
                case ast.ClassDef() as node if symbol.rest:
                    yield from _method(module, node, symbol.rest[-1], layers)
                case ast.ClassDef() as node:
                    yield from _method(module, node, "__init__", layers)
                    yield from _method(module, node, "__call__", layers - 1)
                case ast.Assign(value=ast.Call() | ast.Lambda() as value) if not symbol.rest:
                    yield from self._functions(module, value, layers)
                case _:
                    pass
        made_by = self._arguments.class_of(symbol)
        if made_by is not None:
            name = symbol.rest[-1] if symbol.rest else "__call__"
            yield from _method(module, made_by, name, layers)

    def _calls(self, module: Module, function: _Function, layers: int) -> bool:
        """Whether a function calls an argument of the last of so many calls."""
        if layers > 1:
            inner = (part for part in ast.walk(function) if part is not function)
            return any(
                self._calls(module, part, layers - 1)
                for part in inner
                if isinstance(part, (*FUNCTIONS, ast.Lambda))
            )
        given = {arg.arg for arg in (*function.args.posonlyargs, *function.args.args)}
        return any(self._is_run(module, call, given) for call in _calls_in(function))

    def _is_run(self, module: Module, call: ast.Call, given: set[str]) -> bool:
        if isinstance(call.func, ast.Name) and call.func.id in given:
            return True
        callee = dynamic.chain(call.func, dynamic.global_name)
        for slot, argument in enumerate(call.args):
            if isinstance(argument, ast.Name) and argument.id in given and callee is not None:
                site = Site(
                    change=Change.ARGUMENT, chain=None, depth=1, callee=callee, slot=str(slot)
                )
                if self._is_handed_on(module, site):
                    return True
        return False

    def _is_handed_on(self, module: Module, site: Site) -> bool:
        """Whether a function of the project gets it and calls it."""
        callees = self._names.resolve(module, site.callee) if site.callee else ()
        is_ours = any(isinstance(target, Symbol) and is_code(target) for target in callees)
        return is_ours and self._arguments.is_called(module, site)


def _method(module: Module, node: ast.ClassDef, name: str, layers: int) -> Iterator[_Made]:
    for part in node.body:
        if isinstance(part, FUNCTIONS) and part.name == name and layers > 0:
            yield module, part, layers


def _calls_in(function: _Function) -> Iterator[ast.Call]:
    """Yields the calls that calling a function makes itself, without those of functions inside it."""
    body = [function.body] if isinstance(function, ast.Lambda) else function.body
    stack = list[ast.AST](body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Call):
            yield node
        if not isinstance(node, (*FUNCTIONS, ast.Lambda)):
            stack.extend(ast.iter_child_nodes(node))
