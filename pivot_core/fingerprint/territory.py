"""Owns what is known of the modules that one search path finds: resolved statements, load order, changes on import."""

from collections.abc import Iterable, Iterator

import xxhash

from pivot_core.fingerprint.effects import Effects, Touches
from pivot_core.fingerprint.form import Detail, Form, Ref, Use, Wild
from pivot_core.fingerprint.names import (
    Below,
    Doc,
    Link,
    Missing,
    Module,
    Names,
    Outside,
    Piece,
    Symbol,
    Target,
    Whole,
)
from pivot_core.fingerprint.reading import Readings
from pivot_core.fingerprint.scope import Import
from pivot_core.frozen import frozen

_BEHIND = {
    "CSV": "pandas",
    "JSON": "json",
    "JSONL": "json",
    "MatplotlibFigure": "matplotlib",
    "NumPy": "numpy",
    "Parquet": "pandas",
    "YAML": "yaml",
}
"""What Pivot's loaders read and write with: a change of it shows in what a stage gets and gives."""


@frozen
class Entry:
    """A statement with what its gaps are filled with."""

    form: Form
    fixed: str
    """The references to what lies outside the project, each with its place among all of them."""
    gaps: tuple[tuple[Ref, tuple[Target, ...]], ...]
    """The other references, in order, each with everything that it may stand for."""
    packages: frozenset[str]
    """The top-level modules outside the project that it uses."""
    wild: tuple[Wild, ...]
    """The imports of a computed name."""
    shown: str
    """A hash of the statement with the names of what it refers to."""


class Territory:
    """What is known of the modules that one search path finds; shared by all stages that use it."""

    def __init__(self, names: Names, readings: Readings) -> None:
        self.names: Names = names
        self.readings: Readings = readings
        self.effects: Effects = Effects(names)
        self._entries: dict[tuple[Piece, Detail], Entry] = {}
        self._loaded: dict[Module, tuple[Module, ...]] = {}
        self._touches: dict[Module, Touches] = {}

    def entry(self, piece: Piece, detail: Detail) -> Entry:
        """Returns a statement with its references resolved."""
        found = self._entries.get((piece, detail))
        if found is None:
            form = piece.unit.form(detail)
            seen = detail | Detail.ANNOTATIONS | Detail.NAMES
            if detail != seen and self._is_watched(piece.module, form):
                form = piece.unit.form(seen)
            found = self._entries[piece, detail] = self.resolved(piece.module, form)
        return found

    def resolved(self, module: Module, form: Form) -> Entry:
        """Returns a form with its references resolved as seen from a module."""
        resolved = [
            (ref, targets)
            for ref in form.refs
            if (targets := self._targets(module, ref)) or ref.use is not Use.TEXT
        ]
        outside = [_outside(targets) for _, targets in resolved]
        text = [form.hash, *(_shown(target) for _, targets in resolved for target in targets)]
        return Entry(
            form,
            fixed=" ".join("-" if path is None else path for path in outside),
            gaps=tuple(r for r, path in zip(resolved, outside, strict=True) if path is None),
            packages=frozenset(
                package
                for _, targets in resolved
                for target in targets
                if isinstance(target, Outside) and target.is_module
                for package in _packages(target)
            ),
            wild=(*form.wild, *self.names.unnamed(module, form)),
            shown=xxhash.xxh3_128_hexdigest("\n".join(text).encode()),
        )

    def main(self, module: Module) -> Iterator[Entry]:
        """Yields what a module does only when it is run as a script."""
        source = module.source
        for form in source.mains() if source else ():
            yield self.resolved(module, form)

    def loaded(self, module: Module) -> tuple[Module, ...]:
        """Returns the modules that importing a module executes, itself and its packages included, in order."""
        found = self._loaded.get(module)
        if found is None:
            order = dict[Module, None]()
            for thing in (Import(module.name, 0, None),):
                for inner in self.names.loaded(module, thing):
                    self._load(inner, order)
            found = self._loaded[module] = tuple(order)
        return found

    def touches(self, module: Module) -> Touches:
        """Returns what importing a module changes, in all the modules that it executes."""
        found = self._touches.get(module)
        if found is None:
            found = Touches()
            for inner in self.loaded(module):
                found.add(self.effects.of(inner))
            found.add(self.effects.stored(self.loaded(module), found))
            self._touches[module] = found
        return found

    def foreign(self, module: Module) -> Iterable[str]:
        """Yields the modules that importing a module imports and that are not the project's."""
        for inner in self.loaded(module):
            for thing in inner.source.loads() if inner.source else ():
                name = self.names.absolute(inner, thing.module, thing.level)
                if self.names.module(name) is None:
                    yield name
                    if thing.name not in (None, "*"):
                        yield f"{name}.{thing.name}"

    def _load(self, start: Module, order: dict[Module, None]) -> None:
        """Python executes an import where it stands, so what is imported comes first."""
        stack = [(start, self.effects.loads(start))]
        seen = {start, *order}
        while stack:
            module, rest = stack[-1]
            inner = next(rest, None)
            if inner is None:
                order.setdefault(module)
                stack.pop()
            elif inner not in seen:
                seen.add(inner)
                stack.append((inner, self.effects.loads(inner)))

    def _is_watched(self, module: Module, form: Form) -> bool:
        """Whether a decorator that is not the project's may read name and annotations."""
        return any(
            chain.names[-1:] == ("register",)
            or any(isinstance(t, Outside) for t in self.names.resolve(module, chain))
            for chain in form.watchers
        )

    def _targets(self, module: Module, ref: Ref) -> tuple[Target, ...]:
        found = self.names.resolve(module, ref.chain)
        if ref.use is Use.TEXT:
            kind = Symbol if ref.chain.names else Whole
            return tuple(target for target in found if isinstance(target, kind))
        if ref.use is not Use.VIA:
            return found
        if not any(isinstance(target, Whole) for target in found):
            return ()
        return self.names.resolve(module, ref.chain.then(*ref.rest))


def _packages(target: Outside) -> Iterator[str]:
    yield target.root
    loader = target.path.rpartition(".")[2]
    if target.root == "pivot_core" and loader in _BEHIND:
        yield _BEHIND[loader]


def _outside(targets: tuple[Target, ...]) -> str | None:
    """Returns what fills a gap when that is the same for every walk."""
    match targets:
        case [Outside(path)]:
            return path
        case []:
            return "."
        case _:
            return None


def _shown(target: Target) -> str:
    match target:
        case Symbol(module, name, rest):
            return f"{module.name}:{'.'.join((name, *rest))}"
        case Outside(path):
            return path
        case Link():
            return ""
        case Missing(module, name):
            return f"{module.name}:{name}?"
        case Whole(module) | Below(module) | Doc(module):
            return f"{module.name}:*"
