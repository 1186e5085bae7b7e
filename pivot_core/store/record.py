"""Owns the bytes of one record of the state: its key, its JSON value, and the checksum that proves both."""

import json
from typing import cast

import xxhash

from pivot_core.model.ids import Json
from pivot_core.store import hashing

_MAX_KEY_BYTES = 500
_CHECK_BYTES = 8
_encode = json.JSONEncoder(separators=(",", ":")).encode
_decode = json.JSONDecoder().raw_decode
"""Reads one value without looking for an encoding or for blanks around it, which takes longer than most records."""


def name_of(key: str) -> bytes:
    """Returns the key as LMDB has it: one that is too long keeps its prefix and becomes a hash."""
    data = key.encode("utf-8", "surrogatepass")
    if len(data) <= _MAX_KEY_BYTES:
        return data
    prefix, _, _ = key.partition(":")
    return f"{prefix[:32]}:\0{hashing.hash_bytes(data)}".encode()


def closed(key: str, name: bytes, value: Json) -> bytes:
    """Returns the bytes of a record: checksum and JSON; under a hashed name the JSON holds the key too."""
    payload = _encode([key, value] if b"\0" in name else value).encode()
    return _check(name, payload) + payload


def opened(name: bytes, stored: bytes | None) -> Json:
    """Returns the JSON of a record; ``None`` when its checksum or its JSON is wrong."""
    if stored is None or stored[:_CHECK_BYTES] != _check(name, stored[_CHECK_BYTES:]):
        return None
    try:
        text = stored[_CHECK_BYTES:].decode()
        value, end = cast("tuple[Json, int]", _decode(text))
    except (ValueError, RecursionError):
        return None
    return value if end == len(text) else None


def _check(name: bytes, payload: bytes) -> bytes:
    return xxhash.xxh3_64_digest(name + b"\0" + payload)
