"""Owns ``pivot init``: makes a directory a project."""

import click

from pivot_core.cli import project
from pivot_core.cli.session import Session


@click.command("init")
@click.argument("directory", default=".", metavar="[DIR]")
@click.option("-f", "--force", is_flag=True, help="Write Pivot's own .gitignore anew.")
@click.pass_obj
def command(session: Session, directory: str, *, force: bool) -> int:
    """Make DIR (else the working directory) a Pivot project.

    Writes .pivot/config.yaml, and a .gitignore beside it that keeps only settings and lock files.

    \b
    Examples:
      pivot init
      pivot init ~/projects/churn
    """
    written = project.init(directory, force=force)
    if session.is_quiet:
        return 0
    for path in written:
        session.out.line(("wrote ", "faint"), path)
    session.out.line(
        "next: define stages in pipeline.py, then `pivot repro`; `pivot demo` shows how"
    )
    return 0
