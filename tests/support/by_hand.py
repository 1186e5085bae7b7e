"""Runs the pipeline of a directory without Pivot's engine: imports it, calls the stages in order of registration.

Started as a program, so that the modules of the project stay out of the process of the tests:
``python -m tests.support.by_hand DIRECTORY``.
"""

import importlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import yaml

from pivot_core import Dep, Pipeline
from pivot_core.define.params import effective
from pivot_core.define.pipeline import Registration
from pivot_core.define.signature import RETURN, directory_members, inspect_stage
from pivot_core.model.stage import OutKind


def run(registration: Registration, overrides: Mapping[str, Mapping[str, object]]) -> None:
    """Reads the deps, calls the function, writes the outs; the current directory is the project."""
    func = cast("Callable[..., object]", registration.func)
    signature = inspect_stage(func)
    arguments = dict[str, object]()
    for param, dep in signature.deps.items():
        declared = dep.path if isinstance(dep, Dep) else ""
        path = registration.deps.get(param, declared)
        if isinstance(path, (str, os.PathLike)):
            arguments[param] = dep.reader.load(Path(path))
        else:
            arguments[param] = [dep.reader.load(Path(each)) for each in path]
    if signature.params is not None:
        param, model = signature.params
        given = cast("Mapping[str, object]", registration.params or {})
        names = (registration.name, registration.full_name)
        arguments[param] = effective(model, [given, *(overrides.get(name, {}) for name in names)])
    result = func(**arguments)
    fields = cast(
        "Mapping[str, object]", result if RETURN not in signature.outs else {RETURN: result}
    )
    for field, out in signature.outs.items():
        path = Path(registration.outs.get(field, out.path))
        whole = out.kind is not OutKind.DIRECTORY
        files = {"": fields[field]} if whole else directory_members(fields[field])
        for name, value in files.items():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            out.writer.save(value, target)


def main(directory: str) -> None:
    """Runs all stages of ``directory``."""
    os.chdir(directory)
    sys.path.insert(0, directory)
    sys.dont_write_bytecode = True
    pipeline = cast("Pipeline", importlib.import_module("pipeline").pipeline)
    params = Path("params.yaml")
    overrides = yaml.safe_load(params.read_text()) if params.exists() else None
    for registration in pipeline.registrations:
        print(f"== {registration.full_name}")
        run(registration, cast("dict[str, dict[str, object]]", overrides or {}))


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
