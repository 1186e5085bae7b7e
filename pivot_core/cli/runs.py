"""Owns finding a past run by what a person types: nothing for the newest, ``last~2``, or a part of its id."""

from pivot_core.cli import look
from pivot_core.model import suggestion
from pivot_core.model.ids import age_of_run
from pivot_core.port import History, RunId, UsageError

_LIMIT = 10_000


def find(root: str, given: str | None) -> RunId:
    """Returns the run that ``given`` names; raises ``UsageError`` when none or several do."""
    runs = [run.run_id for run in look.answer(root, History(1 if given is None else _LIMIT))]
    if given is None:
        if not runs:
            raise UsageError("no run yet", hint="`pivot repro` makes one")
        return runs[0]
    age = age_of_run(given)
    if age is not None and age < len(runs):
        return runs[age]
    if given in runs:
        return RunId(given)
    found = [run for run in runs if run.startswith(given) or run.endswith(given)]
    if not found:
        otherwise = "`pivot history` lists the runs"
        if age is not None:
            otherwise = f"{len(runs)} are kept" if runs else "`pivot repro` makes one"
        hint = suggestion.hint(given, ("last", *runs) if age is None else (), otherwise)
        raise UsageError(f"no run '{given}'", hint=hint)
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} runs match '{given}'", hint=f"the newest of them is {found[0]}"
        )
    return found[0]
