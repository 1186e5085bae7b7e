"""Owns how a path of a definition becomes an artifact path: relative to the root, POSIX, inside where it must be."""

import os
import posixpath

from pivot_core.model.ids import ArtifactPath

_RESERVED = (".git", ".pivot")


class BadPath(ValueError):
    """A path that cannot be an artifact; says the mend too."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint: str = hint


def normalise(given: object, base: str, root: str) -> ArtifactPath:
    r"""Returns ``given``, which is relative to the directory ``base``, relative to ``root``.

    ``..`` is resolved by name and not on disk, ``\`` reads as ``/``, and a ``/`` at the end (a directory) stays.

    Raises ``BadPath``.
    """
    if not isinstance(given, (str, os.PathLike)):
        raise BadPath(f"{given!r:.80} is not a path", "give a path as a string")
    text = os.fspath(given)
    if not isinstance(text, str) or not text.strip():
        raise BadPath(f"{text!r:.80} is not a path", "give the path of a file or directory")
    if any(
        ord(char) < 32 or 127 <= ord(char) < 160 or "\ud800" <= char < "\ue000" for char in text
    ):
        raise BadPath(
            f"the path {text!r:.200} holds a control character", "rename the file without it"
        )
    text = text.replace("\\", "/")
    mark = "/" if text.endswith(("/", "/.", "/..")) or text in (".", "..") else ""
    path = posixpath.normpath(posixpath.join(base, text))
    relative = posixpath.relpath(path, root)
    parts = relative.split("/")
    if relative == ".":
        raise BadPath(
            f"the path '{text}' is the whole project", "name a file or directory inside the project"
        )
    reserved = [part for part in parts if part.casefold() in _RESERVED]
    if reserved:
        raise BadPath(f"the path '{text}' lies in '{reserved[0]}'", "use another directory")
    return ArtifactPath(relative + mark)


def check_out(path: ArtifactPath, root: str) -> None:
    """Raises ``BadPath`` unless an out may be written to ``path``: inside the project, through no link."""
    parts = path.removesuffix("/").split("/")
    if parts[0] == "..":
        raise BadPath(
            f"the output '{path}' lies outside the project", "write to a path inside the project"
        )
    for end in range(1, len(parts)):
        parent = "/".join(parts[:end])
        absolute = os.path.join(root, parent)
        if os.path.islink(absolute):
            raise BadPath(
                f"the output '{path}' lies behind the symbolic link '{parent}'",
                "write to a real directory of the project; a dep may be read through the link",
            )
