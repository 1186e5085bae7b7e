"""Owns what project code read while it was loaded, each value with the statement that took it.

``observe`` notices that something is read; here it is said who reads it, what of it can be the same on every machine,
and by which hash it counts. All values but variables are those at the end: a file that changed in between makes
the definition unsafe anyway, and a directory that the code itself makes is there for every later load.
"""

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from enum import Enum

import xxhash

from pivot_core.define.caller import Caller
from pivot_core.define.sought import ANY_CASE, matching
from pivot_core.model.fingerprint import Fingerprint, Reading, ReadingKind, reading_of
from pivot_core.model.ids import ContentHash
from pivot_core.model.stage import SourceLocation

ALL_VARIABLES = "*"
"""Stands for the whole environment, read when somebody walks through it."""

_CHUNK = 1 << 20
_OUTSIDE = ".../"
"""What the name of a path starts with that is not in the project."""

_SURROUNDINGS = frozenset(
    [
        *("_", "SHLVL", "PWD", "OLDPWD", "WINDOWID"),
        *("TERM", "COLORTERM", "TERM_PROGRAM", "COLUMNS", "LINES", "TTY_COMPATIBLE"),
        *("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "PY_COLORS"),
        *("LANG", "LANGUAGE", "TMPDIR", "TEMP", "TMP"),
        "PYDANTIC_DISABLE_PLUGINS",
    ]
)
"""Variables that tell of terminal, shell and language, and one that pydantic asks for with each model.

They count where project code asks for them by name.
"""
UNCOUNTED = (*sorted(_SURROUNDINGS), "LC_*")
"""The same as a walk through all variables leaves out, with a pattern for what begins so."""

_SYSTEM = tuple(f"{place.rstrip('/')}/" for place in {"/usr", "/etc", sys.prefix, sys.base_prefix})
"""Where a library's own looks are of the machine: time zones, translations, fonts."""

_TESTS = frozenset({"exists", "lexists", "isfile", "isdir", "ismount", "is_file", "is_dir"})
_SHOWS_SOURCE = ("/linecache.py", "/inspect.py")
_KEPT_BY_TOOLS = frozenset({".pivot", ".git", "__pycache__"})
_LEFT_OUT = frozenset({*_KEPT_BY_TOOLS, ".gitignore"})


class Told(Enum):
    """What a test for a path told."""

    PRESENCE = "presence"
    """That a file or a directory is there."""
    LINK = "link"
    SIZE = "size"


type _Key = tuple[ReadingKind, str, Told | None, SourceLocation, tuple[SourceLocation, ...]]


class Readings:
    """Collects what is read; paths are absolute."""

    def __init__(self, root: str) -> None:
        self._root: str = root
        self.contents: dict[str, ContentHash] = {}
        """File that was read → hash of its content; complete when ``result`` has been asked for."""
        self._found: dict[_Key, ContentHash | None] = {}
        self._made: set[str] = set()

    def variable(self, caller: Caller, name: str, value: str | None) -> None:
        """Notes that a variable was asked for, and what was given; ``None`` when it is not set."""
        if caller.is_direct or not _is_of_surroundings(name):
            told = tagged("unset") if value is None else tagged("variable", value)
            self._add(ReadingKind.VARIABLE, name, None, caller, told)

    def environment(self, caller: Caller, pattern: str, variables: Mapping[str, str]) -> None:
        """Notes that all variables, or those of a pattern, were looked for."""
        told = ContentHash(environment_hash(variables, pattern))
        self._add(ReadingKind.VARIABLE, pattern, None, caller, told)

    def file(self, caller: Caller, path: str) -> None:
        """Notes that a file was opened to read it."""
        if not caller.is_import and not self._is_of_machine(caller, path):
            self._add(ReadingKind.FILE, path, None, caller, None)

    def listing(self, caller: Caller, path: str) -> None:
        """Notes that the names in a directory were read."""
        if not self._is_kept_by_tools(path) and not self._is_of_machine(caller, path):
            self._add(ReadingKind.LISTING, path, None, caller, None)

    def test(self, caller: Caller, path: str) -> None:
        """Notes that something was asked about a path, without opening it."""
        functions = {function for _, function in caller.by}
        # A path made absolute, and a directory made where it is not there yet, tell nothing of the project.
        if functions & {"realpath", "makedirs", "mkdir"} or self._is_of_machine(caller, path):
            return
        if f"{self._root}/".startswith(f"{path.rstrip('/')}/") or self._is_kept_by_tools(path):
            return
        asked = caller.by[0][1] if caller.by else ""
        if asked != "islink" and any("/site-packages/" in file for file, _ in caller.by):
            # What a package asks about its C code may read unnoticed.
            self._add(ReadingKind.FILE, path, None, caller, None)
            return
        told = Told.LINK if asked == "islink" else Told.PRESENCE if asked in _TESTS else Told.SIZE
        self._add(ReadingKind.TEST, path, told, caller, None)

    def made(self, path: str) -> None:
        """Notes that a file or directory is made: where it is gone at the end, reading it told nothing."""
        self._made.add(path)

    def result(self, outs: Iterable[str]) -> list[Reading]:
        """Returns what was read, sorted; names in ``outs``, project-relative, are left out of listings."""
        walks = {key[3:] for key in self._found if key[:2] == (ReadingKind.VARIABLE, ALL_VARIABLES)}
        left_out = {os.path.join(self._root, part) for out in outs for part in _leading_to(out)}
        found = list[Reading]()
        hashes = dict[tuple[ReadingKind, str, Told | None], ContentHash]()
        for key, known in self._found.items():
            kind, name, told, taken_at, through = key
            if kind is ReadingKind.VARIABLE:
                if name != ALL_VARIABLES and key[3:] in walks:
                    continue  # the walk itself asks for each variable
            elif name in self._made and not os.path.lexists(name):
                continue
            digest = known or hashes.get(key[:3])
            if digest is None:
                digest = hashes[key[:3]] = _now(kind, name, told, left_out)
            if kind is ReadingKind.FILE and os.path.isfile(name):
                self.contents[name] = digest
            shown = name if kind is ReadingKind.VARIABLE else self._shown(name)
            found.append(Reading(kind, shown, digest, taken_at, through))
        return sorted(found, key=lambda reading: (reading.symbol, reading.hash, str(reading)))

    def _add(
        self,
        kind: ReadingKind,
        name: str,
        told: Told | None,
        caller: Caller,
        digest: ContentHash | None,
    ) -> None:
        self._found[kind, name, told, caller.taken_at, caller.through] = digest

    def _shown(self, path: str) -> str:
        if path == self._root:
            return "."
        inside = path.startswith(f"{self._root}/")
        return os.path.relpath(path, self._root) if inside else _OUTSIDE + os.path.basename(path)

    def _is_of_machine(self, caller: Caller, path: str) -> bool:
        """Whether a library looks for something of its own: lines for a traceback, a time zone."""
        if path.endswith(".py") and any(file.endswith(_SHOWS_SOURCE) for file, _ in caller.by):
            return True
        # The C half of `zoneinfo` opens its files for project code without a frame of its own.
        return path.startswith(_SYSTEM) and (not caller.is_direct or "/zoneinfo/" in path)

    def _is_kept_by_tools(self, path: str) -> bool:
        inside = path.removeprefix(self._root)
        return not _KEPT_BY_TOOLS.isdisjoint(inside.split("/"))


def read_now(reading: Reading, root: str) -> Reading:
    """Returns a reading as it would be now if it is a file of the project; else as it is."""
    if reading.kind is not ReadingKind.FILE or reading.name.startswith(_OUTSIDE):
        return reading
    now = _now(ReadingKind.FILE, os.path.join(root, reading.name), None, set())
    return replace(reading, hash=now)


def files_hold(fingerprint: Fingerprint, root: str) -> bool:
    """Tells whether the files of the project that a fingerprint counts by what was read are still the same."""
    for symbol in fingerprint.symbols:
        kind, name = reading_of(symbol.name) or (None, "")
        if kind in (ReadingKind.FILE, ReadingKind.SCRIPT) and not name.startswith(_OUTSIDE):
            now = _now(ReadingKind.FILE, os.path.join(root, name), None, set())
            if now != symbol.hash:
                return False
    return True


def is_pattern(name: str) -> bool:
    """Tells whether a name stands for several variables."""
    return name == ALL_VARIABLES or name.startswith(ANY_CASE)


def environment_hash(environment: Mapping[str, str], pattern: str = ALL_VARIABLES) -> str:
    """Returns the hash of all variables of a pattern together; of all but those of terminal and shell for ``*``."""
    if pattern == ALL_VARIABLES:
        names = [name for name in environment if not _is_of_surroundings(name)]
    else:
        names = list(matching(pattern, environment))
    lines = [f"{name}={environment[name]}" for name in sorted(names)]
    return xxhash.xxh3_128_hexdigest(os.fsencode("\0".join(lines)))


def tagged(*parts: str) -> ContentHash:
    """Returns a hash that no other kind of value has."""
    return ContentHash(xxhash.xxh3_128_hexdigest(os.fsencode("\0".join(parts))))


def _is_of_surroundings(name: str) -> bool:
    return name in _SURROUNDINGS or name.startswith("LC_")


def _leading_to(out: str) -> Iterator[str]:
    """Yields a path and the directories above it."""
    while out := out.rstrip("/"):
        yield out
        out = os.path.dirname(out)


def _now(kind: ReadingKind, path: str, told: Told | None, left_out: set[str]) -> ContentHash:
    """Returns the hash of what reading a path gives."""
    try:
        if kind is ReadingKind.LISTING:
            return tagged("listing", *_names(path, left_out))
        if told is Told.LINK:
            return tagged("link", str(os.path.islink(path)))
        found = os.stat(path)
        what = _what(found.st_mode)
        if kind is ReadingKind.FILE:
            return _content(path) if what == "file" else tagged(what)
        size = found.st_size if what == "file" and told is Told.SIZE else ""
        return tagged("test", what, str(size))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return tagged("absent")
    except OSError:
        return tagged("unreadable")


def _what(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    return "directory" if stat.S_ISDIR(mode) else "special"


def _names(path: str, left_out: set[str]) -> Iterator[str]:
    """Yields the names in a directory that neither tools nor stages make, a directory's with ``/``."""
    with os.scandir(path) as entries:
        found = [
            f"{entry.name}/" if entry.is_dir() else entry.name
            for entry in entries
            if entry.name not in _LEFT_OUT and entry.path not in left_out
        ]
    yield from sorted(found)


def _content(path: str) -> ContentHash:
    """Returns the hash that ``store.hashing`` gives a file, too."""
    state = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return ContentHash(state.hexdigest())
