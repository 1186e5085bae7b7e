"""Owns the excerpts: the source text that a symbol had, found by its hash, so that a change can be shown line by line.

They fill a table of fixed size in the state, 4,096 rows of at most 16 KiB: what is new goes to the front of its row,
and what no longer fits falls off its end. Losing excerpts loses diffs and nothing else.
"""

import base64
import zlib
from collections.abc import Callable, Mapping
from typing import cast

import xxhash

from pivot_core.model.fingerprint import Symbol
from pivot_core.model.ids import ContentHash, Json
from pivot_core.store.state import State

_ROW_MAX = 16 << 10
"""What the excerpts of one row take together."""
_TEXT_MAX = 1 << 20
_ONE_MAX = _ROW_MAX // 2
"""What one excerpt takes at most, compressed: a longer one would push out too much."""

type _Row = list[tuple[str, str]]
"""Key and compressed text, newest first."""


def records(
    state: State, symbols: Mapping[Symbol, str], text: Callable[[str, str], str | None]
) -> dict[str, Json]:
    """Returns the records to put so that the state has an excerpt of each of ``symbols``, as far as they fit.

    ``symbols`` maps to the base of a stage that reaches the symbol; ``text(name, base)`` is asked for what the state
    does not hold yet.
    """
    rows = dict[str, _Row]()
    changed = dict[str, Json]()
    for symbol, base in symbols.items():
        row, key = _place(symbol.name, symbol.hash)
        if row not in rows:
            rows[row] = _row(state.get(row))
        if any(each == key for each, _ in rows[row]):
            continue
        found = text(symbol.name, base)
        packed = "" if found is None or len(found) > _TEXT_MAX else _packed(found)
        if 0 < len(packed) <= _ONE_MAX:
            rows[row] = _trimmed([(key, packed), *rows[row]])
            changed[row] = cast("Json", cast("object", rows[row]))
    return changed


def find(state: State, name: str, symbol_hash: ContentHash) -> str | None:
    """Returns the text that a symbol had when its hash was this; ``None`` when it is not known here."""
    row, key = _place(name, symbol_hash)
    for each, packed in _row(state.get(row)):
        if each == key:
            try:
                return zlib.decompress(base64.b64decode(packed)).decode("utf-8", "surrogatepass")
            except (ValueError, zlib.error):
                return None
    return None


def _place(name: str, symbol_hash: ContentHash) -> tuple[str, str]:
    digest = xxhash.xxh3_64_hexdigest(f"{name}\0{symbol_hash}".encode("utf-8", "surrogatepass"))
    return f"excerpt:{digest[:3]}", digest


def _row(record: Json) -> _Row:
    if not isinstance(record, list):
        return []
    return [(str(each[0]), str(each[1])) for each in record if isinstance(each, list)]


def _packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"))).decode()


def _trimmed(row: _Row) -> _Row:
    kept, size = list[tuple[str, str]](), 0
    for key, packed in row:
        size += len(key) + len(packed)
        if size > _ROW_MAX:
            break
        kept.append((key, packed))
    return kept
