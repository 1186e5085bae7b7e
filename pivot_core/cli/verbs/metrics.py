"""Owns ``pivot metrics``: the values in the metric files of a revision, and how those of two differ."""

from collections.abc import Iterator, Sequence

import click

from pivot_core.cli import figures, jsonl, look, markdown, project, records, revisions
from pivot_core.cli import result_records as forms
from pivot_core.cli.session import Session
from pivot_core.cli.targets import inside
from pivot_core.compare import leaf
from pivot_core.compare.cells import value_cells
from pivot_core.compare.leaf import LeafChange
from pivot_core.errors import EXIT_OK
from pivot_core.port.results import Metrics

_TARGETS = revisions.target_option("Only the metrics of this stage, or this file.")


@click.group("metrics")
def command() -> None:
    """Show metrics, and compare them between commits, runs and the workspace.

    A REV is `workspace`, a run (`last`, `last~1`, an id of `pivot history`) or anything that git
    takes for a commit. Which files are metrics is told by the definition as it is now.

    \b
    Examples:
      pivot metrics show
      pivot metrics diff                 the last commit and the workspace
      pivot metrics diff main last       a branch and the newest run
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
    """Show the metrics of REV (else of the workspace).

    \b
    Examples:
      pivot metrics show
      pivot metrics show HEAD~1 --target train --json
    """
    (found,) = _gather(session, (rev or revisions.WORKSPACE,), targets)
    values = [
        (path, name, value) for path, named in found.files.items() for name, value in named.items()
    ]
    shown, more = values[:limit], max(0, len(values) - limit)
    if as_json:
        record = forms.MetricsRecord(
            schema=records.SCHEMA,
            revision=revisions.record(found.side),
            values=[forms.ValueRecord(path=path, name=name, value=it) for path, name, it in shown],
            more=more,
            unread=list(_unread((found,))),
        )
        jsonl.show(session, record)
        return EXIT_OK
    rows = [(path, name, figures.value(value)) for path, name, value in shown]
    if as_markdown:
        head = ("file", "metric", revisions.title(found.side))
        session.out.write(markdown.table(head, rows, right=(2,)))
    else:
        session.out.table(rows)
    _close(session, (found,), more, "no metrics" if not values else "")
    return EXIT_OK


@command.command("diff")
@revisions.two_revisions
@click.option("-a", "--all", "whole", is_flag=True, help="Values that are the same, too.")
@_TARGETS
@revisions.options(limit=200)
@click.pass_obj
def diff(
    session: Session,
    old: str | None,
    new: str | None,
    *,
    whole: bool,
    targets: tuple[str, ...],
    limit: int,
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Show which metrics differ between OLD (else HEAD) and NEW (else the workspace).

    \b
    Examples:
      pivot metrics diff
      pivot metrics diff HEAD~3
      pivot metrics diff last~1 last --markdown
    """
    before, after = _gather(session, revisions.pair(old, new), targets)
    changes, unchanged = figures.metric_changes(before, after)
    listed = [*changes, *(_same(before, after) if whole else ())]
    shown, more = listed[:limit], max(0, len(listed) - limit)
    if as_json:
        record = forms.MetricsDiffRecord(
            schema=records.SCHEMA,
            old=revisions.record(before.side),
            new=revisions.record(after.side),
            changes=[figures.record(path, change) for path, change in shown],
            unchanged=unchanged,
            more=more,
            unread=list(_unread((before, after))),
        )
        jsonl.show(session, record)
        return EXIT_OK
    titles = (revisions.title(before.side), revisions.title(after.side))
    rows = [(path, *value_cells(change)) for path, change in shown]
    if as_markdown:
        head = ("file", "metric", *titles, "change")
        session.out.write(markdown.table(head, rows, right=(2, 3, 4)))
    elif rows:
        head = ("file", "metric", before.side.name, after.side.name, "change")
        session.out.table([[(each, "faint") for each in head], *rows])
    nothing = f"no metric differs between {titles[0]} and {titles[1]}" if not changes else ""
    _close(
        session, (before, after), more, f"{nothing}: {unchanged} are the same" if nothing else ""
    )
    return EXIT_OK


def _gather(session: Session, names: Sequence[str], targets: tuple[str, ...]) -> list[Metrics]:
    root = project.find_root()
    wanted = inside(root, targets)
    return look.results(root, lambda found: found.metrics(names, wanted), revisions.say(session))


def _same(before: Metrics, after: Metrics) -> Iterator[figures.Changed]:
    for path, values in before.files.items():
        others = after.files.get(path, {})
        for name, value in values.items():
            if name in others and leaf.is_same(value, others[name]):
                yield path, LeafChange(name, leaf.Difference.CHANGED, value, others[name])


def _unread(found: Sequence[Metrics]) -> Iterator[forms.UnreadRecord]:
    for each in found:
        for path, why in each.problems.items():
            yield forms.UnreadRecord(path=path, revision=each.side.name, why=why)


def _close(session: Session, found: Sequence[Metrics], more: int, nothing: str) -> None:
    """Says on stderr what is not shown."""
    if more:
        session.err.line(f"{more} more: `--limit` shows them")
    elif nothing and not session.is_quiet:
        session.err.line(nothing)
    for each in found:
        for path, why in each.problems.items():
            session.err.line(f"{each.side.name}: '{path}': {why}")
