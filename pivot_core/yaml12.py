"""Owns reading YAML: every YAML file of Pivot and of its users comes through here, as plain JSON values.

Scalars mean what YAML 1.2's core schema says: ``1e-3`` is a number, ``on`` and ``2024-01-01`` are strings. Built on the
events of libyaml, so that depth, aliases, duplicate keys and tags are judged before any value exists. Keys are the
text that stands in the file. What a value means is its reader's business.
"""

import re
from dataclasses import field
from typing import cast, override

import yaml

from pivot_core.frozen import frozen
from pivot_core.model.ids import Json

MAX_BYTES = 10_000_000
MAX_DEPTH = 64
MAX_ALIASED_NODES = 10_000

type Path = tuple[str | int, ...]
"""Keys and list positions that lead from the top of a document to a value."""

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL: dict[str, Json] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INFINITE = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_TAG = "tag:yaml.org,2002:"


class YamlError(ValueError):
    """Text that is not YAML, or not the part of it that is read here."""

    def __init__(self, name: str, line: int, problem: str) -> None:
        super().__init__(name, line, problem)
        self.name: str = name
        """The file, as the caller of `load` names it."""
        self.line: int = line
        """Counted from 1."""
        self.problem: str = problem

    @override
    def __str__(self) -> str:
        return f"{self.name}:{self.line}: {self.problem}"


@frozen
class Document:
    """A value, and where its parts stand."""

    value: Json
    lines: dict[Path, int] = field(repr=False)
    """The line, from 1, of each key and list item; ``()`` is the whole document."""

    def line(self, path: Path) -> int:
        """Returns the line of a value, or of the nearest one around it that stands in the file."""
        while path not in self.lines and path:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(text: str | bytes, *, aliases: bool, name: str) -> Json:
    """Returns the one document of ``text``; ``None`` for an empty one. Raises ``YamlError``, a ``ValueError``.

    ``aliases`` allows anchors, aliases and ``<<`` merges; the values that aliases bring are shared, not copied.
    """
    return _Builder(name, aliases, None).build(text)


def parse(text: str | bytes, *, aliases: bool, name: str) -> Document:
    """Does what `load` does and keeps the lines."""
    lines = dict[Path, int]()
    return Document(_Builder(name, aliases, lines).build(text), lines)


class _Open:
    """A list or mapping whose end has not been seen."""

    __slots__: tuple[str, ...] = (
        "anchor",
        "is_key_next",
        "is_merge",
        "key",
        "merged",
        "nodes",
        "path",
        "value",
    )

    def __init__(self, value: list[Json] | dict[str, Json], path: Path, anchor: str | None) -> None:
        self.value: list[Json] | dict[str, Json] = value
        self.path: Path = path
        self.anchor: str | None = anchor
        self.key: str = ""
        self.is_key_next: bool = isinstance(value, dict)
        self.is_merge: bool = False
        self.merged: list[dict[str, Json]] = []
        self.nodes: int = 1


