"""Owns ``pivot demo``: writes the example project, and opens or runs it."""

import os

import click

from pivot_core import demo
from pivot_core.cli import project, running
from pivot_core.cli.session import Session
from pivot_core.port import RunOptions, UsageError


@click.command("demo")
@click.argument("directory", default="pivot-demo", metavar="[DIR]")
@click.pass_context
def command(ctx: click.Context, directory: str) -> int:
    """Write an example project to DIR (else ./pivot-demo), and open it in the dashboard.

    Without a terminal it is run once, plainly. The project reads four years of weather, trains a
    small model, and tells whether it rains tomorrow.

    \b
    Examples:
      pivot demo
      pivot demo /tmp/weather
    """
    session = ctx.ensure_object(Session)
    written = demo.create(directory)
    project.init(directory, force=False)
    if not session.is_quiet:
        session.err.line(
            f"wrote {len(written)} files to '{directory}'"
            if written
            else f"found the demo in '{directory}'"
        )
        session.err.flush()
    here = os.getcwd()
    os.chdir(directory)
    code = _open(ctx, session)
    os.chdir(here)
    if not session.is_quiet:
        _next(session, directory)
    return code


def _open(ctx: click.Context, session: Session) -> int:
    """Opens the dashboard where there is a terminal and a dashboard, else runs the pipeline."""
    commands = ctx.find_root().command
    assert isinstance(commands, click.Group)
    if session.out.is_terminal and os.isatty(0):
        try:
            dashboard = commands.get_command(ctx, "ui")
        except UsageError:  # not installed
            dashboard = None
        if dashboard is not None:
            code = dashboard.main([], prog_name="pivot ui", standalone_mode=False, obj=session)
            return code if isinstance(code, int) else 0
    return running.execute(session, project.find_root(None), (), RunOptions())


def _next(session: Session, directory: str) -> None:
    out = session.out
    out.line()
    out.line(("Try next", "strong"), f" (in {directory}):")
    out.table(
        [
            ("pivot repro", ("runs what must run: the second time nothing", "faint")),
            ("pivot dag", ("the graph of stages", "faint")),
            ("pivot status", ("after an edit to weather.py: exactly its users would run", "faint")),
            ("pivot explain", ("and why", "faint")),
            ("pivot ui", ("the dashboard", "faint")),
        ],
        indent="  ",
    )
