"""Owns moving a stage's old outs out of its way, and putting them back when it fails or the engine dies.

``.pivot/aside/<key>/`` holds ``manifest.json``, written first, and the outs named by their index in it. When the stage
succeeded the directory is dropped.
"""

import contextlib
import errno
import json
import os
from typing import TypedDict, cast

from pivot_core.errors import StoreError
from pivot_core.frozen import frozen
from pivot_core.model import ids
from pivot_core.model.ids import ArtifactPath
from pivot_core.store import atomic, place
from pivot_core.store import layout as layouts
from pivot_core.store.layout import Layout
from pivot_core.store.place import Place

_MANIFEST = "manifest.json"


class Manifest(TypedDict):
    """What ``manifest.json`` holds."""

    schema: int
    places: list[str]
    """The artifact path of each out; the out itself lies beside the manifest under its index."""


@frozen
class Moved:
    """The outs of one attempt, and which of them were moved aside."""

    layout: Layout
    directory: str
    paths: tuple[ArtifactPath, ...]
    """All outs that the attempt may write."""
    places: tuple[ArtifactPath, ...]
    """Those that were there before, in the order of their names in ``directory``."""

    def location(self, path: ArtifactPath) -> str | None:
        """Returns where an old out lies now; ``None`` when there was none."""
        return f"{self.directory}/{self.places.index(path)}" if path in self.places else None


def move_aside(layout: Layout, key: str, paths: list[ArtifactPath]) -> Moved:
    """Moves what lies at ``paths`` aside under ``key``, which no live stage may share; makes nothing when nothing does.

    Raises ``StoreError``; what was moved until then has been put back.
    """
    directory = f"{layout.aside_dir}/{layouts.encode(key)}"
    there = tuple([path for path in paths if os.path.lexists(layout.absolute(path))])
    moved = Moved(layout, directory, tuple(paths), there)
    if not there:
        return moved
    try:
        try:
            os.mkdir(directory, 0o700)
        except FileNotFoundError:
            os.makedirs(directory, mode=0o700)
    except OSError as error:
        raise atomic.store_error(error, "make", directory) from error
    try:
        _write_manifest(directory, Manifest(schema=1, places=list(there)))
        for index, path in enumerate(there):
            atomic.point("move aside")
            with place.opened(layout.root, path, create=False) as source:
                if source is not None:
                    _move(source, f"{directory}/{index}")
    except OSError as error:
        put_back(moved)
        raise atomic.store_error(error, "move the old output aside to", directory) from error
    except StoreError:
        put_back(moved)
        raise
    atomic.passed("moved aside")
    return moved


def put_back(moved: Moved) -> None:
    """Puts the old outs back; what the failed attempt left at any out's place is removed. Raises ``StoreError``."""
    for path in moved.paths:
        if path not in moved.places and os.path.lexists(moved.layout.absolute(path)):
            try:
                with place.opened(moved.layout.root, path, create=False) as target:
                    if target is not None:
                        target.clear()
            except OSError as error:
                raise atomic.store_error(error, "remove", moved.layout.absolute(path)) from error
    if moved.places:
        _put_back(moved, replace=True)


def drop(moved: Moved) -> None:
    """Removes the old outs for good; what cannot be removed is left to the next sweep."""
    if not moved.places:
        return
    with contextlib.suppress(OSError):
        os.unlink(f"{moved.directory}/{_MANIFEST}")
    try:
        for index in range(len(moved.places)):
            os.unlink(f"{moved.directory}/{index}")
        os.rmdir(moved.directory)
    except OSError:
        # A directory is among them.
        with contextlib.suppress(OSError):
            place.remove_tree(moved.directory)


def sweep(layout: Layout) -> None:
    """Cleans up after an engine that died: an old out returns to its place where that is empty, else it goes.

    Only the owner of the engine lock may. Raises ``StoreError``.
    """
    try:
        keys = os.listdir(layout.aside_dir)
    except FileNotFoundError:
        return
    except OSError as error:
        raise atomic.store_error(error, "read", layout.aside_dir) from error
    for key in keys:
        directory = f"{layout.aside_dir}/{key}"
        places = _read_places(directory)
        _put_back(Moved(layout, directory, places, places), replace=False)


def _put_back(moved: Moved, *, replace: bool) -> None:
    for index, path in enumerate(moved.places):
        kept = f"{moved.directory}/{index}"
        if not os.path.lexists(kept):
            continue
        try:
            atomic.point("put back")
            with place.opened(moved.layout.root, path, create=True) as target:
                if target is None:
                    continue
                if replace:
                    target.clear()
                if target.look() is None:
                    _move_back(kept, target)
        except OSError as error:
            raise atomic.store_error(error, "put back", moved.layout.absolute(path)) from error
    with contextlib.suppress(OSError):
        place.remove_tree(moved.directory)


def _move(source: Place, target: str) -> None:
    try:
        os.rename(source.name, target, src_dir_fd=source.fd)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source.path, target)
        source.clear()


def _move_back(kept: str, target: Place) -> None:
    try:
        os.rename(kept, target.name, dst_dir_fd=target.fd)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(kept, target.path)


def _copy(source: str, target: str) -> None:
    import shutil  # only where an out lies on another file system

    if os.path.isdir(source) and not os.path.islink(source):
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _write_manifest(directory: str, manifest: Manifest) -> None:
    """Writes the manifest of outs that are all still in place: a torn one names nothing, and nothing is lost."""
    atomic.point("aside manifest")
    fd = atomic.create(f"{directory}/{_MANIFEST}", 0o600)
    try:
        atomic.write_all(fd, json.dumps(manifest).encode())
    finally:
        os.close(fd)


def _read_places(directory: str) -> tuple[ArtifactPath, ...]:
    """Reads a manifest; one that cannot be believed names nothing, so that nothing is put anywhere."""
    try:
        with open(f"{directory}/{_MANIFEST}", "rb") as file:
            manifest = cast("object", json.loads(file.read()))
        if not isinstance(manifest, dict):
            return ()
        places = cast("dict[str, object]", manifest)["places"]
        if not isinstance(places, list):
            return ()
        return tuple([ids.inside_project(item) for item in cast("list[object]", places)])
    except (OSError, ValueError, KeyError, RecursionError):
        return ()
