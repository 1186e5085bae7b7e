"""Owns ``pivot params``: the params of stages as of a revision with what gave them, and how those of two differ."""

from collections.abc import Sequence

import click

from pivot_core.cli import figures, jsonl, look, markdown, project, records, revisions
from pivot_core.cli import result_records as forms
from pivot_core.cli.session import Session
from pivot_core.compare import leaf
from pivot_core.compare.cells import value_cells
from pivot_core.compare.leaf import Difference, LeafChange
from pivot_core.errors import EXIT_OK
from pivot_core.model.ids import StageName
from pivot_core.model.stage import ParamLayer, ParamOrigin
from pivot_core.port.results import Params

_TARGETS = revisions.target_option("Only the params of this stage.")
_WORDS = {ParamLayer.REGISTER: "register() at ", ParamLayer.DEFAULT: "default"}


@click.group("params")
def command() -> None:
    """Show params with what gave them, and compare them between commits, runs and the workspace.

    Of a commit and of a run, params are those that its results were made with; of the workspace,
    those that the next run takes. A REV is named as for `pivot metrics`.

    \b
    Examples:
      pivot params show
      pivot params diff HEAD~1
    """


@command.command("show")
@click.argument("rev", required=False)
@_TARGETS
@revisions.options(limit=200)
@click.pass_obj
def show(
    session: Session,
    rev: str | None,
    *,
    targets: tuple[str, ...],
    limit: int,
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Show the params of REV (else of the workspace), each with the line that gives it its value.

    \b
    Examples:
      pivot params show
      pivot params show HEAD --target train
    """
    (found,) = _gather(session, (rev or revisions.WORKSPACE,), targets)
    values = [
        (stage, name, param)
        for stage, named in found.stages.items()
        for name, param in named.items()
    ]
    shown, more = values[:limit], max(0, len(values) - limit)
    if as_json:
        record = forms.ParamsRecord(
            schema=records.SCHEMA,
            revision=revisions.record(found.side),
            params=[
                forms.ParamRecord(
                    stage=stage, name=name, value=param.value, origin=_origin_record(param.origin)
                )
                for stage, name, param in shown
            ],
            more=more,
        )
        jsonl.show(session, record)
        return EXIT_OK
    rows = [
        (stage, name, figures.value(param.value), _origin(param.origin))
        for stage, name, param in shown
    ]
    if as_markdown:
        head = ("stage", "param", revisions.title(found.side), "from")
        session.out.write(markdown.table(head, rows, right=(2,)))
    else:
        session.out.table([(*row[:3], (row[3], "faint")) for row in rows])
    _close(session, more, "no params" if not rows else "")
    return EXIT_OK


@command.command("diff")
@revisions.two_revisions
@_TARGETS
@revisions.options(limit=200)
@click.pass_obj
def diff(
    session: Session,
    old: str | None,
    new: str | None,
    *,
    targets: tuple[str, ...],
    limit: int,
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Show which params differ between OLD (else HEAD) and NEW (else the workspace).

    \b
    Examples:
      pivot params diff
      pivot params diff last~1 last
    """
    before, after = _gather(session, revisions.pair(old, new), targets)
    changes, unchanged = _changes(before, after)
    shown, more = changes[:limit], max(0, len(changes) - limit)
    if as_json:
        record = forms.ParamsDiffRecord(
            schema=records.SCHEMA,
            old=revisions.record(before.side),
            new=revisions.record(after.side),
            changes=[_change_record(after, stage, change) for stage, change in shown],
            unchanged=unchanged,
            more=more,
        )
        jsonl.show(session, record)
        return EXIT_OK
    titles = (revisions.title(before.side), revisions.title(after.side))
    rows = [
        (stage, *value_cells(change)[:3], _origin(_origin_of(after, stage, change)))
        for stage, change in shown
    ]
    if as_markdown:
        head = ("stage", "param", *titles, "from")
        session.out.write(markdown.table(head, rows, right=(2, 3)))
    elif rows:
        head = ("stage", "param", before.side.name, after.side.name, "from")
        faint = [(*row[:4], (row[4], "faint")) for row in rows]
        session.out.table([[(each, "faint") for each in head], *faint])
    nothing = "" if changes else f"no param differs between {titles[0]} and {titles[1]}"
    _close(session, more, f"{nothing}: {unchanged} are the same" if nothing else "")
    return EXIT_OK


def _gather(session: Session, names: Sequence[str], targets: tuple[str, ...]) -> list[Params]:
    root = project.find_root()
    return look.results(root, lambda found: found.params(names, targets), revisions.say(session))


def _changes(before: Params, after: Params) -> tuple[list[tuple[StageName, LeafChange]], int]:
    changes, unchanged = list[tuple[StageName, LeafChange]](), 0
    for stage in dict.fromkeys([*before.stages, *after.stages]):
        sides = [
            {name: param.value for name, param in each.stages.get(stage, {}).items()}
            for each in (before, after)
        ]
        found = leaf.compare_values(*sides)
        changes += [(stage, change) for change in found.changes]
        unchanged += found.unchanged
    return changes, unchanged


def _origin_of(after: Params, stage: StageName, change: LeafChange) -> ParamOrigin | None:
    if change.difference is Difference.REMOVED:
        return None
    return after.stages[stage][change.name].origin


def _origin(origin: ParamOrigin | None) -> str:
    """Returns what gave a value, for people."""
    if origin is None:
        return ""
    return f"{_WORDS.get(origin.layer, '')}{origin.where or ''}"


def _origin_record(origin: ParamOrigin | None) -> forms.OriginRecord | None:
    if origin is None:
        return None
    where = None if origin.where is None else jsonl.location(origin.where)
    return forms.OriginRecord(layer=origin.layer.value, where=where)


def _change_record(after: Params, stage: StageName, change: LeafChange) -> forms.ParamChangeRecord:
    return forms.ParamChangeRecord(
        stage=stage,
        name=change.name,
        difference=change.difference.value,
        old=change.old,
        new=change.new,
        step=change.step,
        origin=_origin_record(_origin_of(after, stage, change)),
    )


def _close(session: Session, more: int, nothing: str) -> None:
    if more:
        session.err.line(f"{more} more: `--limit` shows them")
    elif nothing and not session.is_quiet:
        session.err.line(nothing)
