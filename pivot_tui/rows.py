"""Owns how a stage reads as a row: columns, indentation and the note that says what matters now; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len

from pivot_core.port import Failure, OutlineRow, StageName, StageState, Status, headline, one_line
from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.board import Board
from pivot_tui.glyphs import LOOKS, WORD_CELLS
from pivot_tui.spans import Line, Paint

_DEEPEST = 8
_NAME_MIN = 16
_NOTE = 16
_NOTE_MIN = 10
_DURATION = 7
_OTHERS_MIN = 10
_MARGIN = 2  # the cursor
_FIXED = _MARGIN + 2 + WORD_CELLS + _DURATION + 2


@dataclass(frozen=True, slots=True)
class Columns:
    """The widths that all rows share."""

    cells: int
    """Everything together."""
    name: int
    """Indentation, glyph and name together."""
    note: int
    indent: int
    """Cells a level."""


def columns(rows: Iterable[OutlineRow], cells: int) -> Columns:
    """Returns widths for rows of ``cells``: names whole where there is room, indented less where there is not."""
    room = max(cells - _FIXED, 0)
    sizes = [(min(row.depth, _DEEPEST), 2 + cell_len(row.stage)) for row in rows]
    indent = 2
    widest = max((indent * depth + size for depth, size in sizes), default=0)
    if widest > room - _NOTE:
        indent = 1
        widest = max((indent * depth + size for depth, size in sizes), default=0)
    share = max(room - _NOTE, room - _NOTE_MIN, min(_NAME_MIN, room))
    name = min(widest, share)
    return Columns(cells, max(name, 0), max(room - name, 0), indent)


def line(board: Board, row: OutlineRow, widths: Columns, now: float, selected: bool) -> Line:
    """Returns the row of a stage."""
    state = board.state(row.stage)
    look = LOOKS[state.status]
    lead = " " * (widths.indent * min(row.depth, _DEEPEST))
    name = spans.middle(one_line(row.stage), widths.name - len(lead) - 2)
    calm = state.status in (Status.SAME, Status.WAIT, Status.CANCELLED)
    name_paint = Paint.STRONG if selected else Paint.MUTED if calm else Paint.TEXT
    shown = (
        ("❯ " if selected else "  ", Paint.ACCENT),
        (lead + look.glyph + " ", look.paint),
        (spans.left(name, widths.name - len(lead) - 2) + "  ", name_paint),
        (spans.left(look.word, WORD_CELLS), look.paint),
        (spans.right(_duration(state, now), _DURATION) + "  ", Paint.MUTED),
        *_note(state, row.others, now, widths.note),
    )
    return spans.crop(shown, widths.cells)


def _duration(state: StageState, now: float) -> str:
    if state.status is Status.RUNNING and state.started_at is not None:
        return fmt.running(now - state.started_at)
    return fmt.duration(state.duration_s) if state.duration_s is not None else ""


def _note(state: StageState, others: tuple[StageName, ...], now: float, cells: int) -> Line:
    said = one_line(note(state, now))
    important = state.status in (Status.FAILED, Status.BLOCKED, Status.STALE)
    paint = LOOKS[state.status].paint if important else Paint.MUTED
    parts = spans.text(said, paint) if said else ()
    if others and cells - cell_len(said) >= _OTHERS_MIN:
        gap = "  " if said else ""
        parts = (*parts, (gap + "⇠ " + one_line(", ".join(others)), Paint.MUTED))
    return spans.crop(parts, cells)


def note(state: StageState, now: float) -> str:
    """Returns what there is to say besides status and duration; empty where there is nothing."""
    match state.status:
        case Status.FAILED:
            return failed(state.failure)
        case Status.BLOCKED:
            return "by " + ", ".join(state.by) if state.by else ""
        case Status.RUNNING:
            return _running(state, now)
        case Status.QUEUED | Status.WAIT:
            return f"~{fmt.duration(state.expected_s)}" if state.expected_s else ""
        case Status.STALE | Status.UNKNOWN:
            return _reasons(state)
        case Status.RESTORED:
            return "from the run cache" if state.tier == 3 else "from the cache"
        case Status.RAN:
            return f"attempt {state.attempt}" if state.attempt > 1 else ""
        case _:
            return ""


def failed(failure: Failure | None) -> str:
    """Returns a failure in a few words."""
    if failure is None:
        return ""
    if failure.message:
        return failure.message
    return failure.signal or f"exit {failure.exit_code}"


def _running(state: StageState, now: float) -> str:
    words = [f"attempt {state.attempt}"] if state.attempt > 1 else []
    if state.expected_s and state.started_at is not None:
        rest = state.expected_s - (now - state.started_at)
        words.append(f"~{fmt.running(rest)} left" if rest >= 1 else "any moment")
    return "  ".join(words)


def _reasons(state: StageState) -> str:
    if not state.reasons:
        return ""
    more = len(state.reasons) - 1
    return headline(state.reasons[0]) + (f"  +{more}" if more else "")
