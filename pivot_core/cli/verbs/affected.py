"""Owns ``pivot affected``: which stages would run if a file or a definition changed."""

import os
from collections.abc import Iterator, Sequence

import click

from pivot_core.cli import jsonl, look, project, records, text
from pivot_core.cli.causes import route
from pivot_core.cli.paper import Part
from pivot_core.cli.session import Session
from pivot_core.cli.targets import inside
from pivot_core.port import Affected, Bond, FindAffected, Impact, StageName


@click.command("affected")
@click.argument("targets", nargs=-1, required=True, metavar="PATH|SYMBOL...")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], *, as_json: bool) -> int:
    """Tell which stages would run if a file, or a function, class or constant, changed.

    A PATH is any file or directory: source, input, output, params.yaml, a definition or lock file.
    A SYMBOL is a definition: 'model.hits', 'lib.shapes:Circle' or 'lib/shapes.py:area'; a class
    counts as a whole. Stages that may follow run only when what they read comes out different.
    Nothing is run, and what nothing uses is no error.

    \b
    Examples:
      pivot affected data/raw.csv
      pivot affected model.fit
      pivot affected $(git diff --name-only)
    """
    root = project.find_root(None)
    found = look.answer(root, FindAffected(tuple(_inside(root, each) for each in targets)))
    order = [row.name for row in look.stage_rows(root)[1]]
    if as_json:
        reached = {each.stage for impact in found for each in (*impact.direct, *impact.downstream)}
        record = records.ImpactsRecord(
            schema=records.SCHEMA,
            targets=[jsonl.impact(each) for each in found],
            stages=[name for name in order if name in reached],
        )
        jsonl.show(session, record)
    else:
        _show(session, found, order)
    return 0


def _inside(root: str, target: str) -> str:
    """Returns a target with its path relative to the project: also that before the name in ``lib/shapes.py:area``."""
    file, colon, name = target.rpartition(":")
    if colon and os.path.lexists(file):
        return f"{inside(root, (file,))[0]}:{name}"
    return inside(root, (target,))[0]


def _show(session: Session, found: Sequence[Impact], order: Sequence[StageName]) -> None:
    out = session.out
    for index, impact in enumerate(found):
        if len(found) > 1:
            if index:
                out.line()
            out.line((impact.target, "strong"))
        out.table(_rows(impact))
        if not session.is_quiet:
            for note in _notes(impact):
                out.line((note, "faint"))
    if not session.is_quiet:
        out.line((_total(found, order), "strong"))


def _rows(impact: Impact) -> Iterator[tuple[Part, ...]]:
    for each in impact.direct:
        yield ("would run", "due"), each.stage, (_why(each), "faint")
    for each in impact.downstream:
        yield ("may follow", "faint"), each.stage, (_why(each), "faint")


def _why(given: Affected) -> str:
    match given.bond:
        case Bond.CODE:
            return f"code: {route(given.path)}"
        case Bond.INPUT:
            return f"input: {given.path[0]}"
        case Bond.PARAMS:
            return "its params may stand there"
        case Bond.DEFINITION:
            return "is defined there"
        case Bond.LOCK:
            return "its last result is recorded there"
        case Bond.IGNORE:
            return f"input: {given.path[0]}, of which it says what counts"
        case Bond.UPSTREAM:
            return " → ".join(given.path)


def _notes(impact: Impact) -> Iterator[str]:
    if impact.makers:
        names = ", ".join(f"'{name}'" for name in impact.makers)
        yield f"written by {names}: a change by hand is put back first"
    bonds = {each.bond for each in impact.direct}
    if impact.is_loaded and not bonds & {Bond.CODE, Bond.PARAMS, Bond.DEFINITION}:
        yield "loading the definition reads it: the stages themselves may become others"
    if not (impact.direct or impact.makers or impact.is_loaded):
        yield f"no stage uses '{impact.target}'"


def _total(found: Sequence[Impact], order: Sequence[StageName]) -> str:
    direct = {each.stage for impact in found for each in impact.direct}
    behind = {each.stage for impact in found for each in impact.downstream} - direct
    said = [f"{len(direct)} would run"] if direct else ["none would run"]
    if behind:
        said.append(f"{len(behind)} may follow")
    return f"{text.plural(len(order), 'stage')}: {', '.join(said)}"
