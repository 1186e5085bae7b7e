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
from collections.abc import Callable, Container, Iterator, Mapping
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any, TypedDict, cast, override

import xxhash

from pivot_core.define.caller import Caller, caller, is_import_machinery, outside_frame
from pivot_core.define.importing import is_project_file, names_sought, project_modules
from pivot_core.define.reading import ALL_VARIABLES, Readings, environment_hash, is_pattern
from pivot_core.define.sought import is_part_of_walk, sought

_MODULE_SUFFIXES = (".py", *EXTENSION_SUFFIXES)
_SPECIAL = ("/proc/", "/sys/", "/dev/")
_ENTRIES_LIMIT = 10_000
_DIRECTORY = ()
_STREAM = (-1,)
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
_CREATED = os.O_CREAT | os.O_EXCL
_READ_BY_C = frozenset({"ctypes.dlopen", "sqlite3.connect"})
"""What opens a file without Python's ``open``."""
_EVENTS = frozenset(("open", "os.mkdir", *_LISTING, *_READ_BY_C, *_UNSAFE_EVENTS))

type _Look = tuple[int, ...] | None


class Observed(TypedDict):
    """What loading a definition depended on; all paths are absolute, all lists sorted."""

    files: list[str]
    """Read or tested for, and there."""
    sources: dict[str, str]
    """Project module that was executed → hash (XXH3-128) of the bytes that were; each is one of ``files`` too."""
    contents: dict[str, str]
    """File that project code read → hash of its bytes; each is one of ``files`` too."""
    directories: list[str]
    """Listed, or tested for, and there."""
    listed: dict[str, str]
    """Directory whose names were read → ``names_hash`` of it."""
    absent: list[str]
    """Read or tested for, and not there."""
    searched: dict[str, str]
    """Directory that modules were looked for in → ``module_names_hash`` of it."""
    sought: list[str]
    """The names of the modules that imports may look for in the project, each without its package."""
    environment: dict[str, str | None]
    """Variable → ``value_hash`` of what it was before; ``None`` when it was not set. Pattern → ``environment_hash``."""
    changed: list[str]
    """What was not the same any more when loading ended."""
    unsafe: list[str]
    """Why the definition must be loaded in each run: it did what cannot be observed."""


