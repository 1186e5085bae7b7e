"""Owns the identifiers that must not be mixed up, and the one check of a path that comes from outside."""

import re
from typing import NewType

StageName = NewType("StageName", str)
"""``stage`` or ``stage@variant``; unique in a project."""

ArtifactPath = NewType("ArtifactPath", str)
"""Project-relative POSIX path; a directory ends in ``/``. A dep outside the project starts with ``../``."""

ContentHash = NewType("ContentHash", str)
"""32 lowercase hex digits of XXH3-128."""

RunId = NewType("RunId", str)
"""``YYYYMMDD-HHMMSS-xxxx`` in UTC; sorts by time."""

RequestId = NewType("RequestId", str)
"""Chosen by the client that asks for a run, so that it can ask again after a lost connection."""

TransferId = NewType("TransferId", str)
"""Tells the transfers of one engine apart; sorts by time."""

HASH_ALGORITHM = "xxh3-128"

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None

_LAST = re.compile(r"last(?:~(\d{1,6}))?")
_HASH = re.compile(r"[0-9a-f]{32}")
_RESERVED = (".git", ".pivot")


def content_hash(text: object) -> ContentHash:
    """Returns ``text`` as a hash; raises ``ValueError`` unless it is exactly 32 lowercase hex digits."""
    if isinstance(text, str) and _HASH.fullmatch(text):
        return ContentHash(text)
    raise ValueError(f"not a content hash: {text!r:.80}")


def age_of_run(text: str) -> int | None:
    """Returns how many runs are newer than the one that ``last`` or ``last~3`` means; ``None`` for any other name."""
    found = _LAST.fullmatch(text)
    return None if found is None else int(found[1] or 0)


def inside_project(text: object) -> ArtifactPath:
    """Returns ``text`` as a path that is safe to write below the project root.

    Every path that comes from a lock file, a manifest, a journal or a remote passes here: relative, POSIX, no
    ``..``, no empty or ``.`` part, no control character or backslash, not below ``.git`` or ``.pivot``. A trailing
    ``/`` (a directory) is kept. Raises ``ValueError`` that says what is wrong.
    """
    if not isinstance(text, str) or not text:
        raise ValueError(f"not a path: {text!r:.80}")
    parts = text.removesuffix("/").split("/")
    if text.startswith("/"):
        raise ValueError(f"an absolute path: {text!r:.200}")
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"a path with an empty, '.' or '..' part: {text!r:.200}")
    if parts[0].casefold() in _RESERVED:
        raise ValueError(f"a path below '{parts[0]}': {text!r:.200}")
    if "\\" in text or any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError(f"a path with a backslash or control character: {text!r:.200}")
    return ArtifactPath(text)
