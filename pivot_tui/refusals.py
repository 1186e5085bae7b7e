"""Owns why an action makes no sense now, for footer, help and palette; pure."""

from pivot_core.port import StageName, Status, one_line
from pivot_tui.board import PROBLEMS, Board, Link

_NEEDS_ENGINE = ("run_menu", "cancel_stage", "cancel_run", "redraw")
_NEEDS_STAGE = ("run_menu", "cancel_stage", "why", "logs")


def refusal(action: str, board: Board, selected: StageName | None) -> str:
    """Returns why not; empty when the action can be taken."""
    if action == "again":
        return _again(board, selected)
    if action in _NEEDS_ENGINE and board.link is not Link.ATTACHED:
        return "no engine" if board.link is Link.LOST else "still connecting"
    if action in _NEEDS_STAGE and selected is None:
        return "there are no stages"
    if action == "cancel_stage" and selected is not None:
        running = board.state(selected).status is Status.RUNNING and board.active
        return "" if running else f"{one_line(selected)} is not running"
    if action == "cancel_run" and board.active is None and not board.queue:
        return "no run is active"
    if action.startswith("problem") and not any(board.counts[status] for status in PROBLEMS):
        return "no stage failed, is blocked or stale"
    return ""


def _again(board: Board, selected: StageName | None) -> str:
    if board.link is Link.CONNECTING:
        return "still connecting"
    return "there are no stages" if selected is None and board.link is Link.ATTACHED else ""
