"""Owns the analysis of stages for one plan: from a stage to its fingerprint, by way of source files alone."""

import ast
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

import xxhash

from pivot_core.errors import DefinitionError
from pivot_core.fingerprint import shell_command
from pivot_core.fingerprint import source as source_
from pivot_core.fingerprint.boundary import boundary
from pivot_core.fingerprint.files import Files
from pivot_core.fingerprint.finder import Finder, Location, interpreter_paths
from pivot_core.fingerprint.form import Detail, Form
from pivot_core.fingerprint.names import Module, Names, Outside, Piece, Symbol
from pivot_core.fingerprint.normalize import normalise
from pivot_core.fingerprint.outline import Outline, outline
from pivot_core.fingerprint.reach import Reach
from pivot_core.fingerprint.reading import Readings
from pivot_core.fingerprint.scope import Chain
from pivot_core.fingerprint.territory import Territory
from pivot_core.model.fingerprint import (
    Analysis,
    Caveat,
    Fingerprint,
    Reading,
    ReadingKind,
    reading_of,
    reading_symbol,
)
from pivot_core.model.fingerprint import Symbol as Named
from pivot_core.model.ids import ContentHash
from pivot_core.model.stage import FunctionRef, SourceLocation, Stage

_SCRIPT_MAX = 1 << 20

type Parsed = dict[str, tuple[bytes, source_.Source]]
"""By absolute path: the bytes of a file and what they say. A mark that an earlier analysis left costs time alone."""

type Versions = Callable[[Iterable[str]], Mapping[str, str]]
"""Returns the installed packages that give some modules, each with its version."""
type _Shown = tuple[Named, SourceLocation]


