"""Owns the one binding table: footer, help, palette and the guide's page are generated from it."""

import re
from collections import Counter
from enum import Enum

from pivot_core.frozen import frozen


class Scope(Enum):
    """Where a key works."""

    ALL = "everywhere"
    MOVE = "lists and logs"
    STAGES = "stages"
    VIEW = "stages view"
    """What the Stages panel shows, and how."""
    LOGS = "logs"
    WHY = "why"
    IN_OUT = "in/out"
    HISTORY = "history"
    TIMELINE = "timeline"
    REMOTE = "remote"
    ERRORS = "errors"


PANELS = (
    Scope.STAGES,
    Scope.LOGS,
    Scope.WHY,
    Scope.IN_OUT,
    Scope.HISTORY,
    Scope.TIMELINE,
    Scope.REMOTE,
    Scope.ERRORS,
)
"""In the order of the keys that go to them, ``1`` first."""

DETAILS = PANELS[1:]
"""Those that show one another's place beside the stages, as tabs."""


@frozen
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
    called: str = ""
    """What it is called in the settings, where its action does not say."""

    @property
    def name(self) -> str:
        """What it is called in the settings: ``run_menu``, ``move_down``."""
        words = self.action.replace("-1", "previous").replace("1", "next")
        return self.called or re.sub(r"\W+", "_", words).strip("_")


