"""Owns changing one setting in a file of settings, comments and formatting left as they are.

A file is edited line by line and then read again: unless it says exactly what it should, nothing is written.
"""

import json
import os
import re
from collections.abc import Mapping

from pivot_core import yaml12
from pivot_core.errors import UsageError
from pivot_core.model.ids import Json
from pivot_core.store import atomic, config, settings
from pivot_core.store.config import Scope

_PLAIN = re.compile(r"[A-Za-z_/~.]([A-Za-z0-9_./~@+-]|:(?=[/0-9]))*")
type _Place = tuple[str, ...]


def set_value(root: str, key: str, text: str, scope: Scope = Scope.PROJECT) -> str:
    """Sets a key to what ``text`` means (YAML; commas separate the items of a list); returns the file written.

    Raises ``UsageError`` for an unknown key, a bad value, or a file that is not valid.
    """
    key = settings.whole(key)
    settings.check(key, "the command line")
    value = _parse(key, text)
    settings.read(key, value, "the command line")
    return _change(root, key, value, scope)


def unset(root: str, key: str, scope: Scope = Scope.PROJECT) -> str | None:
    """Removes a key from a file, with ``remotes.NAME`` all of that remote; returns the file.

    Returns ``None`` when the key was not in it. Raises ``UsageError``.
    """
    settings.check(settings.whole(key), "the command line")
    known = config.read_file(config.path_of(root, scope))
    if not any(name == key or name.startswith(f"{key}.") for name in known):
        return None
    return _change(root, key, None, scope, is_removal=True)


def _parse(key: str, text: str) -> Json:
    known = settings.check(key, "the command line")
    items = text.split(",") if known.is_list and not text.lstrip().startswith("[") else [text]
    try:
        values = [yaml12.load(item.strip(), aliases=False, name="the value") for item in items]
    except yaml12.YamlError as error:
        raise UsageError(
            f"'{text:.80}' is no value for '{key}': {error.problem}", "the command line"
        ) from error
    if len(values) == 1 and (isinstance(values[0], list) or not known.is_list):
        return values[0]
    return values


def _change(root: str, key: str, value: Json, scope: Scope, *, is_removal: bool = False) -> str:
    path = config.path_of(root, scope)
    old = config.read_text(path)
    expected = {name: found for name, (found, _) in config.read_file(path).items()}
    if is_removal:
        expected = {
            name: found
            for name, found in expected.items()
            if name != key and not name.startswith(f"{key}.")
        }
    else:
        expected[key] = value
    document = yaml12.parse(old, aliases=False, name=path)
    new = _edited(old, path, _place(document, key), None if is_removal else _flow(value))
    if _read_back(new, path) != expected:
        # The lines are arranged in a way that this module does not understand.
        raise UsageError(
            f"cannot change '{key}' without disturbing the file", path, "edit it by hand"
        )
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o644
    atomic.write_file(os.path.realpath(path), new.encode(), mode=mode)
    return path


def _read_back(text: str, path: str) -> Mapping[str, Json] | None:
    try:
        value = yaml12.load(text, aliases=False, name=path)
    except yaml12.YamlError:
        return None
    try:
        return {key: found for _, key, found in settings.leaves(value)}
    except settings.Misplaced:
        return None


def _place(document: yaml12.Document, key: str) -> _Place:
    """Returns where a key stands, or would: a remote that is its URL alone needs no mapping."""
    place = tuple(key.split("."))
    is_url = place[0] == settings.REMOTES and place[2:] == ("url",)
    if is_url and place not in document.lines and not _has_members(document, place[:2]):
        return place[:2]
    return place


def _has_members(document: yaml12.Document, place: _Place) -> bool:
    return any(known[: len(place)] == place and len(known) > len(place) for known in document.lines)


def _edited(text: str, path: str, place: _Place, value: str | None) -> str:
    """Returns the text with ``value`` at a place; without the place's lines for ``None``."""
    document = yaml12.parse(text, aliases=False, name=path)
    lines = text.splitlines()
    known = next(
        place[:n] for n in range(len(place), -1, -1) if not n or place[:n] in document.lines
    )
    if not known:
        return "\n".join([*lines, *_entry(place, value, ""), ""])
    for depth in range(1, len(known) + 1):
        head = document.lines[known[:depth]] - 1
        if _is_flow(lines[head]) and depth < len(place):
            lines[head : head + 1] = _opened_up(lines[head], document.value, known[:depth])
            return _edited("\n".join([*lines, ""]), path, place, value)
    start = document.lines[known] - 1
    indent = _indent(lines[start])
    if known == place:
        end = _end(lines, start)
        comment = re.search(r"\s+#.*$", lines[start]) if end == start + 1 else None
        entry = [] if value is None else _entry(place[-1:], value, indent)
        lines[start:end] = [line + (comment[0] if comment else "") for line in entry]
        return "\n".join([*(lines if entry else _without_empty(lines, document, known)), ""])
    if not _has_members(document, known) and len(known) > 1:
        # A remote that was its URL alone.
        url = re.sub(r"^\s*[\w-]+\s*:\s*", "", lines[start])
        lines[start : start + 1] = [f"{indent}{known[-1]}:", f"{indent}  url: {url}"]
    child = lines[start + 1] if start + 1 < _end(lines, start) else f"{indent}  x"
    lines[start + 1 : start + 1] = _entry(place[len(known) :], value, _indent(child))
    return "\n".join([*lines, ""])


def _entry(names: _Place, value: str | None, indent: str) -> list[str]:
    """Returns the lines of a value below names that are not there yet."""
    heads = [f"{indent}{'  ' * depth}{name}:" for depth, name in enumerate(names)]
    return [*heads[:-1], f"{heads[-1]} {value}"]


def _without_empty(lines: list[str], document: yaml12.Document, gone: _Place) -> list[str]:
    """Returns the lines without the sections that have nothing in them now that a place is gone."""
    for depth in range(len(gone) - 1, 0, -1):
        head = document.lines[gone[:depth]] - 1  # above what is gone: its number still holds
        if _end(lines, head) == head + 1:
            del lines[head]
    return lines


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _is_flow(line: str) -> bool:
    return re.match(r"\s*[\w-]+\s*:\s*\{", line) is not None


def _opened_up(line: str, value: Json, place: _Place) -> list[str]:
    """Returns a section that stands in one line, ``cache: {dir: x}``, as a block."""
    members = value
    for name in place:
        members = members[name] if isinstance(members, dict) else None
    comment = re.search(r"\s+#[^}]*$", line)
    indent = _indent(line)
    return [
        f"{indent}{place[-1]}:{comment[0] if comment else ''}",
        *(
            f"{indent}  {name}: {_flow(member)}"
            for name, member in (members if isinstance(members, dict) else {}).items()
        ),
    ]


def _end(lines: list[str], start: int) -> int:
    """Returns where the lines that belong to the key at ``start`` end."""
    depth = _depth(lines[start])
    end = start + 1
    for at in range(start + 1, len(lines)):
        stripped = lines[at].strip()
        is_item = stripped.startswith("- ") and _depth(lines[at]) == depth
        if not stripped or (stripped.startswith("#") and _depth(lines[at]) <= depth):
            continue
        if _depth(lines[at]) <= depth and not is_item:
            break
        end = at + 1
    return end


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _flow(value: Json) -> str:
    if isinstance(value, list):
        return "[" + ", ".join([_flow(item) for item in value]) + "]"
    if (
        isinstance(value, str)
        and _PLAIN.fullmatch(value)
        and value not in ("~", "null", "true", "false")
    ):
        return value
    return json.dumps(value, ensure_ascii=False)
