"""Owns everything that one stage's function reaches, in an order that depends on the code alone, and its digest.

The walk starts at the function and takes references in the order in which they are written. A definition is known
by its number in that order, never by its name or place, so that the digest says how the code hangs together: two
pieces of code have equal digests when one is the other with helpers renamed or moved.
"""

import ast
import sys
from collections.abc import Mapping, Sequence

import xxhash

from pivot_core.fingerprint import kinds, syntax
from pivot_core.fingerprint.effects import Touches
from pivot_core.fingerprint.form import BY_LIBRARY, IN_FORMS, Detail, Form, Ref, Use, Wild
from pivot_core.fingerprint.kinds import Value
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
from pivot_core.fingerprint.scope import Import
from pivot_core.fingerprint.sharing import Place
from pivot_core.fingerprint.territory import Entry, Territory
from pivot_core.model.fingerprint import Reading

type Node = Piece | Place | Module | Doc
"""A statement, all that binds a name, a whole module, or its docstring."""

_PICKLERS = frozenset({"cloudpickle", "dill", "joblib", "pickle", "shelve"})
_USE_PROCESS = frozenset(
    [
        *("asyncio", "concurrent", "datetime", "email", "getpass", "gettext", "glob", "http"),
        *("io", "locale", "multiprocessing", "os", "pathlib", "runpy", "shutil", "smtplib", "ssl"),
        *("subprocess", "sys", "sysconfig", "tempfile", "time", "urllib", "webbrowser", "zoneinfo"),
    ]
)
"""Modules of the standard library that look at variables or at the directory of the process."""
_OF_ALL = ("builtins", "codecs", "locale.", "os.chdir", "os.umask", "sys.set")
"""What shows in the language itself: in recursion, in texts and numbers, in ``open``."""
_NEVER_PICKLED = frozenset({"Protocol", "StageParams", "TypedDict"})


