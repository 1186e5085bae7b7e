"""Owns keeping a plan over inner edits: the definition is not loaded again, and only what they concern is analysed.

What a definition says cannot depend on the inside of a function that loading did not call, nor what a module does on
import on one that no analysis of that has looked into. Such functions have a name in the outlines that are kept with
the plan; an edit of anything else makes everything be looked at anew.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypedDict, cast

from pivot_core.engine import grounds
from pivot_core.engine.grounds import Grounds
from pivot_core.errors import DefinitionError
from pivot_core.fingerprint.analyser import Analyser, Parsed, Versions
from pivot_core.fingerprint.outline import Block, Edits, Outline, compare
from pivot_core.fingerprint.reading import Readings
from pivot_core.frozen import frozen
from pivot_core.model.fingerprint import Reading
from pivot_core.model.ids import Json
from pivot_core.model.stage import Stage
from pivot_core.store import hashing


class _Form(TypedDict):
    """The JSON form of ``Outlines``."""

    files: dict[str, tuple[int, list[tuple[int, int, str, str, str]]]]


@frozen
class Outlines:
    """The sources that a plan rests on as they were when it was made."""

    files: Mapping[str, Outline]
    """By absolute path; a file that loading read as text has none."""

    @staticmethod
    def of(analyser: Analyser, uses: Mapping[str, Sequence[str] | None]) -> "Outlines":
        """Returns what an analyser has found; ``uses`` is what loading called and read (`Uses.result`)."""
        files = {
            path: outline.only(outline.names.difference(uses.get(path) or ()))
            for path, outline in analyser.outlines.items()
            if uses.get(path, ()) is not None
        }
        return Outlines(files)

    def to_json(self) -> Json:
        """Returns the JSON form."""
        files: dict[str, Json] = {
            path: [outline.length, [list(block) for block in outline.blocks]]
            for path, outline in self.files.items()
        }
        return {"files": files}

    @staticmethod
    def from_json(data: Json) -> "Outlines":
        """Returns what ``to_json`` gave; raises ``ValueError`` for anything else."""
        try:
            given = cast("_Form", cast("object", data))
            files = {
                path: Outline(int(length), tuple(Block(*block) for block in blocks))
                for path, (length, blocks) in given["files"].items()
            }
        except (TypeError, KeyError, AttributeError, IndexError) as error:
            raise ValueError("not outlines") from error
        return Outlines(files)


@frozen
class Amended:
    """What a plan has become."""

    grounds: Grounds
    outlines: Outlines
    analyser: Analyser
    """The one that looked at what the edits concern."""


def amend(
    root: str,
    known: Grounds,
    before: Outlines,
    edited: Sequence[str],
    clock_ns: int,
    versions: Versions | None,
    parsed: Parsed,
) -> Amended | None:
    """Returns what inner edits make of a plan; ``None`` when they are more than that.

    ``known`` is what the plan rested on, ``before`` the sources then, ``edited`` the files that
    have changed since, ``clock_ns`` the file system's clock before anybody looks at them, and ``versions`` and
    ``parsed`` what an `Analyser` is given.
    """
    try:
        texts = {path: _read(path) for path in edited if path in before.files}
    except OSError:
        return None
    edits = {path: compare(before.files[path], data) for path, data in texts.items()}
    found = {path: (before.files[path], edit) for path, edit in edits.items() if edit is not None}
    if len(found) < len(edited):
        return None
    by_path = Edits(found)
    by_name = Edits({_shown(root, path): each for path, each in found.items()})
    stages = tuple(_moved(stage, by_name) for stage in known.stages)
    readings = tuple(_moved_reading(reading, by_path) for reading in known.readings)
    observed = Readings(readings, known.executed)
    analyser = Analyser(root, readings=observed, versions=versions, parsed=parsed)
    try:
        analyses = tuple(
            analyser.analyse(stage) if by_name.concern(analysis) else by_name.applied(analysis)
            for stage, analysis in zip(stages, known.analyses, strict=True)
        )
    except DefinitionError:
        return None  # loading the definition says it better
    if analyser.unread:
        return None  # loading imports those modules
    digests = {path: hashing.hash_bytes(data) for path, data in texts.items()}
    looked = _looked_at(known, analyser, digests, clock_ns)
    if looked is None:
        return None
    after = {**before.files, **{path: edit.outline for path, (_, edit) in found.items()}}
    for path, seen in analyser.outlines.items():
        after[path] = after[path].only(seen.names) if path in after else seen
    return Amended(
        replace(
            looked,
            readings=readings,
            stages=stages,
            analyses=analyses,
        ),
        Outlines(after),
        analyser,
    )


def _looked_at(
    known: Grounds, analyser: Analyser, edited: Mapping[str, str], clock_ns: int
) -> Grounds | None:
    """Returns ``known`` with the files that the plan rests on now; ``None`` when some changed meanwhile."""
    new = analyser.sought - {*known.sought}
    if any(os.path.isdir(os.path.join(place, name)) for place in known.searched for name in new):
        return None  # the hashes of the names there leave them out
    files, absent = dict(known.files), set(known.absent)
    for path, digest in (*edited.items(), *analyser.inputs.items()):
        if digest is None:
            absent.add(path)
        elif path in files and path not in edited:
            if files[path][5] != digest:
                return None
        else:
            row = grounds.file_row(path, {digest}, clock_ns)
            if row is None:
                return None
            files[path] = row
    return replace(
        known,
        files=files,
        absent=tuple(sorted(absent - files.keys())),
        sought=tuple(sorted({*known.sought, *new})),
    )


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _shown(root: str, path: str) -> str:
    return os.path.relpath(path, root) if path.startswith(root + os.sep) else path


def _moved(stage: Stage, edits: Edits) -> Stage:
    where, defined = edits.moved(stage.func.where), edits.moved(stage.defined)
    if (where, defined) == (stage.func.where, stage.defined):
        return stage
    return replace(stage, func=replace(stage.func, where=where), defined=defined)


def _moved_reading(reading: Reading, edits: Edits) -> Reading:
    through = tuple(edits.moved(place) for place in reading.through)
    return replace(reading, taken_at=edits.moved(reading.taken_at), through=through)
