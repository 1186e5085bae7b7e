"""Owns where a project of DVC keeps its things: definitions, tracked data, cache and remotes."""

import configparser
import os
import posixpath
from collections.abc import Iterator, Mapping

from pivot_core.dvc import definition
from pivot_core.dvc.dvc_lock import SUFFIX, Entry, entry_of
from pivot_core.errors import UsageError
from pivot_core.frozen import frozen
from pivot_core.model.ids import Json

_APART = frozenset({".git", ".dvc", ".pivot", "node_modules", "__pycache__", ".venv"})


@frozen
class TrackedData:
    """What one ``.dvc`` file records."""

    file: str
    """The ``.dvc`` file, relative to the project."""
    path: str
    """The data, relative to the project."""
    entry: Entry
    line: int
    origin: str
    """Where DVC has it from; empty for what was added here."""


class DvcProject:
    """A directory with ``.dvc/``, and what lies below."""

    def __init__(self, root: str) -> None:
        """``root`` is absolute. Raises ``UsageError`` where there is no project."""
        self.root: str = root
        self._own: str = os.path.join(root, ".dvc")
        if not os.path.isdir(self._own):
            hint = "name the directory that holds `.dvc/`"
            raise UsageError("no project of DVC", root, hint)
        self._settings: Mapping[str, Mapping[str, str]] = self._read_settings()
        self.homes: list[str] = []
        """The directories with a ``dvc.yaml``, relative to the root."""
        self._records: list[str] = []
        for directory, inner, names in os.walk(root):
            inner[:] = sorted(name for name in inner if name not in _APART)
            home = os.path.relpath(directory, root)
            home = "" if home == "." else home
            if definition.FILE in names:
                self.homes.append(home)
            self._records += [
                posixpath.join(home, name)
                for name in sorted(names)
                if name.endswith(SUFFIX) and name != SUFFIX
            ]

    @property
    def cache(self) -> str:
        """The absolute directory of the cache."""
        given = self._settings.get("cache", {}).get("dir", "cache")
        return os.path.normpath(os.path.join(self._own, given))

    def tracked(self) -> Iterator[TrackedData]:
        """Yields what the ``.dvc`` files record; raises ``DefinitionError`` for one that cannot be read."""
        for file in self._records:
            document = definition.parse(self.root, file)
            data = document.value if isinstance(document.value, dict) else {}
            where = data.get("wdir", ".")
            base = posixpath.join(posixpath.dirname(file), where if isinstance(where, str) else ".")
            deps, outs = data.get("deps"), data.get("outs")
            origin = ""
            for dep in deps if isinstance(deps, list) else []:
                if isinstance(dep, dict):
                    origin = _origin(dep)
            for index, out in enumerate(outs if isinstance(outs, list) else []):
                entry = entry_of(out)
                if entry is not None:
                    whole = posixpath.normpath(posixpath.join(base, entry["path"]))
                    line = document.line(("outs", index, "path"))
                    yield TrackedData(file, whole, entry, line, origin)

    def remotes(self) -> Mapping[str, str]:
        """Returns the URL of each remote, or its absolute directory; the default one first."""
        found = dict[str, str]()
        for section, values in self._settings.items():
            kind, _, name = section.partition(" ")
            if kind == "remote" and "url" in values:
                url = values["url"]
                is_place = "://" not in url
                place = os.path.normpath(os.path.join(self._own, url)) if is_place else url
                found[name.strip('"')] = place
        default = self._settings.get("core", {}).get("remote", "")
        return dict(sorted(found.items(), key=lambda item: item[0] != default))

    def remote_line(self, name: str) -> int:
        """Returns the line of the shared settings where a remote stands; 1 for one of this machine."""
        with open(os.path.join(self._own, "config"), encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if f'remote "{name}"' in line:
                    return number
        return 1

    def _read_settings(self) -> Mapping[str, Mapping[str, str]]:
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        for name in ("config", "config.local"):
            try:
                parser.read(os.path.join(self._own, name))
            except configparser.Error:
                continue  # DVC itself says what is wrong with it
        return {name.strip("'"): dict(parser[name]) for name in parser.sections()}


def _origin(dep: Mapping[str, Json]) -> str:
    repository = dep.get("repo")
    url = repository.get("url") if isinstance(repository, dict) else dep.get("path")
    return url if isinstance(url, str) else "elsewhere"
