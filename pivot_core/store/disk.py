"""Owns what a file system is like: its kind, its clock, its room, and which links it can make; each tried for real."""

import contextlib
import fcntl
import os
import shutil
import sys
import time
from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.store import atomic, hashing
from pivot_core.store.cache import FICLONE

_MOUNTS = "/proc/self/mountinfo"
_LOOK_S = 0.05
_STEPS = 3
_NETWORK = frozenset(
    (
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "afs",
            "9p",
            "ceph",
            "glusterfs",
            "lustre",
            "gpfs",
        ),
        *("beegfs", "orangefs", "ocfs2", "gfs2", "fuse.sshfs", "fuse.s3fs", "fuse.rclone"),
        *("fuse.glusterfs", "fuse.juicefs", "fuse.ceph", "fuse.gcsfuse", "fuse.mount-s3"),
    )
)


class Nature(Enum):
    """What matters of a kind of file system."""

    LOCAL = "local"
    NETWORK = "network"
    """Other machines write it too, and nothing tells of that."""
    MEMORY = "memory"
    """Gone with the machine's power."""
    LAYERED = "layered"
    """A container's: gone with the container."""
    UNKNOWN = "unknown"


@frozen
class FileSystem:
    """The file system that a path lies on."""

    kind: str
    """As the kernel calls it; empty where it does not tell."""
    nature: Nature
    mount: str


@frozen
class Room:
    """What is free for this user."""

    free_bytes: int
    total_bytes: int
    free_inodes: int | None
    """``None`` where the file system does not count them."""


@frozen
class Clock:
    """How a file system tells time."""

    step_ns: int | None
    """How far two times of changes are apart at least; ``None``: further than was waited for."""
    has_whole_seconds: bool
    ahead_s: float
    """Of this machine's clock."""


def file_system(path: str) -> FileSystem:
    """Returns the file system of a path, or of what is nearest above it."""
    there = os.path.realpath(path)
    while not os.path.exists(there):
        there = os.path.dirname(there)
    found = FileSystem("", Nature.UNKNOWN, "")
    with contextlib.suppress(OSError), open(_MOUNTS, encoding="utf-8", errors="replace") as file:
        for line in file:
            head, _, tail = line.partition(" - ")
            mount = head.split(" ")[4].replace("\\040", " ").rstrip("/")
            # A later mount hides an earlier one at the same place.
            is_above = f"{there}/".startswith(f"{mount}/")
            if is_above and len(mount) >= len(found.mount):
                kind = tail.split(" ")[0]
                found = FileSystem(kind, _nature(kind), mount)
    return FileSystem(found.kind, found.nature, found.mount or "/") if found.kind else found


def room(path: str) -> Room:
    """Returns what is free where a path lies; raises ``OSError``."""
    usage, counts = shutil.disk_usage(path), os.statvfs(path)
    return Room(usage.free, usage.total, counts.f_favail if counts.f_files else None)


def clock(directory: str) -> Clock:
    """Watches the time that a file gets in a directory; raises ``OSError`` when nothing can be written."""
    began = time.monotonic()
    first = last = hashing.fs_clock_ns(directory)
    ahead_s = first / 1e9 - time.time()
    steps = list[int]()
    while len(steps) < _STEPS and time.monotonic() - began < _LOOK_S:
        now = hashing.fs_clock_ns(directory)
        if now != last:
            steps.append(now - last)
            last = now
    os.unlink(f"{directory}/.clock")
    whole = first % 1_000_000_000 == 0 and last % 1_000_000_000 == 0
    return Clock(min(steps, default=None), whole, ahead_s)


def links(source: str, target: str) -> dict[str, str]:
    """Tries each way of linking from one directory to another.

    Returns what the system said against it, by way; nothing where it works. Raises ``OSError`` when nothing
    can be written.
    """
    given, made = atomic.tmp_name(source), atomic.tmp_name(target)
    found = dict[str, str]()
    os.makedirs(source, exist_ok=True)
    os.makedirs(target, exist_ok=True)
    with open(given, "wb") as file:
        file.write(b"pivot")
    try:
        for way, make in (("reflink", _clone), ("hardlink", os.link), ("symlink", os.symlink)):
            found[way] = ""
            try:
                make(given, made)
            except OSError as error:
                found[way] = (error.strerror or str(error)).lower()
            with contextlib.suppress(OSError):
                os.unlink(made)
    finally:
        os.unlink(given)
    return found


def _clone(source: str, target: str) -> None:
    if sys.platform != "linux":
        raise OSError("not tried on this system")
    with open(source, "rb") as given, open(target, "wb") as made:
        fcntl.ioctl(made, FICLONE, given.fileno())


def _nature(kind: str) -> Nature:
    if kind in _NETWORK:
        return Nature.NETWORK
    if kind in ("tmpfs", "ramfs"):
        return Nature.MEMORY
    if kind in ("overlay", "aufs", "fuse.fuse-overlayfs"):
        return Nature.LAYERED
    return Nature.LOCAL
