"""Owns what a watching engine listens for: which paths count for a plan, and in which directories they lie.

What a stage makes does not count, so that no run is its own cause; nor do the interpreter's own directories. A path
that is not there counts by the directories above it. While a definition cannot be loaded nothing tells what it will
need: then every source and settings file of the project counts.
"""

import functools
import os
import sysconfig
from collections import deque
from collections.abc import Collection, Iterator

from pivot_core.define.discover import NAMES
from pivot_core.define.observe import is_module_name
from pivot_core.engine import loading
from pivot_core.engine.grounds import Grounds
from pivot_core.engine.notify import Kind
from pivot_core.engine.plan import Plan
from pivot_core.errors import StoreError
from pivot_core.frozen import frozen
from pivot_core.store import config, hashing, ignore
from pivot_core.store.config import Scope
from pivot_core.store.ignore import Ignore

_SOURCES = (".py", ".pyi", ".yaml", ".yml", ".toml", ".json", ".so")
_LOOSE_MAX = 5_000
"""Directories that are listened to at most while nothing tells which ones count."""
_APART = frozenset({".git", ".pivot", "__pycache__", "node_modules"})


@frozen
class Watched:
    """What counts; all paths are absolute."""

    root: str
    ignore: Ignore
    files: frozenset[str]
    """There or not."""
    trees: frozenset[str]
    """Directories of which every file counts."""
    listed: frozenset[str]
    """Directories of which every name counts."""
    searched: frozenset[str]
    """Directories of which the modules' names count."""
    places: frozenset[str]
    """Directories in which a definition may appear."""
    made: frozenset[str]
    """What stages write."""
    holders: frozenset[str]
    """Directories above that."""
    is_loose: bool
    """Whether every source of the project counts."""
    above: frozenset[str]
    """Directories in which something counts or would, were it there."""

    @staticmethod
    def of(
        root: str, rules: Ignore, plan: Plan | None, grounds: Grounds | None, *, is_broken: bool
    ) -> "Watched":
        """Returns what counts for a plan and what it rests on, as far as they are known."""
        files = {os.path.join(root, name) for name in (*NAMES, ignore.FILE_NAME)}
        files.update(config.path_of(root, scope) for scope in (Scope.PROJECT, Scope.LOCAL))
        trees, made, listed, searched = set[str](), set[str](), set[str](), set[str]()
        if plan is not None:
            files.update(plan.code, plan.executed)
            stages = plan.graph.stages.values()
            made = {_full(root, path) for stage in stages for path in stage.out_paths}
            for path in {path for stage in stages for path in stage.dep_paths}:
                full = _full(root, path)
                if not _lies_in(full, made):
                    place = trees if path.endswith("/") else files
                    place.update((full, os.path.realpath(full)))
        if grounds is not None:
            files.update(grounds.files, grounds.absent, grounds.directories)
            listed.update(grounds.listed)
            searched.update(grounds.searched)
        files, listed, searched = (
            set(filter(_is_ours, each)) for each in (files, listed, searched)
        )
        places = {os.path.dirname(path) for path in (*files, *trees)} | listed | searched
        return Watched(
            root,
            rules,
            frozenset(files),
            frozenset(trees),
            frozenset(listed),
            frozenset(searched),
            frozenset(loading.search(root).directories),
            frozenset(made),
            frozenset(above for path in made for above in _upward(os.path.dirname(path), root)),
            is_broken or grounds is None,
            frozenset(above for path in places for above in _upward(path, root)),
        )

    def directories(self) -> frozenset[str]:
        """Returns the directories to listen to, all of which were there just now."""
        wanted = {os.path.dirname(path) for path in (*self.files, *self.trees)}
        wanted.update(self.listed, self.searched, self.places)
        for path in self.trees:
            try:
                wanted.update(hashing.directories(path, self.ignore))
            except StoreError:
                wanted.add(path)  # not there, or not to be listed
        if self.is_loose:
            wanted.update(_below(self.root))
        found = set[str]()
        for path in wanted:
            there = path
            while not os.path.isdir(there):
                there = os.path.dirname(there)
            found.update(_upward(there, self.root))
        return frozenset(found)

    def counts(self, kind: int, path: str) -> bool:
        """Tells whether what happened to a path can change what must run."""
        if _lies_in(path, self.made):
            return False
        if path in self.files:
            return True
        directory, name = os.path.split(path)
        if directory in self.places and self._is_place(kind, path, name):
            return True
        if kind != Kind.MODIFIED and (
            path in self.above
            or path in self.trees
            or directory in self.listed
            or (directory in self.searched and is_module_name(name))
        ):
            return True
        if _APART.intersection(path[len(self.root) :].split("/")):
            return False
        if self.is_loose and path.startswith(f"{self.root}/") and _is_source(kind, path):
            return True
        return _lies_in(path, self.trees) and not self._is_ignored(path)

    def _is_place(self, kind: int, path: str, name: str) -> bool:
        """Tells whether a name tells of definitions: it is one, or may hold some. Runs write Git's rules themselves."""
        if name in NAMES:
            return True
        is_hidden = name.startswith(".")
        return (
            kind == Kind.ADDED
            and not is_hidden
            and path not in self.holders
            and os.path.isdir(path)
        )

    def _is_ignored(self, path: str) -> bool:
        inside = path.removeprefix(f"{self.root}/")
        return inside != path and self.ignore.matches(inside)


def _full(root: str, path: str) -> str:
    return os.path.normpath(os.path.join(root, path))


def _lies_in(path: str, places: Collection[str]) -> bool:
    """Tells whether a path is one of some places, or lies below one."""
    while path not in places:
        above: str = os.path.dirname(path)
        if above == path:
            return False
        path = above
    return True


def _upward(path: str, root: str) -> Iterator[str]:
    """Yields a directory and those above it, up to the project's root; one above it where it lies outside."""
    yield path
    if path.startswith(f"{root}/"):
        while path != root:
            path = os.path.dirname(path)
            yield path
    elif path != root:
        yield os.path.dirname(path)


def _below(root: str) -> Iterator[str]:
    """Yields the project's directories that may hold sources, those near the root first."""
    waiting, count = deque([root]), 0
    while waiting and count < _LOOSE_MAX:
        directory = waiting.popleft()
        try:
            entries = list(os.scandir(directory))
        except OSError:
            continue
        if any(entry.name == "pyvenv.cfg" for entry in entries):
            continue
        count += 1
        yield directory
        waiting.extend(
            entry.path
            for entry in entries
            if entry.name not in _APART and entry.is_dir(follow_symlinks=False)
        )


def _is_source(kind: int, path: str) -> bool:
    return path.endswith(_SOURCES) or (kind == Kind.ADDED and os.path.isdir(path))


def _is_ours(path: str) -> bool:
    return not path.startswith(_interpreter())


@functools.cache
def _interpreter() -> tuple[str, ...]:
    """Returns the directories that change with the interpreter and what is installed for it alone."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple(f"{sysconfig.get_path(name)}" for name in names)
