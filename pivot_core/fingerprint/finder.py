"""Owns where a module's code lies: in the project, or with the interpreter and its packages; it imports nothing."""

import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import EXTENSION_SUFFIXES

from pivot_core.fingerprint.files import Files
from pivot_core.frozen import frozen

_OURS = frozenset({"pivot_core", "pivot_tui"})
_SKIPPED = frozenset({"node_modules", "site-packages"})


@frozen
class Location:
    """A module of the project."""

    name: str
    """Dotted, as it is imported."""
    path: str
    """Absolute path of its file; of the directory for a namespace package."""
    directories: tuple[str, ...]
    """Where its submodules are looked for; empty for a plain module."""

    @property
    def is_source(self) -> bool:
        """Whether it has Python source; a namespace package and an extension module have none."""
        return self.path.endswith(".py")

    @property
    def is_namespace(self) -> bool:
        """Whether it is a directory without ``__init__.py``."""
        return self.path in self.directories


def interpreter_paths() -> list[str]:
    """Returns the directories of ``sys.path`` that belong to the interpreter and its installed packages."""
    stdlib = os.path.dirname(os.__file__)
    return [stdlib, *(path for path in sys.path if _is_installed(path, stdlib))]


def _is_installed(path: str, stdlib: str) -> bool:
    name = os.path.basename(path)
    return (
        name in ("site-packages", "dist-packages")
        or path.endswith(".zip")
        or path.startswith(stdlib + os.sep)
    )


class Finder:
    """Finds modules as the interpreter would with ``first`` before all else on ``sys.path``, and ``last`` after it."""

    def __init__(
        self, first: Sequence[str], last: Sequence[str], site: Sequence[str], files: Files
    ) -> None:
        scripts = os.path.dirname(sys.executable)
        others = [os.path.abspath(path) for path in sys.path if path]
        inside = tuple(path + os.sep for path in site)
        own = [p for p in others if p != scripts and not f"{p}{os.sep}".startswith(inside)]
        self._path: tuple[str, ...] = tuple(
            dict.fromkeys([*first, *(path for path in own if os.path.isdir(path))])
        )
        self._last: tuple[str, ...] = tuple(last)
        self._own: tuple[str, ...] = tuple(dict.fromkeys([*first, *last]))
        self._site: tuple[str, ...] = tuple(dict.fromkeys(site))
        self._files: Files = files
        self._found: dict[str, Location | None] = {}

    def find(self, name: str) -> Location | None:
        """Returns where a module of the project lies; ``None`` for what is installed, built in or nowhere."""
        if name in self._found:
            return self._found[name]
        parent, _, last = name.rpartition(".")
        if not parent:
            place = None if name in _OURS or name in sys.builtin_module_names else self._top(name)
        else:
            package = self.find(parent)
            place = self._look(name, last, package.directories) if package else None
        self._found[name] = place
        return place

    def is_installed(self, name: str) -> bool:
        """Whether a module outside the standard library can be found among the installed packages."""
        top, *rest = name.split(".")
        if top in _OURS or top in sys.stdlib_module_names:
            return False
        directories: Sequence[str] = self._site
        for part in (top, *rest):
            directories = [d for d in directories if self._offers(d, part)]
            if not directories:
                return False
            directories = [os.path.join(directory, part) for directory in directories]
        return True

    def below(self, prefix: str) -> Iterator[Location]:
        """Yields every module whose name starts with ``prefix``; with none, every module of the project."""
        package, _, start = prefix.rpartition(".")
        if package:
            place = self.find(package)
            directories = place.directories if place else ()
        else:
            directories = self._own
        for directory in directories:
            yield from self._walk(directory, package, start)

    def _walk(self, directory: str, package: str, start: str) -> Iterator[Location]:
        for entry in sorted(self._files.listing(directory)):
            stem = entry.removesuffix(".py")
            if not stem.isidentifier() or not stem.startswith(start) or entry in _SKIPPED:
                continue
            if stem == "__init__" or (stem == entry and not self._is_package(directory, entry)):
                continue
            place = self.find(f"{package}.{stem}" if package else stem)
            if place is None:
                continue
            inside = [
                found for inner in place.directories for found in self._walk(inner, place.name, "")
            ]
            if inside or not place.is_namespace:  # most directories of a project hold no code
                yield place
                yield from inside

    def _is_package(self, directory: str, entry: str) -> bool:
        path = os.path.join(directory, entry)
        return os.path.isdir(path) and not os.path.exists(os.path.join(path, "pyvenv.cfg"))

    def _top(self, name: str) -> Location | None:
        place = self._look(name, name, self._path)
        if place is not None and not place.is_namespace:
            return place
        if not self._known_elsewhere(name):
            return place or self._look(name, name, self._last) or _editable(name, self._site)
        return None

    def _known_elsewhere(self, name: str) -> bool:
        """A regular module further down ``sys.path`` beats a namespace package."""
        return name in sys.stdlib_module_names or self.is_installed(name)

    def _offers(self, directory: str, name: str) -> bool:
        files = self._files
        return (
            files.has_directory(directory, name)
            or any(name + suffix in files.entries(directory) for suffix in (".py", ".pyc"))
            or any(name + suffix in files.entries(directory) for suffix in EXTENSION_SUFFIXES)
        )

    def _look(self, name: str, last: str, directories: Sequence[str]) -> Location | None:
        namespace = list[str]()
        for directory in directories:
            inner = os.path.join(directory, last)
            if self._files.has_directory(directory, last):
                if self._files.has(inner, "__init__.py"):
                    return Location(name, os.path.join(inner, "__init__.py"), (inner,))
                namespace.append(inner)
            else:
                self._files.miss(os.path.join(inner, "__init__.py"))
            for suffix in (*EXTENSION_SUFFIXES, ".py"):
                if self._files.has(directory, last + suffix):
                    return Location(name, os.path.join(directory, last + suffix), ())
        return Location(name, namespace[0], tuple(namespace)) if namespace else None


def _editable(name: str, site: Sequence[str]) -> Location | None:
    """Finds a package that an editable install maps through an import hook; asks the hooks, imports nothing."""
    for hook in sys.meta_path:
        if not getattr(hook, "__module__", "").startswith("__editable__"):
            continue
        spec = hook.find_spec(name, None)
        if spec is None or spec.origin is None:
            continue
        if any(spec.origin.startswith(path + os.sep) for path in site):
            continue
        return Location(name, spec.origin, tuple(spec.submodule_search_locations or ()))
    return None
