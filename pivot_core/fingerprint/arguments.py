"""Owns what becomes of something that is passed to a function: whether that changes it in place, or calls it."""

import ast
from collections.abc import Iterator

from pivot_core.fingerprint import kinds
from pivot_core.fingerprint.form import Change, Site, is_mutator
from pivot_core.fingerprint.kinds import Value
from pivot_core.fingerprint.names import Module, Names, Outside, Piece, Symbol, Target

QUIET = frozenset({"pivot_core", "pivot_tui", "logging"})
"""Packages outside the project that neither change nor call what they get while modules are imported."""

_IN_PLACE = ("heapq.", "bisect.insort")


class Arguments:
    """Follows an argument through the project's functions."""

    def __init__(self, names: Names) -> None:
        self._names: Names = names

    def is_changed(self, module: Module, site: Site, value: Value) -> bool:
        """Whether a call may change a ``value`` that is passed to it, or hand it on to what does."""
        if value is Value.FIXED or site.callee is None:
            return False
        callees = self._names.resolve(module, site.callee)
        return any(self._changes(callee, site, value, set()) for callee in callees)

    def is_called(self, module: Module, site: Site) -> bool:
        """Whether a call may call what is passed to it; ``pipeline.register(train)`` does not run ``train``."""
        if site.callee is None:
            return False
        return any(self._calls(t, site, set()) for t in self._names.resolve(module, site.callee))

    def class_of(self, symbol: Symbol) -> ast.ClassDef | None:
        """Returns the class of an object that is made by calling it."""
        for piece in symbol.module.bound.get(symbol.name, ()):
            for ref in piece.unit.inside().refs:
                if ref.calls == 0:
                    continue
                for made_by in self._names.resolve(symbol.module, ref.chain):
                    if not isinstance(made_by, Symbol):
                        continue
                    for definition in made_by.module.bound.get(made_by.name, ()):
                        if isinstance(definition.unit.node, ast.ClassDef):
                            return definition.unit.node
        return None

    def _changes(
        self, target: Target, site: Site, value: Value, seen: set[tuple[Piece, str]]
    ) -> bool:
        if isinstance(target, Outside):
            # A function stays as it is, whoever calls it later; a class may be registered: `copyreg.pickle(Point, …)`.
            is_asked = site.dropped and target.root not in QUIET
            in_place = target.path.startswith(_IN_PLACE)
            if not target.is_module:  # `dict.update(table, …)`
                return is_mutator(target.path.rpartition(".")[2])
            return value is not Value.FUNCTION and (is_asked or in_place)
        for piece, inner in self._sites(target, site.slot, seen):
            if inner.is_change:
                return True
            if inner.change is Change.ARGUMENT and inner.callee is not None:
                callees = self._names.resolve(piece.module, inner.callee)
                if any(self._changes(callee, inner, value, seen) for callee in callees):
                    return True
        return False

    def _calls(self, target: Target, site: Site, seen: set[tuple[Piece, str]]) -> bool:
        if isinstance(target, Outside):
            return target.root not in QUIET
        if isinstance(target, Symbol) and not is_code(target):
            return True
        for piece, inner in self._sites(target, site.slot, seen):
            if inner.depth == 1 and inner.change is Change.CALL:
                return True
            if inner.change is Change.ARGUMENT and inner.callee is not None:
                callees = self._names.resolve(piece.module, inner.callee)
                if any(self._calls(callee, inner, seen) for callee in callees):
                    return True
        return False

    def _sites(
        self, target: Target, slot: str, seen: set[tuple[Piece, str]]
    ) -> Iterator[tuple[Piece, Site]]:
        """Yields what a function does with the argument in a slot, or with one that may be it."""
        if not isinstance(target, Symbol):
            return
        for piece in target.module.bound.get(target.name, ()):
            if (piece, slot) in seen:
                continue
            seen.add((piece, slot))
            name = _parameter(piece.unit.node, slot)
            for site in piece.unit.inside().sites:
                is_it = not name or not site.param or site.param == name
                if site.chain is None and site.depth in (1, 2) and is_it:
                    yield piece, site


def is_code(symbol: Symbol) -> bool:
    """Whether a name stands for a function or class, and for nothing else."""
    units = [piece.unit for piece in symbol.module.bound.get(symbol.name, ())]
    return kinds.value_of(units) in (Value.FUNCTION, Value.CLASS)


def _parameter(node: ast.stmt, slot: str) -> str:
    """Returns the parameter that a slot fills; empty where that cannot be told."""
    is_method = isinstance(node, ast.ClassDef)
    if is_method:
        makers = [
            part
            for part in node.body
            if isinstance(part, ast.FunctionDef) and part.name == "__init__"
        ]
        if not makers:
            return ""
        node = makers[-1]
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return ""
    args = node.args
    if not slot.isdigit():
        named = {arg.arg for arg in (*args.args, *args.kwonlyargs)}
        return slot if slot in named else ""
    positional = [*args.posonlyargs, *args.args][is_method:]
    index = int(slot)
    return positional[index].arg if index < len(positional) else ""
