"""Owns ``pivot plots``: plots as charts in the terminal, or as a page for a browser; of one revision or of two."""

import os
from collections.abc import Callable, Iterator, Sequence

import click

from pivot_core.cli import chart, gallery, jsonl, look, markdown, project, records, revisions, text
from pivot_core.cli import result_records as forms
from pivot_core.cli.session import Session
from pivot_core.cli.targets import inside
from pivot_core.compare.series import Chart, Image
from pivot_core.errors import EXIT_OK
from pivot_core.port.results import Plots


def _options[F: Callable[..., object]](command: F) -> F:
    json = click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
    markdown = click.option(
        "--markdown", "as_markdown", is_flag=True, help="Write a table in Markdown."
    )
    html = click.option("--html", metavar="FILE", help="Write a page for a browser.")
    axis = click.option("-x", "axis", metavar="COLUMN", help="On the horizontal axis.")
    columns = click.option("-y", "columns", multiple=True, metavar="COLUMN", help="To draw.")
    targets = revisions.target_option("Only the plots of this stage, or this file.")
    return html(axis(columns(targets(json(markdown(command))))))


@click.group("plots")
def command() -> None:
    """Show plots, and compare them between commits, runs and the workspace.

    A table is drawn column by column, over its first column where that names or counts the rows;
    a picture is shown on the page. A REV is named as for `pivot metrics`.

    \b
    Examples:
      pivot plots show
      pivot plots diff --html plots.html
    """


@command.command("show")
@click.argument("rev", required=False)
@_options
@click.pass_obj
def show(
    session: Session,
    rev: str | None,
    *,
    targets: tuple[str, ...],
    html: str | None,
    axis: str | None,
    columns: tuple[str, ...],
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Show the plots of REV (else of the workspace).

    \b
    Examples:
      pivot plots show
      pivot plots show HEAD -t train -y loss --html plots.html
    """
    found = _gather(session, (rev or revisions.WORKSPACE,), targets, axis, columns)
    return _show(session, found, html, as_json=as_json, as_markdown=as_markdown)


@command.command("diff")
@revisions.two_revisions
@_options
@click.pass_obj
def diff(
    session: Session,
    old: str | None,
    new: str | None,
    *,
    targets: tuple[str, ...],
    html: str | None,
    axis: str | None,
    columns: tuple[str, ...],
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Show the plots of OLD (else HEAD) and NEW (else the workspace), one over the other.

    \b
    Examples:
      pivot plots diff
      pivot plots diff last~1 last --html plots.html
    """
    found = _gather(session, revisions.pair(old, new), targets, axis, columns)
    return _show(session, found, html, as_json=as_json, as_markdown=as_markdown)


def _gather(
    session: Session,
    names: Sequence[str],
    targets: tuple[str, ...],
    axis: str | None,
    columns: tuple[str, ...],
) -> list[Plots]:
    root = project.find_root()
    wanted = inside(root, targets)
    return look.results(
        root, lambda found: found.plots(names, wanted, axis, columns), revisions.say(session)
    )


def _show(
    session: Session, found: Sequence[Plots], html: str | None, *, as_json: bool, as_markdown: bool
) -> int:
    paths = list(dict.fromkeys(path for each in found for path in each.figures))
    unread = list(_unread(found))
    if as_json:
        jsonl.show(session, _record(found, unread))
        return EXIT_OK
    if html is not None:
        _write_page(session, found, paths, html)
    elif as_markdown:
        session.out.write(_in_markdown(found))
    else:
        for path in paths:
            _draw(session, found, path)
    for each in unread:
        session.err.line(f"{each['revision']}: '{each['path']}': {each['why']}")
    if not paths and not session.is_quiet:
        session.err.line("no plots: a stage makes one with `Plot(path, writer)`")
    return EXIT_OK


def _draw(session: Session, found: Sequence[Plots], path: str) -> None:
    charts = dict[str, Chart]()
    for each in found:
        match each.figures.get(path):
            case Chart() as drawn:
                charts[each.side.name] = drawn
            case Image(kind, data):
                said = (
                    f"{kind.removeprefix('image/')}, {text.size(len(data))}: `--html FILE` shows it"
                )
                session.out.line((path, "strong"), f"  {each.side.name}: {said}")
            case None:
                pass
    if charts:
        chart.draw(session.out, path, charts)


def _write_page(session: Session, found: Sequence[Plots], paths: Sequence[str], html: str) -> None:
    names = [revisions.title(each.side) for each in found]
    plots = {
        path: {
            name: each.figures[path]
            for name, each in zip(names, found, strict=True)
            if path in each.figures
        }
        for path in paths
    }
    notes = [f"{each['revision']}: {each['path']}: {each['why']}" for each in _unread(found)]
    title = f"{os.path.basename(project.find_root())}: plots of {' and '.join(names)}"
    project.write_page(html, gallery.render(title, names, plots, notes))
    if not session.is_quiet:
        session.out.line(f"wrote {html}: {text.plural(len(plots), 'plot')}")


def _in_markdown(found: Sequence[Plots]) -> str:
    head = ("plot", "column", "revision", "rows", "first", "last", "min", "max")
    rows = [
        (path, each.name, plots.side.name, str(figure.rows), *_summary(each.y))
        for plots in found
        for path, figure in plots.figures.items()
        if isinstance(figure, Chart)
        for each in figure.series
    ]
    return markdown.table(head, sorted(rows, key=lambda row: row[:2]), right=(3, 4, 5, 6, 7))


def _summary(values: Sequence[float]) -> tuple[str, str, str, str]:
    if not values:
        return "", "", "", ""
    return (
        chart.tick(values[0]),
        chart.tick(values[-1]),
        chart.tick(min(values)),
        chart.tick(max(values)),
    )


def _unread(found: Sequence[Plots]) -> Iterator[forms.UnreadRecord]:
    for each in found:
        for path, why in each.problems.items():
            yield forms.UnreadRecord(path=path, revision=each.side.name, why=why)


def _record(found: Sequence[Plots], unread: list[forms.UnreadRecord]) -> forms.PlotsRecord:
    series, images = list[forms.SeriesRecord](), list[forms.PlotImageRecord]()
    for each in found:
        for path, figure in each.figures.items():
            match figure:
                case Image(kind, data):
                    images.append(
                        forms.PlotImageRecord(
                            path=path,
                            revision=each.side.name,
                            media_type=kind,
                            size_bytes=len(data),
                        )
                    )
                case Chart() as drawn:
                    series += list(_series(path, each.side.name, drawn))
    return forms.PlotsRecord(
        schema=records.SCHEMA,
        revisions=[revisions.record(each.side) for each in found],
        series=series,
        images=images,
        unread=unread,
    )


def _series(path: str, revision: str, drawn: Chart) -> Iterator[forms.SeriesRecord]:
    for each in drawn.series:
        labels = drawn.labels
        yield forms.SeriesRecord(
            path=path,
            revision=revision,
            column=each.name,
            axis=drawn.axis,
            x=list(each.x) if labels is None else [labels[int(x)] for x in each.x],
            y=list(each.y),
            rows=drawn.rows,
            step=drawn.step,
        )
