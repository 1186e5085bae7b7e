"""Owns lock files: how a stage's record is written as YAML, and how much of what is found there is believed.

Written by an emitter of its own: a fixed, small part of YAML, sorted, one line an artifact, the same bytes for the same
record (docs/formats.md). Strings that YAML cannot hold (a zero byte, a file name that is not UTF-8) are escaped by a
zero byte and four hex digits.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping

from pivot_core.errors import StoreError
from pivot_core.model import ids
from pivot_core.model.artifact import Content, FileContent
from pivot_core.model.fingerprint import Fingerprint, Symbol
from pivot_core.model.ids import ArtifactPath, Json, StageName
from pivot_core.model.lock import Lock, NoLock
from pivot_core.store import atomic, content
from pivot_core.store.layout import Layout

SCHEMA = 2
MAX_BYTES = 10_000_000
_CONFLICT = b"<<<<<<< "

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*")
_PLAIN_HASH = re.compile(r"[0-9a-f]*[acdf][0-9a-f]*")
"""Hashes that no reader of YAML takes for a number (``0b…`` and ``1e5`` are)."""
_WORDS = frozenset(["true", "false", "null", "yes", "no", "on", "off", "y", "n"])
_ESCAPED = re.compile("\0([0-9a-f]{4})")
_LONE = re.compile("[\0\ud800-\udfff]")


# --- writing ---------------------------------------------------------------------------------------------------------


def write(layout: Layout, lock: Lock) -> None:
    """Puts a stage's lock file in place; raises ``StoreError``."""
    data = render(lock)
    path = layout.lock_path(lock.stage)
    if len(data) > MAX_BYTES:
        raise StoreError(
            f"the lock file of '{lock.stage}' would have {len(data):,} bytes of {MAX_BYTES:,} allowed",
            path,
            "split its directories, or keep many small files in one archive",
        )
    atomic.write_file(path, data, tmp_dir=layout.tmp_dir)


def render(lock: Lock) -> bytes:
    """Returns the bytes of a lock file; equal locks give equal bytes."""
    lines = [
        f"schema: {SCHEMA}",
        f"hash: {ids.HASH_ALGORITHM}",
        f"stage: {_text(lock.stage)}",
        "code:",
        f"  digest: {_hash(lock.fingerprint.digest)}",
    ]
    symbols = lock.fingerprint.symbols
    lines.append("  symbols:" if symbols else "  symbols: {}")
    lines.extend([f"    {_text(symbol.name)}: {_hash(symbol.hash)}" for symbol in symbols])
    for name, values in (("params", lock.params), ("reads", lock.reads), ("writes", lock.writes)):
        lines.append(f"{name}:" if values else f"{name}: {{}}")
        lines.extend(_mapping({key: values[key] for key in sorted(values)}, "  "))
    for name, artifacts in (("deps", lock.deps), ("outs", lock.outs)):
        lines.append(f"{name}:" if artifacts else f"{name}: {{}}")
        for path in sorted(artifacts):
            lines.extend(artifact(path, artifacts[path]))
    lines.append("")
    return "\n".join(lines).encode()


def artifact(path: str, found: Content) -> Iterator[str]:
    """Yields the lines of one entry of a mapping from paths to contents."""
    if isinstance(found, FileContent):
        yield f"  {_text(path)}: {_file(found)}"
        return
    yield f"  {_text(path)}:"
    yield f"    hash: {_hash(found.hash)}"
    yield "    files:" if found.files else "    files: {}"
    for name, file in found.files:
        yield f"      {_text(name)}: {_file(file)}"


def _file(file: FileContent) -> str:
    more = ", exec: true" if file.executable else ""
    return f"{{hash: {_hash(file.hash)}, size: {file.size_bytes}{more}}}"


def _hash(text: str) -> str:
    return text if _PLAIN_HASH.fullmatch(text) else f'"{text}"'


def _mapping(values: Mapping[str, Json], indent: str) -> Iterator[str]:
    for key in values:
        yield from _entry(f"{indent}{_text(key)}:", values[key], indent)


def _entry(head: str, value: Json, indent: str) -> Iterator[str]:
    """Yields the lines of one value after its key or dash; what is nested is indented by two more."""
    if isinstance(value, dict) and value:
        yield head
        yield from _mapping(value, indent + "  ")
    elif isinstance(value, list) and value:
        yield head
        for item in value:
            yield from _entry(f"{indent}  -", item, indent + "  ")
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Json) -> str:
    if isinstance(value, str):
        return _text(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, int):
        return str(value)
    return "{}" if isinstance(value, dict) else "[]"


