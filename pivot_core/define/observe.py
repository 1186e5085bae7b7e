"""Owns what is noticed while project code loads: files, directories and variables that the definition depends on.

Opening and listing are seen by an audit hook; tests for a file and reads of the environment, which the hook does not
see, by stand-ins for ``os.stat`` and friends. Only what project code does counts, itself or through a library: what
a library does while it is being imported belongs to its version. Files of installed packages and of ``/proc``,
``/sys`` and ``/dev`` do not count.
"""

import itertools
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from typing import TYPE_CHECKING, Any, TypedDict, cast, override

import xxhash

from pivot_core.define.importing import is_project_file, project_modules

if TYPE_CHECKING:
    from types import FrameType

ALL_VARIABLES = "*"
"""Stands for the whole environment in ``Observed.environment``, read when somebody walks through it."""

_MODULE_SUFFIXES = (".py", *EXTENSION_SUFFIXES)
_SPECIAL = ("/proc/", "/sys/", "/dev/")
_ENTRIES_LIMIT = 10_000
_DIRECTORY = ()
_UNSAFE_EVENTS = {
    "subprocess.Popen": "starts a process",
    "os.system": "starts a process",
    "os.exec": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.fork": "starts a process",
    "os.forkpty": "starts a process",
    "socket.connect": "opens a socket",
    "socket.bind": "opens a socket",
    "socket.getaddrinfo": "looks up a host",
    "socket.gethostbyname": "looks up a host",
    "sqlite3.connect": "opens a database",
}

_LISTING = ("os.listdir", "os.scandir")
_EVENTS = frozenset(("open", *_LISTING, *_UNSAFE_EVENTS))

type _Look = tuple[int, ...] | None


class Observed(TypedDict):
    """What loading a definition depended on; all paths are absolute, all lists sorted."""

    files: list[str]
    """Read or tested for, and there."""
    sources: dict[str, str]
    """Project module that was executed → hash (XXH3-128) of the bytes that were; each is one of ``files`` too."""
    directories: list[str]
    """Listed, or tested for, and there."""
    listed: dict[str, str]
    """Directory whose names were read → ``names_hash`` of it."""
    absent: list[str]
    """Read or tested for, and not there."""
    searched: dict[str, str]
    """Directory that modules were looked for in → ``module_names_hash`` of it."""
    environment: dict[str, str | None]
    """Variable → ``value_hash``; ``None`` when it was not set."""
    unsafe: list[str]
    """Why the definition must be loaded in each run: it did what cannot be observed."""


class Observer:
    """Notices from ``start`` to ``stop``, in a process that loads one definition and ends."""

    def __init__(self, executed: Mapping[str, bytes]) -> None:
        """``executed`` is what ``importing.install`` gave; it grows while modules are imported."""
        self._executed: Mapping[str, bytes] = executed
        self._is_on: bool = False
        self._paths: dict[str, _Look] = {}
        self._listed: dict[str, str] = {}
        self._variables: set[str] = set()
        self._unsafe: set[str] = set()
        self._environment: dict[str, str] = dict(os.environ)

    def start(self) -> None:
        """Puts hook and stand-ins in place; they stay until the process ends."""
        sys.addaudithook(self._audit)
        for name in ("stat", "lstat", "access", "readlink"):
            setattr(os, name, self._noticing(getattr(os, name)))
        _watch_environment(self._read)
        self._is_on = True

    def stop(self) -> None:
        """Ends noticing."""
        self._is_on = False

    def note(self, *paths: str) -> None:
        """Adds files that Pivot itself read or looked for."""
        for path in paths:
            self._paths.setdefault(path, _look(path))

    def result(self) -> Observed:
        """Returns what was noticed; what has changed since then makes the definition unsafe."""
        listed = dict(self._listed)
        for directory in listed:
            self._note_entries(directory)
        modules = {*project_modules().values(), *self._executed}
        self.note(*modules)
        looks = {path: _look(path) for path in self._paths}
        changed = {path for path, look in looks.items() if look != self._paths[path]}
        changed.update(path for path, known in listed.items() if names_hash(path) != known)
        reasons = {f"'{path}' changed while the definition was loaded" for path in changed}
        places = {path for path in sys.path if is_project_file(path + os.sep)}
        places.update(map(os.path.dirname, modules))
        directories = {path for path, look in looks.items() if look == _DIRECTORY}
        absent = {path for path, look in looks.items() if look is None}
        return Observed(
            files=sorted(looks.keys() - directories - absent),
            sources={path: bytes_hash(self._executed[path]) for path in sorted(self._executed)},
            directories=sorted(directories),
            listed={path: listed[path] for path in sorted(listed)},
            absent=sorted(absent),
            searched={path: module_names_hash(path) for path in sorted(places)},
            environment={name: self._hash(name) for name in sorted(self._variables)},
            unsafe=sorted(self._unsafe | reasons),
        )

    def _note_entries(self, directory: str) -> None:
        """Adds what a listing may have told of the entries: ``os.DirEntry.stat`` cannot be observed."""
        try:
            with os.scandir(directory) as entries:
                found = [entry.path for entry in itertools.islice(entries, _ENTRIES_LIMIT + 1)]
        except OSError:
            return
        if len(found) > _ENTRIES_LIMIT:
            self._unsafe.add(f"lists '{directory}', which has more than {_ENTRIES_LIMIT} entries")
        self.note(*found[:_ENTRIES_LIMIT])

    def _audit(self, event: str, args: tuple[object, ...]) -> None:
        # Looking at frames is an event too: nothing may be asked before the event is known to matter.
        if not self._is_on or event not in _EVENTS or _by_this_module():
            return
        if event == "open":
            flags = args[2]
            is_written = isinstance(flags, int) and flags & os.O_ACCMODE == os.O_WRONLY
            if not is_written:
                self._notice(args[0], self._paths, _look)
        elif event in _LISTING:
            if not _by_import():
                self._notice("." if args[0] is None else args[0], self._listed, names_hash)
        elif _by_project():
            self._unsafe.add(_UNSAFE_EVENTS[event])

    def _notice[L](self, path: object, found: dict[str, L], look: Callable[[str], L]) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        absolute = os.path.abspath(os.fsdecode(cast("str", path)))
        if absolute in found or not is_project_file(absolute) or absolute.startswith(_SPECIAL):
            return
        if _by_project():
            found[absolute] = look(absolute)

    def _noticing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stand_in(path: object, *args: object, **kwargs: object) -> object:
            if self._is_on and not _by_this_module():
                self._notice(path, self._paths, _look)
            return function(path, *args, **kwargs)

        stand_in.__name__ = stand_in.__qualname__ = function.__name__
        for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if function in able:
                able.add(stand_in)
        return stand_in

    def _read(self, name: str) -> None:
        if self._is_on and name not in self._variables and _by_project():
            self._variables.add(name)

    def _hash(self, name: str) -> str | None:
        if name == ALL_VARIABLES:
            return environment_hash(self._environment)
        value = self._environment.get(name)
        return None if value is None else value_hash(value)


