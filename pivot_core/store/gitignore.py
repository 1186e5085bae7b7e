"""Owns the lines that keep cached outs and Pivot's own files out of git; other lines stay the user's."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence

from pivot_core.errors import StoreError
from pivot_core.model.ids import ArtifactPath
from pivot_core.store import atomic

_BEGIN = "# >>> pivot: outputs kept by its cache"
_BEGIN_TRACKED = "# >>> pivot: tracked data"
_END = "# <<< pivot"
_OWN = """\
# Only settings, locks and this file are shared; everything else here belongs to this machine.
/*
!/.gitignore
!/config.yaml
!/stages/
/stages/*
!/stages/*.lock
"""


def init_gitignore(pivot_dir: str, *, force: bool = False) -> bool:
    """Writes ``.pivot/.gitignore`` when it is missing (or anyway); returns whether it did. Raises ``StoreError``."""
    path = f"{pivot_dir}/.gitignore"
    if os.path.lexists(path) and not force:
        return False
    atomic.write_file(path, _OWN.encode())
    return True


def ignore_outs(root: str, paths: Iterable[ArtifactPath]) -> list[str]:
    """Names the cached outs ``paths``, all of the project, in the ``.gitignore`` beside each of them.

    Files that need no change are not written, and none is made in a directory that does not exist. Returns the files
    that were written. Raises ``StoreError``.
    """
    wanted = dict[str, set[str]]()
    for path in paths:
        wanted.setdefault(path.removesuffix("/").rpartition("/")[0], set()).add(_line(path))
    written = list[str]()
    for directory, lines in sorted(wanted.items()):
        path = os.path.join(root, directory, ".gitignore")
        if os.path.isdir(os.path.dirname(path)) and _update(root, path, _BEGIN, sorted(lines)):
            written.append(path)
    return written


def ignore_tracked(root: str, paths: Mapping[str, Sequence[ArtifactPath]]) -> None:
    """Names tracked data in the ``.gitignore`` of some directories, in a block of its own; raises ``StoreError``.

    ``paths`` are all that is tracked in each directory; where that is nothing, the block goes.
    """
    for directory, inside in paths.items():
        path = os.path.join(root, directory, ".gitignore")
        if inside or os.path.exists(path):
            _update(root, path, _BEGIN_TRACKED, sorted(map(_line, inside)))


def _line(path: ArtifactPath) -> str:
    name = path.removesuffix("/").rpartition("/")[2]
    return "/" + _escaped(name) + ("/" if path.endswith("/") else "")


def _update(root: str, path: str, begin: str, lines: list[str]) -> bool:
    """Brings one marked block of a file up to date; returns whether that changed anything."""
    try:
        with open(path, "rb") as file:
            old = file.read()
    except FileNotFoundError:
        old = b""
    except OSError as error:
        raise StoreError(f"cannot read '{path}': {error.strerror}", path) from error
    if os.path.islink(path):
        return False
    block = "\n".join([begin, *lines, _END, ""]).encode("utf-8", "surrogateescape")
    new = _with_block(old, begin, block if lines else b"")
    if new == old:
        return False
    mode = os.stat(path).st_mode & 0o777 if old else 0o644
    atomic.write_file(path, new, mode=mode, tmp_dir=_swept_directory(root, path))
    return True


def _swept_directory(root: str, path: str) -> str | None:
    """Returns where a killed process's temporary file is swept; ``None`` where that is on another file system."""
    own = f"{root}/.pivot"
    is_near = os.path.isdir(own) and os.stat(os.path.dirname(path)).st_dev == os.stat(own).st_dev
    return f"{own}/tmp" if is_near else None


def _with_block(old: bytes, first: str, block: bytes) -> bytes:
    begin, end = re.escape(first.encode()), re.escape(_END.encode())
    # A block whose end was lost reaches to the next empty line.
    pattern = re.compile(
        rb"^" + begin + rb"\r?\n(?:[^\n]+\n)*?(?:" + end + rb"\r?(?:\n|\Z)|(?=\r?\n|\Z))",
        re.MULTILINE,
    )
    found = pattern.search(old)
    if found:
        return old[: found.start()] + block + old[found.end() :]
    gap = b"" if not old or not block or old.endswith(b"\n") else b"\n"
    return old + gap + block


def _escaped(name: str) -> str:
    """Protects what gitignore would take for a pattern."""
    text = re.sub(r"([\\*?\[])", r"\\\1", name)
    return text[:-1] + "\\ " if text.endswith(" ") else text
