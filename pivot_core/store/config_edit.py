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
from pivot_core.store import atomic, config
from pivot_core.store.config import Scope

_PLAIN = re.compile(r"[A-Za-z_/~.][A-Za-z0-9_./~@+-]*")


def set_value(root: str, key: str, text: str, scope: Scope = Scope.PROJECT) -> str:
    """Sets a key to what ``text`` means (YAML; commas separate the items of a list); returns the file written.

    Raises ``UsageError`` for an unknown key, a bad value, or a file that is not valid.
    """
    config.check_key(key, "the command line")
    value = _parse(key, text)
    config.read_value(key, value, "the command line")
    return _change(root, key, value, scope)


def unset(root: str, key: str, scope: Scope = Scope.PROJECT) -> str | None:
    """Removes a key from a file; returns the file, ``None`` when the key was not in it. Raises ``UsageError``."""
    config.check_key(key, "the command line")
    if key not in config.read_file(config.path_of(root, scope)):
        return None
    return _change(root, key, None, scope, is_removal=True)


def _parse(key: str, text: str) -> Json:
    items = (
        text.split(",")
        if config.KEYS[key].is_list and not text.lstrip().startswith("[")
        else [text]
    )
    try:
        values = [yaml12.load(item.strip(), aliases=False, name="the value") for item in items]
    except yaml12.YamlError as error:
        raise UsageError(
            f"'{text:.80}' is no value for '{key}': {error.problem}", "the command line"
        ) from error
    if len(values) == 1 and (isinstance(values[0], list) or not config.KEYS[key].is_list):
        return values[0]
    return values


def _change(root: str, key: str, value: Json, scope: Scope, *, is_removal: bool = False) -> str:
    path = config.path_of(root, scope)
    old = config.read_text(path)
    expected = {name: found for name, (found, _) in config.read_file(path).items()}
    if is_removal:
        expected.pop(key, None)
    else:
        expected[key] = value
    new = _edited(
        old, path, key, None if is_removal else f"{key.partition('.')[2]}: {_flow(value)}"
    )
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
    found = dict[str, Json]()
    for section, members in (value if isinstance(value, dict) else {}).items():
        for name, member in (members if isinstance(members, dict) else {}).items():
            found[f"{section}.{name}"] = member
    return found


def _edited(text: str, path: str, key: str, entry: str | None) -> str:
    """Returns the text with ``entry`` (``name: value``) in place of the key's lines; without them for ``None``."""
    section, _, name = key.partition(".")
    document = yaml12.parse(text, aliases=False, name=path)
    lines = text.splitlines()
    if (section,) not in document.lines:
        return "\n".join([*lines, f"{section}:", f"  {entry}", ""])
    head = document.lines[section,] - 1
    if _is_flow(lines[head]):
        lines[head : head + 1] = _opened_up(lines[head], document.value, section)
        return _edited("\n".join([*lines, ""]), path, key, entry)
    if (section, name) in document.lines:
        start = document.lines[section, name] - 1
        end = _end(lines, start)
        indent = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
        comment = re.search(r"\s+#.*$", lines[start]) if end == start + 1 else None
        lines[start:end] = (
            [] if entry is None else [indent + entry + (comment[0] if comment else "")]
        )
        if entry is None and _end(lines, head) == head + 1:
            del lines[head]
    else:
        child = lines[head + 1] if head + 1 < _end(lines, head) else "  x"
        indent = child[: len(child) - len(child.lstrip())]
        lines.insert(head + 1, f"{indent}{entry}")
    return "\n".join([*lines, ""])


def _is_flow(line: str) -> bool:
    return re.match(r"\w+\s*:\s*\{", line) is not None


def _opened_up(line: str, value: Json, section: str) -> list[str]:
    """Returns a section that stands in one line, ``cache: {dir: x}``, as a block."""
    members = value[section] if isinstance(value, dict) else None
    comment = re.search(r"\s+#[^}]*$", line)
    return [
        f"{section}:{comment[0] if comment else ''}",
        *(
            f"  {name}: {_flow(member)}"
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
