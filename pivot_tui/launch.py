"""Owns the ``pivot ui`` command: checks the terminal, finds the project, and only then loads the dashboard."""

import os
import sys
from typing import Literal

import click

from pivot_core.port import Port, UsageError, client

_EPILOG = (
    "Example: `pivot ui` beside a running `pivot repro` shows that run; quitting leaves it alone."
)


@click.command("ui", epilog=_EPILOG)
@click.option(
    "--ascii", "ascii_only", is_flag=True, help="Draw with ASCII characters only (PIVOT_ASCII=1)."
)
@click.option(
    "--theme",
    type=click.Choice(["auto", "dark", "light"]),
    default="auto",
    show_default=True,
    help="Colours; auto follows the terminal's background where it tells.",
)
def command(ascii_only: bool, theme: Literal["auto", "dark", "light"]) -> None:
    """Opens the dashboard; starts an engine when none is live."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("`pivot ui` needs a terminal", hint="`pivot repro` runs without one")
    root = client.find_root(os.getcwd())
    print(f"pivot: opening {root} …", file=sys.stderr, flush=True)
    sys.exit(_show(root, "light" if _is_light(theme) else "dark", ascii_only or _wants_ascii()))


def _show(root: str, theme: str, ascii_only: bool) -> int:
    # Textual takes most of the time to the first paint: it is imported after the line above is on screen.
    from pivot_tui.app import EXIT_BUG, Dashboard
    from pivot_tui.heading import farewell

    async def connect() -> Port:
        return await client.attach(root)

    app = Dashboard(connect, theme=f"pivot-{theme}", ascii_only=ascii_only)
    app.run()
    for line in farewell(app.board):
        print(line)
    return EXIT_BUG if app.return_code == 1 else app.return_code or 0


def _is_light(theme: str) -> bool:
    if theme != "auto":
        return theme == "light"
    # "foreground;background" in the terminal's 16 colours, as many terminals and tmux set it.
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return background in ("7", "15")


def _wants_ascii() -> bool:
    if os.environ.get("PIVOT_ASCII", "") not in ("", "0"):
        return True
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return encoding != "utf8"
