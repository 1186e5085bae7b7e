"""Owns showing what ``commit`` and ``checkout`` did."""

from collections.abc import Iterable

from pivot_core.cli.results import Action, Change
from pivot_core.cli.session import Session
from pivot_core.errors import EXIT_OK, EXIT_STAGE

_STYLES = {
    Action.RECORDED: "good",
    Action.RESTORED: "good",
    Action.REMOVED: "good",
    Action.UNCHANGED: "faint",
    Action.REFUSED: "bad",
}


def show(session: Session, changes: Iterable[Change], done: str) -> int:
    """Writes a line a change, unchanged ones only with ``-v``, and returns the exit code.

    ``done`` is the word for what succeeded.
    """
    given = list(changes)
    shown = [
        change
        for change in given
        if change.action is Action.REFUSED
        or (session.is_verbose if change.action is Action.UNCHANGED else not session.is_quiet)
    ]
    session.out.table(
        [
            (
                (change.action.value, _STYLES[change.action]),
                change.path or change.stage,
                change.problem or ((change.stage, "faint") if change.path else ""),
            )
            for change in shown
        ]
    )
    refused = sum(change.action is Action.REFUSED for change in given)
    unchanged = sum(change.action is Action.UNCHANGED for change in given)
    if not session.is_quiet:
        said = [f"{len(given) - refused - unchanged} {done}", f"{unchanged} unchanged"]
        session.out.line(", ".join(said + ([f"{refused} refused"] if refused else [])))
    return EXIT_STAGE if refused else EXIT_OK
