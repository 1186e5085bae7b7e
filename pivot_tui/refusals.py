"""Owns why an action makes no sense now, for footer, help and palette; pure."""

import re
from collections.abc import Collection

from pivot_core.port import StageName, Status, one_line
from pivot_tui.board import PROBLEMS, Board, Link

_NEEDS_ENGINE = (
    "run_menu",
    "run_now",
    "cancel_stage",
    "cancel_run",
    "watch",
    "watch_these",
    "redraw",
    "sample",
    "push",
    "pull",
    "transfer",
    "remote",
)
_NEEDS_STAGE = (
    *("run_menu", "run_now", "cancel_stage", "why", "logs", "edit", "open", "copy_menu"),
    *("look_for", "state_menu", "sort_menu", "mark", "mark_range", "form", "fold", "unfold"),
    *("fold_all", "around", "show_only", "show_as", "copy_command", "auto", "watch_these"),
)
_PLACE = re.compile(r"([^\s:(),]+\.(?:py|ya?ml)):(\d+)")


def refusal(
    action: str, board: Board, selected: StageName | None, chosen: Collection[StageName] = ()
) -> str:
    """Returns why not; empty when the action can be taken."""
    name = action.partition("(")[0]
    asks = name in _NEEDS_ENGINE or (name == "again" and board.link is Link.ATTACHED)
    if asks and board.is_read_only:
        return "this dashboard is read-only"
    if name == "again":
        return _again(board, selected)
    if name in _NEEDS_ENGINE and board.link is not Link.ATTACHED:
        return "no engine" if board.link is Link.LOST else "still connecting"
    if name == "edit" and broken_place(board) is not None:
        return ""
    if name == "sample":
        return "there is a pipeline" if board.stages else ""
    if name in _NEEDS_STAGE and selected is None:
        return "there are no stages"
    if name == "watch_these" and board.watch is not None:
        return "watching already"
    if name == "cancel_stage" and selected is not None:
        return _cancel(board, chosen or (selected,))
    if name == "cancel_run" and board.going is None and not board.queue:
        return "no run is active"
    if action == "run_now('F')" and not board.with_status(Status.FAILED, Status.BLOCKED):
        return "no stage failed or is blocked"
    if name == "problem" and not any(board.counts[status] for status in PROBLEMS):
        return "no stage failed, is blocked or stale"
    return ""


def broken_place(board: Board) -> tuple[str, int] | None:
    """Returns file and line of the first mistake in a definition that cannot be used."""
    for problem in board.problems:
        found = _PLACE.search(problem.where)
        if found is not None:
            return found[1], int(found[2])
    return None


def _cancel(board: Board, chosen: Collection[StageName]) -> str:
    if board.active and any(board.state(name).status is Status.RUNNING for name in chosen):
        return ""
    names = one_line(next(iter(chosen))) if len(chosen) == 1 else f"none of {len(chosen)} stages"
    return f"{names} is not running" if len(chosen) == 1 else f"{names} is running"


def _again(board: Board, selected: StageName | None) -> str:
    if board.link is Link.CONNECTING:
        return "still connecting"
    return "there are no stages" if selected is None and board.link is Link.ATTACHED else ""
