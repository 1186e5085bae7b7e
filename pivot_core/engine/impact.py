"""Owns telling what a change would reach: finds out what a person means, a file or a definition, and what follows."""

import os

from pivot_core.engine.plan import Plan, Planner
from pivot_core.errors import PivotError, UsageError
from pivot_core.fingerprint.analyser import Analyser
from pivot_core.model import suggestion
from pivot_core.model.impact import Impact
from pivot_core.model.stage import FunctionRef
from pivot_core.plan import affected
from pivot_core.store.layout import Layout
from pivot_core.store.repository import Repository


def impact(layout: Layout, planner: Planner, plan: Plan, target: str) -> Impact:
    """Returns what follows from a change of a path, relative to the project, or of a symbol.

    A file that lies there is a file, whatever else has its name. Raises ``UsageError`` with the nearest known name for
    what is neither there nor known.
    """
    full = os.path.normpath(os.path.join(layout.root, target))
    if not os.path.lexists(full):
        names = affected.named(plan.analyses, target)
        if names:
            return affected.of_symbols(plan.graph, plan.analyses, target, names)
    root = layout.root
    locks = {name: os.path.relpath(layout.lock_path(name), root) for name in plan.graph.stages}
    path = os.path.relpath(full, root)
    if path.startswith("..") and _is_source(plan, full):
        path = full
    is_loaded = _is_loaded(planner, plan, full)
    is_there = os.path.lexists(full)
    found = affected.of_path(
        plan.graph, plan.analyses, target, path, locks, is_loaded=is_loaded, is_there=is_there
    )
    if is_there or found.direct or found.makers or is_loaded:
        return found
    if path in (affected.PARAMS_FILE, affected.IGNORE_FILE):
        return found
    if names := _defined(root, plan, target):
        return affected.of_symbols(plan.graph, plan.analyses, target, names)
    if _was_committed(root, path):
        return found
    known = affected.vocabulary(plan.graph, plan.analyses)
    hint = suggestion.hint(target, known, "name a file, or a definition as 'module.name'")
    raise UsageError(f"no file or definition '{target}'", hint=hint)


def _is_source(plan: Plan, full: str) -> bool:
    return any(where.file == full for each in plan.analyses.values() for _, where in each.locations)


def _is_loaded(planner: Planner, plan: Plan, full: str) -> bool:
    """Tells whether loading the definition reads a file, or looks for it."""
    if planner.last is None or planner.last[0] is not plan:
        return full in plan.code
    grounds = planner.last[1]
    return full in grounds.files or full in grounds.absent


def _defined(root: str, plan: Plan, target: str) -> tuple[str, ...]:
    """Returns what a name leads to by way of imports, or that no stage uses; none where no module defines it."""
    analyser = Analyser(root)
    file, colon, label = target.rpartition(":")
    refs = {(ref.base, ref.ahead, ref.behind): ref for ref in _functions(plan)}
    for (base, ahead, behind), ref in refs.items():
        symbols = list(affected.candidates(target))
        if colon and file.endswith(".py"):
            name = label.partition(".")[0]
            places = [os.path.join(root, place) for place in (*(ahead or (base, "")), *behind)]
            modules = [os.path.relpath(os.path.join(root, file), place) for place in places]
            symbols = [f"{_dotted(module)}:{name}" for module in modules if module[0] != "."]
        for symbol in symbols:
            if found := analyser.definitions(symbol, ref):
                return found
    return ()


def _was_committed(root: str, path: str) -> bool:
    """Tells whether a file is in the last commit: ``git diff --name-only`` names those that were deleted, too."""
    repository = Repository(root)
    try:
        head = repository.find("HEAD")
        return head is not None and bool(repository.blobs(head, path))
    except PivotError:
        return False


def _functions(plan: Plan) -> list[FunctionRef]:
    return [stage.func for stage in plan.graph.stages.values() if stage.command is None]


def _dotted(file: str) -> str:
    return file.removesuffix(".py").replace(os.sep, ".").removesuffix(".__init__")
