"""Owns loading one definition, in a process of its own, into data that the engine can read without user code.

forked child: load(root, file) ─▶ LoadReport (JSON) ─▶ engine: assembly.assemble(reports) ─▶ Definitions | error
"""

import contextlib
import importlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict, cast

from pivot_core.define import (
    discover,
    importing,
    observe,
    overrides,
    registry,
    shell_command,
    trace,
    uses,
)
from pivot_core.define.observe import Observed
from pivot_core.define.pipeline import Pipeline, Registration
from pivot_core.errors import DefinitionError
from pivot_core.model import codec, graph
from pivot_core.model.fingerprint import Reading
from pivot_core.model.ids import Json
from pivot_core.model.stage import Stage

PARAMS = "params.yaml"


class ErrorReport(TypedDict):
    """The JSON form of a ``DefinitionError``."""

    what: str
    where: str
    hint: str
    detail: str


class LoadReport(TypedDict):
    """What loading gave; ``stages`` is complete only when ``errors`` is empty."""

    definition: str
    """Project-relative path of the definition file."""
    pipeline: str
    """The pipeline's name; empty when it has none."""
    names: list[str]
    """The stages' names as the definition has them, without variants, sorted."""
    known: list[str]
    """The names that the stages have in the project, without and with variants; and what else may be named in the
    project's ``params.yaml``."""
    registered: list[str]
    """Project-relative files in which the stages are registered, sorted."""
    entries: dict[str, str]
    """What the project's ``params.yaml`` names, with its place."""
    stages: list[Json]
    """``codec.to_json`` of each ``Stage``, in order of definition."""
    errors: list[ErrorReport]
    observed: Observed
    uses: dict[str, list[str] | None]
    """As ``Uses.result`` gives it."""
    readings: list[Json]
    """``codec.to_json`` of each ``Reading``, sorted."""


def load(
    root: str, definition: str, prefixed: Sequence[str] = (), modules: Sequence[str] = ()
) -> LoadReport:
    """Imports a definition and judges it; to be called in a fresh process.

    ``root`` is the absolute project root, ``definition`` a file relative to it. Its directory is put before the stages'
    names that are ``prefixed``. ``modules`` of the project are imported after it, to notice what they read; that they
    fail is for who needs them. Never raises for what the author did, ``KeyboardInterrupt`` apart: mistakes are in the
    report.
    """
    os.chdir(root)
    home = discover.home(definition)
    observer = observe.Observer(root, importing.install(root, home))
    path = list(sys.path)
    used = uses.Uses()
    used.start()
    for place in dict.fromkeys((home, "")):
        observer.note(*(os.path.join(root, place, name) for name in (*discover.NAMES, PARAMS)))
    errors = list[DefinitionError]()
    name = ""
    registrations = list[Registration]()
    stages = list[Stage]()
    try:
        name, registrations, errors = _read(os.path.join(root, definition), modules, observer)
    except DefinitionError as error:
        errors.append(error)
    names = sorted({str(each.name) for each in registrations})
    files = _all_params(root, home, errors)
    registrations = [_named(each, home, prefixed) for each in registrations]
    if registrations:
        observer.resume()  # factories, validators and quoted annotations are project code
        search = importing.added(root, home, path)
        stages, mistakes = registry.build(registrations, root, home, files, observer.note, search)
        observer.stop()
        errors.extend(mistakes)
        errors.extend(_graph_errors(stages))
    used.stop()
    readings = observer.readings.result([out.path for stage in stages for out in stage.outs])
    known = dict.fromkeys(name for each in registrations for name in (each.name, each.full_name))
    return LoadReport(
        definition=definition,
        pipeline=name,
        names=names,
        known=[*map(str, known), *_read_by_scripts(files, registrations)],
        registered=sorted({os.path.relpath(each.file, root) for each in registrations}),
        entries={
            entry: place.replace(root + os.sep, "")
            for each in files
            if not each.home
            for entry, place in each.entries()
        },
        stages=[codec.to_json(Stage, stage) for stage in stages],
        errors=[_report(error, root) for error in errors],
        observed=observer.result(),
        uses=used.result(),
        readings=[codec.to_json(Reading, each) for each in readings],
    )


