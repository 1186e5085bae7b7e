"""Owns the example project and its copying; `.pivot` in it is the caller's to make."""

import os
from collections.abc import Iterator

from pivot_core.errors import StoreError, UsageError

_PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "project")
_MARK = os.path.join("data", "raw", "seattle-weather.csv")
"""Written first; a directory that holds it is a demo."""
_TEMPORARY = ".pivot-demo.tmp"
_NOT_THE_USERS = {".git", ".pivot", _TEMPORARY}


def create(directory: str) -> list[str]:
    """Writes the example project into ``directory`` and returns the files written, relative to it and sorted.

    In a directory that holds the demo already only files that are gone are written: the user's edits stay.
    Raises ``UsageError`` when other things lie there, ``StoreError`` when it cannot be written.
    """
    target = os.path.abspath(directory)
    try:
        _check(target, directory)
        wanted = sorted(_files(), key=lambda name: (name != _MARK, name))
        missing = [name for name in wanted if not os.path.lexists(os.path.join(target, name))]
        for name in missing:
            _copy(name, target)
    except OSError as error:
        raise StoreError(
            f"cannot write the demo: {error.strerror or error}",
            where=os.fspath(error.filename or target),
            hint="`pivot demo DIR` writes it somewhere else",
        ) from error
    return sorted(missing)


def _check(target: str, shown: str) -> None:
    if not os.path.lexists(target):
        return
    if not os.path.isdir(target):
        raise UsageError(f"'{shown}' is not a directory", hint="name one that is new or empty")
    is_free = _NOT_THE_USERS.issuperset(os.listdir(target))
    if not is_free and not os.path.isfile(os.path.join(target, _MARK)):
        raise UsageError(
            f"'{shown}' is not empty",
            where=target,
            hint="name a directory that is new, empty, or an earlier demo",
        )


def _files() -> Iterator[str]:
    for parent, folders, names in os.walk(_PROJECT):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            yield os.path.relpath(os.path.join(parent, name), _PROJECT)


def _copy(name: str, directory: str) -> None:
    """Copies by way of a temporary file, so that half a file of an interrupted copy is never kept."""
    target = os.path.join(directory, name)
    temporary = os.path.join(directory, _TEMPORARY)
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(_PROJECT, name), "rb") as original, open(temporary, "wb") as copy:
        copy.write(original.read())
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.replace(temporary, target)
