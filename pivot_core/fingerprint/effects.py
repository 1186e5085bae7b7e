"""Owns which statements of a module change, when it is imported, something that is defined elsewhere."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from pivot_core.fingerprint import kinds
from pivot_core.fingerprint.form import Change, Form, Site
from pivot_core.fingerprint.kinds import Value
from pivot_core.fingerprint.names import Link, Missing, Module, Names, Outside, Symbol, Target
from pivot_core.fingerprint.scope import Chain
from pivot_core.fingerprint.source import Unit

type Place = tuple[Module, str]
"""A name of a module; ``*`` for any of them."""

_NO_EFFECT = frozenset({"pivot_core", "pivot_tui", "logging"})
_CHANGES_ARGUMENTS = ("heapq.", "bisect.insort")


@dataclass(frozen=True, slots=True)
class Piece:
    """A unit in a module that imports it under some name."""

    module: Module
    unit: Unit


@dataclass(slots=True)
class Touches:
    """What the statements of one or several modules change on import."""

    places: dict[Place, list[Piece]] = field(default_factory=dict[Place, list[Piece]])
    outside: list[tuple[Piece, str]] = field(default_factory=list[tuple[Piece, str]])
    """With the dotted name of what is changed outside the project."""

    def add(self, other: "Touches") -> None:
        """Takes over what another module changes."""
        for place, pieces in other.places.items():
            self.places.setdefault(place, []).extend(pieces)
        self.outside.extend(other.outside)


@dataclass(slots=True)
class _Run:
    """What may happen when something is called."""

    places: dict[Place, None] = field(default_factory=dict[Place, None])
    outside: dict[str, None] = field(default_factory=dict[str, None])
    observes: dict[tuple[Piece, str, int], None] = field(
        default_factory=dict[tuple[Piece, str, int], None]
    )


class Effects:
    """Follows the calls that importing a module makes through the project's functions."""

    def __init__(self, names: Names) -> None:
        self._names: Names = names
        self._touches: dict[Module, Touches] = {}
        self._runs: dict[tuple[Module, str, int], _Run] = {}
        self._pieces: dict[Piece, _Run] = {}

    def of(self, module: Module) -> Touches:
        """Returns what importing a module changes."""
        found = self._touches.get(module)
        if found is not None:
            return found
        found = self._touches[module] = Touches()
        for unit in module.source.units if module.source else ():
            if not unit.is_active or unit.is_for_types:
                continue
            piece = Piece(module, unit)
            run = self.on_import(piece)
            for place in run.places:
                if place[0] is not module or place[1] not in unit.binds:
                    found.places.setdefault(place, []).append(piece)
            found.outside.extend((piece, path) for path in run.outside)
        return found

    def on_import(self, piece: Piece) -> _Run:
        """Returns what happens when a statement is executed."""
        run = self._pieces.get(piece)
        if run is not None:
            return run
        run = self._pieces[piece] = _Run()
        form = piece.unit.form()
        self._sites(piece, form, 0, run)
        for what, depth, line in form.observes:
            if depth == 0:
                run.observes[piece, what, line] = None
        if any(depth == 0 for _, depth, _ in form.hides):
            run.places[piece.module, "*"] = None
        for ref in form.refs:
            # Something that is passed to a call may be called by it.
            if ref.depth == 0 and (ref.calls or form.sites):
                for target in self._names.resolve(piece.module, ref.chain):
                    if isinstance(target, Symbol):
                        inner = self._called(target, max(1, ref.calls))
                        run.places.update(inner.places)
                        run.outside.update(inner.outside)
                        run.observes.update(inner.observes)
        return run

    def bases(self, piece: Piece) -> Iterator[Symbol]:
        """Yields the classes of the project that a statement subclasses."""
        for site in piece.unit.form().sites:
            if site.change is Change.BASE and site.chain is not None:
                yield from self._symbols(piece.module, site.chain)

    def _called(self, symbol: Symbol, calls: int) -> _Run:
        """Returns what happens when a function, class or object is called, and its result again."""
        key = (symbol.module, symbol.name, calls)
        run = self._runs.get(key)
        if run is not None:
            return run
        run = self._runs[key] = _Run()
        seen = {(symbol.module, symbol.name)}
        queue = [(symbol.module, symbol.name)]
        for module, name in queue:
            for unit in module.source.groups.get(name, ()) if module.source else ():
                piece = Piece(module, unit)
                form = unit.form()
                for depth in range(1, calls + 1):
                    self._sites(piece, form, depth, run)
                for what, depth, line in form.observes:
                    if 1 <= depth <= calls:
                        run.observes[piece, what, line] = None
                for ref in form.refs:
                    if ref.depth > calls:
                        continue
                    for target in self._names.resolve(module, ref.chain):
                        if isinstance(target, Symbol) and (target.module, target.name) not in seen:
                            seen.add((target.module, target.name))
                            queue.append((target.module, target.name))
        return run

    # --- places that change something ---------------------------------------------------------------------------------

    def _sites(self, piece: Piece, form: Form, depth: int, run: _Run) -> None:
        for site in form.sites:
            if site.depth != depth:
                continue
            if site.chain is None:
                if site.change is not Change.ARGUMENT:
                    self._contents(piece, form, depth, run)
                continue
            targets = self._names.resolve(piece.module, site.chain)
            if site.change is not Change.ARGUMENT and _is_bound_by(piece, targets):
                self._contents(piece, form, depth, run)
            for target in targets:
                if isinstance(target, Outside):
                    if _has_effect(target, site):
                        run.outside[target.path] = None
                elif (place := self._changed(piece.module, site, target, targets)) is not None:
                    run.places[place] = None

    def _contents(self, piece: Piece, form: Form, depth: int, run: _Run) -> None:
        """Something that may be an element of a container changes: any one in sight may have held it."""
        for ref in form.refs:
            if ref.depth > depth:
                continue
            for target in self._names.resolve(piece.module, ref.chain):
                if isinstance(target, Symbol) and _value(target) in (Value.CONTAINER, Value.OBJECT):
                    run.places[target.module, target.name] = None

    def _changed(
        self, module: Module, site: Site, target: Target, targets: tuple[Target, ...]
    ) -> Place | None:
        match target:
            case Link(other, name) | Missing(other, name):
                return (other, name) if site.change is Change.BIND and _rebinds(targets) else None
            case Symbol(other, name):
                pass
            case _:
                return None
        match site.change:
            case Change.BIND:
                is_changed = not any(isinstance(t, Link) for t in targets) or not _rebinds(targets)
            case Change.STORE:
                is_changed = _value(target) is not Value.FIXED
            case Change.METHOD:
                is_changed = self._changes_itself(target, site)
            case Change.ARGUMENT:
                is_changed = self._changes_argument(module, site, target)
            case Change.BASE:
                is_changed = self._registers(target)
            case Change.CALL:
                is_changed = False
        return (other, name) if is_changed else None

    def _changes_itself(self, symbol: Symbol, site: Site) -> bool:
        value = _value(symbol)
        if value is Value.FIXED:
            return False
        if kinds.is_mutator(site.method):
            return True
        if value is Value.CONTAINER:
            return False
        if site.dropped or site.is_decorator:
            return True
        made_by = self._class_of(symbol) if value is Value.OBJECT else None
        return made_by is not None and kinds.changes_itself(made_by, site.method)

    def _changes_argument(self, module: Module, site: Site, symbol: Symbol) -> bool:
        value = _value(symbol)
        if value is Value.FIXED or site.callee is None:
            return False
        return any(
            self._changes_arguments(target, site, value, set())
            for target in self._names.resolve(module, site.callee)
        )

    def _changes_arguments(
        self, target: Target, site: Site, value: Value, seen: set[Place]
    ) -> bool:
        """Whether what is called may change a ``value`` that is passed to it, or hand it on to what does."""
        match target:
            case Outside(path, True):
                is_code = value in (Value.FUNCTION, Value.CLASS)
                is_asked = site.dropped and target.root not in _NO_EFFECT
                return not is_code and (is_asked or path.startswith(_CHANGES_ARGUMENTS))
            case Symbol(module, name) if (module, name) not in seen:
                seen.add((module, name))
            case _:
                return False
        for unit in module.source.groups.get(name, ()) if module.source else ():
            for inner in unit.form().sites:
                if inner.chain is not None or inner.depth not in (1, 2):
                    continue
                if inner.change is not Change.ARGUMENT:
                    return True
                for callee in self._names.resolve(module, inner.callee) if inner.callee else ():
                    if self._changes_arguments(callee, inner, value, seen):
                        return True
        return False

    def _registers(self, symbol: Symbol) -> bool:
        """Whether subclassing a class may change it or what it knows."""
        seen = list[Place]()
        queue = [symbol]
        for current in queue:
            if (current.module, current.name) in seen or current.module.source is None:
                continue
            seen.append((current.module, current.name))
            for unit in current.module.source.groups.get(current.name, ()):
                if isinstance(unit.node, ast.ClassDef):
                    if kinds.registers_subclasses(unit.node):
                        return True
                    queue.extend(self.bases(Piece(current.module, unit)))
        return False

    def _class_of(self, symbol: Symbol) -> ast.ClassDef | None:
        """Returns the class of an object that is made by calling it."""
        source = symbol.module.source
        for unit in source.groups.get(symbol.name, ()) if source else ():
            for ref in unit.form().refs:
                if ref.calls == 0:
                    continue
                for made_by in self._symbols(symbol.module, ref.chain):
                    inner = made_by.module.source
                    for definition in inner.groups.get(made_by.name, ()) if inner else ():
                        if isinstance(definition.node, ast.ClassDef):
                            return definition.node
        return None

    def _symbols(self, module: Module, chain: Chain) -> Iterator[Symbol]:
        for target in self._names.resolve(module, chain):
            if isinstance(target, Symbol):
                yield target


def _value(symbol: Symbol) -> Value:
    source = symbol.module.source
    units = source.groups.get(symbol.name, []) if source else []
    return kinds.value_of(units)


def _rebinds(targets: tuple[Target, ...]) -> bool:
    """Whether an assignment gives a module's name another value, and does not change what the name stands for."""
    return all(not target.rest for target in targets if isinstance(target, Symbol))


def _is_bound_by(piece: Piece, targets: tuple[Target, ...]) -> bool:
    """Whether a loop changes its own variable."""
    if isinstance(piece.unit.node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.ClassDef):
        return False
    return any(
        isinstance(target, Symbol)
        and target.module is piece.module
        and target.name in piece.unit.binds
        for target in targets
    )


def _has_effect(target: Outside, site: Site) -> bool:
    if not target.is_module or target.root in _NO_EFFECT:
        return False
    match site.change:
        case Change.BIND | Change.STORE:
            return True
        case Change.METHOD | Change.CALL:
            return site.dropped
        case Change.ARGUMENT | Change.BASE:
            return False