def _float(value: float) -> str:
    text = repr(value)
    if text in ("inf", "-inf", "nan"):
        return {"inf": ".inf", "-inf": "-.inf", "nan": ".nan"}[text]
    # YAML 1.1 readers want a point and a signed exponent: 1.0e-07.
    mantissa, exponent, power = text.partition("e")
    if exponent and "." not in mantissa:
        mantissa += ".0"
    return mantissa + exponent + power


def _text(text: str) -> str:
    """Returns a string as YAML: plain where no reader could take it for anything else, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    text = _LONE.sub(lambda found: f"\0{ord(found[0]):04x}", text)
    return '"' + "".join([_character(char) for char in text]) + '"'


def _character(char: str) -> str:
    if char in '\\"':
        return "\\" + char
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x100:
        return {"\n": "\\n", "\t": "\\t", "\0": "\\0"}.get(char, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


# --- reading ---------------------------------------------------------------------------------------------------------


def read(path: str, stage: StageName) -> Lock | NoLock:
    """Reads the lock file at ``path``; whatever is wrong with it makes a `NoLock` that says so.

    Raises ``StoreError`` only for a file that a newer Pivot wrote, which must not be overwritten unasked.
    """
    try:
        with open(path, "rb", opener=_opener) as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return NoLock("no result yet")
    except OSError as error:
        return NoLock(f"its lock file cannot be read: {error.strerror or error}")
    try:
        return parse(data, stage, path)
    except ValueError as error:
        return NoLock(f"its lock file is not valid: {error}"[:300])


def parse(data: bytes, stage: StageName | None, path: str) -> Lock:
    """Returns the lock in the bytes of a lock file, of any stage where none is named.

    Raises ``ValueError``, and ``StoreError`` like `read`.
    """
    from pivot_core import yaml12  # costs 15 ms, and most runs read no lock file

    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 10**6} MB")
    try:
        value = yaml12.load(data, aliases=False, name=path)
    except yaml12.YamlError as error:
        if data.startswith(_CONFLICT) or b"\n" + _CONFLICT in data:
            raise ValueError("it holds both sides of a merge conflict of git") from error
        raise ValueError(f"line {error.line}: {error.problem}") from error
    top = _dict(_unescaped(value) if b"\\0" in data else value, "the file")
    schema = _field(top, "schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < SCHEMA:
        raise ValueError(f"its schema is {schema!r:.40}")
    if schema > SCHEMA:
        raise StoreError(
            f"the lock file of '{stage or 'a stage'}' has schema {schema}; this Pivot knows {SCHEMA}",
            path,
            "use the version of Pivot that wrote it, or delete the file to run the stage anew",
        )
    if (algorithm := _field(top, "hash")) != ids.HASH_ALGORITHM:
        raise ValueError(f"its hashes are {algorithm!r:.40}, not {ids.HASH_ALGORITHM}")
    name = _field(top, "stage")
    if not isinstance(name, str) or name != (stage or name):
        raise ValueError(f"it is of stage {name!r:.80}")
    outs = {ids.inside_project(key): item for key, item in _contents(top, "outs")}
    return Lock(
        stage=StageName(name),
        fingerprint=_fingerprint(_dict(_field(top, "code"), "code")),
        params=_dict(_field(top, "params"), "params"),
        reads=_dict(_field(top, "reads"), "reads"),
        writes=_dict(_field(top, "writes"), "writes"),
        deps={_dep_path(key): item for key, item in _contents(top, "deps")},
        outs=outs,
    )


def _opener(path: str, flags: int) -> int:
    # A pipe of that name must not make us wait.
    return os.open(path, flags | os.O_NONBLOCK)


def _fingerprint(code: dict[str, Json]) -> Fingerprint:
    symbols = _dict(_field(code, "symbols"), "symbols")
    return Fingerprint(
        digest=ids.content_hash(_field(code, "digest")),
        symbols=tuple([Symbol(name, ids.content_hash(symbols[name])) for name in sorted(symbols)]),
    )


def _contents(top: dict[str, Json], name: str) -> Iterable[tuple[str, Content]]:
    for path, item in _dict(_field(top, name), name).items():
        yield path, content.from_json(item)


def _dep_path(text: str) -> ArtifactPath:
    """A dep is only ever read: it may lie outside the project, named from its root."""
    rest = text
    while rest.startswith("../"):
        rest = rest[3:]
    ids.inside_project(rest)
    return ArtifactPath(text)


def _dict(value: Json, name: str) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no mapping")
    return value


def _unescaped(value: Json) -> Json:
    """Undoes the escapes of strings that YAML cannot hold."""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value)
    if isinstance(value, dict):
        return {str(_unescaped(key)): _unescaped(item) for key, item in value.items()}
    return [_unescaped(item) for item in value] if isinstance(value, list) else value


def _field(given: dict[str, Json], name: str) -> Json:
    if name not in given:
        raise ValueError(f"it has no '{name}'")
    return given[name]
