"""Owns how two texts differ, line by line; long ones are cut down to where they differ before they are compared."""

import difflib
import io
from typing import BinaryIO

from pivot_core.frozen import frozen

TEXT_BYTES = 16 << 20
"""Texts that are larger are told apart, and not compared line by line."""

_CONTEXT = 3
_WORTH = 4_000
"""So many lines that differ in one stretch are compared; more of them are shown as one that was replaced."""
_BLOCK = 1 << 16


@frozen
class LineDifference:
    """How two texts differ."""

    added: int
    removed: int
    lines: tuple[str, ...]
    """The beginning of a unified diff, without the names of files."""
    more: int
    """How many lines of it are not there."""


@frozen
class ByteDifference:
    """Two files that differ and are no text, or too large to be compared as text."""

    old_bytes: int
    new_bytes: int
    at: int
    """The first byte that differs, from 0."""
    is_text: bool


def compare(old: BinaryIO, new: BinaryIO, *, limit: int) -> LineDifference | ByteDifference | None:
    """Returns how two files differ, with the first ``limit`` lines of the diff; ``None`` when they do not."""
    at = _first_difference(old, new)
    if at is None:
        return None
    sizes = [file.seek(0, io.SEEK_END) for file in (old, new)]
    is_text = all(map(_is_text, (old, new)))
    if not is_text or max(sizes) > TEXT_BYTES:
        return ByteDifference(sizes[0], sizes[1], at, is_text)
    texts = [_read(file) for file in (old, new)]
    found = unified(*texts)
    added = sum(line.startswith("+") for line in found)
    removed = sum(line.startswith("-") for line in found)
    return LineDifference(added, removed, tuple(found[:limit]), max(0, len(found) - limit))


def unified(old: list[str], new: list[str]) -> list[str]:
    """Returns the lines of a unified diff; what both begin and end with costs nothing."""
    first = next(
        (at for at, (one, two) in enumerate(zip(old, new, strict=False)) if one != two),
        min(len(old), len(new)),
    )
    room = min(len(old), len(new)) - first
    last = next((at for at in range(room) if old[-1 - at] != new[-1 - at]), room)
    start, kept = max(0, first - _CONTEXT), max(0, last - _CONTEXT)
    befores, afters = old[start : len(old) - kept], new[start : len(new) - kept]
    if max(len(befores), len(afters)) > _WORTH:
        befores, afters = old[first : len(old) - last], new[first : len(new) - last]
        head = f"@@ -{first + 1},{len(befores)} +{first + 1},{len(afters)} @@"
        return [head, *(f"-{line}" for line in befores), *(f"+{line}" for line in afters)]
    found = difflib.unified_diff(befores, afters, n=_CONTEXT, lineterm="")
    lines = list(found)[2:]  # the first two name files
    return [_shifted(line, start) if line.startswith("@@") else line for line in lines]


def _shifted(head: str, by: int) -> str:
    """Moves the numbers of a hunk to where it stands in the whole text."""
    _, old, new, _ = head.split(" ")

    def moved(span: str) -> str:
        at, comma, count = span[1:].partition(",")
        return f"{span[0]}{int(at) + by}{comma}{count}"

    return f"@@ {moved(old)} {moved(new)} @@"


def _read(file: BinaryIO) -> list[str]:
    file.seek(0)
    return file.read().decode("utf-8", "replace").splitlines()


def _is_text(file: BinaryIO) -> bool:
    file.seek(0)
    return b"\0" not in file.read(_BLOCK)


def _first_difference(old: BinaryIO, new: BinaryIO) -> int | None:
    old.seek(0)
    new.seek(0)
    at = 0
    while True:
        one, two = old.read(_BLOCK), new.read(_BLOCK)
        if one != two:
            pairs = enumerate(zip(one, two, strict=False))
            return at + next((n for n, (a, b) in pairs if a != b), min(len(one), len(two)))
        if not one:
            return None
        at += len(one)
