"""Owns reaching a place in the project for writing without following a symbolic link out of it.

Every directory on the way is opened from its parent's descriptor with ``O_NOFOLLOW``, so that not even a link that is
swapped in at the last moment leads a write outside the project.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Generator

from pivot_core.errors import StoreError
from pivot_core.frozen import frozen
from pivot_core.model import ids
from pivot_core.model.ids import ArtifactPath

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NOFOLLOW = _DIRECTORY | os.O_NOFOLLOW


@frozen
class Place:
    """A name in a directory that is held open; valid inside the ``with`` block of `opened`."""

    fd: int
    name: str
    path: str
    """The absolute path, for messages."""

    def look(self) -> os.stat_result | None:
        """Returns the stat of what lies there, a link not followed; ``None`` when nothing does."""
        try:
            return os.stat(self.name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def clear(self) -> None:
        """Removes whatever lies there, a directory with all that is in it; links are not followed."""
        found = self.look()
        if found is None:
            return
        if stat.S_ISDIR(found.st_mode):
            _remove_directory(self.fd, self.name)
        else:
            os.unlink(self.name, dir_fd=self.fd)


@contextlib.contextmanager
def opened(root: str, path: ArtifactPath, *, create: bool) -> Generator[Place | None]:
    """Opens the directory that holds ``path`` and yields the place.

    With ``create`` missing directories are made; without it the place is ``None`` when a directory is missing. Raises
    ``StoreError`` for a path that leads out of the project, as it is written or through a link, and ``OSError``.
    """
    try:
        parts = ids.inside_project(path).removesuffix("/").split("/")
    except ValueError as error:
        raise StoreError(f"refusing to write outside the project: {error}", repr(path)) from error
    absolute = f"{root}/{'/'.join(parts)}"
    fd = os.open(root, _DIRECTORY)
    try:
        for part in parts[:-1]:
            below = _step(fd, part, absolute, create=create)
            os.close(fd)
            fd = below
            if fd < 0:
                yield None
                return
        yield Place(fd, parts[-1], absolute)
    finally:
        if fd >= 0:
            os.close(fd)


def open_directory(place: Place) -> int:
    """Opens, and makes when missing, the directory at ``place``; anything else there is removed.

    A symbolic link that leads to a directory is refused: it may lead out of the project. Raises ``StoreError``,
    ``OSError``.
    """
    found = place.look()
    if found is not None and stat.S_ISLNK(found.st_mode) and os.path.isdir(place.path):
        raise _through_link(place.path, place.path)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        os.unlink(place.name, dir_fd=place.fd)
    with contextlib.suppress(FileExistsError):
        os.mkdir(place.name, dir_fd=place.fd)
    return os.open(place.name, _NOFOLLOW, dir_fd=place.fd)


def descend(fd: int, name: str) -> int:
    """Opens a directory below one that belongs to an artifact; a file or link in its way is replaced."""
    for _ in range(3):
        try:
            return os.open(name, _NOFOLLOW, dir_fd=fd)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, dir_fd=fd)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            os.unlink(name, dir_fd=fd)
    return os.open(name, _NOFOLLOW, dir_fd=fd)


def remove_tree(path: str) -> None:
    """Removes a file or directory of ours, when there is one, without following links; raises ``OSError``."""
    try:
        fd = os.open(os.path.dirname(path), _DIRECTORY)
    except FileNotFoundError:
        return
    try:
        Place(fd, os.path.basename(path), path).clear()
    finally:
        os.close(fd)


def _step(fd: int, part: str, absolute: str, *, create: bool) -> int:
    """Opens one directory of the way; -1 when it is missing and not to be made."""
    try:
        return os.open(part, _NOFOLLOW, dir_fd=fd)
    except FileNotFoundError:
        if not create:
            return -1
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        if stat.S_ISLNK(os.stat(part, dir_fd=fd, follow_symlinks=False).st_mode):
            raise _through_link(absolute, part) from error
        raise
    with contextlib.suppress(FileExistsError):
        os.mkdir(part, dir_fd=fd)
    return os.open(part, _NOFOLLOW, dir_fd=fd)


def _through_link(path: str, part: str) -> StoreError:
    return StoreError(
        f"refusing to write '{path}' through the symbolic link '{part}'",
        path,
        "replace the link by a directory, or declare another path",
    )


def _remove_directory(fd: int, name: str) -> None:
    """Removes a directory tree from the bottom up without following links."""
    inner = os.open(name, _NOFOLLOW, dir_fd=fd)
    try:
        with os.scandir(inner) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for entry_name, is_dir in found:
            if is_dir:
                _remove_directory(inner, entry_name)
            else:
                os.unlink(entry_name, dir_fd=inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=fd)
