"""Owns what DVC has recorded, in ``dvc.lock`` and ``.dvc`` files, and whether the workspace still agrees with it."""

import hashlib
import json
import os
import posixpath
from collections.abc import Mapping
from typing import NotRequired, TypedDict, cast

from pivot_core.dvc import definition, template
from pivot_core.dvc.definition import DvcStage
from pivot_core.frozen import frozen
from pivot_core.model.ids import Json, inside_project

FILE = "dvc.lock"
SUFFIX = ".dvc"
_TREE = ".dir"
_PIECE = 1 << 20


class Entry(TypedDict):
    """A dep or out as DVC records it."""

    path: str
    md5: NotRequired[str]
    hash: NotRequired[str]
    """``md5`` since DVC 3; before, the line ends of texts did not count."""


class StageEntry(TypedDict):
    """A stage as ``dvc.lock`` records it."""

    cmd: list[str]
    deps: list[Entry]
    outs: list[Entry]
    params: dict[str, dict[str, Json]]


@frozen
class Member:
    """A file that an artifact has, or is, by what DVC recorded."""

    path: str
    """Absolute."""
    md5: str
    is_legacy: bool


class Objects:
    """DVC's cache, which is only read, and MD5 sums of the workspace, each made once."""

    def __init__(self, directory: str) -> None:
        self._directory: str = directory
        self._sums: dict[tuple[str, bool], str | None] = {}

    def find(self, md5: str) -> str | None:
        """Returns the file in the cache that holds what has this MD5; ``None`` where none does."""
        for place in ("files/md5", ""):
            path = os.path.join(self._directory, place, md5[:2], md5[2:])
            if os.path.isfile(path):
                return path
        return None

    def members(self, entry: Entry, path: str) -> list[Member] | None:
        """Returns the files of an artifact, ``path`` being its absolute place; ``None`` where they are not known."""
        md5, is_legacy = entry.get("md5", ""), "hash" not in entry
        if not md5.endswith(_TREE):
            return [Member(path, md5, is_legacy)] if md5 else None
        listing = self.find(md5)
        if listing is None:
            return None
        try:
            with open(listing, "rb") as file:
                found = cast("list[dict[str, str]]", json.load(file))
            named = [(inside_project(each["relpath"]), each["md5"]) for each in found]
        except (OSError, ValueError, TypeError, KeyError):
            return None  # damaged, or made to lead elsewhere
        return [Member(os.path.join(path, name), digest, is_legacy) for name, digest in named]

    def holds(self, entry: Entry, path: str) -> bool:
        """Tells whether what lies at an absolute path is what was recorded."""
        md5, is_legacy = entry.get("md5", ""), "hash" not in entry
        return md5 != "" and self._sum(path, is_legacy) == md5

    def assume(self, entry: Entry, path: str) -> None:
        """Takes what lies, or would lie, at an absolute path for what was recorded."""
        self._sums[path, "hash" not in entry] = entry.get("md5", "")

    def _sum(self, path: str, is_legacy: bool) -> str | None:
        key = path, is_legacy
        if key not in self._sums:
            self._sums[key] = (
                self._tree(path, is_legacy) if os.path.isdir(path) else _file(path, is_legacy)
            )
        return self._sums[key]

    def _tree(self, path: str, is_legacy: bool) -> str:
        found = list[dict[str, str]]()
        for directory, _, names in os.walk(path):
            for name in names:
                full = os.path.join(directory, name)
                relative = os.path.relpath(full, path)
                found.append({"md5": _file(full, is_legacy) or "", "relpath": relative})
        found.sort(key=lambda each: each["relpath"])
        text = json.dumps(found, sort_keys=True)
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() + _TREE


def stages(root: str, home: str) -> Mapping[str, StageEntry]:
    """Returns the stages that a ``dvc.lock`` records, none where there is no such file; raises ``DefinitionError``."""
    file = posixpath.join(home, FILE)
    if not os.path.isfile(os.path.join(root, file)):
        return {}
    data = definition.parse(root, file).value
    if not isinstance(data, dict):
        return {}
    found = data.get("stages", cast("Json", data))  # before DVC 2 they stood at the top
    stages = found if isinstance(found, dict) else {}
    return {name: entry for name, given in stages.items() if (entry := _stage(given)) is not None}


