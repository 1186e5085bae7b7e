"""Owns the one binding table: footer, help, palette and the guide's page are generated from it."""

from dataclasses import dataclass
from enum import Enum


class Scope(Enum):
    """Where a key works."""

    ALL = "everywhere"
    MOVE = "lists and logs"
    STAGES = "stages"
    LOGS = "logs"
    WHY = "why"


@dataclass(frozen=True, slots=True)
class Key:
    """One action with its keys; an action with a name is a method ``action_<name>`` of the screen or the panel."""

    action: str
    keys: tuple[str, ...]
    """As Textual names them."""
    shown: str
    """As help and footer show them."""
    scope: Scope
    label: str
    footer: str = ""
    """A word for the footer; empty for a key that is not shown there."""
    rank: int = 9
    """Where the footer is short of room, the highest leave first."""


TABLE: tuple[Key, ...] = (
    # What is done to stages and runs.
    Key("run_menu", ("r",), "r", Scope.STAGES, "Run…", "run…", 1),
    Key("cancel_stage", ("x",), "x", Scope.STAGES, "Cancel stage", "cancel", 3),
    Key("cancel_run", ("X",), "X", Scope.ALL, "Cancel run"),
    Key("again", ("R",), "R", Scope.ALL, "Repeat the last run choice; reconnect"),
    Key("why", ("d",), "d", Scope.STAGES, "Why it will run, or not", "why", 2),
    Key("logs", ("l", "enter", "right"), "l enter", Scope.STAGES, "Logs of the stage", "logs", 2),
    Key(
        "problem(1)",
        ("n",),
        "n",
        Scope.ALL,
        "Next stage that failed, is blocked or stale",
        "next problem",
        6,
    ),
    Key("problem(-1)", ("N",), "N", Scope.ALL, "Previous one"),
    # Moving.
    Key("move('down')", ("j", "down"), "j ↓", Scope.MOVE, "Down"),
    Key("move('up')", ("k", "up"), "k ↑", Scope.MOVE, "Up"),
    Key("move('first')", ("g", "home"), "g", Scope.MOVE, "First line"),
    Key("move('last')", ("G", "end"), "G", Scope.MOVE, "Last line; logs follow again"),
    Key("move('half_down')", ("ctrl+d",), "ctrl+d", Scope.MOVE, "Half a page down"),
    Key("move('half_up')", ("ctrl+u",), "ctrl+u", Scope.MOVE, "Half a page up"),
    Key("move('page_down')", ("pagedown",), "PgDn", Scope.MOVE, "Page down"),
    Key("move('page_up')", ("pageup",), "PgUp", Scope.MOVE, "Page up"),
    # Logs and Why.
    Key("follow", ("f",), "f", Scope.LOGS, "Follow on, off", "follow", 1),
    Key("wrap", ("w",), "w", Scope.LOGS, "Wrap long lines on, off", "wrap", 2),
    Key("time", ("T",), "T", Scope.LOGS, "Time on, off", "time", 3),
    Key(
        "unfold",
        ("enter", "space"),
        "enter",
        Scope.WHY,
        "Show, fold what is unchanged",
        "unchanged",
        1,
    ),
    # Panels and the rest.
    Key("go('stages')", ("1",), "1", Scope.ALL, "Stages"),
    Key("go('logs')", ("2",), "2", Scope.ALL, "Logs"),
    Key("go('why')", ("3",), "3", Scope.ALL, "Why"),
    Key("cycle(1)", ("tab",), "tab", Scope.ALL, "Next panel"),
    Key("cycle(-1)", ("shift+tab",), "shift+tab", Scope.ALL, "Previous panel"),
    Key("turn(1)", ("right_square_bracket",), "]", Scope.ALL, "Next tab"),
    Key("turn(-1)", ("left_square_bracket",), "[", Scope.ALL, "Previous tab"),
    Key("grow(1)", ("plus",), "+", Scope.ALL, "Grow panel", "zoom", 7),
    Key("grow(-1)", ("underscore",), "_", Scope.ALL, "Shrink panel"),
    Key("back", ("escape",), "esc", Scope.ALL, "One layer back"),
    Key("redraw", ("ctrl+l",), "ctrl+l", Scope.ALL, "Look at every file again and redraw"),
    Key("palette", ("colon", "ctrl+p"), ": ctrl+p", Scope.ALL, "Command palette", "palette", 5),
    Key("help", ("question_mark",), "?", Scope.ALL, "Help", "help", 4),
    Key("quit", ("q",), "q", Scope.ALL, "Quit; a run goes on", "quit", 4),
    Key("interrupt", ("ctrl+c",), "ctrl+c", Scope.ALL, "Copy what is selected, else quit"),
)

PALETTE_ONLY: tuple[Key, ...] = (
    Key("theme", (), "", Scope.ALL, "Theme: dark, light"),
    Key("glyphs", (), "", Scope.ALL, "ASCII glyphs on, off"),
)


def in_scope(scope: Scope) -> list[Key]:
    """Returns the keys of one scope."""
    return [key for key in TABLE if key.scope is scope]


def footer(scope: Scope) -> list[Key]:
    """Returns what the footer shows while a panel of this scope has the focus, its own keys first."""
    return [key for place in (scope, Scope.ALL) for key in in_scope(place) if key.footer]


def markdown() -> str:
    """Returns the table for the guide."""
    lines = ["| key | where | action |", "|---|---|---|"]
    lines += [
        f"| {' '.join(f'`{part}`' for part in key.shown.split())} | {key.scope.value} | {key.label} |"
        for key in TABLE
    ]
    return "\n".join(lines) + "\n"
