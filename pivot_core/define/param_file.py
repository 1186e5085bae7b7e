"""Owns the values that a command's scripts read from files of params: some keys of each, the rest does not count."""

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from pivot_core.define import names
from pivot_core.define.shell import PARAMS
from pivot_core.errors import DefinitionError
from pivot_core.model.ids import Json
from pivot_core.model.stage import ParamLayer, ParamOrigin, ShellCommand, SourceLocation

if TYPE_CHECKING:
    from pivot_core.yaml12 import Document


class Reader:
    """Reads files of params once each."""

    def __init__(self, root: str, note: Callable[[str], None] = lambda _: None) -> None:
        """``root`` is the absolute project root; ``note`` is told each absolute path before it is read."""
        self._root: str = root
        self._note: Callable[[str], None] = note
        self._read: dict[str, tuple[Json, Document | None]] = {}

    def values(
        self, files: Mapping[str, tuple[str, ...]]
    ) -> tuple[dict[str, Json], dict[str, ParamOrigin]]:
        """Returns the value of each key, and what gave it; those of other files than ``params.yaml`` as ``file:key``.

        Raises ``DefinitionError``.
        """
        values, origins = dict[str, Json](), dict[str, ParamOrigin]()
        for file, keys in files.items():
            path = os.path.join(self._root, file)
            if file not in self._read:
                self._note(path)
                self._read[file] = _parsed(path)
            data, document = self._read[file]
            for key in keys:
                name = key if file == PARAMS else f"{file}:{key}"
                steps, values[name] = _step(data, key, path)
                line = 1 if document is None else document.line(steps)
                origins[name] = ParamOrigin(ParamLayer.PARAMS, SourceLocation(path, line))
        return values, origins


def values_now(command: ShellCommand, root: str) -> Mapping[str, Json]:
    """Returns the values that a command's scripts would read now; raises ``DefinitionError``."""
    return Reader(root).values(command.param_files)[0]


def _parsed(path: str) -> "tuple[Json, Document | None]":
    suffix = os.path.splitext(path)[1]
    if not os.path.isfile(path):
        hint = "put it there, or take its keys out of `params`"
        raise DefinitionError("the file of params is not there", path, hint)
    if suffix in (".yaml", ".yml"):
        from pivot_core.define import yaml_file  # YAML itself is imported only where there is some

        file = yaml_file.read(path)
        return file.data, file.document
    if suffix not in (".json", ".toml"):
        hint = "params are read from .yaml, .json and .toml; name another file among the deps"
        raise DefinitionError(f"'{os.path.basename(path)}' is no file of params", path, hint)
    try:
        with open(path, "rb") as file:
            text = file.read().decode()
    except (OSError, UnicodeDecodeError) as error:
        hint = "make it a readable text"
        raise DefinitionError(f"cannot read the file: {error}", path, hint) from error
    try:
        if suffix == ".json":
            data = cast("object", json.loads(text))
        else:
            import tomllib

            data = cast("object", tomllib.loads(text))
    except ValueError as error:
        raise DefinitionError(f"not valid: {error}", path, "correct the file") from error
    return cast("Json", json.loads(json.dumps(data, default=str))), None


def _step(data: Json, key: str, path: str) -> tuple[tuple[str | int, ...], Json]:
    """Follows a dotted key, with numbers for the items of lists; returns its steps and the value."""
    steps, value = list[str | int](), data
    for part in key.replace("[", ".").replace("]", "").split("."):
        known = list[str]()
        if isinstance(value, dict):
            known = list(value)
            if part in value:
                steps.append(part)
                value = value[part]
                continue
        elif isinstance(value, list):
            known = [str(index) for index in range(len(value))]
            if part in known:
                steps.append(int(part))
                value = value[int(part)]
                continue
        shown = ".".join(map(str, [*steps, part]))
        raise DefinitionError(f"there is no '{shown}'", path, names.nearest(part, known))
    return tuple(steps), value
