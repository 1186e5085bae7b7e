"""Owns the ``pivot ui`` command: checks the terminal, gets the way to the engine, and only then loads the dashboard."""

import os
import sys
from typing import Protocol

import click

from pivot_core.port import Door, UsageError


class Session(Protocol):
    """What the command line hands to the commands of other packages."""

    def door(self) -> Door:
        """Returns the way to the project's engine; raises ``UsageError`` outside a project."""
        ...


@click.command("ui")
@click.option("--ascii", "ascii_only", is_flag=True, help="Draw in ASCII (also PIVOT_ASCII=1).")
@click.option(
    "--theme",
    type=click.Choice(["auto", "dark", "light"]),
    default="auto",
    show_default=True,
    help="Colours; auto follows the terminal's background where it is told.",
)
@click.pass_obj
def command(session: Session, *, ascii_only: bool, theme: str) -> int:
    r"""Open the dashboard; start an engine where none is live.

    Opened beside a running `pivot repro` it shows that run. Quitting it stops nothing.

    \b
    Examples:
      pivot ui
      pivot -C ../other ui --theme light
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("`pivot ui` needs a terminal", hint="`pivot repro` runs without one")
    door = session.door()
    print(f"pivot: opening {door.root} …", file=sys.stderr, flush=True)
    shade = theme if theme != "auto" else _terminal_shade()
    return _show(door, f"pivot-{shade}", ascii_only or _wants_ascii())


def _show(door: Door, theme: str, ascii_only: bool) -> int:
    # Textual takes most of the time to the first paint: it is imported after the line above is on screen.
    from pivot_tui.app import Dashboard
    from pivot_tui.heading import farewell

    app = Dashboard(door.attach, theme=theme, ascii_only=ascii_only)
    stopped = app.run()
    for line in farewell(app.board, stopped=bool(stopped)):
        print(line)
    return app.exit_code


def _terminal_shade() -> str:
    # "foreground;background" in the terminal's 16 colours, as many terminals and multiplexers set it.
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if background in ("7", "15") else "dark"


def _wants_ascii() -> bool:
    if os.environ.get("PIVOT_ASCII", "") not in ("", "0"):
        return True
    return (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