def _look(path: str) -> _Look:
    """Tells what lies at ``path``: a signature of a file, whether it is a directory, or ``None`` for nothing."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(found.st_mode):
        return _DIRECTORY
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def value_hash(value: str) -> str:
    """Returns the hash by which a variable's value is remembered; the value itself never is."""
    return bytes_hash(os.fsencode(value))


def bytes_hash(data: bytes) -> str:
    """Returns the hash that ``store.hashing`` gives a file of these bytes."""
    return xxhash.xxh3_128_hexdigest(data)


def names_hash(directory: str) -> str:
    """Returns a hash of all names in ``directory``; ``""`` when it cannot be listed."""
    try:
        return value_hash("\0".join(sorted(os.listdir(directory))))
    except OSError:
        return ""


def environment_hash(environment: dict[str, str]) -> str:
    """Returns the hash of all variables together."""
    lines = [f"{name}={environment[name]}" for name in sorted(environment)]
    return value_hash("\0".join(lines))


def module_names_hash(directory: str) -> str:
    """Returns a hash of the names in ``directory`` that an import could find; ``""`` when it cannot be listed."""
    try:
        with os.scandir(directory) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.endswith(_MODULE_SUFFIXES)
                or (entry.name.isidentifier() and entry.is_dir())
            )
    except OSError:
        return ""
    return value_hash("\0".join(names))


def _by_project() -> bool:
    """Tells whether the running call was made by project code, directly or through a library."""
    frame = _outside_frame()
    while frame is not None:
        file = frame.f_code.co_filename
        if is_project_file(file):
            return True
        is_library_import = frame.f_code.co_name == "<module>" and not file.startswith("<string")
        if is_library_import or file.endswith("/importlib/metadata/__init__.py"):
            return False
        frame = frame.f_back
    return False


def _by_this_module() -> bool:
    """Tells whether the function that calls us was called from here: our own looking is not to be noticed."""
    return sys._getframe(2).f_code.co_filename == __file__  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] no public way


def _by_import() -> bool:
    """Tells whether the import machinery itself made the running call."""
    frame = _outside_frame()
    return frame is not None and frame.f_code.co_filename.startswith("<frozen importlib")


def _outside_frame() -> "FrameType | None":
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] no public way
    while frame is not None and frame.f_code.co_filename == __file__:
        frame = frame.f_back
    return frame


def _watch_environment(read: Callable[[str], None]) -> None:
    """Gives ``os.environ`` and ``os.environb`` a class that tells ``read`` which variable is read."""

    class Environment(type(os.environ)):
        @override
        def __getitem__(self, key: Any) -> Any:
            if isinstance(key, (str, bytes)):
                read(os.fsdecode(key))
            return super().__getitem__(key)  # pyright: ignore[reportArgumentType] str for one, bytes for the other

        @override
        def __iter__(self) -> Iterator[Any]:
            read(ALL_VARIABLES)
            return super().__iter__()

        @override
        def __len__(self) -> int:
            read(ALL_VARIABLES)
            return super().__len__()

    os.environ.__class__ = Environment
    os.environb.__class__ = Environment  # pyright: ignore[reportAttributeAccessIssue] as above