class Reach:
    """One walk from a function, at one level of detail."""

    def __init__(
        self,
        territory: Territory,
        start: Module,
        roots: Sequence[tuple[Module, Form]],
        detail: Detail,
    ) -> None:
        self.detail: Detail = detail
        self.reads: Detail = Detail.NONE
        """What the code that was reached reads of definitions; to be walked again when it is more than ``detail``."""
        self.pieces: dict[Piece, Entry] = {}
        self.wholes: dict[Module, None] = {}
        self.docs: dict[Module, None] = {}
        self.caveats: dict[tuple[Module, int, str], None] = {}
        self.orders: dict[Module, list[str]] = {}
        """Where the place of statements among each other matters: what runs on import, in order."""
        self.readings: dict[Reading, Piece] = {}
        """What was read when the definition was loaded, with the statement through which it counts."""
        self.unread: dict[str, None] = {}
        """Modules that read something when they are imported, which loading the definition did not do."""
        self.lazy: dict[str, None] = {}
        """What imports inside functions name that lies outside the project."""
        self._territory: Territory = territory
        self._names: Names = territory.names
        self._numbers: dict[Node, int] = {}
        self._queue: list[Node] = []
        self._from: dict[Node, Node | None] = {}
        """What reached each node first, so most directly, as the walk goes in breadth; ``None`` for the function."""
        self._at: Node | None = None
        """What is being visited."""
        self._text: list[str] = []
        self._packages: set[str] = set()
        self._touches: Touches = territory.touches(start)
        """What importing the function's module changes, shared with other walks."""
        self._late: Touches = Touches()
        """What modules change that are imported later, by what was reached."""
        self._imported_late: set[Module] = set()
        """What imports inside functions execute by name; a module that may be meant by a computed name is none."""
        self._scripts: set[Module] = set()
        """What is run as a script."""
        self._entered: set[Module] = set()
        self._links: set[Place] = set()
        """Names that lead to others: numbered when something changes them."""
        self._loaded: dict[Module, None] = dict.fromkeys(territory.loaded(start))
        self._lists_subclasses: bool = False
        self._shows_places: bool = False  # not yet: where the stage's function lies does not count
        for module, form in roots:
            self._write(module, territory.resolved(module, form))
        self._shows_places = bool(detail & Detail.PLACES)
        self._walk()

    def digest(self, packages: Mapping[str, str]) -> str:
        """Returns the hash of everything reached, and of the versions of the packages that count."""
        versions = [f"{name} {version}" for name, version in sorted(packages.items())]
        return xxhash.xxh3_128_hexdigest("\n".join([*self._text, *versions]).encode())

    def parents(self) -> dict[str, str]:
        """Returns for each symbol, by the names that people know, the one that reaches it most directly.

        What the function itself reaches is left out.
        """
        found = dict[str, str]()
        known = set[str]()
        for node in self._queue:
            name = _known_as(node)
            if name in known:
                continue
            known.add(name)
            above = self._from[node]
            while above is not None and _known_as(above) in ("", name):
                above = self._from[above]
            if name and above is not None:
                found[name] = _known_as(above)
        for reading, piece in self.readings.items():
            found.setdefault(reading.symbol, _known_as(piece))
        return found

    # --- the walk -----------------------------------------------------------------------------------------------------

    def _walk(self) -> None:
        done = 0
        while True:
            while done < len(self._queue):
                node = self._queue[done]
                self._text.append(f"#{done}")
                self._at = node
                self._visit(node)
                done += 1
            self._at = None
            self._outside()
            self._subclasses()
            self._submodules()
            self._objects()
            if done == len(self._queue):
                break
        self._order()

    def _visit(self, node: Node) -> None:
        match node:
            case Piece():
                entry = self.pieces[node] = self._territory.entry(node, self.detail & IN_FORMS)
                self._write(node.module, entry)
                self._read(node)
                self._in_module(node.module)
            case Module():
                self._whole(node)
            case Doc(module):
                self._text.append(f"doc {module.source.doc if module.source else ''!a}")
            case (module, name):
                self._group(module, name)

    def _number(self, node: Node) -> int:
        number = self._numbers.get(node)
        if number is None:
            number = self._numbers[node] = len(self._queue)
            self._from[node] = self._at
            self._queue.append(node)
        return number

    def _group(self, module: Module, name: str) -> None:
        for piece in module.bound.get(name, ()):
            self._text.append(f"= {self._number(piece)} {piece.unit.position(name)}")
        self._touched((module, name))
        self._in_module(module)

    def _touched(self, place: Place) -> None:
        for touches in (self._touches, self._late):
            for piece in touches.places.get(place, ()):
                self._text.append(f"~ {self._number(piece)}")

    def _is_touched(self, place: Place) -> bool:
        return place in self._touches.places or place in self._late.places

    def _in_module(self, module: Module) -> None:
        """Notes that something of a module is reached: what may change any name of it counts."""
        if module not in self._entered:
            self._entered.add(module)
            self._touched((module, "*"))

    def _enter(self, module: Module) -> None:
        """Notes that a module is executed: what it changes of what was reached so far counts."""
        if module in self._loaded:
            return
        for inner in self._territory.loaded(module):
            if inner not in self._loaded:
                self._loaded[inner] = None
                self._take(self._territory.effects.of(inner))

    def _take(self, touches: Touches) -> None:
        self._late.add(touches)
        for place, pieces in touches.places.items():
            is_whole = place[1] == "*" and place[0] in self._entered
            if place in self._links:
                self._text.append(f"~ {self._number(place)}")
            elif place in self._numbers or is_whole:
                self._text.append("~ " + " ".join(str(self._number(piece)) for piece in pieces))

    # --- statements ---------------------------------------------------------------------------------------------------

    def _write(self, module: Module, entry: Entry) -> None:
        form = entry.form
        if form.reads is not Detail.NONE:
            self.reads |= form.reads
        self._packages |= entry.packages
        is_pickler = not _PICKLERS.isdisjoint(entry.packages)
        if is_pickler:
            self.reads |= Detail.NAMES | Detail.PLACES | Detail.OBJECTS
        if is_pickler or form.reads & Detail.OBJECTS:
            message = "what is read may hold objects of any class: all classes count"
            self._caveat(module, min((ref.line for ref in form.refs), default=1), message)
        self._lists_subclasses = self._lists_subclasses or form.lists_subclasses
        for thing, depth in form.loads:
            if depth:
                self._lazily(module, thing)
        self._text.append(form.hash)
        self._text.append(entry.fixed)
        for ref, targets in entry.gaps:
            filled = [self._fill(module, ref, target) for target in targets]
            self._text.append(" ".join(filter(None, filled)))
        for what, _, line in form.hides:
            self._caveat(module, line, f"{what}: all of module '{module.name}' counts")
            self._text.append(f"* {self._number(module)}")
            self._imported_by(module)
        for wild in entry.wild:
            self._wild(module, wild)

    def _fill(self, module: Module, ref: Ref, target: Target) -> str:
        """Returns what stands in a gap."""
        match target:
            case Symbol(other, name, rest):
                if ref.use is Use.TEXT:
                    self._later(other)
                number = ".".join((str(self._number((other, name))), *rest))
                return f"{number} {other.name}:{name}" if self._is_placed(ref, target) else number
            case Link() | Missing():
                return self._fill_unseen(module, ref, target)
            case Whole(other) if ref.use is Use.TEXT:
                self._script(other, module, ref.line)
                return f"*{self._number(other)}"
            case Whole(other):
                if ref.use is Use.ALIAS:
                    return "module" if other.source else f"module {other.name}"
                if not other.digest:
                    message = f"module '{other.name}' is used as a value: all of it counts"
                    self._caveat(module, ref.line, message)
                return f"*{self._number(other)}"
            case Below(other):
                message = f"the modules of package '{other.name}' are looked up: all of them count"
                self._caveat(module, ref.line, message)
                return " ".join(
                    f"*{self._number(inner)}" for inner in self._names.below(other.name + ".")
                )
            case Doc(other):
                self.docs[other] = None
                return f"doc {self._number(target)}"
            case Outside(path):
                return path

    def _script(self, script: Module, module: Module, line: int) -> None:
        """Takes in a module that is run as a script, with what it does only then."""
        self._caveat(module, line, f"script '{script.name}' is named in a text: all of it counts")
        if script in self._scripts:
            return
        self._scripts.add(script)
        self._later(script)
        for entry in self._territory.main(script):
            self._write(script, entry)

    def _fill_unseen(self, module: Module, ref: Ref, target: Link | Missing) -> str:
        place = (target.module, target.name)
        if self._is_touched(place):
            return str(self._number(place))
        if isinstance(target, Link):
            self._links.add(place)
            return ""
        name = target.module.name
        message = f"nothing in module '{name}' shows what '{target.name}' is: all of it counts"
        self._caveat(module, ref.line, message)
        return f"*{self._number(target.module)}"

    def _wild(self, module: Module, wild: Wild) -> None:
        which, modules = self._names.computed(module, wild)
        self._caveat(
            module, wild.line, f"the name of an imported module is computed: {which} counts"
        )
        for found in modules:
            self._text.append(f"* {self._number(found)}")

    def _lazily(self, module: Module, thing: Import) -> None:
        name = self._names.absolute(module, thing.module, thing.level)
        found = list(self._names.loaded(module, thing))
        for inner in found:
            self._later(inner)
        if not found:
            self.lazy[name] = None
            if thing.name not in (None, "*"):
                self.lazy[f"{name}.{thing.name}"] = None

    def _later(self, module: Module) -> None:
        """Notes that a module is executed when the stage runs."""
        self._enter(module)
        self._imported_late.update(self._territory.loaded(module))

    # --- what was read on import --------------------------------------------------------------------------------------

    def _read(self, piece: Piece) -> None:
        """Takes in what a statement read when the definition was loaded, and names what nobody noticed."""
        readings, path = self._territory.readings, piece.module.place.path
        for reading in readings.of(path, piece.unit):
            self.readings.setdefault(reading, piece)
            self._text.append(f"@ {reading.symbol} {reading.hash}")
        if not piece.unit.is_active:
            return
        ran = readings.ran(path)
        for inner, what, line in self._territory.effects.on_import(piece).observes:
            if not ran and piece.module in self._imported_late:
                self.unread[piece.module.name] = None
            if not ran or (
                what == BY_LIBRARY and not readings.reads_path(inner.module.place.path, inner.unit)
            ):
                read = f"{what} is read when module '{inner.module.name}' is imported"
                unseen = "the code that reads it counts, not what it finds"
                self._caveat(inner.module, line, f"{read}: {unseen}")

    # --- whole modules ------------------------------------------------------------------------------------------------

    def _whole(self, module: Module) -> None:
        self.wholes[module] = None
        self._enter(module)
        self._in_module(module)
        if module.source is None:
            self._text.append(f"file {module.digest}")
            if module.digest:
                self._caveat(module, 1, f"module '{module.name}' has no source: its file counts")
            return
        for piece in module.pieces:
            self._text.append(f"- {self._number(piece)}")
        for name in module.bound:  # by name, since that is how they are looked up
            self._text.append(f"- {name} {self._number((module, name))}")
        for star in module.source.stars:
            other = self._names.module(self._names.absolute(module, star.module, star.level))
            if other is not None:
                self._text.append(f"* {self._number(other)}")

    def _imported_by(self, module: Module) -> None:
        """What can use any name can use the modules that have one."""
        for piece in module.pieces:
            for name in piece.unit.imports:
                for _, targets in self._territory.entry(piece, Detail.NONE).gaps:
                    for target in targets:
                        if isinstance(target, Whole):
                            self._text.append(f"* {name} {self._number(target.module)}")

    # --- what is found at the end -------------------------------------------------------------------------------------

    def _outside(self) -> None:
        """Takes in what changes something outside the project that the code may use."""
        others = self._packages - {"pivot_core"}
        is_foreign = any(root not in sys.stdlib_module_names for root in others)
        for touches in (self._touches, self._late):
            for piece, path in touches.outside:
                if piece not in self._numbers and self._uses(path, is_foreign):
                    self._text.append(f"! {self._number(piece)}")

    def _uses(self, path: str, is_foreign: bool) -> bool:
        """Whether the code may notice that something outside the project changes; any package may use another."""
        root = path.partition(".")[0]
        if path.startswith(_OF_ALL):
            return True
        match root:
            case "logging":
                return bool(self.detail & Detail.LOGGING)
            case "os":
                return is_foreign or not _USE_PROCESS.isdisjoint(self._packages)
            case "warnings":  # which may be raised as errors, by whatever is used
                return self._packages > {"pivot_core"}
            case _:
                return is_foreign or root in self._packages

    def _subclasses(self) -> None:
        """Takes in the subclasses of the classes that were reached, where code asks for them."""
        if not self._lists_subclasses:
            return
        for module in self._loaded:
            for piece in module.pieces:
                if piece not in self._numbers and self._has_reached_base(piece):
                    self._text.append(f"< {self._number(piece)}")

    def _submodules(self) -> None:
        """Takes in the modules inside packages that are used as values: what is imported is an attribute."""
        for module in self._loaded:
            package = (
                self._names.module(module.name.rpartition(".")[0]) if "." in module.name else None
            )
            if package in self.wholes and module not in self._numbers:
                self._text.append(f"* {self._number(module)}")

    def _has_reached_base(self, piece: Piece) -> bool:
        bases = self._territory.effects.bases(piece)
        return any((base.module, base.name) in self._numbers for base in bases)

    def _objects(self) -> None:
        """Takes in every class, and every function that is a value somewhere, where objects come from anywhere."""
        if not self.detail & Detail.OBJECTS:
            return
        for module in self._loaded:
            for piece in module.pieces:
                node = piece.unit.node
                if isinstance(node, ast.ClassDef) and not _is_never_pickled(node):
                    self._text.append(f"o {self._number(piece)}")
                elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    self._values(piece)

    def _values(self, piece: Piece) -> None:
        piece.unit.inside()
        for ref, targets in self._territory.entry(piece, Detail.NONE).gaps:
            for target in targets:
                if not ref.calls and isinstance(target, Symbol) and _is_function(target):
                    self._text.append(f"o {self._number((target.module, target.name))}")

    def _is_placed(self, ref: Ref, symbol: Symbol) -> bool:
        """Whether a pickle may hold the name of what is referred to, and its module's."""
        if not self._shows_places:
            return False
        value = kinds.value_of([piece.unit for piece in symbol.module.bound.get(symbol.name, ())])
        return value is Value.CLASS or (value is Value.FUNCTION and not ref.calls)

    def _order(self) -> None:
        """Where a name has several statements, their place among what runs on import matters."""
        several = dict[Module, None]()
        for node in self._queue:
            if isinstance(node, tuple):
                module, name = node
                if len(module.bound.get(name, ())) > 1 or self._is_touched(node):
                    several[module] = None
        for module in several:
            ran = [p for p in module.pieces if p in self._numbers and not p.unit.is_definition]
            if len(ran) > 1:
                self._text.append(f"order {[self._numbers[piece] for piece in ran]}")
                self.orders[module] = [piece.unit.label for piece in ran]

    # --- caveats ------------------------------------------------------------------------------------------------------

    def _caveat(self, module: Module, line: int, message: str) -> None:
        self.caveats[module, line, message] = None


def _known_as(node: Node) -> str:
    """Returns the symbol's name that people know; empty for what is none by itself."""
    match node:
        case Piece(module, unit):
            return f"{module.name}:{unit.label}"
        case Module(name=name):
            return f"{name}:*"
        case Doc(module):
            return f"{module.name}:__doc__"
        case _:
            return ""


def _is_function(symbol: Symbol) -> bool:
    units = [piece.unit for piece in symbol.module.bound.get(symbol.name, ())]
    return kinds.value_of(units) is Value.FUNCTION


def _is_never_pickled(node: ast.ClassDef) -> bool:
    return any(syntax.last_name(base) in _NEVER_PICKLED for base in node.bases)
