"""Owns which variables a library is after that walks through the whole environment: those of its settings alone."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pivot_core.define.importing import is_project_file

if TYPE_CHECKING:
    from types import FrameType

ANY_CASE = "~"
"""What a pattern starts with: ``~DEBUG`` is that name in any case, ``~APP_*`` every name that begins so."""

_SETTINGS = "/pydantic_settings/sources/"
_DOTENV = ("/dotenv/main.py", "resolve_variables")
_NAMED = re.compile(r"\$\{([^}:]*)")
"""How the text of a variable in a file names another one."""
_VIEWS = ("<frozen _collections_abc>", "__iter__")


def sought(frame: "FrameType | None") -> list[str] | None:
    """Returns the variables, and patterns of names, that a walk from ``frame`` is after; ``None`` for all."""
    while frame is not None and not is_project_file(frame.f_code.co_filename):
        file, function = frame.f_code.co_filename, frame.f_code.co_name
        if file.endswith(_DOTENV[0]) and function == _DOTENV[1]:
            value: object = frame.f_locals.get("value")
            return _NAMED.findall(value) if isinstance(value, str) else None
        if _SETTINGS in file and function == "_load_env_vars":
            return _of_settings(frame.f_locals.get("self"))
        frame = frame.f_back
    return None


def is_part_of_walk(by: Iterable[tuple[str, str]]) -> bool:
    """Tells whether a variable is read by a walk, which says itself what counts; ``by`` as in ``Caller``."""
    file, function = next(iter(by), ("", ""))
    return (file, function) == _VIEWS or (file.endswith(_DOTENV[0]) and function == _DOTENV[1])


def matching(pattern: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yields the names that a pattern means."""
    wanted = pattern.removeprefix(ANY_CASE).upper()
    for name in environment:
        if name.upper() == wanted or (
            wanted.endswith("*") and name.upper().startswith(wanted[:-1])
        ):
            yield name


def _of_settings(source: Any) -> list[str] | None:
    """Returns what a source of pydantic-settings looks for: names of its fields, or what begins with its prefix."""
    found = dict[str, None]()
    try:
        delimiter = str(source.env_nested_delimiter or "")
        if source.env_prefix:
            found[f"{source.env_prefix}*"] = None
        for name, field in source.settings_cls.model_fields.items():
            for _, variable, _ in source._extract_field_info(field, name):  # noqa: SLF001 it has no public way
                found[variable] = None
                if delimiter:
                    found[f"{variable}{delimiter}*"] = None
    except (AttributeError, TypeError, ValueError):
        return None  # another version of the library
    prefix = f"{source.env_prefix}".upper()
    names = (name.upper() for name in found)
    return [
        ANY_CASE + name
        for name in names
        if not prefix or name == f"{prefix}*" or not name.startswith(prefix)
    ]
