"""Owns which statements of a module change, when it is imported, something that is defined elsewhere."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pivot_core.fingerprint import dynamic, kinds, syntax
from pivot_core.fingerprint.arguments import Arguments
from pivot_core.fingerprint.decorators import Decorators
from pivot_core.fingerprint.form import Change, Form, Site, Wild, is_mutator
from pivot_core.fingerprint.kinds import Value
from pivot_core.fingerprint.names import Module, Names, Outside, Piece, Symbol, Target, Whole
from pivot_core.fingerprint.scope import Chain, Import, imported
from pivot_core.fingerprint.sharing import Place, Sharing

_HOLDS_STATE = frozenset({Value.CONTAINER, Value.OBJECT})
_HAS_ATTRIBUTES = frozenset(Value) - {Value.FIXED}
_OURS = frozenset({"pivot_core", "pivot_tui"})
_OF_PROCESS = frozenset({"os.chdir", "os.putenv", "os.umask", "os.unsetenv"})
_ACTS = frozenset(
    ["atexit.register", "gc.collect", "importlib.import_module", "time.sleep", "warnings.warn"]
)
_SHOWS_ELSEWHERE = ("sys.path", "unittest.mock.patch")
"""What is changed by these shows in which modules are found, and in what is patched."""
_SETTERS = frozenset({"register", "seed", "setcontext", "seterr", "setlocale"})


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

    places: dict[Place, bool] = field(default_factory=dict[Place, bool])
    """What changes, and whether what it holds may change with it."""
    outside: dict[str, None] = field(default_factory=dict[str, None])
    asks: dict[Place, None] = field(default_factory=dict[Place, None])
    """What may hold functions that are called without being named."""
    observes: dict[tuple[Piece, str, int], None] = field(
        default_factory=dict[tuple[Piece, str, int], None]
    )
    loads: dict[tuple[Module, Import | Wild], None] = field(
        default_factory=dict[tuple[Module, Import | Wild], None]
    )
    """What is imported, with the module that does it."""

    def touch(self, place: Place, is_deep: bool = False) -> None:
        """Takes in what changes."""
        self.places[place] = is_deep or self.places.get(place, False)

    def add(self, other: "_Run") -> None:
        """Takes over what happens when something else is called."""
        for place, is_deep in other.places.items():
            self.touch(place, is_deep)
        self.outside.update(other.outside)
        self.asks.update(other.asks)
        self.observes.update(other.observes)
        self.loads.update(other.loads)

    def load(self, names: Names, module: Module, form: Form, depths: range) -> None:
        """Takes in what a statement imports."""
        wilds = (*form.wild, *names.unnamed(module, form))
        self.loads.update({(module, thing): None for thing, depth in form.loads if depth in depths})
        self.loads.update({(module, wild): None for wild in wilds if wild.depth in depths})


class Effects:
    """Follows the calls that importing a module makes through the project's functions."""

    def __init__(self, names: Names) -> None:
        self._names: Names = names
        self._arguments: Arguments = Arguments(names)
        self._decorators: Decorators = Decorators(names, self._arguments)
        self._sharing: Sharing = Sharing(names)
        self._touches: dict[Module, Touches] = {}
        self._runs: dict[tuple[Module, str, int], _Run] = {}
        self._pieces: dict[Piece, _Run] = {}

    def of(self, module: Module) -> Touches:
        """Returns what importing a module changes."""
        found = self._touches.get(module)
        if found is not None:
            return found
        found = self._touches[module] = Touches()
        for piece in module.pieces:
            unit = piece.unit
            if not unit.is_active or unit.is_for_types:
                continue
            run = self.on_import(piece)
            for place in self._places(run):
                if place[0] is not module or place[1] not in unit.binds:
                    found.places.setdefault(place, []).append(piece)
            found.outside.extend((piece, path) for path in run.outside)
        return found

    def loads(self, module: Module) -> Iterator[Module]:
        """Yields the modules of the project that importing a module executes first, in order."""
        for piece in module.pieces:
            unit = piece.unit
            if unit.is_for_types:
                continue
            if isinstance(unit.node, ast.Import | ast.ImportFrom):
                for _, _, load in imported(unit.node):
                    yield from self._names.loaded(module, load)
            elif unit.is_active:
                for importer, thing in self.on_import(piece).loads:
                    yield from self._names.loaded(importer, thing)

    def stored(self, modules: Sequence[Module], touches: Touches) -> Touches:
        """Returns what is changed by functions that one statement stores, as ``touches`` tells, and another calls."""
        found = Touches()
        pieces = (piece for module in modules for piece in module.pieces)
        for piece in pieces:
            if not piece.unit.is_active or piece.unit.is_for_types:
                continue
            for place in self.on_import(piece).asks:
                for other in touches.places.get(place, ()):
                    run = self._kept_by(other)
                    for changed in self._places(run):
                        found.places.setdefault(changed, []).append(piece)
                    found.outside.extend((piece, path) for path in run.outside)
        return found

    def _kept_by(self, piece: Piece) -> _Run:
        """Returns what happens when the functions are called that a statement stores."""
        run = _Run()
        form = piece.unit.inside()
        self._sites(piece, form, 1, run)
        for ref in form.refs:
            for symbol in self._symbols(piece.module, ref.chain):
                if _value(symbol) in (Value.FUNCTION, Value.CLASS):
                    run.add(self._called(symbol, 1))
        return run

    def _places(self, run: _Run) -> dict[Place, None]:
        """Returns what changes, under every name."""
        places = dict.fromkeys(run.places)
        for place, is_deep in run.places.items():
            places.update(dict.fromkeys(self._sharing.of(place, is_deep)))
        return places

    def on_import(self, piece: Piece) -> _Run:
        """Returns what happens when a statement is executed."""
        run = self._pieces.get(piece)
        if run is not None:
            return run
        run = self._pieces[piece] = _Run()
        form = piece.unit.form()
        depths = form.on_import
        for depth in depths:
            self._sites(piece, form, depth, run)
        for what, depth, line in form.observes:
            if depth in depths:
                run.observes[piece, what, line] = None
        run.load(self._names, piece.module, form, depths)
        if any(depth in depths for _, depth, _ in form.hides):
            run.touch((piece.module, "*"))
        # What is passed to a call may be called by it.
        passed = {
            site.chain
            for site in form.sites
            if site.depth in depths
            and (self._is_passed_on(piece, site) or self._is_told(piece, site))
        }
        for ref in form.refs:
            if ref.depth in depths and (ref.calls or ref.chain in passed):
                for symbol in self._symbols(piece.module, ref.chain):
                    run.add(self._called(symbol, max(1, ref.calls)))
        if self._decorators.run(piece):
            run.add(self._called(Symbol(piece.module, min(piece.unit.binds)), 1))
        return run

    def _is_passed_on(self, piece: Piece, site: Site) -> bool:
        is_argument = site.change is Change.ARGUMENT
        return is_argument and self._arguments.is_called(piece.module, site)

    def _kept(self, piece: Piece, form: Form) -> set[Chain | None]:
        """Returns what is only passed to what does not call it."""
        arguments = [site for site in form.sites if site.change is Change.ARGUMENT]
        kept = Counter(s.chain for s in arguments if not self._is_passed_on(piece, s))
        if not kept:
            return set()
        used = Counter[Chain | None](ref.chain for ref in form.refs)
        return {chain for chain, count in kept.items() if used[chain] == count}

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
        start = (symbol.module, symbol.name)
        seen = {start}
        called = {start}
        queue = [start]
        for place in queue:
            for piece in place[0].bound.get(place[1], ()):
                form = piece.unit.inside()
                for depth in range(1, calls + 1):
                    self._sites(piece, form, depth, run)
                if place in called:
                    run.load(self._names, piece.module, form, range(1, calls + 1))
                if place in called and not isinstance(piece.unit.node, ast.ClassDef):
                    for what, depth, line in form.observes:
                        if 1 <= depth <= calls:
                            run.observes[piece, what, line] = None
                kept = self._kept(piece, form)
                for ref in form.refs:
                    if ref.depth > calls or ref.chain in kept:
                        continue
                    for inner in self._symbols(piece.module, ref.chain):
                        found = (inner.module, inner.name)
                        if place in called and ref.calls:
                            called.add(found)
                        if found not in seen:
                            seen.add(found)
                            queue.append(found)
        if run.asks:
            run.asks[start] = None
        return run

    # --- places that change something ---------------------------------------------------------------------------------

    def _sites(self, piece: Piece, form: Form, depth: int, run: _Run) -> None:
        changes_elements = False
        calls_elements = False
        for site in form.sites:
            if site.depth != depth:
                continue
            if site.chain is None:
                changes_elements = changes_elements or (site.is_change and not site.param)
                calls_elements = calls_elements or (site.change is Change.CALL and not site.param)
                continue
            if site.change is Change.BIND:
                self._bind(piece, form, site.chain, run)
                continue
            targets = self._names.resolve(piece.module, site.chain)
            if site.change is not Change.ARGUMENT and _is_bound_by(piece, targets):
                changes_elements = True
                calls_elements = True
            for target in targets:
                self._site(piece.module, site, target, run)
        if changes_elements:
            for place in self._contents(piece, form, depth, _HOLDS_STATE):
                run.touch(place)
        if calls_elements:
            run.asks.update(dict.fromkeys(self._contents(piece, form, depth, _HOLDS_STATE)))
            run.asks[piece.module, ""] = (
                None  # an object may hold them: whoever calls its method knows which
            )

    def _site(self, module: Module, site: Site, target: Target, run: _Run) -> None:
        match target:
            case Outside(path):
                if _has_effect(target, site):
                    run.outside[f"{path}.{site.method}" if site.method else path] = None
            case Whole(other):
                is_filled = site.change is Change.STORE or is_mutator(site.method)
                if is_filled or self._arguments.is_changed(module, site, Value.OBJECT):
                    run.touch((other, "*"))
            case Symbol():
                if self._changed(module, site, target):
                    self._touch(target, site.is_within, run)
                if site.is_change:
                    run.outside.update(dict.fromkeys(self._given_from_outside(target)))
                if site.change in (Change.CALL, Change.ARGUMENT):
                    for place in self._changed_by_method(target):
                        run.touch(place)
            case _:
                pass

    def _touch(self, symbol: Symbol, is_within: bool, run: _Run) -> None:
        """Something changes: an object by its method, a container by its own, or what one of them holds."""
        is_deep = is_within or bool(symbol.rest) or _value(symbol) is Value.OBJECT
        run.touch((symbol.module, symbol.name), is_deep)
        if is_within:
            for place in self._sharing.given_by(symbol):
                run.touch(place, is_deep=True)

    def _given_from_outside(self, symbol: Symbol) -> Iterator[str]:
        """Yields what a package holds and a name stands for: ``env = os.environ``, ``context = getcontext()``."""
        for piece in symbol.module.bound.get(symbol.name, ()):
            node = piece.unit.called or piece.unit.alias
            if node is None or (piece.unit.called and not syntax.is_getter(node)):
                continue
            chain = dynamic.chain(node, dynamic.global_name)
            for target in self._names.resolve(symbol.module, chain) if chain else ():
                if isinstance(target, Outside) and target.is_module and target.root not in _OURS:
                    yield target.path

    def _changed_by_method(self, symbol: Symbol) -> Iterator[Place]:
        """Yields what changes when a method is called that has a name of its own: ``push = items.append``."""
        if symbol.rest:
            if is_mutator(symbol.rest[-1]):
                yield symbol.module, symbol.name
            return
        for piece in symbol.module.bound.get(symbol.name, ()):
            alias = piece.unit.alias
            chain = alias and dynamic.chain(alias, dynamic.global_name)
            if isinstance(alias, ast.Attribute) and chain is not None:
                for inner in self._symbols(symbol.module, chain):
                    if inner.rest:
                        yield from self._changed_by_method(inner)

    def _bind(self, piece: Piece, form: Form, chain: Chain, run: _Run) -> None:
        """An attribute gets a value: a name of a module another meaning, any other object another state."""
        if not chain.names:  # `sys.modules["x"] = y`
            run.outside["sys.modules"] = None
            return
        *names, last = chain.names
        if not names and not chain.imports:
            run.touch((piece.module, last))
            return
        targets = self._names.resolve(piece.module, Chain(chain.imports, tuple(names)))
        if _is_bound_by(piece, targets):
            for place in self._contents(piece, form, 0, _HAS_ATTRIBUTES):
                run.touch(place)
        for target in targets:
            match target:
                case Whole(other):
                    run.touch((other, last))
                case Symbol():
                    self._touch(target, last == "*", run)
                    run.outside.update(dict.fromkeys(self._given_from_outside(target)))
                case Outside(path, True) if target.root not in _OURS:
                    run.outside[path] = None
                case _:
                    pass

    def _contents(
        self, piece: Piece, form: Form, depth: int, values: frozenset[Value]
    ) -> Iterator[Place]:
        """Yields what may hold an element of which no name is known: any container in sight."""
        for ref in form.refs:
            if ref.depth > depth:
                continue
            for target in self._names.resolve(piece.module, ref.chain):
                if isinstance(target, Symbol) and _value(target) in values:
                    yield target.module, target.name

    def _changed(self, module: Module, site: Site, symbol: Symbol) -> bool:
        match site.change:
            case Change.STORE:
                return _value(symbol) is not Value.FIXED
            case Change.METHOD:
                return self._changes_itself(symbol, site)
            case Change.ARGUMENT:
                return self._arguments.is_changed(module, site, _value(symbol))
            case Change.BASE:
                return self._registers(symbol)
            case Change.BIND | Change.CALL:
                return False

    def _changes_itself(self, symbol: Symbol, site: Site) -> bool:
        value = _value(symbol)
        if value is Value.FIXED:
            return False
        if is_mutator(site.method):
            return True
        if value is Value.CONTAINER:
            return False
        if site.dropped or site.is_decorator:
            return True
        made_by = self._arguments.class_of(symbol) if value is Value.OBJECT else None
        return made_by is not None and kinds.changes_itself(made_by, site.method)

    def _is_told(self, piece: Piece, site: Site) -> bool:
        """Whether a class statement runs code of a class that it subclasses."""
        if site.change is not Change.BASE or site.chain is None:
            return False
        return any(self._registers(symbol) for symbol in self._symbols(piece.module, site.chain))

    def _registers(self, symbol: Symbol) -> bool:
        """Whether subclassing a class may change it or what it knows."""
        seen = list[Place]()
        queue = [symbol]
        for current in queue:
            if (current.module, current.name) in seen:
                continue
            seen.append((current.module, current.name))
            for piece in current.module.bound.get(current.name, ()):
                node = piece.unit.node
                if isinstance(node, ast.ClassDef):
                    if kinds.registers_subclasses(node):
                        return True
                    queue.extend(self.bases(piece))
        return False

    def _symbols(self, module: Module, chain: Chain) -> Iterator[Symbol]:
        for target in self._names.resolve(module, chain):
            if isinstance(target, Symbol):
                yield target


def _value(symbol: Symbol) -> Value:
    pieces = symbol.module.bound.get(symbol.name, ())
    return kinds.value_of([piece.unit for piece in pieces])


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
    if not target.is_module or target.root in _OURS:
        return False
    if target.path.startswith(_SHOWS_ELSEWHERE):
        return False
    match site.change:
        case Change.BIND | Change.STORE:
            return True
        case Change.METHOD:
            return _sets(site.method) or (
                site.dropped and not _acts(f"{target.path}.{site.method}")
            )
        case Change.CALL:
            return site.dropped and not _acts(target.path)
        case Change.ARGUMENT | Change.BASE:
            return False


def _acts(function: str) -> bool:
    """Whether a function does something, but to no package: it makes directories, waits, imports."""
    if function.startswith("os."):
        return function not in _OF_PROCESS and not function.startswith("os.environ")
    return function in _ACTS


def _sets(function: str) -> bool:
    """Whether a function of a package changes it though its result is used, to judge by the name."""
    return function in _SETTERS or function.startswith(("add_", "register_", "set_"))
