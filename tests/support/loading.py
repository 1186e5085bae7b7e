"""Owns loading a project as the engine does: in a forked process of its own, which gives JSON back."""

import asyncio
import functools
import json
import os
import textwrap
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

from pivot_core.define import discover, load
from pivot_core.define.assembly import Definitions
from pivot_core.define.load import ErrorReport, LoadReport
from pivot_core.engine import loading
from pivot_core.engine.loading import Wanted
from pivot_core.errors import DefinitionError
from pivot_core.model.ids import Json
from pivot_core.model.stage import Stage

HEAD = """
from typing import Annotated, TypedDict
from pivot_core import (
    JSON, Dep, DirectoryOut, IncrementalOut, Metric, Out, PathOnly, Pipeline, PlaceholderDep, StageParams, Text,
)
"""
"""What most definitions in tests begin with; three lines and a blank one, so that line 6 is the next."""


def write(root: Path, files: Mapping[str, str]) -> None:
    """Writes files, with common indentation taken off; a module named ``*.py`` gets nothing else."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def in_child(call: Callable[[], Json]) -> Json:
    """Runs ``call`` in a forked process; fails with its traceback."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child runs one thread and ends
        child = os.fork()
    if child == 0:
        try:
            answer: dict[str, Json] = {"value": call()}
        except BaseException:  # noqa: BLE001 told to the parent
            answer = {"error": traceback.format_exc()}
        with os.fdopen(writer, "w") as file:
            json.dump(answer, file)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(child, 0)
    answered = cast("dict[str, Json]", json.loads(text))
    assert "error" not in answered, answered["error"]
    return answered["value"]


def report(root: Path, files: Mapping[str, str], modules: Sequence[str] = ()) -> LoadReport:
    """Returns the report of loading a project of one pipeline with these files, and then some modules.

    Raises ``DefinitionError`` when it has none, or two.
    """
    write(root, files)
    names = loading.search(str(root)).definitions
    discover.check(names, str(root))
    (name,) = names
    return _report(root, Wanted(name, (), tuple(modules)))


async def load_all(root: Path, wanted: Sequence[Wanted]) -> list[LoadReport]:
    """Loads definitions as a pool of workers would."""
    return [_report(root, each) for each in wanted]


def definitions(root: Path, files: Mapping[str, str]) -> Definitions:
    """Returns what a sound project defines; raises ``DefinitionError``."""
    write(root, files)
    whole = loading.Loading(str(root), functools.partial(load_all, root))
    return asyncio.run(whole.begin(loading.search(str(root)).definitions, ()))


def _report(root: Path, wanted: Wanted) -> LoadReport:
    answer = in_child(lambda: cast("Json", cast("object", load.load(str(root), *wanted))))
    return cast("LoadReport", cast("object", answer))


def stages(root: Path, files: Mapping[str, str]) -> dict[str, Stage]:
    """Returns the stages of a sound project by name."""
    return {stage.name: stage for stage in definitions(root, files).stages}


def errors(root: Path, files: Mapping[str, str]) -> list[ErrorReport]:
    """Returns the mistakes of a project, of which there is one at least."""
    with pytest.raises(DefinitionError) as caught:
        definitions(root, files)
    return [
        ErrorReport(what=each.what, where=each.where, hint=each.hint, detail=each.detail)
        for each in (caught.value, *caught.value.others)
    ]


def error(root: Path, files: Mapping[str, str]) -> ErrorReport:
    """Returns the only mistake of a project."""
    (found,) = errors(root, files)
    return found
