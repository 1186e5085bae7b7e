"""Owns what is noticed while project code loads: files, directories and variables that the definition depends on.

Opening and listing are seen by an audit hook; tests for a file and reads of the environment, which the hook does not
see, by stand-ins for ``os.stat`` and friends. Only what project code does counts, itself or through a library: what
a library does while it is being imported belongs to its version. Files of installed packages and of ``/proc``,
``/sys`` and ``/dev`` do not count.
"""

import itertools
import os
import sys
import time
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
# The clock of ctime; elsewhere a clock that is early enough.
_COARSE = getattr(time, "CLOCK_REALTIME_COARSE", None)
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
        self._started_ns: int = _file_clock_ns()
        self._is_on: bool = False
        self._paths: set[str] = set()
        self._listed: set[str] = set()
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
        self._paths.update(paths)

    def result(self) -> Observed:
        """Returns what was noticed, as things are now."""
        for directory in self._listed:
            try:
                with os.scandir(directory) as entries:
                    found = [entry.path for entry in itertools.islice(entries, _ENTRIES_LIMIT)]
            except OSError:
                continue
            if len(found) == _ENTRIES_LIMIT:
                self._unsafe.add(
                    f"lists '{directory}', which has more than {_ENTRIES_LIMIT} entries"
                )
            self._paths.update(found)
        modules = {*project_modules().values(), *self._executed}
        everything = self._paths | self._listed | modules
        directories = {path for path in everything if os.path.isdir(path)}
        absent = {path for path in everything if not os.path.exists(path)}
        files = everything - directories - absent
        self._unsafe.update(
            f"'{path}' changed while the definition was loaded"
            for path in filter(self._is_new, files)
        )
        places = {path for path in sys.path if is_project_file(path + os.sep)}
        places.update(map(os.path.dirname, modules))
        return Observed(
            files=sorted(files),
            sources={path: bytes_hash(self._executed[path]) for path in sorted(self._executed)},
            directories=sorted(directories),
            listed={path: names_hash(path) for path in sorted(self._listed & directories)},
            absent=sorted(absent),
            searched={path: module_names_hash(path) for path in sorted(places)},
            environment={name: self._hash(name) for name in sorted(self._variables)},
            unsafe=sorted(self._unsafe),
        )

    def _is_new(self, path: str) -> bool:
        try:
            return os.stat(path).st_ctime_ns >= self._started_ns
        except OSError:
            return True

    def _audit(self, event: str, args: tuple[object, ...]) -> None:
        if not self._is_on:
            return
        if event == "open":
            flags = args[2]
            if isinstance(flags, int) and flags & os.O_ACCMODE == os.O_WRONLY:
                return
            self._notice(args[0], self._paths)
        elif event in ("os.listdir", "os.scandir"):
            if not _by_import():
                self._notice("." if args[0] is None else args[0], self._listed)
        elif event in _UNSAFE_EVENTS and _by_project():
            self._unsafe.add(_UNSAFE_EVENTS[event])

    def _notice(self, path: object, found: set[str]) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)):
            return
        absolute = os.path.abspath(os.fsdecode(cast("str", path)))
        if absolute in found or not is_project_file(absolute) or absolute.startswith(_SPECIAL):
            return
        if _by_project():
            found.add(absolute)

    def _noticing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def stand_in(path: object, *args: object, **kwargs: object) -> object:
            if self._is_on:
                self._notice(path, self._paths)
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


def _file_clock_ns() -> int:
    if _COARSE is not None:
        return time.clock_gettime_ns(cast("int", _COARSE))
    return time.time_ns() - 10_000_000


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