class Observer:
    """Notices from ``start`` to ``stop``, in a process that loads one definition and ends."""

    def __init__(self, root: str, executed: Mapping[str, bytes]) -> None:
        """``executed`` is what ``importing.install`` gave; it grows while modules are imported."""
        self.readings: Readings = Readings(root)
        """What is noticed, with the statements of the project that read it."""
        self._executed: Mapping[str, bytes] = executed
        self._is_on: bool = False
        self._is_import: bool = True
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
        _watch_environment(self._read, self._walked)
        self._is_on = True

    def resume(self) -> None:
        """Notices again, but no readings: what is made of them now, params and paths, counts by itself."""
        self._is_import = False
        self._is_on = True

    def stop(self) -> None:
        """Ends noticing."""
        self._is_on = False

    def note(self, *paths: str) -> None:
        """Adds files that Pivot itself read or looked for."""
        for path in paths:
            self._paths.setdefault(path, _look(path))

    def result(self) -> Observed:
        """Returns what was noticed, and what of it has changed since then."""
        listed = dict(self._listed)
        for directory in listed:
            self._note_entries(directory)
        modules = {*project_modules().values(), *self._executed}
        self.note(*modules)
        looks = {path: _look(path) for path in self._paths}
        changed = {path for path, look in looks.items() if look != self._paths[path]}
        changed.update(path for path, known in listed.items() if names_hash(path) != known)
        places = {path for path in sys.path if is_project_file(path + os.sep)}
        places.update(map(os.path.dirname, modules))
        directories = {path for path, look in looks.items() if look == _DIRECTORY}
        absent = {path for path, look in looks.items() if look is None}
        streams = {path for path, look in looks.items() if look == _STREAM}
        reasons = {f"looks at '{path}', which is no regular file" for path in streams}
        return Observed(
            files=sorted(looks.keys() - directories - absent - streams),
            sources={path: bytes_hash(self._executed[path]) for path in sorted(self._executed)},
            contents=dict[str, str](self.readings.contents),
            directories=sorted(directories),
            listed={path: listed[path] for path in sorted(listed)},
            absent=sorted(absent),
            searched={path: module_names_hash(path) for path in sorted(places)},
            sought=sorted(names_sought()),
            environment={name: self._hash(name) for name in sorted(self._variables)},
            changed=sorted(changed),
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
        if event in _READ_BY_C and (path := _opened_by_c(event, args[0])):
            self._opened(path, os.O_RDONLY)
        if event == "open":
            self._opened(args[0], args[2] if isinstance(args[2], int) else 0)
        elif event == "os.mkdir":
            if (made := _absolute(args[0])) is not None:
                self.readings.made(made)
        elif event in _LISTING:
            if not _by_import():
                found = self._notice("." if args[0] is None else args[0], self._listed, names_hash)
                if found is not None:
                    self.readings.listing(*found)
        elif event in _UNSAFE_EVENTS and caller() is not None:
            self._unsafe.add(_UNSAFE_EVENTS[event])

    def _opened(self, path: object, flags: int) -> None:
        is_new = bool(flags & os.O_TRUNC) or flags & _CREATED == _CREATED
        if flags & os.O_CREAT and (made := _absolute(path)) is not None:
            self.readings.made(made)
        if not is_new and flags & os.O_ACCMODE != os.O_WRONLY:
            found = self._notice(path, self._paths, _look)
            if found is not None:
                self.readings.file(*found)

    def _notice[L](
        self, path: object, found: dict[str, L], look: Callable[[str], L]
    ) -> tuple[Caller, str] | None:
        """Notes a path that project code looks at; returns that code and the path, if it is a reading."""
        absolute = _absolute(path)
        if absolute is None or not is_project_file(absolute) or absolute.startswith(_SPECIAL):
            return None
        by = caller()
        if by is None:
            return None
        if absolute not in found:
            found[absolute] = look(absolute)
        return (by, absolute) if self._is_import else None

    def _noticing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stand_in(path: object, *args: object, **kwargs: object) -> object:
            if self._is_on and not _by_this_module():
                found = self._notice(path, self._paths, _look)
                if found is not None:
                    self.readings.test(*found)
            return function(path, *args, **kwargs)

        stand_in.__name__ = stand_in.__qualname__ = function.__name__
        for able in (os.supports_dir_fd, os.supports_fd, os.supports_follow_symlinks):
            if function in able:
                able.add(stand_in)
        return stand_in

    def _read(self, name: str, value: str | None) -> None:
        by = caller() if self._is_on else None
        if by is not None and not is_part_of_walk(by.by):
            self._variables.add(name)
            if self._is_import:
                self.readings.variable(by, name, value)

    def _walked(self, variables: Callable[[], Mapping[str, str]]) -> None:
        by = caller() if self._is_on else None
        if by is None:
            return
        names = sought(outside_frame())
        for name in [ALL_VARIABLES] if names is None else names:
            self._variables.add(name)
            if not self._is_import:
                continue
            if is_pattern(name):
                self.readings.environment(by, name, variables())
            else:
                self.readings.variable(by, name, variables().get(name))

    def _hash(self, name: str) -> str | None:
        if is_pattern(name):
            return environment_hash(self._environment, name)
        value = self._environment.get(name)
        return None if value is None else value_hash(value)


def _look(path: str) -> _Look:
    """Returns a file's signature, ``_DIRECTORY``, ``_STREAM`` for a pipe or device, ``None`` for nothing."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(found.st_mode):
        return _DIRECTORY
    if not stat.S_ISREG(found.st_mode):
        return _STREAM
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


def is_module_name(name: str) -> bool:
    """Tells whether an import could find a file or directory because of its name."""
    return name.endswith(_MODULE_SUFFIXES) or name.isidentifier()


def module_names_hash(directory: str, sought: Container[str] | None = None) -> str:
    """Returns a hash of the names in ``directory`` that an import could find; ``""`` when it cannot be listed.

    A directory counts where its name is one of those ``sought``, if they are known: any directory can be imported.
    """
    try:
        with os.scandir(directory) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.name.endswith(_MODULE_SUFFIXES)
                or (
                    (entry.name.isidentifier() if sought is None else entry.name in sought)
                    and entry.is_dir()
                )
            )
    except OSError:
        return ""
    return value_hash("\0".join(names))


def _by_this_module() -> bool:
    """Tells whether the function that calls us was called from here: our own looking is not to be noticed."""
    return sys._getframe(2).f_code.co_filename == __file__  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] no public way


def _by_import() -> bool:
    """Tells whether the import machinery itself made the running call."""
    frame = outside_frame()
    return frame is not None and is_import_machinery(frame.f_code.co_filename)


def _absolute(path: object) -> str | None:
    """Returns a path that a call was given; ``None`` for a file descriptor."""
    if not isinstance(path, (str, bytes, os.PathLike)):
        return None
    return os.path.abspath(os.fsdecode(cast("str", path)))


def _opened_by_c(event: str, name: object) -> str:
    """Returns the file of a library or a database; empty for what is no file, or found by its name alone."""
    if not isinstance(name, (str, os.PathLike)):
        return ""
    path = os.fspath(cast("str", name)).removeprefix("file:").partition("?")[0]
    is_file = os.sep in path if event == "ctypes.dlopen" else not path.startswith(":")
    return path if is_file else ""


def _watch_environment(
    read: Callable[[str, str | None], None],
    walked: Callable[[Callable[[], Mapping[str, str]]], None],
) -> None:
    """Gives ``os.environ`` and ``os.environb`` a class that tells which variable is read, and its value.

    ``walked`` can ask for all variables when somebody walks through them.
    """

    class Environment(type(os.environ)):
        @override
        def __getitem__(self, key: Any) -> Any:
            try:
                value: Any = super().__getitem__(key)
            except KeyError:
                if isinstance(key, (str, bytes)):
                    read(os.fsdecode(key), None)
                raise
            read(os.fsdecode(key), os.fsdecode(value))
            return value

        @override
        def __iter__(self) -> Iterator[Any]:
            walked(self._all)
            return super().__iter__()

        @override
        def __len__(self) -> int:
            walked(self._all)
            return super().__len__()

        def _all(self) -> dict[str, str]:
            plain = super()
            return {
                os.fsdecode(key): os.fsdecode(plain.__getitem__(key)) for key in plain.__iter__()
            }

    os.environ.__class__ = Environment
    os.environb.__class__ = Environment  # pyright: ignore[reportAttributeAccessIssue] as above