TABLE: tuple[Key, ...] = (
    # What is done to stages and runs.
    Key("run_menu", ("r",), "r", Scope.STAGES, "Run…", "run…", 1),
    Key("cancel_stage", ("x",), "x", Scope.STAGES, "Cancel stage", "cancel", 3),
    Key("cancel_run", ("X",), "X", Scope.ALL, "Cancel run"),
    Key("watch", ("W",), "W", Scope.ALL, "Watch on, off: run what each change affects", "watch", 5),
    Key("again", ("R",), "R", Scope.ALL, "Repeat the last run choice; reconnect"),
    Key("why", ("d",), "d", Scope.STAGES, "Why it will run, or not", "why", 2),
    Key("logs", ("enter",), "enter", Scope.STAGES, "Logs of the stage", "logs", 2),
    Key("edit", ("e",), "e", Scope.STAGES, "Edit the source at the function", "edit", 5),
    Key("open", ("o",), "o", Scope.STAGES, "Open an output"),
    Key("copy_menu", ("y",), "y", Scope.STAGES, "Copy…", "copy", 6),
    Key(
        "problem(1)",
        ("n",),
        "n",
        Scope.ALL,
        "Next problem; next match",
        "next problem",
        6,
        "next_problem",
    ),
    Key("problem(-1)", ("N",), "N", Scope.ALL, "Previous one", called="previous_problem"),
    # Which stages are shown.
    Key("look_for", ("slash",), "/", Scope.STAGES, "Filter by name", "filter", 3),
    Key("state_menu", ("F",), "F", Scope.STAGES, "Filter by state…"),
    Key("sort_menu", ("s",), "s", Scope.STAGES, "Sort…"),
    Key("sample", ("i",), "i", Scope.STAGES, "Write a sample pipeline"),
    Key("form", ("t",), "t", Scope.VIEW, "Tree, groups, flat"),
    Key("fold", ("h", "left"), "h ←", Scope.VIEW, "Fold; go to the row above"),
    Key("unfold", ("l", "right"), "l →", Scope.VIEW, "Unfold; go to the row below"),
    Key("fold_all(1)", ("minus",), "-", Scope.VIEW, "Fold all", called="fold_all"),
    Key("fold_all(0)", ("equals_sign",), "=", Scope.VIEW, "Unfold all", called="unfold_all"),
    Key("around('upstream')", ("left_curly_bracket",), "{", Scope.VIEW, "Show only upstream"),
    Key("around('downstream')", ("right_curly_bracket",), "}", Scope.VIEW, "Show only downstream"),
    Key("mark", ("space",), "space", Scope.VIEW, "Mark for what is done next"),
    Key("mark_range", ("v",), "v", Scope.VIEW, "Mark a range, end it"),
    Key("auto", ("full_stop",), ".", Scope.VIEW, "Follow what runs, else what failed"),
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
    Key("search", ("slash",), "/", Scope.LOGS, "Search; n and N go to the matches", "search", 2),
    Key(
        "filter",
        ("ampersand",),
        "&",
        Scope.LOGS,
        "Show only lines that match, ! inverts",
        "filter",
        3,
    ),
    Key("only_err", ("i",), "i", Scope.LOGS, "Standard error only", "stderr", 6),
    Key("wrap", ("w",), "w", Scope.LOGS, "Wrap long lines on, off", "wrap", 5),
    Key("time", ("T",), "T", Scope.LOGS, "Time of day, since the beginning, off", "time", 7),
    Key("numbers", ("number_sign",), "#", Scope.LOGS, "Line numbers on, off"),
    Key(
        "merge", ("a",), "a", Scope.LOGS, "All stages of the run by time; this one", "all stages", 4
    ),
    Key("attempt(-1)", ("less_than_sign",), "<", Scope.LOGS, "Older attempt"),
    Key("attempt(1)", ("greater_than_sign",), ">", Scope.LOGS, "Newer attempt"),
    Key("insert_mark", ("m",), "m", Scope.LOGS, "Insert a mark with the time"),
    Key("save_log", ("S",), "S", Scope.LOGS, "Save the whole log to a file…"),
    Key("page_log", ("O",), "O", Scope.LOGS, "Open the whole log in $PAGER here"),
    Key(
        "unfold",
        ("enter", "space"),
        "enter",
        Scope.WHY,
        "Show, fold what is unchanged",
        "unchanged",
        1,
    ),
    # The other panels.
    Key("open", ("o", "enter"), "o enter", Scope.IN_OUT, "Open the file", "open", 1),
    Key("copy", ("y",), "y", Scope.IN_OUT, "Copy path and full hash", "copy", 2),
    Key("open", ("enter",), "enter", Scope.HISTORY, "Log and reasons of the attempt", "log", 1),
    Key("mark", ("space",), "space", Scope.HISTORY, "Mark; two are compared", "compare", 2),
    Key("pan(-1)", ("comma",), ",", Scope.TIMELINE, "Earlier", called="pan_earlier"),
    Key("pan(1)", ("full_stop",), ".", Scope.TIMELINE, "Later", called="pan_later"),
    Key("zoom(1)", ("z",), "z", Scope.TIMELINE, "Zoom in", "zoom in", 1, called="zoom_in"),
    Key("zoom(-1)", ("Z",), "Z", Scope.TIMELINE, "Zoom out", "out", 2, called="zoom_out"),
    Key("compare", ("u",), "u", Scope.REMOTE, "Ask the remote what it has", "ask", 1),
    Key("fetch", ("f",), "f", Scope.REMOTE, "Fetch into the cache", "fetch", 2),
    Key("list", ("D",), "D", Scope.REMOTE, "List what would travel", "list", 4),
    Key("cancel", ("x",), "x", Scope.REMOTE, "Cancel the transfer", "cancel", 3),
    Key("retry", ("r",), "r", Scope.REMOTE, "Transfer again what failed", "again", 3),
    Key("mark", ("space",), "space", Scope.REMOTE, "Mark for what travels next", "mark", 5),
    Key("copy", ("y",), "y", Scope.REMOTE, "Copy the command", "copy", 6),
    Key("retry", ("r",), "r", Scope.ERRORS, "Run…", "run…", 1),
    Key("log", ("l", "enter"), "l enter", Scope.ERRORS, "Log of the stage", "log", 2),
    Key("edit", ("e",), "e", Scope.ERRORS, "Edit the line that failed", "edit", 3),
    Key("copy", ("y",), "y", Scope.ERRORS, "Copy the failure", "copy", 4),
    # Panels and the rest.
    Key("go('stages')", ("1",), "1", Scope.ALL, "Stages"),
    Key("go('logs')", ("2",), "2", Scope.ALL, "Logs"),
    Key("go('why')", ("3",), "3", Scope.ALL, "Why"),
    Key("go('in/out')", ("4",), "4", Scope.ALL, "In/Out"),
    Key("go('history')", ("5",), "5", Scope.ALL, "History"),
    Key("go('timeline')", ("6",), "6", Scope.ALL, "Timeline"),
    Key("go('remote')", ("7",), "7", Scope.ALL, "Remote"),
    Key("go('errors')", ("8",), "8", Scope.ALL, "Errors"),
    Key("cycle(1)", ("tab",), "tab", Scope.ALL, "Next panel"),
    Key("cycle(-1)", ("shift+tab",), "shift+tab", Scope.ALL, "Previous panel"),
    Key("turn(1)", ("right_square_bracket",), "]", Scope.ALL, "Next tab"),
    Key("turn(-1)", ("left_square_bracket",), "[", Scope.ALL, "Previous tab"),
    Key("grow(1)", ("plus",), "+", Scope.ALL, "Grow panel", "zoom", 7),
    Key("grow(-1)", ("underscore",), "_", Scope.ALL, "Shrink panel"),
    Key("pull", ("p",), "p", Scope.ALL, "Pull from the remote…"),
    Key("push", ("P",), "P", Scope.ALL, "Push to the remote…"),
    Key("back", ("escape",), "esc", Scope.ALL, "One layer back"),
    Key("mouse", ("M",), "M", Scope.ALL, "Mouse: here, or the terminal's own selection"),
    Key("events", ("at",), "@", Scope.ALL, "Event log, with the commands"),
    Key("redraw", ("ctrl+l",), "ctrl+l", Scope.ALL, "Look at every file again and redraw"),
    Key("suspend", ("ctrl+z",), "ctrl+z", Scope.ALL, "Suspend; fg in the shell comes back"),
    Key("palette", ("colon", "ctrl+p"), ": ctrl+p", Scope.ALL, "Command palette", "palette", 5),
    Key("help", ("question_mark",), "?", Scope.ALL, "Help", "help", 4),
    Key("quit", ("q",), "q", Scope.ALL, "Quit; a run goes on", "quit", 4),
    Key("interrupt", ("ctrl+c",), "ctrl+c", Scope.ALL, "Copy what is selected, else quit"),
)