class _Builder:
    def __init__(self, name: str, aliases: bool, lines: dict[Path, int] | None) -> None:
        self._name: str = name
        self._has_aliases: bool = aliases
        self._lines: dict[Path, int] | None = lines
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Json, int]] = {}
        self._aliased: int = 0
        self._result: Json = None
        self._documents: int = 0

    def build(self, text: str | bytes) -> Json:
        if len(text) > MAX_BYTES:
            raise YamlError(self._name, 1, f"larger than {MAX_BYTES // 10**6} MB")
        try:
            loader = yaml.CSafeLoader(text if isinstance(text, str) else text.decode())
            try:
                while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
                    self._take(cast("yaml.Event", event))
            finally:
                loader.dispose()
        except UnicodeError as error:
            raise YamlError(self._name, _line_of(text, error), "not valid UTF-8") from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise YamlError(self._name, line, error.problem or "not valid YAML") from error
        except yaml.YAMLError as error:
            position = cast("int", getattr(error, "position", 0))
            line = text[:position].count("\n" if isinstance(text, str) else b"\n") + 1  # pyright: ignore[reportArgumentType] as text is
            raise YamlError(self._name, line, "a character that YAML does not allow") from error
        return self._result

    def _take(self, event: yaml.Event) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(cast("yaml.ScalarEvent", event))
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            self._start(cast("yaml.CollectionStartEvent", event))
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._end(event)
        elif kind is yaml.AliasEvent:
            self._alias(cast("yaml.AliasEvent", event))
        elif kind is yaml.DocumentStartEvent:
            self._documents += 1
            if self._documents > 1:
                raise self._error(event, "a second document")

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text = event.value
        anchor = event.anchor
        if self._stack and self._stack[-1].is_key_next:
            if anchor is not None:
                raise self._error(event, "an anchor on a key")
            self._key(text, event)
            return
        value = self._resolve(text, event)
        if anchor is not None:
            self._anchor(anchor, value, 1, event)
        self._add(value, 1, event)

    def _key(self, text: str, event: yaml.ScalarEvent) -> None:
        here = self._stack[-1]
        mapping = cast("dict[str, Json]", here.value)
        if text == "<<" and self._has_aliases and event.implicit[0]:
            here.key, here.is_key_next, here.is_merge = text, False, True
            return
        if text in mapping:
            raise self._error(event, f"'{text:.80}' stands here twice")
        mapping[text] = None
        here.key, here.is_key_next = text, False
        if self._lines is not None:
            self._lines[*here.path, text] = _line(event)

    def _start(self, event: yaml.CollectionStartEvent) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise self._error(event, f"nested more than {MAX_DEPTH} deep")
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        if self._stack and self._stack[-1].is_key_next:
            raise self._error(event, "a list or mapping as a key")
        tag = event.tag
        if tag not in (None, "!", _TAG + ("map" if is_mapping else "seq")):
            raise self._error(event, f"the tag '{tag:.80}' is not known here")
        anchor = event.anchor
        if anchor is not None:
            self._refuse_aliases(event)
        path = self._next_path()
        if self._lines is not None:
            self._lines.setdefault(path, _line(event))
        self._stack.append(_Open({} if is_mapping else [], path, anchor))

    def _end(self, event: yaml.Event) -> None:
        done = self._stack.pop()
        if isinstance(done.value, dict):
            for merged in done.merged:
                for key, value in merged.items():
                    done.value.setdefault(key, value)
        if done.anchor is not None:
            self._anchor(done.anchor, done.value, done.nodes, event)
        self._add(done.value, done.nodes, event)

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._refuse_aliases(event)
        if self._stack and self._stack[-1].is_key_next:
            raise self._error(event, "an alias as a key")
        anchor = cast("str", event.anchor)
        if anchor not in self._anchors:
            raise self._error(event, f"no anchor '{anchor:.80}' stands before this alias")
        value, nodes = self._anchors[anchor]
        self._aliased += nodes
        if self._aliased > MAX_ALIASED_NODES:
            raise self._error(event, f"aliases bring more than {MAX_ALIASED_NODES:,} values")
        self._add(value, nodes, event)

    def _add(self, value: Json, nodes: int, event: yaml.Event) -> None:
        """Gives a complete value to the list or mapping around it."""
        if not self._stack:
            self._result = value
            if self._lines is not None:
                self._lines.setdefault((), _line(event))
            return
        here = self._stack[-1]
        here.nodes += nodes
        if isinstance(here.value, list):
            if self._lines is not None:
                self._lines.setdefault((*here.path, len(here.value)), _line(event))
            here.value.append(value)
            return
        here.is_key_next = True
        if here.is_merge:
            here.is_merge = False
            self._merge(here, value, event)
        else:
            here.value[here.key] = value

    def _merge(self, here: _Open, value: Json, event: yaml.Event) -> None:
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                raise self._error(event, "'<<' takes mappings")
            here.merged.append(part)

    def _anchor(self, anchor: str, value: Json, nodes: int, event: yaml.Event) -> None:
        self._refuse_aliases(event)
        self._anchors[anchor] = (value, nodes)

    def _refuse_aliases(self, event: yaml.Event) -> None:
        if not self._has_aliases:
            raise self._error(event, "anchors and aliases are not allowed here")

    def _next_path(self) -> Path:
        if not self._stack:
            return ()
        here = self._stack[-1]
        return (*here.path, len(here.value) if isinstance(here.value, list) else here.key)

    def _resolve(self, text: str, event: yaml.ScalarEvent) -> Json:
        tag = event.tag
        if tag is None and event.implicit[0]:
            return _plain(text, self._name, event)
        if tag in (None, "!", _TAG + "str"):
            return text
        value = _plain(text, self._name, event)
        expected = {"int": int, "float": float, "bool": bool, "null": type(None)}
        kind = tag.removeprefix(_TAG)
        if kind == "float" and type(value) is int:
            return float(value)
        if kind in expected and type(value) is expected[kind]:
            return value
        raise self._error(event, f"the tag '{tag:.80}' is not known here")

    def _error(self, event: yaml.Event, problem: str) -> YamlError:
        return YamlError(self._name, _line(event), problem)


def _plain(text: str, name: str, event: yaml.Event) -> Json:
    """Returns what a scalar without quotes means."""
    if text in _SPECIAL:
        return _SPECIAL[text]
    if text[0] not in "0123456789+-.":
        return text
    if _INT.fullmatch(text):
        if text.startswith(("0o", "0x")):
            return int(text, 0)
        try:
            return int(text)
        except ValueError as error:
            raise YamlError(name, _line(event), "an integer of too many digits") from error
    if _FLOAT.fullmatch(text):
        return float(text)
    if found := _INFINITE.fullmatch(text):
        return float("nan") if found[1] is None else float(found[1] + "inf")
    return text


def _line(event: yaml.Event) -> int:
    mark = cast("yaml.Mark | None", event.start_mark)
    return mark.line + 1 if mark else 1


def _line_of(text: str | bytes, error: UnicodeError) -> int:
    start = cast("int", getattr(error, "start", 0))
    return text[:start].count("\n") + 1 if isinstance(text, str) else text[:start].count(b"\n") + 1
