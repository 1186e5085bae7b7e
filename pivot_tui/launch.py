"""Owns the ``pivot ui`` command: checks the terminal, gets the way to the engine, and only then loads the dashboard."""

import asyncio
import contextlib
import functools
import gc
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import click

from pivot_core.port import (
    Door,
    FindLog,
    LogRef,
    PivotError,
    Port,
    StageName,
    Status,
    Taste,
    UsageError,
)
from pivot_tui import background

_LOGS_NAMED = 8
"""More failures do not fit into what is said at the end."""


class Session(Protocol):
    """What the command line hands to the commands of other packages."""

    def door(self) -> Door:
        """Returns the way to the project's engine; raises ``UsageError`` outside a project."""
        ...


@click.command("ui")
@click.option(
    "--attach", metavar="RUN", help="Only if this run goes on or is queued; start nothing."
)
@click.option("--read-only", is_flag=True, help="Look, and refuse every command; start no engine.")
@click.option("--plain", is_flag=True, help="Print each change as a line; needs no terminal.")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw in ASCII (also PIVOT_ASCII=1).")
@click.option(
    "--reduced-motion", is_flag=True, help="Animate nothing (also TEXTUAL_ANIMATIONS=none)."
)
@click.option(
    "--theme",
    metavar="NAME",
    help="dark, light, ansi, one of Textual's, or auto; else the setting ui.theme, else by the terminal.",
)
@click.pass_obj
def command(
    session: Session,
    *,
    attach: str | None,
    read_only: bool,
    plain: bool,
    ascii_only: bool,
    reduced_motion: bool,
    theme: str | None,
) -> int:
    """Open the dashboard; start an engine where none is live.

    Opened beside a running `pivot repro` it shows that run. Quitting it stops nothing.

    \b
    Examples:
      pivot ui
      pivot ui --read-only
      pivot ui --attach 7f3a
      pivot ui --plain | tee status.txt
      pivot -C ../other ui --theme light
    """
    if not plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "`pivot ui` needs a terminal",
            hint="`pivot repro` runs without one, `pivot ui --plain` prints what happens",
        )
    door = session.door()
    taste = door.taste()
    if attach is not None:
        asyncio.run(_check(door, attach))
    starts = attach is None and not read_only
    connect = functools.partial(door.attach, start=starts)
    if plain:
        from pivot_tui import plain as stream

        stream.run(connect, sys.stdout)
    print(f"pivot: opening {door.root} …", file=sys.stderr, flush=True)
    if starts:
        door.wake()
    is_calm = reduced_motion or background.is_remote(os.environ)
    code = _show(
        door,
        taste,
        theme or taste.theme,
        connect,
        ascii_only=ascii_only or wants_ascii(os.environ, sys.stdout.encoding or ""),
        is_calm=is_calm,
        is_read_only=read_only,
    )
    sys.stdout.flush()
    # To take all modules apart, as an interpreter does at its end, would take longer than all the rest of quitting.
    os._exit(code)


def _show(
    door: Door,
    taste: Taste,
    theme: str,
    connect: Callable[[], Awaitable[Port]],
    *,
    ascii_only: bool,
    is_calm: bool,
    is_read_only: bool,
) -> int:
    # Textual takes most of the time to the first paint: it is imported after the line above is on screen.
    gc.disable()  # what is loaded is no garbage, and looking for some takes a tenth of the time
    if theme == "auto":
        with background.asked(sys.stdin.fileno(), os.environ) as behind:
            from pivot_tui.app import Dashboard
        theme = "light" if behind.is_light else "dark"
    else:
        from pivot_tui.app import Dashboard
    from pivot_tui import theme as colors
    from pivot_tui.heading import farewell

    app = Dashboard(
        connect,
        theme=colors.full_name(theme),
        ascii_only=ascii_only,
        taste=taste,
        is_calm=is_calm,
        is_read_only=is_read_only,
        last=door.last,
        branch=door.branch,
        place=door.place,
        settled=_collect,
    )
    stopped = app.run()
    failed = app.board.with_status(Status.FAILED)[:_LOGS_NAMED]
    logs = asyncio.run(_logs(door, failed)) if failed else {}
    near = {stage: os.path.relpath(path) for stage, path in logs.items()}
    for line in farewell(app.board, stopped=bool(stopped), logs=near):
        print(line)
    return app.exit_code


def _collect() -> None:
    """Looks for garbage from now on, and not among what is there: that stays."""
    gc.freeze()
    gc.enable()


async def _logs(door: Door, stages: Sequence[StageName]) -> dict[StageName, str]:
    """Returns where the logs of some stages lie; without an engine that is not known."""
    found = dict[StageName, str]()
    with contextlib.suppress(PivotError, OSError):
        port = await door.attach(start=False)
        try:
            for stage in stages:
                answer = await port.ask(FindLog(stage))
                if isinstance(answer, LogRef):
                    found[stage] = answer.path
        finally:
            await port.close()
    return found


async def _check(door: Door, wanted: str) -> None:
    """Raises ``UsageError`` unless a run that goes on or is queued has this id, or one that begins or ends so."""
    port = await door.attach(start=False)
    try:
        snapshot = (await port.subscribe()).snapshot
    finally:
        await port.close()
    first = [snapshot.run] if snapshot.run is not None and snapshot.run.ended_at is None else []
    live = [run.run_id for run in (*first, *snapshot.queue)]
    if not any(run_id.startswith(wanted) or run_id.endswith(wanted) for run_id in live):
        raise UsageError(
            f"run '{wanted}' neither goes on nor is queued",
            hint=f"these do: {', '.join(live)}"
            if live
            else f"`pivot show {wanted}` shows a past run",
        )


def wants_ascii(environment: Mapping[str, str], encoding: str) -> bool:
    """Tells whether a terminal may not show more than ASCII, by what is asked for and by its locale.

    In the locale C Python writes UTF-8 all the same, and says so to its children in ``LC_CTYPE``.
    """
    said = environment.get("PIVOT_ASCII", "")
    if said:
        return said != "0"
    given = {name: environment.get(name, "") for name in ("LC_ALL", "LC_CTYPE", "LANG")}
    if given["LC_CTYPE"] == "C.UTF-8":
        given["LC_CTYPE"] = ""
    locale = next((value for value in given.values() if value), "")
    return locale in ("C", "POSIX") or encoding.lower().replace("-", "") != "utf8"