PALETTE_ONLY: tuple[Key, ...] = (
    Key("run_now('r')", (), "", Scope.ALL, "Run: with upstream"),
    Key("run_now('s')", (), "", Scope.ALL, "Run: this stage only"),
    Key("run_now('d')", (), "", Scope.ALL, "Run: with downstream"),
    Key("run_now('b')", (), "", Scope.ALL, "Run: up and down"),
    Key("run_now('F')", (), "", Scope.ALL, "Run: from failure (retry failed)"),
    Key("run_now('a')", (), "", Scope.ALL, "Run: whole pipeline"),
    Key("run_menu('f')", (), "", Scope.ALL, "Run: force…"),
    Key("run_menu('k')", (), "", Scope.ALL, "Run: keep going after a failure…"),
    Key("run_menu('j')", (), "", Scope.ALL, "Run: set parallel jobs…"),
    Key("run_menu('enter')", (), "", Scope.ALL, "Run: list the plan"),
    Key("watch_these", (), "", Scope.ALL, "Watch: selected stages"),
    Key("show_only('failed')", (), "", Scope.VIEW, "Show only failed"),
    Key("show_only('stale')", (), "", Scope.VIEW, "Show only stale"),
    Key("show_only()", (), "", Scope.VIEW, "Show stages of every state"),
    Key("show_as('tree')", (), "", Scope.VIEW, "View: tree"),
    Key("show_as('groups')", (), "", Scope.VIEW, "View: groups"),
    Key("show_as('flat')", (), "", Scope.VIEW, "View: flat"),
    Key("go_run", (), "", Scope.ALL, "Go to run…"),
    Key("attach", (), "", Scope.ALL, "Attach to run…"),
    Key("compare_runs", (), "", Scope.ALL, "Diff two runs…"),
    Key("search_all", (), "", Scope.ALL, "Logs: search all stages of the run…"),
    Key("diagnostics", (), "", Scope.ALL, "Diagnostics"),
    Key("remote", (), "", Scope.ALL, "Remote: use another…"),
    Key("copy_command", (), "", Scope.ALL, "Copy the command line of a run"),
    Key("screenshot", (), "", Scope.ALL, "Export a screenshot"),
    Key("detach", (), "", Scope.ALL, "Detach; a run goes on"),
    Key("theme", (), "", Scope.ALL, "Theme…"),
    Key("motion", (), "", Scope.ALL, "Reduced motion on, off"),
    Key("glyphs", (), "", Scope.ALL, "ASCII glyphs on, off"),
)


def in_scope(scope: Scope) -> list[Key]:
    """Returns the keys of one scope."""
    return [key for key in TABLE if key.scope is scope]


def markdown() -> str:
    """Returns the table for the guide; a name that several panels share stands with its panel."""
    number = Counter(key.name for key in TABLE)
    lines = ["| key | where | action | name |", "|---|---|---|---|"]
    for key in TABLE:
        shown = " ".join(f"`{part}`" for part in key.shown.split())
        place = "" if number[key.name] == 1 else f"{key.scope.value.replace(' ', '_')}."
        lines.append(f"| {shown} | {key.scope.value} | {key.label} | `{place}{key.name}` |")
    return "\n".join(lines) + "\n"
