"""Owns what a dotted name in one module means: which definition of which module, or what outside the project."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pivot_core.fingerprint import dynamic, syntax
from pivot_core.fingerprint.finder import Finder, Location
from pivot_core.fingerprint.form import Form, Use, Wild
from pivot_core.fingerprint.scope import Chain, Import
from pivot_core.fingerprint.source import Source, Unit
from pivot_core.frozen import frozen

_INERT = frozenset({"__name__", "__file__", "__spec__", "__package__", "__loader__", "__cached__"})


@dataclass(slots=True, eq=False)
class Module:
    """A module of the project under one name."""

    name: str
    place: Location
    source: Source | None
    """``None`` for a namespace package, an extension module, and one that does not parse but need not."""
    digest: str = ""
    """The hash of the file where it is no source that can be read."""
    meanings: dict[Chain, tuple["Target", ...]] = field(
        default_factory=dict[Chain, tuple["Target", ...]]
    )
    pieces: list["Piece"] = field(init=False)
    """Its statements, in order; empty without source."""
    bound: dict[str, list["Piece"]] = field(init=False)
    """Name to the statements that bind it, in order."""

    def __post_init__(self) -> None:
        source = self.source
        self.pieces = [Piece(self, unit) for unit in source.units] if source else []
        groups = source.groups if source else {}
        self.bound = {
            name: [self.pieces[unit.index] for unit in units] for name, units in groups.items()
        }

    @property
    def package(self) -> str:
        """What a relative import starts from."""
        return self.name if self.place.directories else self.name.rpartition(".")[0]


@dataclass(slots=True, eq=False)
class Piece:
    """A statement of a module."""

    module: Module
    unit: Unit


@frozen
class Symbol:
    """Everything that binds one name of a module."""

    module: Module
    name: str
    rest: tuple[str, ...] = ()
    """The attributes that are taken of it."""


@frozen
class Link:
    """A name that only leads to another one: it counts itself where something changes it."""

    module: Module
    name: str


@frozen
class Whole:
    """A module as a value."""

    module: Module


@frozen
class Missing:
    """A name that the module's source does not show."""

    module: Module
    name: str


@frozen
class Below:
    """Every module of a package."""

    module: Module


@frozen
class Doc:
    """The docstring of a module."""

    module: Module


@frozen
class Outside:
    """A builtin, or something of the standard library or an installed package."""

    path: str
    is_module: bool = True
    """Unset for what no import gave: a builtin, or a name that nothing binds."""

    @property
    def root(self) -> str:
        """The top-level module."""
        return self.path.partition(".")[0]


type Target = Symbol | Link | Whole | Missing | Below | Doc | Outside
type Seen = frozenset[tuple[Module, str]]


