"""Owns the comparison of two versions of a file by its top-level statements, to tell what an edit leaves as it was.

An edit is *inner* when all it changes is the inside of functions, comments and blank lines. Nothing that importing the
module does can then differ, unless it calls one of those functions. The lines of statements that did not change are
compared as text; only what stands between them is parsed.
"""

import ast
from bisect import bisect_right
from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from typing import NamedTuple

import xxhash

from pivot_core.fingerprint import syntax
from pivot_core.fingerprint.scope import FUNCTIONS
from pivot_core.fingerprint.source import decoded, lines_of
from pivot_core.frozen import frozen
from pivot_core.model.fingerprint import Analysis, ReadingKind, reading_of
from pivot_core.model.stage import SourceLocation

_MARKS = ("*", "<order>", "__doc__")
"""Labels of symbols that stand for a whole file: they are always on its first line."""


class Block(NamedTuple):
    """One top-level statement; lines count from 1."""

    first: int
    """Its first line, decorators included."""
    last: int
    digest: str
    """Hash of its lines."""
    name: str = ""
    """The name of a function; empty for other statements."""
    head: str = ""
    """Hash of what a function's ``def`` does when it is executed: all but the inside, the docstring with it."""


@frozen
class Outline:
    """A file as a list of its top-level statements."""

    length: int
    """In lines."""
    blocks: tuple[Block, ...]

    @property
    def names(self) -> frozenset[str]:
        """The functions whose inside an inner edit may change."""
        return frozenset(block.name for block in self.blocks)

    def only(self, names: Set[str]) -> "Outline":
        """Returns the outline in which all functions but these are statements like any other."""
        blocks = (b if b.name in names else b._replace(name="") for b in self.blocks)
        return Outline(self.length, tuple(blocks))

    def line_in(self, other: "Outline", line: int) -> int:
        """Returns where a line of this version is found in another one with the same statements."""
        index = bisect_right(self.blocks, line, key=lambda block: block.first) - 1
        if index < 0:
            return line
        return other.blocks[index].first + line - self.blocks[index].first


@frozen
class Edit:
    """What makes one version of a file out of another."""

    outline: Outline
    """Of the new version; its statements are those of the old one, in the same order."""
    changed: frozenset[str]
    """Functions whose inside has changed."""


@frozen
class Edits:
    """Inner edits of several files, by their names in a ``SourceLocation``; the outline is that of the old version."""

    files: Mapping[str, tuple[Outline, Edit]]

    def concern(self, analysis: Analysis) -> bool:
        """Tells whether a stage reaches anything that has changed; the others' fingerprints are what they were."""
        return any(
            place.file in self.files
            and (_is_script(name) or _label(name) in (*self.files[place.file][1].changed, "*"))
            for name, place in analysis.locations
        )

    def moved(self, place: SourceLocation) -> SourceLocation:
        """Returns where something that did not change is found now."""
        if place.file not in self.files:
            return place
        old, edit = self.files[place.file]
        return SourceLocation(place.file, old.line_in(edit.outline, place.line))

    def applied(self, analysis: Analysis) -> Analysis:
        """Returns an analysis that they do not concern, with today's lines."""
        return replace(
            analysis,
            locations=tuple(
                (name, place if _label(name) in _MARKS else self.moved(place))
                for name, place in analysis.locations
            ),
            caveats=tuple(replace(each, where=self.moved(each.where)) for each in analysis.caveats),
        )


def _is_script(name: str) -> bool:
    """Tells whether a symbol is a file that a command runs, which counts byte by byte."""
    read = reading_of(name)
    return read is not None and read[0] is ReadingKind.SCRIPT


def outline(body: Sequence[ast.stmt], lines: Sequence[str]) -> Outline:
    """Returns the outline of a parsed file."""
    return Outline(len(lines), tuple(_block(node, lines) for node in body))


def compare(known: Outline, data: bytes) -> Edit | None:
    """Returns how the bytes of a file differ from a known version of it; ``None`` when by more than an inner edit."""
    lines = lines_of(decoded(data))
    if any("coding" in line for line in lines[:2]):
        return None
    blocks = known.blocks
    start, end, shift = 0, len(blocks), len(lines) - known.length
    while start < end and _holds(blocks[start], lines, 0):
        start += 1
    while start < end and _holds(blocks[end - 1], lines, shift):
        end -= 1
    before = blocks[start - 1].last if start else 0
    after = blocks[end].first - 1 + shift if end < len(blocks) else len(lines)
    between = _parsed(lines, before, after)
    if between is None or len(between) != end - start:
        return None
    changed = set[str]()
    for old, new in zip(blocks[start:end], between, strict=True):
        if new.digest != old.digest:
            if not old.name or (new.name, new.head) != (old.name, old.head):
                return None
            changed.add(old.name)
    between = [
        new._replace(name=old.name) for old, new in zip(blocks[start:end], between, strict=True)
    ]
    moved = (b._replace(first=b.first + shift, last=b.last + shift) for b in blocks[end:])
    return Edit(Outline(len(lines), (*blocks[:start], *between, *moved)), frozenset(changed))


def _holds(block: Block, lines: Sequence[str], shift: int) -> bool:
    return _hash(lines[max(0, block.first - 1 + shift) : block.last + shift]) == block.digest


def _parsed(lines: Sequence[str], before: int, after: int) -> list[Block] | None:
    """Returns the statements between two lines that stand for themselves; ``None`` where they do not."""
    between = lines[before:after]
    text = "\n".join(between) + "\n"
    if before > after or text.rstrip().endswith("\\"):
        return None
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return [
        block._replace(first=block.first + before, last=block.last + before)
        for block in (_block(node, between) for node in body)
    ]


def _block(node: ast.stmt, lines: Sequence[str]) -> Block:
    decorators: Sequence[ast.expr] = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    last = node.end_lineno or node.lineno
    text = lines[first - 1 : last]
    if not isinstance(node, FUNCTIONS):
        return Block(first, last, _hash(text))
    return Block(first, last, _hash(text), node.name, _head(node, first, lines, text))


def _head(
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    first: int,
    lines: Sequence[str],
    text: Sequence[str],
) -> str:
    """Hashes what stands before a function's first statement, comments in between apart."""
    start = node.body[0]
    *above, beside = lines[first - 1 : start.lineno]
    beside = beside.encode()[: start.col_offset].decode()
    outer = [*ast.iter_child_nodes(node.args), *node.decorator_list, *node.type_params]
    signature = max((getattr(n, "end_lineno", 0) for n in (*outer, node.returns)), default=0)
    kept = [
        line
        for number, line in enumerate(above, first)
        if number <= max(signature, node.lineno) or not line.lstrip().startswith("#")
    ]
    is_generator = any("yield" in line for line in text)
    return _hash([*kept, beside.strip(), syntax.docstring(node.body), str(is_generator)])


def _label(symbol: str) -> str:
    return symbol.partition(":")[2]


def _hash(lines: Sequence[str]) -> str:
    return xxhash.xxh3_64_hexdigest("\n".join(lines).encode("utf-8", "surrogatepass"))