class Analyser:
    """Analyses the stages of one plan; files are read once, so what changes meanwhile is not seen."""

    def __init__(
        self,
        root: str,
        *,
        site: Sequence[str] | None = None,
        readings: Readings | None = None,
        versions: Versions | None = None,
        parsed: Parsed | None = None,
    ) -> None:
        """``readings`` is what was noticed when the definition was loaded, ``versions`` is for packages that count.
        ``parsed`` is what earlier analysers parsed, and is added to.
        """
        self._parsed: Parsed | None = parsed
        self._root: str = os.path.abspath(root)
        self._site: list[str] = interpreter_paths() if site is None else list(site)
        self.unread: dict[str, set[str]] = {}
        """Modules that stages import late, inside functions, and that read something then which nobody noticed.

        By ``FunctionRef.base``.
        """
        self._readings: Readings = readings or Readings()
        self._versions: Versions | None = versions
        self._files: Files = Files()
        self._sources: dict[str, source_.Source] = {}
        self._territories: dict[str, tuple[Finder, Territory]] = {}
        self._symbols: dict[tuple[Piece, str], _Shown] = {}
        self._labels: dict[Module, dict[str, list[source_.Unit]]] = {}
        self._preloads: dict[tuple[str, Module], tuple[str, ...]] = {}
        self._commands: dict[str, str] = {}
        """The texts of the commands that were analysed, by stage."""

    @property
    def inputs(self) -> Mapping[str, ContentHash | None]:
        """Every absolute path that was looked at so far, with what ``files.observe`` gives for it.

        The hash of a file's bytes, of a directory's names (its path then ends in ``/``), or ``None`` for what was
        looked for and is absent. While none of them differs, every analysis would come out the same.
        """
        return self._files.seen

    @property
    def sought(self) -> Set[str]:
        """The names under which directories were looked for, as modules."""
        return self._files.sought

    @property
    def outlines(self) -> Mapping[str, Outline]:
        """The outline of each file that was parsed, by absolute path.

        A function keeps its name there only when what modules do on import was judged without its inside.
        """
        return {path: _outline(source) for path, source in self._sources.items()}

    def analyse(self, stage: Stage) -> Analysis:
        """Returns the fingerprint of a stage's code.

        Raises ``DefinitionError`` when its function cannot be found, or a module that it needs does not parse.
        """
        if stage.command is not None:
            self._commands[stage.name] = shell_command.text(stage.command)
            return shell_command.analyse(stage, stage.command, self._root, self._files)
        ref = stage.func
        finder, territory = self._surveyed(ref)
        module, name = self._function(territory.names, ref)
        roots = [
            (module, normalise([ast.Name(name, ast.Load())], None)),
            *boundary(territory.names, module, name, stage.params_param),
        ]
        reach = Reach(territory, module, roots, Detail.NONE)
        while reach.reads | reach.detail != reach.detail:
            reach = Reach(territory, module, roots, reach.reads | reach.detail)
        if reach.unread:
            self.unread.setdefault(ref.base, set()).update(reach.unread)
        lazy = [name for name in reach.lazy if finder.is_installed(name)]
        preload = tuple(sorted({*self._preload(ref.base, module), *lazy}))
        packages = self._versions(preload) if self._versions else dict[str, str]()
        symbols = self._named(territory, reach, module, name, roots, packages)
        own, parents = f"{module.name}:{name}", reach.parents()
        places = {symbol.name: at for at, (symbol, _) in enumerate(symbols)}
        above = [places.get(parents.get(label, own), places.get(own, 0)) for label in places]
        loaded = territory.loaded(module)
        return Analysis(
            fingerprint=Fingerprint(
                digest=ContentHash(reach.digest(packages)),
                symbols=tuple(symbol for symbol, _ in symbols),
            ),
            locations=tuple((symbol.name, place) for symbol, place in symbols),
            caveats=self._caveats(reach),
            preload=preload,
            sources=tuple(m.place.path for m in loaded if m.place.is_source),
            reached_from=tuple(above),
        )

    def source(self, symbol_name: str, base: str = "") -> str | None:
        """Returns the current source of a symbol of a fingerprint; ``None`` when it is gone, or is none of source.

        Of a whole module it is the list of its definitions, which are symbols themselves. ``base`` is that of the
        stage: two pipelines may each have a module of the same name.
        """
        kind, read = reading_of(symbol_name) or (None, "")
        if kind is ReadingKind.COMMAND:
            return self._commands.get(read)
        if kind is ReadingKind.SCRIPT:
            return _script(os.path.join(self._root, read))
        name, _, label = symbol_name.partition(":")
        _, territory = self._territories.get(base) or self._survey(base)
        module = territory.names.module(name)
        if module is None or module.source is None:
            return None
        if label == "__doc__":
            return module.source.doc
        units = self._labels.get(module)
        if units is None:
            units = self._labels[module] = dict[str, list[source_.Unit]]()
            for unit in module.source.units:
                units.setdefault(unit.label, []).append(unit)
        if label == "*":
            return "".join(f"{each}\n" for each in sorted(units))
        return "\n".join([unit.text() for unit in units.get(label, ())]) or None

    def definitions(self, symbol_name: str, like: FunctionRef) -> tuple[str, ...]:
        """Returns the symbols of the project that ``module:name`` leads to, also by way of imports; none if it is none.

        Modules are looked for where those of the definition of ``like`` are.
        """
        module_name, _, name = symbol_name.partition(":")
        names = self._surveyed(like)[1].names
        module = names.module(module_name, tolerant=True)
        if module is None or module.source is None or not module.source.groups.get(name):
            return ()
        found = names.resolve(module, Chain((), (name,)))
        symbols = [f"{each.module.name}:{each.name}" for each in found if isinstance(each, Symbol)]
        return tuple(symbols) or (symbol_name,)

    # --- modules ------------------------------------------------------------------------------------------------------

    def _surveyed(self, ref: FunctionRef) -> tuple[Finder, Territory]:
        """Returns the territory of a function's definition, where modules are found as loading found them."""
        found = self._territories.get(ref.base) or self._survey(ref.base, ref.ahead, ref.behind)
        if found[1].names.module(ref.module) is None and (place := self._place_of(ref)) is not None:
            return self._survey(ref.base, ref.ahead, (*ref.behind, place))
        return found

    def _survey(
        self, base: str, ahead: Sequence[str] = (), behind: Sequence[str] = ()
    ) -> tuple[Finder, Territory]:
        first = [self._absolute(path) for path in ahead or (base, "")]
        last = [self._absolute(path) for path in behind]
        finder = Finder(first, last, self._site, self._files)
        names = Names(finder, self._load)
        found = self._territories[base] = (finder, Territory(names, self._readings))
        return found

    def _absolute(self, path: str) -> str:
        return os.path.normpath(os.path.join(self._root, path))

    def _place_of(self, ref: FunctionRef) -> str | None:
        """Returns the directory that the module of a function was imported from, to judge by its file."""
        path = os.path.splitext(os.path.join(self._root, ref.where.file))[0]
        path = path.removesuffix(os.sep + "__init__")
        tail = os.sep + ref.module.replace(".", os.sep)
        return path.removesuffix(tail) if path.endswith(tail) else None

    def _load(self, place: Location, tolerant: bool) -> tuple[source_.Source | None, str]:
        """Reads a module: its source, or the hash of a file that has none or that does not parse."""
        if place.is_namespace:
            return None, ""
        known = self._sources.get(place.path)
        if known is not None:
            return known, ""
        data = self._files.read(place.path) or b""
        if not place.is_source:
            return None, xxhash.xxh3_128_hexdigest(data)
        try:
            parsed = self._parse(place.path, data)
        except DefinitionError:
            if tolerant:
                return None, xxhash.xxh3_128_hexdigest(data)
            raise
        self._sources[place.path] = parsed
        return parsed, ""

    def _parse(self, path: str, data: bytes) -> source_.Source:
        if self._parsed is None:
            return source_.parse(path, data, self._shown(path))
        if path not in self._parsed or self._parsed[path][0] != data:
            self._parsed[path] = (data, source_.parse(path, data, self._shown(path)))
        return self._parsed[path][1]

    def _function(self, names: Names, ref: FunctionRef) -> tuple[Module, str]:
        module = names.module(ref.module)
        where = str(ref.where)
        if module is None or module.source is None:
            what = f"module '{ref.module}' of stage function '{ref.qualname}' is not in the project"
            raise DefinitionError(what, where, "its source must lie in the project")
        name = ref.qualname.partition(".")[0]
        targets = names.resolve(module, Chain((), (name,)))
        if not any(
            isinstance(t, Symbol) or (isinstance(t, Outside) and t.is_module) for t in targets
        ):
            raise DefinitionError(
                f"module '{ref.module}' has no function '{ref.qualname}'",
                where,
                "define it at the top of the module, where its source shows it",
            )
        return module, name

    def _preload(self, base: str, module: Module) -> tuple[str, ...]:
        """Returns the installed modules that importing a module imports."""
        found = self._preloads.get((base, module))
        if found is None:
            finder, territory = self._territories[base]
            wanted = dict.fromkeys(territory.foreign(module))
            found = tuple(name for name in wanted if finder.is_installed(name))
            self._preloads[base, module] = found
        return found

    def _shown(self, path: str) -> str:
        inside = path.startswith(self._root + os.sep)
        return os.path.relpath(path, self._root) if inside else path

    # --- symbols ------------------------------------------------------------------------------------------------------

    def _named(
        self,
        territory: Territory,
        reach: Reach,
        module: Module,
        name: str,
        roots: Sequence[tuple[Module, Form]],
        packages: Mapping[str, str],
    ) -> list[_Shown]:
        """Returns what was reached under the names that people know, sorted."""
        groups = dict[str, list[Piece]]()
        for piece in reach.pieces:
            groups.setdefault(f"{piece.module.name}:{piece.unit.label}", []).append(piece)
        own = f"{module.name}:{name}"
        shown = list[_Shown]()
        for label, pieces in groups.items():
            pieces.sort(key=lambda piece: piece.unit.index)
            texts = [reach.pieces[piece].shown for piece in pieces]
            if label == own:
                texts += [territory.resolved(*root).shown for root in roots]
            shown.append(self._symbol(label, texts, pieces[0]))
        for whole in reach.wholes:
            units = whole.source.units if whole.source else ()
            text = whole.digest or " ".join(sorted({unit.label for unit in units}))
            shown.append(self._marked(whole, "*", text))
        for documented in reach.docs:
            text = documented.source.doc if documented.source else ""
            shown.append(self._marked(documented, "__doc__", text))
        for ordered, labels in reach.orders.items():
            shown.append(self._marked(ordered, "<order>", " ".join(labels)))
        shown += self._read(reach)
        here = SourceLocation(self._shown(module.place.path), 1)
        for package, version in packages.items():
            symbol = reading_symbol(ReadingKind.PACKAGE, package)
            shown.append((Named(symbol, ContentHash(_hash(version))), here))
        return sorted(shown, key=lambda entry: entry[0].name)

    def _symbol(self, label: str, texts: Sequence[str], piece: Piece) -> _Shown:
        key = (piece, "".join(texts))
        found = self._symbols.get(key)
        if found is None:
            digest = texts[0] if len(texts) == 1 else _hash("\n".join(texts))
            place = SourceLocation(self._shown(piece.module.place.path), piece.unit.line)
            found = self._symbols[key] = Named(label, ContentHash(digest)), place
        return found

    def _marked(self, module: Module, mark: str, text: str) -> _Shown:
        place = SourceLocation(self._shown(module.place.path), 1)
        return Named(f"{module.name}:{mark}", ContentHash(_hash(text))), place

    def _read(self, reach: Reach) -> Iterator[_Shown]:
        """Yields what was read when the definition was loaded, each name once."""
        groups = dict[str, list[Reading]]()
        for reading in reach.readings:
            groups.setdefault(reading.symbol, []).append(reading)
        for symbol, readings in groups.items():
            hashes = sorted({reading.hash for reading in readings})
            where = min((self._shown(r.where.file), r.where.line) for r in readings)
            digest = hashes[0] if len(hashes) == 1 else _hash(" ".join(hashes))
            yield Named(symbol, ContentHash(digest)), SourceLocation(*where)

    def _caveats(self, reach: Reach) -> tuple[Caveat, ...]:
        shown = {
            (self._shown(module.place.path), line, what) for module, line, what in reach.caveats
        }
        return tuple(Caveat(what, SourceLocation(file, line)) for file, line, what in sorted(shown))


def _script(path: str) -> str | None:
    """Returns a script as text, unless it is none or too long for a comparison."""
    try:
        with open(path, "rb") as file:
            return file.read(_SCRIPT_MAX).decode()
    except (OSError, UnicodeDecodeError):
        return None


def _outline(source: source_.Source) -> Outline:
    followed = {min(unit.binds) for unit in source.units if unit.is_followed and unit.binds}
    found = outline(source.body, source.lines)
    return found.only(found.names - followed)


def _hash(text: str) -> str:
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass"))