class Names:
    """Resolves names as the interpreter would, without running anything: every branch counts."""

    def __init__(
        self, finder: Finder, load: Callable[[Location, bool], tuple[Source | None, str]]
    ) -> None:
        self._finder: Finder = finder
        self._load: Callable[[Location, bool], tuple[Source | None, str]] = load
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str, tolerant: bool = False) -> Module | None:
        """Returns a module of the project; ``None`` for any other.

        Raises ``DefinitionError`` when it does not parse, unless ``tolerant``: then its bytes count as they are.
        """
        if name not in self._modules:
            place = self._finder.find(name)
            if place is None:
                self._modules[name] = None
            else:
                source, digest = self._load(place, tolerant)
                self._modules[name] = Module(name, place, source, digest)
        return self._modules[name]

    def computed(self, module: Module, wild: Wild) -> tuple[str, Iterator[Module]]:
        """Returns which modules an import of a computed name may execute, in words and one by one."""
        entries = wild.table and self._entries(module, wild.table)
        if entries is not None:
            paths = (entry.lstrip(".") for entry in entries)
            names = (
                self.absolute(module, path, len(entry) - len(path))
                for entry, path in zip(entries, paths, strict=True)
            )
            return "every module that its table names", filter(None, map(self.module, names))
        prefix = self._beginning(module, wild)
        if prefix is None:
            return "no module of the project", iter(())
        which = (
            f"every module that starts with '{prefix}'" if prefix else "every module of the project"
        )
        return which, self.below(prefix)

    def unnamed(self, module: Module, form: Form) -> Iterator[Wild]:
        """Yields an import of any module for what imports by name, where it is not plainly called."""
        known = form.importers
        for ref in form.refs:
            if ref.use is Use.ALIAS and ref.chain.imports and not ref.chain.names:
                continue  # its own import
            for target in self.resolve(module, ref.chain):
                if isinstance(target, Outside) and target.path in dynamic.IMPORTERS:
                    known -= 1
                    if known < 0:
                        yield Wild("", 0, ref.line, depth=ref.depth)
                        return

    def _beginning(self, module: Module, wild: Wild) -> str | None:
        """Returns what a computed name starts with; ``None`` for a module that is not the project's."""
        if wild.of is None:
            prefix = self.absolute(module, wild.prefix, wild.level) if wild.level else wild.prefix
            return prefix + "." if wild.level and not wild.prefix else prefix
        for target in self.resolve(module, wild.of):
            if isinstance(target, Outside):
                return None
            if isinstance(target, Whole):
                return target.module.name + wild.prefix
        return ""

    def _entries(self, module: Module, table: Chain) -> list[str] | None:
        """Returns the texts in a table of the module; ``None`` unless it is written down whole, and never changed."""
        pieces = () if table.imports else module.bound.get(table.names[0], ())
        if len(pieces) != 1 or len(table.names) != 1:
            return None
        match pieces[0].unit.node:
            case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
                found = syntax.texts_in(value)
            case _:
                return None
        sites = (site for piece in module.pieces for site in piece.unit.inside().sites)
        return None if any(site.chain == table and site.is_change for site in sites) else found

    def below(self, prefix: str) -> Iterator[Module]:
        """Yields every module whose name starts with ``prefix``."""
        for place in self._finder.below(prefix):
            module = self.module(place.name, tolerant=True)
            if module is not None:
                yield module

    def absolute(self, module: Module, name: str, level: int) -> str:
        """Returns the full name of what a module imports; no name stands for the module itself."""
        if not level:
            return name or module.name
        parts = module.package.split(".")
        return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])

    def loaded(self, module: Module, thing: Import | Wild) -> Iterator[Module]:
        """Yields the modules of the project that an import executes, or may execute, outer packages first."""
        if isinstance(thing, Wild):
            yield from self.computed(module, thing)[1]
            return
        name = self.absolute(module, thing.module, thing.level)
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            found = self.module(".".join(parts[:end]))
            if found is not None:
                yield found
        last = self.module(name)
        if thing.name == "*":
            yield from self._exported(last)
        elif thing.name and (inner := self._submodule(last, thing.name)) is not None:
            yield inner

    def _exported(self, package: Module | None) -> Iterator[Module]:
        """Yields the modules of a package that ``__all__`` names, which a star therefore imports."""
        source = package.source if package is not None and package.place.directories else None
        if package is None or source is None or "__all__" not in source.groups:
            return
        if source.exports is None:
            yield from self.below(package.name + ".")
        for name in sorted(source.exports or ()):
            inner = None if name in package.bound else self._submodule(package, name)
            if inner is not None:
                yield inner

    def resolve(self, module: Module, chain: Chain) -> tuple[Target, ...]:
        """Returns everything that a dotted name may stand for in a module."""
        found = module.meanings.get(chain)
        if found is None:
            found = module.meanings[chain] = tuple(
                dict.fromkeys(self._resolve(module, chain, frozenset()))
            )
        return found

    def _resolve(self, module: Module, chain: Chain, seen: Seen) -> list[Target]:
        if not chain.imports:
            return self._global(module, chain.names, seen)
        return [
            target
            for thing in chain.imports
            for target in self._imported(module, thing, chain.names, seen)
        ]

    def _imported(
        self, module: Module, thing: Import, rest: tuple[str, ...], seen: Seen
    ) -> list[Target]:
        name = self.absolute(module, thing.module, thing.level)
        names = rest if thing.name is None else (thing.name, *rest)
        target = self.module(name)
        if target is None:
            return [Outside(".".join((name, *names)))]
        return [Whole(target)] if thing.name == "*" else self._attribute(target, names, seen)

    def _global(self, module: Module, names: tuple[str, ...], seen: Seen) -> list[Target]:
        name, rest = names[0], names[1:]
        if (module, name) in seen:
            return []
        seen |= {(module, name)}
        group = module.bound.get(name)
        if group is None:
            return self._unbound(module, names, seen)
        if self._is_pipeline(module, group, seen):
            return [Outside(".".join(("pivot_core.Pipeline", *rest)))]
        if dynamic.GLOBALS in rest and not any(piece.unit.imports.get(name) for piece in group):
            return self._attribute(module, rest[rest.index(dynamic.GLOBALS) + 1 :], seen)
        targets = list[Target]()
        is_link = len(group) == 1
        for unit in (piece.unit for piece in group):
            things = unit.imports.get(name, ())
            for thing in things:
                targets += self._imported(module, thing, rest, seen)
            is_link = is_link and bool(things) and unit.is_plain_import
            if not things and len(unit.binds) == 1 and unit.alias is not None:
                targets += self._aliased(module, unit, rest, seen)
        return [Link(module, name) if is_link else Symbol(module, name, rest), *targets]

    def _aliased(
        self, module: Module, unit: Unit, rest: tuple[str, ...], seen: Seen
    ) -> list[Target]:
        """A name that is given to a module: its attributes are the module's."""
        chain = unit.alias and dynamic.chain(unit.alias, dynamic.global_name)
        if chain is None:
            return []
        return [
            inner
            for target in self._resolve(module, chain, seen)
            if isinstance(target, Whole)
            for inner in self._attribute(target.module, rest, seen)
        ]

    def _unbound(self, module: Module, names: tuple[str, ...], seen: Seen) -> list[Target]:
        found = self._starred(module, names, seen)
        if found:
            return found
        if names[0] == "__doc__":
            return [Doc(module)]
        return [Link(module, names[0]), Outside(".".join(names), is_module=False)]

    def _starred(self, module: Module, names: tuple[str, ...], seen: Seen) -> list[Target]:
        found = list[Target]()
        for star in module.source.stars if module.source else ():
            other = self.module(self.absolute(module, star.module, star.level))
            if other is None or other.source is None or not other.source.exported(names[0]):
                continue
            if names[0] in other.bound:
                found += self._global(other, names, seen)
            elif (other, names[0]) not in seen:
                deeper = self._starred(other, names, seen | {(other, names[0])})
                inner = None if deeper else self._submodule(other, names[0])
                found += deeper if inner is None else self._attribute(inner, names[1:], seen)
        return found

    def _attribute(self, module: Module, names: tuple[str, ...], seen: Seen) -> list[Target]:
        """Takes attributes of a module, as ``module.a.b`` and ``from module import a`` do."""
        if not names:
            return [Whole(module)]
        if module.source is None and not module.place.is_namespace:
            return [Whole(module)]
        name, rest = names[0], names[1:]
        is_bound = name in module.bound
        if is_bound and (module, name) not in seen:
            return self._global(module, names, seen)
        found = self._starred(module, names, seen)
        if found:
            return found
        inner = self._submodule(module, name)
        if inner is not None:
            return self._attribute(inner, rest, seen)
        return [] if is_bound else self._unseen(module, name)

    def _unseen(self, module: Module, name: str) -> list[Target]:
        if name in _INERT:
            return [Outside(name, is_module=False)]
        if name == "__doc__":
            return [Doc(module)]
        if name == "__dict__":
            return [Whole(module)]
        if name == "__path__":
            return [Below(module)]
        if "__getattr__" in module.bound:
            return [Link(module, name), Symbol(module, "__getattr__", (name,))]
        return [Link(module, name), Missing(module, name)]

    def _submodule(self, module: Module | None, name: str) -> Module | None:
        if module is None or not module.place.directories:
            return None
        return self.module(f"{module.name}.{name}")

    def _is_pipeline(self, module: Module, group: list[Piece], seen: Seen) -> bool:
        """Whether a name is a ``Pipeline``: what is registered with it is no part of any stage's code."""
        call = group[0].unit.called if len(group) == 1 else None
        return call is not None and self._makes_pipeline(module, call, seen)

    def _makes_pipeline(self, module: Module, function: ast.expr, seen: Seen) -> bool:
        chain = dynamic.chain(function, dynamic.global_name)
        for target in self._resolve(module, chain, seen) if chain else ():
            if isinstance(target, Outside):
                return target.root == "pivot_core" and target.path.endswith(".Pipeline")
            if isinstance(target, Symbol):
                pieces = target.module.bound.get(target.name, ())
                return len(pieces) == 1 and self._returns_pipeline(pieces[0], seen)
        return False

    def _returns_pipeline(self, piece: Piece, seen: Seen) -> bool:
        """Whether a function of the project returns a ``Pipeline`` wherever it returns."""
        node = piece.unit.node
        if not isinstance(node, ast.FunctionDef):
            return False
        made = set[str]()
        returned = list[ast.expr | None]()
        for part in ast.walk(node):
            match part:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=function)):
                    if self._makes_pipeline(piece.module, function, seen):
                        made.add(name)
                case ast.Return(value=value):
                    returned.append(value)
                case _:
                    pass
        return bool(returned) and all(
            isinstance(value, ast.Name) and value.id in made for value in returned
        )