def entry_of(given: Json) -> Entry | None:
    """Returns what is recorded of an artifact; ``None`` for anything else."""
    if not isinstance(given, dict) or not isinstance(path := given.get("path"), str):
        return None
    made = Entry(path=path)
    if isinstance(digest := given.get("md5"), str):
        made["md5"] = digest
    if isinstance(algorithm := given.get("hash"), str):
        made["hash"] = algorithm
    return made


def _stage(given: Json) -> StageEntry | None:
    """Returns what is recorded of a stage; ``None`` for anything else."""
    if not isinstance(given, dict):
        return None
    command, params = given.get("cmd"), given.get("params")
    lines = command if isinstance(command, list) else [command]
    if not all(isinstance(line, str) for line in lines):
        return None
    files = params if isinstance(params, dict) else {}
    return StageEntry(
        cmd=cast("list[str]", lines),
        deps=_entries(given.get("deps")),
        outs=_entries(given.get("outs")),
        params={file: keys for file, keys in files.items() if isinstance(keys, dict)},
    )


def _entries(given: Json) -> list[Entry]:
    found = [entry_of(each) for each in given] if isinstance(given, list) else []
    return [each for each in found if each is not None]


def is_tree(entry: Entry) -> bool:
    """Tells whether an artifact was a directory."""
    return entry.get("md5", "").endswith(_TREE)


def place(path: str, stage: DvcStage) -> str:
    """Returns a path of a stage's entry relative to the directory of its ``dvc.yaml``."""
    return posixpath.normpath(posixpath.join(stage.cwd, path))


def differences(
    stage: DvcStage,
    entry: StageEntry | None,
    values: Mapping[str, Json],
    objects: Objects,
    base: str,
) -> list[str]:
    """Returns why the outs that lie in the workspace are not those that the stage would make; nothing when they are.

    ``values`` is what each file of params holds, ``base`` the absolute directory of the ``dvc.yaml``.
    """
    if entry is None:
        return [f"{FILE} does not record it"]
    found = list[str]()
    commands = [each.now for each in stage.commands]
    if commands != entry["cmd"]:
        found.append("its command has changed")
    found += _params(stage, entry, values)
    for word, given, wanted in (
        ("input", entry["deps"], [dep.now for dep in stage.deps]),
        ("output", entry["outs"], [out.path.now for out in stage.outs]),
    ):
        recorded = {place(each["path"], stage): each for each in given if "://" not in each["path"]}
        whole = {file for file, keys in _recorded_params(stage, entry).items() if keys is None}
        names = {path.rstrip("/") for path in wanted} - whole
        if set(recorded) != names:
            found.append(f"it has other {word}s than {FILE} records")
        found += [
            f"{word} '{path}' {'has changed' if os.path.lexists(os.path.join(base, path)) else 'is not there'}"
            for path, each in recorded.items()
            if path in names and not objects.holds(each, os.path.join(base, path))
        ]
    return found


def _recorded_params(stage: DvcStage, entry: StageEntry) -> dict[str, dict[str, Json] | None]:
    """Returns what is recorded of each file of params; ``None`` for one that counts as a whole."""
    return {
        file: keys if file in stage.params else None
        for name, keys in entry["params"].items()
        if (file := place(name, stage))
    }


def _params(stage: DvcStage, entry: StageEntry, values: Mapping[str, Json]) -> list[str]:
    found, recorded = list[str](), _recorded_params(stage, entry)
    for file, known in recorded.items():
        if known is None and values.get(file) is None:
            found.append(f"'{file}' cannot be compared with what {FILE} records")
        elif known is None and not _is_same(values[file], _nested(entry, stage, file)):
            found.append(f"'{file}' has changed")
    for file, keys in stage.params.items():
        known = recorded.get(file) or {}
        for key in keys:
            is_there, now, _ = template.look_up(values.get(file), key)
            if not is_there or key not in known or not _is_same(now, known[key]):
                found.append(f"param '{key}' of '{file}' has changed")
    return found


def _nested(entry: StageEntry, stage: DvcStage, file: str) -> Json:
    found = (keys for name, keys in entry["params"].items() if place(name, stage) == file)
    return next(found, None)


def _is_same(one: Json, other: Json) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _file(path: str, is_legacy: bool) -> str | None:
    """Returns the MD5 of a file; with ``is_legacy`` that of a text with the line ends of Unix."""
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                if is_legacy and b"\0" not in piece:
                    piece = piece.replace(b"\r\n", b"\n")
                digest.update(piece)
    except OSError:
        return None
    return digest.hexdigest()