def _named(given: Registration, home: str, prefixed: Sequence[str]) -> Registration:
    return replace(given, name=f"{home}/{given.name}") if given.name in prefixed else given


def _read(
    definition: str, modules: Sequence[str], observer: observe.Observer
) -> tuple[str, list[Registration], list[DefinitionError]]:
    errors = list[DefinitionError]()
    observer.start()
    try:
        if definition.endswith(".py"):
            pipeline = _from_python(definition)
            name, registrations = pipeline.name, list(pipeline.registrations)
        else:
            from pivot_core.define import pivot_yaml

            name, registrations, errors = pivot_yaml.read(definition)
        for module in modules:
            # User code: the stage that imports it shows what goes wrong.
            with contextlib.suppress(SystemExit, Exception):
                importlib.import_module(module)
        return name or "", registrations, errors
    finally:
        observer.stop()


def _from_python(definition: str) -> Pipeline:
    """Imports ``pipeline.py`` under its own name, so that another process can import its functions again."""
    file = os.path.basename(definition)
    try:
        module = importlib.import_module(file.removesuffix(".py"))
    except DefinitionError as error:
        error.detail = error.detail or trace.text(error)
        raise
    except (SystemExit, Exception) as error:
        raise trace.unimportable(file, error) from error
    if getattr(module, "__file__", None) != definition:
        what = f"{file} is hidden by another module of that name"
        raise DefinitionError(
            what, str(getattr(module, "__path__", module)), "rename the other one"
        )
    if isinstance(found := cast("object", getattr(module, "pipeline", None)), Pipeline):
        return found
    pipelines = {
        id(value): (name, value)
        for name, value in vars(module).items()
        if isinstance(value, Pipeline)
    }
    if len(pipelines) == 1:
        return next(iter(pipelines.values()))[1]
    if pipelines:
        names = ", ".join(f"'{name}'" for name, _ in pipelines.values())
        raise DefinitionError(
            f"{file} has several pipelines: {names}", definition, "name one of them `pipeline`"
        )
    hint = "write `pipeline = Pipeline()` and `pipeline.register(function)`"
    raise DefinitionError(f"{file} has no pipeline", definition, hint)


def _all_params(root: str, home: str, errors: list[DefinitionError]) -> list[overrides.ParamsFile]:
    """Returns the files of params that count, the strongest last; adds what is wrong with them to ``errors``."""
    files = list[overrides.ParamsFile]()
    for place in dict.fromkeys((home, "")):
        try:
            files += _params_files(root, place)
        except DefinitionError as error:
            errors.append(error)
    return files


def _params_files(root: str, home: str) -> list[overrides.ParamsFile]:
    path = os.path.join(root, home, PARAMS)
    if not os.path.lexists(path):
        return []
    from pivot_core.define import yaml_file

    return [overrides.ParamsFile(yaml_file.read(path), home)]


def _read_by_scripts(
    files: Sequence[overrides.ParamsFile], registrations: Sequence[Registration]
) -> list[str]:
    """Returns what the project's ``params.yaml`` names where it is not only for stages: commands read it, too."""
    return [
        name
        for each in files
        if not each.home and shell_command.reads(each.file.path, registrations)
        for name, _ in each.entries()
    ]


def _graph_errors(stages: list[Stage]) -> list[DefinitionError]:
    try:
        graph.build(stages)
    except DefinitionError as error:
        return [error, *error.others]
    return []


def _report(error: DefinitionError, root: str) -> ErrorReport:
    return ErrorReport(
        what=error.what,
        where=error.where.replace(root + os.sep, ""),
        hint=error.hint,
        detail=error.detail,
    )
