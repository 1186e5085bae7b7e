"""Owns where definitions are found: one of three files in a directory, the project's root or one below it."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pivot_core.errors import DefinitionError

NAMES = ("pivot.yaml", "pivot.yml", "pipeline.py")
GIT_IGNORE = ".gitignore"

MAX_DIRECTORIES = 5_000
"""So many directories are searched, those near the root first."""

_MARKS = frozenset((".git", ".pivot", "pyvenv.cfg"))
"""A directory with one of these is a repository, a project or an environment of its own."""
_LEFT_OUT = frozenset(("__pycache__", "node_modules"))
_MAKES_ONE = re.compile(rb"\bPipeline\s*\(")
_PACKAGE = re.compile(rb"\bpivot_core\b")


class Search(NamedTuple):
    """What a search of a project found."""

    definitions: tuple[str, ...]
    """Project-relative definition files, the root's first, then by directory."""
    directories: tuple[str, ...]
    """The absolute directories that were searched."""
    files: tuple[str, ...]
    """The absolute files besides that were read to tell: rules of git, and Python files that may be definitions."""


type Ignores = Callable[[str], Callable[[str, bool], bool]]
"""Reads the rules that a directory has; they tell of an absolute path, and whether it is a directory, if it counts."""


def search(root: str, ignores: Ignores) -> Search:
    """Looks for definition files in the project at ``root``, an absolute path, and in the directories below.

    Hidden directories, links, what ``ignores`` leaves out, environments, and repositories and projects inside this one
    are not searched. A ``pipeline.py`` below the root counts only when it makes a ``Pipeline``.
    """
    found, files = list[str](), list[str]()
    directories = list[str]()
    waiting = [(root, tuple[Callable[[str, bool], bool], ...]())]
    while waiting and len(directories) < MAX_DIRECTORIES:
        below = list[tuple[str, tuple[Callable[[str, bool], bool], ...]]]()
        for directory, rules in waiting[: MAX_DIRECTORIES - len(directories)]:
            entries = _entries(directory)
            names = {entry.name for entry in entries}
            if directory != root and not _MARKS.isdisjoint(names):
                continue
            directories.append(directory)
            if GIT_IGNORE in names:
                files.append(os.path.join(directory, GIT_IGNORE))
            if GIT_IGNORE in names or directory == root:
                rules = (*rules, ignores(directory))
            for name in filter(names.__contains__, NAMES):
                path = os.path.join(directory, name)
                is_sure = directory == root or not name.endswith(".py")
                if not is_sure:
                    files.append(path)
                if is_sure or _makes_pipeline(path):
                    found.append(path.removeprefix(root + os.sep))
            below += [
                (entry.path, rules)
                for entry in sorted(entries, key=lambda entry: entry.name)
                if _is_searched(entry) and not any(left_out(entry.path, True) for left_out in rules)
            ]
        waiting = below
    found.sort(key=lambda path: (os.path.dirname(path), NAMES.index(os.path.basename(path))))
    return Search(tuple(found), tuple(directories), tuple(files))


def check(definitions: Sequence[str], root: str) -> None:
    """Raises ``DefinitionError`` where there is no definition, or where a directory has more than one."""
    if not definitions:
        raise DefinitionError(
            "no pipeline is defined here",
            f"{root}: no {', '.join(NAMES[:-1])} or {NAMES[-1]}, nor in a directory below it",
            "write a pipeline.py (`pivot demo DIR` makes an example), or pass -C DIR",
        )
    errors = [_two(first, second) for first, second in _pairs(definitions)]
    if errors:
        raise DefinitionError(*errors[0].args, others=tuple(errors[1:]))


def home(definition: str) -> str:
    """Returns the project-relative directory of a definition file, ``""`` for the root."""
    return os.path.dirname(definition)


def _pairs(definitions: Sequence[str]) -> Iterable[tuple[str, str]]:
    first = dict[str, str]()
    for path in definitions:
        if (known := first.setdefault(home(path), path)) != path:
            yield known, path


def _two(first: str, second: str) -> DefinitionError:
    directory = home(first)
    names = [os.path.basename(path) for path in (first, second)]
    hint = (
        "rename pipeline.py (to stages.py, say) and let pivot.yaml point at its functions"
        if NAMES[-1] in names
        else f"keep one of them: {names[0]}"
    )
    where = f"{directory}/: {', '.join(names)}" if directory else ", ".join(names)
    return DefinitionError(f"two definition files: {' and '.join(names)}", where, hint)


def _entries(directory: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        return []


def _is_searched(entry: os.DirEntry[str]) -> bool:
    try:
        return (
            not entry.name.startswith(".")
            and entry.name not in _LEFT_OUT
            and entry.is_dir(follow_symlinks=False)
        )
    except OSError:
        return False


def _makes_pipeline(path: str) -> bool:
    """Tells a definition from any other module of that name."""
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError:
        return False
    return bool(_PACKAGE.search(source) and _MAKES_ONE.search(source))
