"""Owns tracked data: ``PATH.pvt`` beside a file or directory that no stage makes, with what it held.

The format is told in docs/formats.md. The file is committed, what it names is cached and shared like an output.
"""

import os
from collections.abc import Iterable, Iterator
from typing import cast

from pivot_core.errors import StoreError
from pivot_core.frozen import frozen
from pivot_core.model import ids
from pivot_core.model.artifact import Content, FileContent
from pivot_core.model.ids import ArtifactPath
from pivot_core.store import atomic, content, hashing, lockfile
from pivot_core.store.ignore import Ignore

SUFFIX = ".pvt"
SCHEMA = 1
_NEVER = (".git", ".pivot")


@frozen
class Tracked:
    """One file or directory, and what it held."""

    path: ArtifactPath
    content: Content


def record_path(path: str) -> str:
    """Returns where the record of an artifact lies."""
    return path.rstrip("/") + SUFFIX


def render(tracked: Tracked) -> bytes:
    """Returns the bytes of a record; equal contents give equal bytes."""
    name = tracked.path.rstrip("/").rpartition("/")[2] + ("/" if tracked.path.endswith("/") else "")
    head = [f"schema: {SCHEMA}", f"hash: {ids.HASH_ALGORITHM}", "tracked:"]
    return "\n".join([*head, *lockfile.artifact(name, tracked.content), ""]).encode()


def parse(data: bytes, path: str) -> Tracked:
    """Returns what the record at a project-relative path tells; raises ``StoreError`` for one that is not sound."""
    try:
        return _parse(data, path)
    except ValueError as error:
        hint = "take it from git again, or track the file anew"
        raise StoreError(f"'{path}' is not valid: {error}"[:300], path, hint) from error


def read(root: str, path: str) -> Tracked | None:
    """Returns what is recorded of an artifact; ``None`` where it is not tracked. Raises ``StoreError``."""
    record = record_path(path)
    try:
        with open(os.path.join(root, record), "rb") as file:
            data = file.read(lockfile.MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise hashing.read_error(error, record) from error
    return parse(data, record)


def write(root: str, tracked: Tracked, tmp_dir: str) -> None:
    """Puts the record of an artifact beside it; raises ``StoreError``."""
    atomic.write_file(
        os.path.join(root, record_path(tracked.path)), render(tracked), tmp_dir=tmp_dir
    )


def around(root: str, path: str) -> Tracked | None:
    """Returns what is tracked at a path, or at a directory around it."""
    for place in places(path):
        found = read(root, place)
        if found is not None and (place == path.rstrip("/") or found.path.endswith("/")):
            return found
    return None


def places(path: str) -> list[str]:
    """Returns a path and every directory around it."""
    parts = path.rstrip("/").split("/")
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]


def find(root: str, ignore: Ignore, *, below: str = "") -> list[Tracked]:
    """Returns everything that is tracked in the project, sorted by path, without entering what is tracked itself.

    Raises ``StoreError`` for a record that is not sound.
    """
    records = sorted(_records(root, ignore, below.rstrip("/")))
    found = [read(root, record.removesuffix(SUFFIX)) for record in records]
    return [each for each in found if each is not None]


def records(root: str) -> Iterator[bytes]:
    """Yields the bytes of every record in a project, sound or not; raises ``StoreError``."""
    for path in sorted(_records(root, Ignore(root, ()), "")):
        full = os.path.join(root, path)
        try:
            with open(full, "rb") as file:
                yield file.read()
        except OSError as error:
            raise hashing.read_error(error, full) from error


def _records(root: str, ignore: Ignore, directory: str) -> Iterator[str]:
    pending = [directory]
    while pending:
        here = pending.pop()
        names, directories = set[str](), list[str]()
        for entry in _entries(os.path.join(root, here)):
            if entry.name in _NEVER:
                continue
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry.name)
            elif entry.name.endswith(SUFFIX) and entry.name != SUFFIX:
                names.add(entry.name)
        prefix = f"{here}/" if here else ""
        yield from (prefix + name for name in names)
        pending.extend(
            prefix + name
            for name in directories
            if name + SUFFIX not in names and not ignore.matches(prefix + name, is_dir=True)
        )


def _entries(directory: str) -> Iterable["os.DirEntry[str]"]:
    try:
        with os.scandir(directory) as entries:
            return list(entries)
    except OSError:
        return ()  # it went, or nobody may look into it


def _parse(data: bytes, path: str) -> Tracked:
    from pivot_core import yaml12  # costs 15 ms, and most projects track nothing

    if len(data) > lockfile.MAX_BYTES:
        raise ValueError(f"larger than {lockfile.MAX_BYTES // 10**6} MB")
    try:
        top = yaml12.load(data, aliases=False, name=path)
    except yaml12.YamlError as error:
        raise ValueError(f"line {error.line}: {error.problem}") from error
    if not isinstance(top, dict) or top.keys() != {"schema", "hash", "tracked"}:
        raise ValueError("it has other keys than 'schema', 'hash' and 'tracked'")
    if top["schema"] != SCHEMA or top["hash"] != ids.HASH_ALGORITHM:
        raise ValueError(f"its schema is {top['schema']!r:.40}, its hashes are {top['hash']!r:.40}")
    if not isinstance(top["tracked"], dict) or len(top["tracked"]) != 1:
        raise ValueError("it does not track exactly one path")
    ((name, value),) = cast("dict[str, object]", top["tracked"]).items()
    held = content.from_json(value)
    place = path.removesuffix(SUFFIX)
    wanted = place.rpartition("/")[2] + ("" if isinstance(held, FileContent) else "/")
    if name != wanted:
        raise ValueError(f"it tracks '{name:.80}', and lies beside '{wanted:.80}'")
    return Tracked(ids.inside_project(place + ("/" if wanted.endswith("/") else "")), held)
