"""Owns loading a project's definition, in a process of its own, into data that the engine can read without user code.

forked child: load(root) ─▶ LoadReport (JSON) ─▶ engine: parse(report) ─▶ Definitions | DefinitionError
"""

import contextlib
import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict, cast

from pivot_core.define import discover, importing, observe, registry, trace, uses
from pivot_core.define.observe import Observed
from pivot_core.define.pipeline import Pipeline, Registration
from pivot_core.errors import DefinitionError
from pivot_core.model import codec, graph
from pivot_core.model.fingerprint import Reading
from pivot_core.model.ids import Json
from pivot_core.model.stage import Stage

if TYPE_CHECKING:
    from pivot_core.define.yaml_file import YamlFile

PARAMS = "params.yaml"


class ErrorReport(TypedDict):
    """The JSON form of a ``DefinitionError``."""

    what: str
    where: str
    hint: str
    detail: str


class LoadReport(TypedDict):
    """What loading gave; ``stages`` is complete only when ``errors`` is empty."""

    pipeline: str
    definition: str
    """Project-relative path of the definition file; empty when there is none."""
    stages: list[Json]
    """``codec.to_json`` of each ``Stage``, in order of definition."""
    errors: list[ErrorReport]
    observed: Observed
    uses: dict[str, list[str] | None]
    """As ``Uses.result`` gives it."""
    readings: list[Json]
    """``codec.to_json`` of each ``Reading``, sorted."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """A pipeline's stages; the graph of them has been built once and is sound."""

    pipeline: str
    definition: str
    stages: tuple[Stage, ...]
    observed: Observed
    uses: Mapping[str, Sequence[str] | None]
    readings: tuple[Reading, ...] = ()
    """What project code read while it was imported."""


def load(root: str, modules: Sequence[str] = ()) -> LoadReport:
    """Imports the definition in ``root``, an absolute path, and judges it; to be called in a fresh process.

    ``modules`` of the project are imported after it, to notice what they read; that they fail is for who needs them.
    Never raises for what the author did, ``KeyboardInterrupt`` apart: mistakes are in the report.
    """
    os.chdir(root)
    observer = observe.Observer(root, importing.install(root, ""))
    used = uses.Uses()
    used.start()
    observer.note(*(os.path.join(root, name) for name in (*discover.NAMES, PARAMS)))
    errors = list[DefinitionError]()
    name, definition = "", ""
    registrations = list[Registration]()
    stages = list[Stage]()
    try:
        definition = discover.definition_file(root)
        name, registrations, errors = _read(definition, modules, observer)
    except DefinitionError as error:
        errors.append(error)
    overrides: YamlFile | None = None
    try:
        overrides = _params_yaml(root)
    except DefinitionError as error:
        errors.append(error)
    if registrations:
        observer.resume()  # factories, validators and quoted annotations are project code
        stages, mistakes = registry.build(registrations, root, overrides)
        observer.stop()
        errors.extend(mistakes)
        errors.extend(_graph_errors(stages))
    used.stop()
    readings = observer.readings.result([out.path for stage in stages for out in stage.outs])
    return LoadReport(
        pipeline=name or os.path.basename(root),
        definition=os.path.relpath(definition, root) if definition else "",
        stages=[codec.to_json(Stage, stage) for stage in stages],
        errors=[_report(error, root) for error in errors],
        observed=observer.result(),
        uses=used.result(),
        readings=[codec.to_json(Reading, each) for each in readings],
    )


def parse(report: LoadReport) -> Definitions:
    """Returns what ``report`` defines, without importing anything of the author's.

    Raises ``DefinitionError`` for the first mistake, with the others in it.
    """
    if report["errors"]:
        first, *others = [
            DefinitionError(item["what"], item["where"], item["hint"], detail=item["detail"])
            for item in report["errors"]
        ]
        raise DefinitionError(
            first.what, first.where, first.hint, others=tuple(others), detail=first.detail
        )
    return Definitions(
        report["pipeline"],
        report["definition"],
        tuple([codec.from_json(Stage, stage) for stage in report["stages"]]),
        report["observed"],
        report["uses"],
        tuple([codec.from_json(Reading, each) for each in report["readings"]]),
    )


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


def _params_yaml(root: str) -> "YamlFile | None":
    path = os.path.join(root, PARAMS)
    if not os.path.lexists(path):
        return None
    from pivot_core.define import yaml_file

    return yaml_file.read(path)


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
