"""Owns how a stage or a group reads as a row: columns, indentation and the note that says what matters now; pure."""

import math
from collections import Counter
from collections.abc import Iterable, Set

from rich.cells import cell_len

from pivot_core.frozen import frozen
from pivot_core.port import Failure, StageName, StageState, Status, headline, one_line
from pivot_tui import arrangement, spans
from pivot_tui import format as fmt
from pivot_tui.arrangement import Fold, Row
from pivot_tui.board import Board
from pivot_tui.glyphs import LOOKS, WORD_CELLS
from pivot_tui.spans import Line, Paint

_DEEPEST = 8
_NAME_MIN = 16
_NOTE = 16
_NOTE_MIN = 10
_DURATION = 7
_OTHERS_MIN = 10
_MARGIN = 2  # cursor and mark
_STAR = 3  # with a gap at either side
_FIXED = _MARGIN + 2 + WORD_CELLS + _DURATION + _STAR
_SHARE = 6
_BAR = 6
_BAR_FROM = 26
"""Cells of a note in which a bar leaves room for the time left."""
_FOLD = 2
_FOLD_FROM = 50
"""In a narrower panel names need the cells more."""


@frozen
class Columns:
    """The widths that all rows share."""

    cells: int
    """Everything together."""
    name: int
    """Indentation, fold, glyph and name together."""
    note: int
    indent: int
    """Cells a level."""
    fold: int = 0


@frozen
class Scene:
    """What rows are drawn from, besides the row itself."""

    board: Board
    now: float
    words: str = ""
    """What is looked for in the names."""
    marked: Set[StageName] = frozenset()
    path: Set[StageName] = frozenset()
    """The critical path."""


def columns(rows: Iterable[Row], cells: int) -> Columns:
    """Returns widths for rows of ``cells``: names whole where there is room, indented less where there is not."""
    room = max(cells - _FIXED, 0)
    sizes = dict[int, int]()
    fold = 0
    for row in rows:
        size = len(row.label) if row.label.isascii() else cell_len(row.label)
        if size > sizes.get(row.depth, -1):
            sizes[row.depth] = size
        fold = fold or (row.fold is not Fold.NONE and _FOLD)
    fold = int(fold) if cells >= _FOLD_FROM else 0
    indent = 2
    widest = _widest(sizes, indent, fold)
    if widest > room - _NOTE:
        indent = 1
        widest = _widest(sizes, indent, fold)
    share = max(room - _NOTE, room - _NOTE_MIN, min(_NAME_MIN, room))
    name = min(widest, share)
    return Columns(cells, max(name, 0), max(room - name, 0), indent, fold)


def _widest(sizes: dict[int, int], indent: int, fold: int) -> int:
    deep = (indent * min(depth, _DEEPEST) + size for depth, size in sizes.items())
    return max(deep, default=-2 - fold) + 2 + fold


def line(row: Row, widths: Columns, scene: Scene, selected: bool) -> Line:
    """Returns the row of a stage or a group."""
    board = scene.board
    shown = arrangement.worst(board, row.stages) if row.is_group else row.stages[0]
    state = board.state(shown)
    look = LOOKS[state.status]
    lead = " " * (widths.indent * min(row.depth, _DEEPEST))
    fold = spans.left(row.fold.value, widths.fold)
    calm = state.status in (Status.SAME, Status.WAIT, Status.CANCELLED) and not row.is_group
    paint = Paint.STRONG if selected or row.is_group else Paint.MUTED if calm else Paint.TEXT
    is_marked = not scene.marked.isdisjoint(row.stages)
    is_critical = not scene.path.isdisjoint(row.stages)
    took = fmt.count(len(row.stages)) if row.is_group else _duration(state, scene.now)
    return spans.crop(
        (
            ("❯" if selected else " ", Paint.ACCENT),
            ("•" if is_marked else " ", Paint.STALE),
            (lead + fold, Paint.MUTED),
            (look.glyph + " ", look.paint),
            *_name(row, widths.name - len(lead) - widths.fold - 2, scene.words, paint),
            (spans.left(look.word, WORD_CELLS), look.paint),
            (spans.right(took, _DURATION), Paint.MUTED),
            (" ★ " if is_critical else "   ", Paint.STALE),
            *_beside(row, state, scene, widths.note),
        ),
        widths.cells,
    )


def _name(row: Row, cells: int, words: str, paint: Paint) -> Line:
    """The name in its column, with what was looked for lit up."""
    whole = one_line(row.label)
    shown = spans.middle(whole, cells)
    filled = spans.left(shown, cells) + "  "
    found = arrangement.matches(words, whole) if words and shown == whole else None
    if not found:
        return ((filled, paint),)
    parts = list[spans.Span]()
    at = 0
    for start, end in found:
        if start >= at:
            parts += [(filled[at:start], paint), (filled[start:end], Paint.ACCENT)]
            at = end
    return (*parts, (filled[at:], paint))


def _beside(row: Row, state: StageState, scene: Scene, cells: int) -> Line:
    if row.fold is Fold.FOLDED or row.is_group:
        hidden = row.stages if row.is_group else row.stages[1:]
        more = () if row.is_group else ((f"+{fmt.count(len(hidden))}  ", Paint.MUTED),)
        return spans.crop((*more, *counted(scene.board, hidden)), cells)
    told = _bar(state, scene.board.progress.get(row.stages[0]), cells)
    room = cells - spans.width(told)
    if told and cell_len(note(state, scene.now)) > room:
        return told
    return (*told, *_note(state, row.others, scene.now, room))


def _bar(state: StageState, share: float | None, cells: int) -> Line:
    """Returns how far a running stage is, by what it prints; a bar besides where there is room for one."""
    if share is None or state.status is not Status.RUNNING or cells < _SHARE:
        return ()
    percent: spans.Span = (f"{share:4.0%}  ", Paint.STRONG)
    if cells < _BAR_FROM:
        return (percent,)
    full = round(share * _BAR)
    return (("━" * full, Paint.RUN), ("─" * (_BAR - full), Paint.MUTED), percent)


def counted(board: Board, stages: Iterable[StageName]) -> Line:
    """Returns how many of some stages stand how: ``✓18 ▶4``."""
    number = Counter(board.state(name).status for name in stages)
    return tuple(
        (look.glyph + fmt.count(number[status]) + " ", look.paint)
        for status, look in LOOKS.items()
        if number[status]
    )


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
    if state.kill_at is not None:
        rest = math.ceil(state.kill_at - now)
        return f"ending, killed in {rest} s" if rest > 0 else "being killed"
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
