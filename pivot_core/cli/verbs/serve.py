"""Owns ``pivot serve``: the engine alone, for clients."""

import click

from pivot_core.cli import compose, project
from pivot_core.cli.session import Session
from pivot_core.port import UsageError

_IDLE_MIN = 60.0


@click.command("serve")
@click.option("-d", "--detach", is_flag=True, help="Start it in the background and return.")
@click.option(
    "--idle-timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MIN",
    help="End after so many minutes without a client or a run; 60 with --detach, else never.",
)
@click.option("--until-idle", is_flag=True, help="End when nobody needs it any more.")
@click.option("--stop", is_flag=True, help="End the live engine.")
@click.option("-f", "--force", is_flag=True, help="With --stop: though a run is under way.")
@click.pass_obj
def command(
    session: Session,
    *,
    detach: bool,
    idle_timeout: float | None,
    until_idle: bool,
    stop: bool,
    force: bool,
) -> int:
    """Run the project's engine without a front end, until Ctrl-C.

    It keeps the plan, and workers that have imported what the stages need: `pivot repro` in the
    same environment has its runs done there, and dashboards show them.

    \b
    Examples:
      pivot serve
      pivot serve --detach
      pivot serve --stop
    """
    import asyncio

    chosen = [
        name
        for name, is_given in (
            ("--stop", stop),
            ("--detach", detach),
            ("--until-idle", until_idle),
        )
        if is_given
    ]
    if len(chosen) > 1:
        raise UsageError(f"'{chosen[0]}' and '{chosen[1]}' exclude each other", hint="give one")
    if force and not stop:
        raise UsageError("'--force' needs '--stop'")
    if idle_timeout is not None and (stop or until_idle):
        raise UsageError(f"'--idle-timeout' and '{chosen[0]}' exclude each other", hint="give one")
    root = project.find_root(None)
    if stop:
        ended = asyncio.run(compose.stop(root, force=force))
        said = "no engine is live" if ended is None else f"ended {ended.command} (pid {ended.pid})"
        session.out.line(said)
    elif detach:
        minutes = idle_timeout or _IDLE_MIN
        begun = asyncio.run(compose.start(root, idle_s=minutes * 60))
        session.out.line(f"an engine is live (pid {begun.pid}); `pivot serve --stop` ends it")
    else:
        idle_s = None if idle_timeout is None else idle_timeout * 60
        asyncio.run(compose.serve(root, until_idle=until_idle, idle_s=idle_s))
    return 0
