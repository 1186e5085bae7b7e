"""Owns the one form in which an error is shown: what happened, where, and what to do."""

from collections.abc import Iterable

from pivot_core.cli import text
from pivot_core.cli.paper import Paper
from pivot_core.port import DefinitionError, PivotError, Problem


def problems(error: PivotError) -> tuple[Problem, ...]:
    """Returns everything that ``error`` reports, itself first."""
    if not isinstance(error, DefinitionError):
        return (Problem(error.what, error.where, error.hint),)
    first = Problem(error.what, error.where, error.hint, error.detail)
    return (first, *(found for other in error.others for found in problems(other)))


def show(paper: Paper, found: Iterable[Problem]) -> None:
    """Writes each problem as ``error: …`` with ``where:`` and ``hint:`` below."""
    shown = tuple(found)
    for problem in shown:
        what, *more = problem.what.split("\n")
        paper.line(("error: ", "bad"), what)
        if more:
            paper.block("\n".join(more), indent="  ")
        if problem.where:
            paper.line(("  where: ", "faint"), problem.where)
        if problem.hint:
            paper.line(("  hint:  ", "faint"), problem.hint)
        if problem.detail:
            paper.line()
            paper.block(problem.detail, indent="  ")
            paper.line()
    if len(shown) > 1:
        paper.line(text.plural(len(shown), "error"))
    paper.flush()
