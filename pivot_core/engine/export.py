"""Owns bringing back artifacts as of a revision: copies, checked by their hash, that overwrite nothing unasked."""

import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator
from typing import BinaryIO

from pivot_core.engine.opener import Opener
from pivot_core.engine.revision import Lying, Revision, Source, Stored
from pivot_core.errors import StoreError, UsageError
from pivot_core.frozen import frozen
from pivot_core.model import suggestion
from pivot_core.model.ids import StageName
from pivot_core.port.results import Copy
from pivot_core.store import atomic, hashing
from pivot_core.store.cache import copy_descriptor
from pivot_core.store.layout import Layout
from pivot_core.store.repository import Blob

GIT = "git"


@frozen
class _Wanted:
    path: str
    source: Source
    to: str
    """Absolute."""


def export(
    here: Layout, revision: Revision, opener: Opener, target: str, to: str | None, *, force: bool
) -> Iterator[Copy]:
    """Yields each file once it is in place: under ``to``, else where it belongs in the project.

    A target is a stage of the revision, with all its outs, or a path. Raises ``UsageError`` for one that is not known
    and, before anything is written, for files in the way that hold something else, unless ``force`` is given.
    """
    outs = _outs(revision, target)
    found = dict[str, Source]()
    for path in outs or [target]:
        held = revision.sources(path)
        if not held:
            otherwise = "`pivot history` and `git log` tell what there was"
            hint = suggestion.hint(target, {*revision.made, *revision.outs()}, otherwise)
            raise UsageError(f"nothing is known of '{path}' in {revision.name}", hint=hint)
        found.update(held)
    for path, source in found.items():
        if isinstance(source, Blob) and source.is_link:
            raise UsageError(f"'{path}' is a symbolic link in {revision.name}", "", "name a file")
    opener.prepare(found.values())
    wanted = list(_places(here, found, "" if outs else target.rstrip("/"), to))
    same = {each.to for each in wanted if _is_same(opener, each)}
    if not force:
        _refuse(here, [each.to for each in wanted if each.to not in same])
    for each in wanted:
        if each.to not in same:
            if to is None:
                _check_inside(here, each.to)
            _put(opener, each)
        size = os.stat(each.to).st_size
        yield Copy(each.path, each.to, size, _origin(each.source), each.to not in same)


def open_one(revision: Revision, opener: Opener, target: str) -> BinaryIO:
    """Opens a single file; raises ``UsageError`` for anything else."""
    found = revision.sources(target)
    if list(found) != [target.rstrip("/")] or _outs(revision, target):
        hint = "`-o DIR` writes several files"
        raise UsageError(f"'{target}' is not one file in {revision.name}", "", hint)
    opener.prepare(found.values())
    return opener.open(target, next(iter(found.values())))


def tell_apart(
    revision: Revision, opener: Opener, paths: Container[str], say: Callable[[str], None]
) -> None:
    """Says which files git has with other bytes than the lock file of the same commit names."""
    for each in revision.made.values():
        for out, held in each.outs.items():
            source = revision.sources(out).get(out) if out in paths else None
            if isinstance(source, Blob) and opener.digest(out, source) != held.hash:
                say(
                    f"note: the lock file of '{each.stage}' names other bytes of '{out}' than git has"
                )


def _outs(revision: Revision, target: str) -> list[str]:
    """Returns the outs of the stage, or of all variants of one, that a target names."""
    if revision.sources(target):
        return []
    stages = [name for name in revision.made if name == target or name.startswith(f"{target}@")]
    return [out for name in stages for out in revision.made[StageName(name)].outs]


def _places(here: Layout, found: dict[str, Source], top: str, to: str | None) -> Iterator[_Wanted]:
    """Yields each file with its place; ``top`` is the path that was asked for, empty for a stage."""
    for path, source in found.items():
        if to is None:
            place = f"{here.root}/{path}"
        elif path == top and not os.path.isdir(to):
            place = os.path.abspath(to)
        elif path == top:
            place = os.path.join(os.path.abspath(to), os.path.basename(path))
        else:
            inside = path.removeprefix(f"{top}/") if top else path
            place = os.path.join(os.path.abspath(to), inside)
        yield _Wanted(path, source, place)


def _refuse(here: Layout, places: Iterable[str]) -> None:
    taken = [place for place in places if os.path.lexists(place)]
    if taken:
        more = f" and {len(taken) - 1} more" if len(taken) > 1 else ""
        shown = taken[0].removeprefix(f"{here.root}/")
        raise UsageError(
            f"'{shown}'{more} would be overwritten",
            "",
            "`--force` overwrites, `-o PATH` writes somewhere else",
        )


def _is_same(opener: Opener, each: _Wanted) -> bool:
    if not os.path.isfile(each.to) or os.path.islink(each.to):
        return False
    return hashing.hash_file(each.to).hash == opener.digest(each.path, each.source)


def _check_inside(here: Layout, place: str) -> None:
    """Raises ``StoreError`` for a place that a symbolic link leads out of the project."""
    parent = os.path.realpath(os.path.dirname(place))
    if parent != here.root and not parent.startswith(f"{here.root}/"):
        raise StoreError(f"'{place}' leads out of the project", parent, "use `-o PATH`")


def _put(opener: Opener, each: _Wanted) -> None:
    """Copies a file to its place by way of a temporary one beside it, and checks on the way what is copied."""
    tmp = atomic.tmp_name(os.path.dirname(each.to))
    try:
        if os.path.isdir(each.to) and not os.path.islink(each.to):
            raise UsageError(f"'{each.to}' is a directory", "", "name another place with `-o PATH`")
        with opener.open(each.path, each.source) as file:
            target = atomic.create(tmp, 0o755 if _is_executable(each.source) else 0o644)
            try:
                _copy(file, target, each)
            finally:
                os.close(target)
        atomic.publish(tmp, each.to)
    except OSError as error:
        raise atomic.store_error(error, "write", each.to) from error
    finally:
        atomic.remove(tmp)


def _copy(file: BinaryIO, target: int, each: _Wanted) -> None:
    if not isinstance(each.source, Stored | Lying):
        while data := file.read(hashing.BLOCK):
            atomic.write_all(target, data)
        return
    size = os.fstat(file.fileno()).st_size
    digest = copy_descriptor(file.fileno(), target, size)
    if isinstance(each.source, Stored) and digest != each.source.content.hash:
        raise StoreError(
            f"the bytes of '{each.path}' are not what their name says", "", "run it again"
        )


def _is_executable(source: Source) -> bool:
    match source:
        case Stored(file):
            return file.executable
        case Blob():
            return source.is_executable
        case Lying(path):
            return bool(os.stat(path).st_mode & stat.S_IXUSR)


def _origin(source: Source) -> str:
    match source:
        case Stored():
            return "store"
        case Blob():
            return GIT
        case Lying():
            return "workspace"
