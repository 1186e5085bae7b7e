"""Owns what a plan rests on, and whether that is still as it was."""

import os
import platform
import sys
import sysconfig
from collections.abc import Mapping, Sequence, Set

from pivot_core.define.observe import module_names_hash, names_hash, value_hash
from pivot_core.define.reading import environment_hash, is_pattern
from pivot_core.errors import StoreError
from pivot_core.frozen import frozen
from pivot_core.model.fingerprint import Analysis, Reading
from pivot_core.model.stage import Stage
from pivot_core.store import hashing
from pivot_core.store.hashing import Signature

type FileRow = tuple[int, int, int, int, int, str, bool]
"""A file's signature and hash, and whether an equal signature proves an equal hash."""


@frozen
class Grounds:
    """A plan with all that it rests on, as the state keeps it; a front end never sees it."""

    version: str
    root: str
    """The project's: in a copy of it, the paths below lead to another one's files."""
    machine: Mapping[str, str]
    definitions: tuple[str, ...]
    """Every definition file of the project, relative to it."""
    files: Mapping[str, FileRow]
    absent: tuple[str, ...]
    directories: tuple[str, ...]
    listed: Mapping[str, str]
    searched: Mapping[str, str]
    sought: tuple[str, ...]
    """The directories' names that count in those that were ``searched``, sorted."""
    environment: Mapping[str, str | None]
    readings: tuple[Reading, ...]
    executed: tuple[str, ...]
    """The project modules that loading ran, by absolute path."""
    project: str
    stages: tuple[Stage, ...]
    analyses: tuple[Analysis, ...]
    """In the order of ``stages``."""
    counts_packages: bool
    """Whether the analyses count the versions of packages."""


def edited(grounds: Grounds) -> Sequence[str] | None:
    """Returns the files that have changed since a plan was made; ``None`` when anything else has."""
    sought = frozenset(grounds.sought)
    holds = (
        grounds.machine == machine()
        and environment_holds(grounds.environment)
        and not any(map(os.path.exists, grounds.absent))
        and all(map(os.path.isdir, grounds.directories))
        and all(names_hash(path) == digest for path, digest in grounds.listed.items())
        and all(
            module_names_hash(path, sought) == known for path, known in grounds.searched.items()
        )
    )
    if not holds:
        return None
    return [path for path, known in grounds.files.items() if not _file_holds(path, *known)]


def file_row(path: str, seen: Set[str], clock: int) -> FileRow | None:
    """Returns what is remembered of a file; ``None`` unless its content is what everybody has ``seen``."""
    try:
        sign = hashing.signature(path)
        found = hashing.hash_file(path)
    except StoreError:
        return None
    if sign is None or not seen <= {found.hash}:
        return None
    size, mtime, ctime, inode, device = sign
    return size, mtime, ctime, inode, device, found.hash, hashing.is_settled(sign, clock)


def machine() -> Mapping[str, str]:
    """Returns what the interpreter is and has installed; equal ones load a definition alike."""
    places = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    installed = list[str]()
    for place in places:
        try:
            installed.extend(
                name for name in os.listdir(place) if name.endswith((".dist-info", ".pth"))
            )
        except OSError:
            installed.append(f"no {place}")
    return {
        "interpreter": f"{sys.implementation.name} {platform.python_version()}",
        "prefix": sys.prefix,
        "path": value_hash(os.environ.get("PYTHONPATH", "")),
        "packages": value_hash("\0".join(sorted(installed))),
    }


def identity(variables: Sequence[str]) -> Mapping[str, str]:
    """Returns what must be equal for one engine to stand in for another: the machine, ``PIVOT_*``, ``variables``."""
    names = {name for name in os.environ if name.startswith("PIVOT_")}.union(variables)
    found = dict(machine())
    for name in names:
        if is_pattern(name):
            found[f"variable {name}"] = environment_hash(os.environ, name)
        else:
            value = os.environ.get(name)
            found[f"variable {name}"] = "unset" if value is None else value_hash(value)
    return found


def is_identity(known: Mapping[str, str]) -> bool:
    """Tells whether an engine with this identity loads definitions and runs stages as this process would."""
    prefix = "variable "
    names = [key.removeprefix(prefix) for key in known if key.startswith(prefix)]
    return dict(known) == dict(identity(names))


def credentials() -> str:
    """Returns a digest of what remotes are reached with: a transfer must not be done as somebody else."""
    import hashlib  # a secret's digest goes over the socket; this one gives nothing away

    given = sorted(item for item in os.environ.items() if item[0].startswith("AWS_"))
    return hashlib.sha256(repr(given).encode()).hexdigest()


def environment_holds(known: Mapping[str, str | None]) -> bool:
    """Tells whether the variables that a definition read have the values that it read."""
    for name, digest in known.items():
        if is_pattern(name):
            now = environment_hash(os.environ, name)
        else:
            value = os.environ.get(name)
            now = None if value is None else value_hash(value)
        if now != digest:
            return False
    return True


def _file_holds(
    path: str,
    size: int,
    mtime_ns: int,
    ctime_ns: int,
    inode: int,
    device: int,
    digest: str,
    is_settled: bool,
) -> bool:
    try:
        sign = hashing.signature(path)
        if sign is None:
            return False
        if is_settled and sign == Signature(size, mtime_ns, ctime_ns, inode, device):
            return True
        return hashing.hash_file(path).hash == digest
    except StoreError:
        return False
