"""Owns what one ``dvc.yaml`` defines: its stages with loops and templates resolved, and a note on all that is left."""

import itertools
import json
import os
import posixpath
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import cast

from pivot_core import yaml12
from pivot_core.dvc import template
from pivot_core.dvc.template import Source, Text, UnresolvedError
from pivot_core.errors import DefinitionError
from pivot_core.frozen import frozen
from pivot_core.model.ids import Json
from pivot_core.yaml12 import Document, Path

FILE = "dvc.yaml"
PARAMS = "params.yaml"
_KEYS = frozenset(
    [
        *("cmd", "deps", "outs", "metrics", "plots", "params", "wdir", "desc", "vars"),
        *("frozen", "always_changed", "meta"),
    ]
)
_LEFT = {
    "frozen": "is frozen: Pivot runs it like the others",
    "always_changed": "always runs in DVC: Pivot runs it when something has changed, or with `--force`",
    "meta": "has `meta`, which nothing reads",
}
_TOP = {
    "artifacts": "artifacts of a model registry",
    "datasets": "datasets",
    "metrics": "",
    "plots": "",
    "params": "",
    "stages": "",
    "vars": "",
}


class Kind(Enum):
    """What a stage has an artifact for."""

    OUT = "outs"
    METRIC = "metrics"
    PLOT = "plots"


@frozen
class Note:
    """Something that is not carried over, or otherwise than somebody may think."""

    file: str
    """Relative to the project."""
    line: int
    stage: str
    """Empty where none is meant."""
    text: str


@frozen
class Out:
    """Something that a stage writes."""

    path: Text
    kind: Kind
    is_cached: bool


@frozen
class DvcStage:
    """One stage, loops unrolled; paths are relative to the directory of the ``dvc.yaml``."""

    name: str
    line: int
    commands: tuple[Text, ...]
    cwd: str
    """``""`` for the directory of the ``dvc.yaml``."""
    deps: tuple[Text, ...]
    outs: tuple[Out, ...]
    params: Mapping[str, tuple[str, ...]]
    """File → the keys that count."""
    about: str


@dataclass(slots=True)
class Definition:
    """One ``dvc.yaml``."""

    home: str
    """Its directory, relative to the project; ``""`` for the root."""
    stages: list[DvcStage] = field(default_factory=list[DvcStage])
    notes: list[Note] = field(default_factory=list[Note])
    values: dict[str, Json] = field(default_factory=dict[str, Json])
    """What the files of params and variables hold that are named, relative to ``home``; ``None`` for one not read."""

    @property
    def file(self) -> str:
        """The ``dvc.yaml``, relative to the project."""
        return posixpath.join(self.home, FILE)


class _Refused(Exception):
    """A stage, or an entry of one, cannot be carried over."""

    def __init__(self, text: str, *keys: str | int) -> None:
        super().__init__(text)
        self.keys: Path = keys


def parse(root: str, file: str) -> Document:
    """Reads a YAML file of DVC's, relative to ``root``; raises ``DefinitionError``."""
    try:
        with open(os.path.join(root, file), "rb") as stream:
            return yaml12.parse(stream.read(), aliases=True, name=file)
    except OSError as error:
        raise DefinitionError(f"cannot read the file: {error.strerror}", file) from error
    except yaml12.YamlError as error:
        where = f"{file}:{error.line}"
        raise DefinitionError(f"not valid YAML: {error.problem}", where, "correct it") from error


def read(root: str, home: str) -> Definition:
    """Returns what the ``dvc.yaml`` in a directory of the project defines; raises ``DefinitionError``."""
    definition = Definition(home)
    _Reading(root, definition, parse(root, definition.file)).run()
    return definition


