"""Owns ``pivot serve``: the engine alone, for clients."""

import click

from pivot_core.cli import compose, project
from pivot_core.cli.session import Session


@click.command("serve")
@click.option(
    "--until-idle", is_flag=True, help="End when no run is active and no client is there."
)
@click.pass_obj
def command(session: Session, *, until_idle: bool) -> int:
    """Run the project's engine without a front end, until Ctrl-C.

    Dashboards and `pivot repro` in the same project use it.

    \b
    Examples:
      pivot serve
      pivot serve --until-idle
    """
    import asyncio

    root = project.find_root(None)
    del session
    asyncio.run(compose.serve(root, until_idle=until_idle))
    return 0
