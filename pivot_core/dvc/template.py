"""Owns ``${…}`` in a ``dvc.yaml``: what it stands for now, and the file in which that may change."""

import re
from collections.abc import Sequence
from typing import cast

from pivot_core.frozen import frozen
from pivot_core.model.ids import Json

_FIELD = re.compile(r"(?<!\\)\$\{(.*?)\}", re.DOTALL)
_STEP = re.compile(r"[^.\[\]]+")


@frozen
class Source:
    """Values that templates may name."""

    values: Json
    file: str | None
    """Relative to the directory of the ``dvc.yaml``; ``None`` for values that stand in that itself."""


@frozen
class Field:
    """A value of a file, inside a text."""

    file: str
    keys: tuple[str | int, ...]
    value: Json
    """As it is now: a text, number or boolean."""


@frozen
class Text:
    """A text whose fields are filled when it is asked for."""

    parts: tuple[str | Field, ...]

    @property
    def now(self) -> str:
        """The text as it is now."""
        return "".join(
            part if isinstance(part, str) else spelled(part.value) for part in self.parts
        )


class UnresolvedError(Exception):
    """Carries why a template cannot be resolved."""


def text(raw: str, sources: Sequence[Source]) -> Text:
    """Returns a text with its templates resolved, those of files kept as fields; raises `UnresolvedError`."""
    parts, end = list[str | Field](), 0
    for match in _FIELD.finditer(raw):
        parts.append(_plain(raw[end : match.start()]))
        end = match.end()
        value, file, keys = _find(match[1].strip(), sources)
        if isinstance(value, (dict, list)) or value is None:
            raise UnresolvedError(f"'${{{match[1]}}}' is no single value")
        parts.append(spelled(value) if file is None else Field(file, keys, value))
    parts.append(_plain(raw[end:]))
    return Text(tuple(part for part in parts if part != ""))


def value(raw: Json, sources: Sequence[Source]) -> tuple[Json, str | None]:
    """Returns a value with all templates in it resolved, and a file that took part in it; raises `UnresolvedError`."""
    if isinstance(raw, str):
        whole = _FIELD.fullmatch(raw)
        if whole is not None:
            found, file, _ = _find(whole[1].strip(), sources)
            return found, file
        made = text(raw, sources)
        files = [part.file for part in made.parts if isinstance(part, Field)]
        return made.now, files[0] if files else None
    if isinstance(raw, dict):
        pairs = {key: value(item, sources) for key, item in raw.items()}
        files = [file for _, file in pairs.values() if file]
        return {key: item for key, (item, _) in pairs.items()}, files[0] if files else None
    if isinstance(raw, list):
        items = [value(item, sources) for item in raw]
        files = [file for _, file in items if file]
        return [item for item, _ in items], files[0] if files else None
    return raw, None


def spelled(given: Json) -> str:
    """Returns a value as DVC writes it into a text."""
    return str(given).lower() if isinstance(given, bool) else str(given)


def look_up(data: Json, name: str) -> tuple[bool, Json, tuple[str | int, ...]]:
    """Follows a name like ``train.layers[0]``: whether there is such a value, the value, and its steps."""
    keys, found = list[str | int](), data
    for step in cast("list[str]", _STEP.findall(name)):
        if isinstance(found, dict) and step in found:
            keys.append(step)
            found = found[step]
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            keys.append(int(step))
            found = found[int(step)]
        else:
            return False, None, ()
    return bool(keys), found, tuple(keys)


def _find(name: str, sources: Sequence[Source]) -> tuple[Json, str | None, tuple[str | int, ...]]:
    for source in sources:
        is_there, found, keys = look_up(source.values, name)
        if is_there:
            return found, source.file, keys
    raise UnresolvedError(f"nothing is called '${{{name}}}'")


def _plain(raw: str) -> str:
    return raw.replace("\\${", "${")