class _Reading:
    """One pass over one file."""

    def __init__(self, root: str, definition: Definition, document: Document) -> None:
        self._root: str = root
        self._made: Definition = definition
        self._document: Document = document
        self._shown: dict[Kind, dict[str, bool]] = {Kind.METRIC: {}, Kind.PLOT: {}}
        """Top-level metrics and plots; whether a stage makes them."""

    def run(self) -> None:
        top = _mapping(self._document.value)
        for key in top:
            if key not in _TOP:
                self._note((key,), "", f"'{key}' is not known here")
            elif _TOP[key]:
                self._note((key,), "", f"{_TOP[key]} are not carried over")
        self._read_shown(top)
        sources = self._sources(top.get("vars"), ("vars",), ".")
        for name, given in _mapping(top.get("stages")).items():
            try:
                self._read_stage(name, _mapping(given), sources)
            except (_Refused, UnresolvedError) as refused:
                keys = refused.keys if isinstance(refused, _Refused) else ()
                self._note(("stages", name, *keys), name, f"the stage is left out: {refused}")
        for kind, shown in self._shown.items():
            for path, is_made in shown.items():
                if not is_made:
                    what = f"'{path}' is shown, and no stage makes it: it is left out"
                    self._note((kind.value,), "", what)

    def _note(self, keys: Path, stage: str, text: str) -> None:
        note = Note(self._made.file, self._document.line(keys), stage, text)
        if note not in self._made.notes:
            self._made.notes.append(note)

    # --- variables ---------------------------------------------------------------------------------------------------

    def _sources(self, given: Json, keys: Path, cwd: str) -> list[Source]:
        """Returns the values that templates may name; ``params.yaml`` is there unasked."""
        sources, named = list[Source](), list[str]()
        for index, item in enumerate(given if isinstance(given, list) else []):
            if isinstance(item, dict):
                sources.append(Source(item, None))
            elif isinstance(item, str):
                file, _, chosen = item.partition(":")
                named.append(posixpath.normpath(posixpath.join(cwd, file)))
                data = self._values(named[-1])
                if data is None:
                    self._note((*keys, index), "", f"'{file}' cannot be read as a file of values")
                wanted = chosen.split(",") if chosen else None
                if isinstance(data, dict):
                    data = {k: v for k, v in data.items() if wanted is None or k in wanted}
                    sources.append(Source(data, named[-1]))
        implied = posixpath.normpath(posixpath.join(cwd, PARAMS))
        if implied not in named and isinstance(data := self._values(implied), dict):
            sources.append(Source(data, implied))
        return sources

    def _values(self, file: str) -> Json:
        """Returns what a file of values holds; ``None`` where it is none that is read here."""
        if file not in self._made.values:
            path = posixpath.join(self._made.home, file)
            full, found = os.path.join(self._root, path), None
            if os.path.isfile(full) and file.endswith((".yaml", ".yml", ".json")):  # JSON is YAML
                found = parse(self._root, path).value
            elif os.path.isfile(full) and file.endswith(".toml"):
                with open(full, "rb") as stream:
                    found = cast("Json", json.loads(json.dumps(tomllib.load(stream), default=str)))
            self._made.values[file] = found
        return self._made.values[file]

    # --- stages ------------------------------------------------------------------------------------------------------

    def _read_stage(self, name: str, given: Mapping[str, Json], sources: Sequence[Source]) -> None:
        keys: Path = ("stages", name)
        if "foreach" in given:
            body = (*keys, "do")
            items = list(self._foreach(name, given["foreach"], sources))
            given = _mapping(given.get("do"))
        elif "matrix" in given:
            body = keys
            items = list(self._matrix(name, given["matrix"], sources))
            given = {key: value for key, value in given.items() if key != "matrix"}
        else:
            body, items = keys, [(name, list[Source]())]
        for key in given:
            is_set = given[key] not in (False, None)
            if key in _LEFT and is_set:
                self._note((*body, key), name, _LEFT[key])
            elif key not in _KEYS:
                self._note((*body, key), name, f"'{key}' is not known here")
        for each, own in items:
            self._made.stages.append(self._stage(each, given, body, [*own, *sources]))

    def _foreach(
        self, name: str, given: Json, sources: Sequence[Source]
    ) -> Iterator[tuple[str, list[Source]]]:
        found, file = template.value(given, sources)
        self._unrolled(name, "foreach", file)
        if isinstance(found, dict):
            for key, item in found.items():
                yield f"{name}@{key}", [Source({"key": key, "item": item}, None)]
        elif isinstance(found, list):
            for index, item in enumerate(found):
                key = str(index) if isinstance(item, (dict, list)) else template.spelled(item)
                yield f"{name}@{key}", [Source({"item": item}, None)]
        else:
            raise _Refused("its `foreach` is no list and no mapping", "foreach")

    def _matrix(
        self, name: str, given: Json, sources: Sequence[Source]
    ) -> Iterator[tuple[str, list[Source]]]:
        found, file = template.value(given, sources)
        self._unrolled(name, "matrix", file)
        if not isinstance(found, dict) or not all(isinstance(v, list) for v in found.values()):
            raise _Refused("its `matrix` is no mapping of lists", "matrix")
        dimensions = cast("dict[str, list[Json]]", found)
        named = [
            [
                (
                    f"{key}{index}" if isinstance(item, (dict, list)) else template.spelled(item),
                    item,
                )
                for index, item in enumerate(items)
            ]
            for key, items in dimensions.items()
        ]
        for chosen in itertools.product(*named):
            key = "-".join(text for text, _ in chosen)
            values = dict(zip(dimensions, (item for _, item in chosen), strict=True))
            yield f"{name}@{key}", [Source({"key": key, "item": values}, None)]

    def _unrolled(self, name: str, word: str, file: str | None) -> None:
        if file is not None:
            what = f"`{word}` is unrolled with what '{file}' holds now: a later edit there changes nothing"
            self._note(("stages", name, word), name, what)

    def _stage(
        self, name: str, given: Mapping[str, Json], keys: Path, sources: Sequence[Source]
    ) -> DvcStage:
        plain = name.partition("@")[0]
        wdir = given.get("wdir")
        cwd = template.text(wdir, sources).now if isinstance(wdir, str) else ""
        cwd = posixpath.normpath(cwd) if cwd else ""
        cwd = "" if cwd == "." else cwd
        if self._is_outside(cwd):
            raise _Refused("it runs outside the project", "wdir")
        if "vars" in given:
            sources = [*self._sources(given["vars"], (*keys, "vars"), cwd or "."), *sources]
        commands = given.get("cmd")
        texts = commands if isinstance(commands, list) else [commands]
        if not texts or not all(isinstance(line, str) and line.strip() for line in texts):
            raise _Refused("it has no command", "cmd")

        def place(raw: str) -> Text:
            return _moved(template.text(raw, sources), cwd)

        deps = list(self._deps(plain, given.get("deps"), (*keys, "deps"), place))
        outs = [
            out
            for kind in Kind
            for out in self._outs(plain, kind, given.get(kind.value), (*keys, kind.value), place)
        ]
        params = dict[str, tuple[str, ...]]()
        for file, wanted in self._params(given.get("params"), (*keys, "params"), plain, sources):
            file = posixpath.normpath(posixpath.join(cwd, file))
            data = self._values(file)
            if wanted:
                known = [key for key in wanted if template.look_up(data, key)[0]]
                for key in (key for key in wanted if key not in known):
                    what = f"there is no '{key}' in '{file}': it is left out"
                    self._note((*keys, "params"), plain, what)
                params[file] = tuple(dict.fromkeys((*params.get(file, ()), *known)))
            else:
                deps.append(Text((file,)))
        about = given.get("desc")
        return DvcStage(
            name,
            self._document.line(keys),
            tuple(template.text(cast("str", line), sources) for line in texts),
            cwd,
            tuple({dep.now: dep for dep in deps}.values()),
            tuple(outs),
            {file: wanted for file, wanted in params.items() if wanted},
            about if isinstance(about, str) else "",
        )

    def _deps(
        self, stage: str, given: Json, keys: Path, place: Callable[[str], Text]
    ) -> Iterator[Text]:
        for index, item in enumerate(given if isinstance(given, list) else []):
            if not isinstance(item, str):
                raise _Refused(f"{item!r:.80} is no dep", *keys[2:], index)
            if "://" in item:
                what = f"the dep '{item}' is not on this machine: it is left out"
                self._note((*keys, index), stage, what)
            else:
                yield place(item)

    def _outs(
        self, stage: str, kind: Kind, given: Json, keys: Path, place: Callable[[str], Text]
    ) -> Iterator[Out]:
        for index, item in enumerate(given if isinstance(given, list) else []):
            pairs = item.items() if isinstance(item, dict) else [(item, None)]
            for name, options in pairs:
                if not isinstance(name, str) or "://" in name:
                    what = f"the out '{name}' is not on this machine"
                    raise _Refused(what, *keys[2:], index)
                is_cached = True
                for option, value in _mapping(options).items():
                    below = (*keys, index, name, option)
                    match option, value:
                        case "cache", _:
                            is_cached = value is not False
                        case "persist", True:
                            what = f"'{name}' persists in DVC: Pivot moves it aside before the stage runs"
                            self._note(below, stage, what)
                        case ("persist", _) | ("push", True) | ("desc", _):
                            pass
                        case _:
                            what = f"`{option}` of '{name}' is not carried over"
                            self._note(below, stage, what)
                path = place(name)
                if self._is_outside(path.now):
                    raise _Refused(f"the out '{name}' lies outside the project", *keys[2:], index)
                yield Out(path, self._kind(kind, path.now), is_cached)

    def _is_outside(self, path: str) -> bool:
        whole = posixpath.normpath(posixpath.join(self._made.home, path))
        return posixpath.isabs(path) or whole == ".." or whole.startswith("../")

    def _kind(self, kind: Kind, path: str) -> Kind:
        """Returns what an out is that the file shows as a metric or plot at its top."""
        for shown, paths in self._shown.items():
            if path in paths:
                paths[path] = True
                kind = shown if kind is Kind.OUT else kind
        return kind

    def _params(
        self, given: Json, keys: Path, stage: str, sources: Sequence[Source]
    ) -> Iterator[tuple[str, list[str]]]:
        """Yields files with the keys that count; without keys the whole file does."""
        resolved = template.value(given, sources)[0]
        for index, item in enumerate(resolved if isinstance(resolved, list) else []):
            files = item if isinstance(item, dict) else {PARAMS: [item]}
            for file, wanted in files.items():
                names = [str(each) for each in wanted] if isinstance(wanted, list) else []
                if names and not file.endswith((".yaml", ".yml", ".json", ".toml")):
                    what = f"of '{file}' the whole file counts, not only {', '.join(names)}"
                    self._note((*keys, index), stage, what)
                    names = []
                yield file, names

    def _read_shown(self, top: Mapping[str, Json]) -> None:
        """Notes the metrics and plots at the top of the file, and what of them is not carried over."""
        for kind, shown in self._shown.items():
            given = top.get(kind.value)
            for index, item in enumerate(given if isinstance(given, list) else []):
                pairs = item.items() if isinstance(item, dict) else [(item, None)]
                for name, options in pairs:
                    chosen = _mapping(options)
                    axes = chosen.get("y")
                    paths = list(axes) if isinstance(axes, dict) else [str(name)]
                    shown.update((posixpath.normpath(path), False) for path in paths)
                    if chosen:
                        what = f"axes and looks of the plot '{name}' ({', '.join(chosen)}) are not carried over"
                        self._note((kind.value, index), "", what)
        if "params" in top:
            what = "params at the top are shown by DVC alone: `pivot params show` tells those of stages"
            self._note(("params",), "", what)


def _moved(path: Text, cwd: str) -> Text:
    """Returns a path that is relative to where a command runs, relative to the ``dvc.yaml``."""
    if not any(isinstance(part, template.Field) for part in path.parts):
        return Text(
            (posixpath.normpath(posixpath.join(cwd, path.now)) + ("/" * path.now.endswith("/")),)
        )
    return Text((f"{cwd}/", *path.parts)) if cwd else path


def _mapping(given: Json) -> Mapping[str, Json]:
    return given if isinstance(given, dict) else {}
