"""Owns the lines around the panels: header, banner, and what is printed at exit; pure."""

from collections import Counter
from collections.abc import Callable, Mapping

from pivot_core.port import Problem, RunState, RunStatus, StageName, Status, one_line
from pivot_tui import format as fmt
from pivot_tui import refusals, rows, spans, transfer, watch
from pivot_tui.board import Board, Link
from pivot_tui.glyphs import LOOKS
from pivot_tui.keymap import DEFAULT, Keymap
from pivot_tui.keys import DETAILS, Key, Scope
from pivot_tui.spans import Line, Paint, Span
from pivot_tui.watch import Room

_BAR_CELLS = 16
_BRANCH_FROM = 150
"""Cells of a header that has room for the branch, whatever else there is to say."""
_BRANCH_MOST = 24
_RUN_MARKS = {
    RunStatus.QUEUED: (Status.QUEUED, "queued"),
    RunStatus.RUNNING: (Status.RUNNING, ""),
    RunStatus.DONE: (Status.RAN, "done"),
    RunStatus.FAILED: (Status.FAILED, "failed"),
    RunStatus.CANCELLED: (Status.CANCELLED, "cancelled"),
}
_LEAVE_LINES = 20
_SLOWEST = 3


_FORMS = (
    (True, True, True, Room.OFF),
    (True, True, True, Room.TARGETS),
    (False, True, True, Room.TARGETS),
    (False, False, True, Room.TARGETS),
    (False, False, False, Room.STATE),
    (False, False, False, Room.NONE),
)
"""Of a header, the richest first: the run's whole id, its bar, that the engine is attached, what is watched."""


def header(board: Board, now: float, cells: int, left_s: float = 0.0, aside: str = "") -> Line:
    """Returns the header: the richest form that fits; ``left_s`` is what the run still takes, where that is known.

    ``aside`` is said in passing, in the gap, where there is room for it: nothing moves when it comes and goes.
    """
    counts = _counts(board)
    link = _link(board)
    whole = (("  ", Paint.TEXT),)
    is_told = board.link is Link.LOST or board.is_read_only
    branch = _branch(board) if cells >= _BRANCH_FROM else ()
    for long_run, bar, with_link, room in _FORMS:
        start = _start(board, branch, now, long_run, bar, left_s)
        moving = transfer.header(board.moving, is_long=long_run)
        watched = _watched(board, now, room)
        end = (
            *((*moving, ("  ", Paint.TEXT)) if moving else ()),
            *counts,
            *(whole + watched if watched else ()),
            *(whole + link if with_link or is_told else ()),
            (" ", Paint.TEXT),
        )
        gap = cells - spans.width(start) - spans.width(end)
        if gap >= 2:
            said = spans.text(f"  {aside}" if aside else "", Paint.MUTED)
            return spans.spread(
                (*start, *(said if spans.width(said) <= gap - 2 else ())), end, cells
            )
    start = _start(board, branch, now, False, False, left_s)
    if is_told:
        return spans.spread(start, (*link, (" ", Paint.TEXT)), cells)
    room = cells - spans.width(start) - 3
    return spans.spread(
        start, (*spans.crop(counts, room), (" ", Paint.TEXT)) if room > 0 else (), cells
    )


def _watched(board: Board, now: float, room: Room) -> Line:
    """Returns what is watched, as far as an engine is there to say so."""
    if board.link is not Link.ATTACHED:
        return ()
    quiet = board.quiet
    looking = quiet.run if quiet is not None and not quiet.is_on_show else None
    return watch.header(board.watch, looking, now, room)


def _branch(board: Board) -> Line:
    if not board.branch:
        return ()
    name = spans.middle(one_line(board.branch), _BRANCH_MOST)
    return ((" branch ", Paint.MUTED), (f"{name} ", Paint.TEXT))


def _start(
    board: Board, branch: Line, now: float, long_run: bool, bar: bool, left_s: float
) -> Line:
    project = board.engine.project if board.engine else ""
    parts: Line = ((" pivot ", Paint.ACCENT), (f" {one_line(project)} ", Paint.STRONG), *branch)
    run = board.run
    if run is None:
        return parts
    status, word = _RUN_MARKS[run.status]
    look = LOOKS[status]
    name = run.run_id if long_run else fmt.short_run(run.run_id)
    parts = (*parts, (f"  run {one_line(name)} ", Paint.MUTED), (look.glyph, look.paint))
    if run.started_at is not None:
        elapsed = (run.ended_at or now) - run.started_at
        shown = fmt.running(elapsed) if run.ended_at is None else fmt.duration(elapsed)
        parts = (*parts, (f" {shown}", Paint.TEXT))
    if word and long_run:
        parts = (*parts, (f" {word}", look.paint))
    done, total = board.done
    if not total:
        return parts
    if bar:
        full = round(_BAR_CELLS * done / total)
        bars = (("━" * full, look.paint), ("─" * (_BAR_CELLS - full), Paint.MUTED))
        parts = (*parts, ("  ", Paint.TEXT), *bars)
    left = f"  ~{fmt.running(left_s)} left" if left_s >= 1 and board.active is not None else ""
    waiting = f"  +{len(board.queue)} queued" if board.queue else ""
    return (*parts, (f"  {done}/{total}", Paint.TEXT), (left + waiting, Paint.MUTED))


def _counts(board: Board) -> Line:
    shown = [
        (look.glyph + fmt.count(board.counts[status]), look.paint)
        for status, look in LOOKS.items()
        if board.counts[status]
    ]
    return tuple(piece for span in shown for piece in (span, (" ", Paint.TEXT)))[:-1]


def _link(board: Board) -> Line:
    match board.link:
        case Link.ATTACHED:
            if board.is_read_only:
                return spans.text("read-only", Paint.STALE)
            return spans.text("attached", Paint.MUTED)
        case Link.CONNECTING:
            return spans.text("connecting…", Paint.MUTED)
        case Link.LOST:
            return spans.text("DISCONNECTED", Paint.FAIL)


def counts(board: Board) -> list[Line]:
    """Returns what a terminal shows that has no room for a panel: the counts, and how to leave."""
    lines: list[Line] = [
        ((f"{look.glyph} {fmt.count(board.counts[status])} ", look.paint), (look.word, look.paint))
        for status, look in LOOKS.items()
        if board.counts[status]
    ]
    return [*lines, (("q", Paint.ACCENT), (" quit", Paint.MUTED))]


def tabs(board: Board, active: Scope, cells: int) -> Line:
    """Returns the line of tabs; their numbers are their keys."""
    return tuple(span for _, span in _tabs(board, active, cells))


def tab_at(board: Board, active: Scope, cells: int, x: int) -> Scope | None:
    """Returns the tab that covers a cell."""
    end = 0
    for scope, span in _tabs(board, active, cells):
        end += spans.width((span,))
        if x < end:
            return scope
    return None


def _tabs(board: Board, active: Scope, cells: int) -> list[tuple[Scope, Span]]:
    """Returns the tabs with their names, where there is no room only that of the active one."""
    failed = board.counts[Status.FAILED]

    def words(number: int, scope: Scope, named: bool) -> str:
        name = f" {scope.value.title()}" if named else ""
        return f" {number}{name}" + (f"({failed}) " if scope is Scope.ERRORS and failed else " ")

    found = list[tuple[Scope, Span]]()
    for all_named in (True, False):
        found = [
            (
                scope,
                (
                    words(number, scope, all_named or scope is active),
                    Paint.ACCENT if scope is active else Paint.MUTED,
                ),
            )
            for number, scope in enumerate(DETAILS, 2)
        ]
        if sum(spans.width((span,)) for _, span in found) <= cells:
            break
    return found


def footer(
    scope: Scope, is_refused: Callable[[Key], bool], cells: int, keymap: Keymap = DEFAULT
) -> Line:
    """Returns the keys of the focused panel; where there is no room those of the highest rank leave."""
    return tuple(span for _, line in _footer(scope, is_refused, cells, keymap) for span in line)


def footer_at(
    scope: Scope, is_refused: Callable[[Key], bool], cells: int, x: int, keymap: Keymap = DEFAULT
) -> Key | None:
    """Returns the key whose hint covers a cell."""
    end = 0
    for key, line in _footer(scope, is_refused, cells, keymap):
        end += spans.width(line)
        if x < end:
            return key
    return None


def _footer(
    scope: Scope, is_refused: Callable[[Key], bool], cells: int, keymap: Keymap
) -> list[tuple[Key, Line]]:
    listed = keymap.footer(scope)
    kept = sorted(listed, key=lambda key: key.rank)
    hints = {key: _hint(key, is_refused(key)) for key in listed}
    while kept and sum(spans.width(hints[key]) for key in kept) > cells:
        kept.pop()
    return [(key, hints[key]) for key in listed if key in kept]


def _hint(key: Key, is_refused: bool) -> Line:
    paint = Paint.MUTED if is_refused else Paint.ACCENT
    return ((f" {key.shown.split()[0]} ", paint), (f"{key.footer} ", Paint.MUTED))


def banner(board: Board, cells: int, keymap: Keymap = DEFAULT) -> list[Line]:
    """Returns what must be seen now, at most three lines: the gravest matter alone."""
    if board.link is Link.LOST:
        why = f": {one_line(board.why_lost)}" if board.why_lost else ""
        return [
            _told(
                "✗", f"engine lost{why}", f"{keymap.shown('again')}: reconnect", Paint.FAIL, cells
            )
        ]
    if board.problems:
        lines = _broken(board.problems, cells, "" if board.watch is None else watch.LOADED_AGAIN)
        if refusals.broken_place(board) is not None:
            hint = ((f"  {keymap.shown('edit')}: edit ", Paint.ACCENT),)
            lines[0] = spans.spread(lines[0], hint, cells)
        return lines
    if board.watch is not None and board.watch.problem is not None:
        return _broken((board.watch.problem,), cells)
    run = board.run
    if run is None or run.status is RunStatus.QUEUED:
        return []
    failed = board.with_status(Status.FAILED)
    if failed:
        words = (
            f"{one_line(failed[0])} failed: {one_line(rows.failed(board.state(failed[0]).failure))}"
        )
        if len(failed) > 1:
            words = f"{len(failed)} stages failed, first {words}"
        return [
            _told(
                "✗",
                words.removesuffix(": "),
                f"{keymap.shown('next_problem')}: go to failure",
                Paint.FAIL,
                cells,
            )
        ]
    if run.problems:
        return _broken(run.problems, cells)
    if run.status is RunStatus.RUNNING and board.watch is None:
        return []
    return [_course(board, run, cells)]  # while runs come one after the other the line stays


def beside(banner: list[Line], aside: str, cells: int) -> list[Line]:
    """Returns the banner with something said in passing at its right end, or as it is where there is no room."""
    if len(banner) != 1 or spans.width(banner[0]) + len(aside) + 3 > cells:
        return banner
    return [spans.spread(banner[0], spans.text(f"{aside} ", Paint.MUTED), cells)]


def _told(glyph: str, words: str, key: str, paint: Paint, cells: int) -> Line:
    start = ((f" {glyph} ", paint), (words, paint))
    return spans.spread(start, ((f"  {key} ", Paint.ACCENT),), cells)


def _broken(problems: tuple[Problem, ...], cells: int, also: str = "") -> list[Line]:
    """Returns what, where and a hint; ``also`` follows the hint as far as there is room."""
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    lines = [spans.text(f" ✗ {one_line(first.what)}{more}", Paint.FAIL)]
    hint = "; ".join(words for words in (first.hint, also) if words)
    for label, words in (("where", first.where), ("hint", hint)):
        if words:
            lines.append(((f"   {label:<6}", Paint.MUTED), (one_line(words), Paint.TEXT)))
    return [spans.crop(line, cells) for line in lines]


def _course(board: Board, run: RunState, cells: int) -> Line:
    status, word = _RUN_MARKS[run.status]
    look = LOOKS[status]
    name = f" {look.glyph} run {fmt.short_run(run.run_id)} {word}"
    if run.ended_at is None:
        running = ", ".join(map(one_line, board.with_status(Status.RUNNING)))
        return spans.crop(((name, look.paint), (f"  {running}", Paint.MUTED)), cells)
    took = f" in {fmt.duration(run.ended_at - run.started_at)}" if run.started_at else ""
    said = _counted(board, run)
    return spans.crop(((name + took, look.paint), (f"   {said}", Paint.MUTED)), cells)


def _counted(board: Board, run: RunState) -> str:
    """Returns the stages of a run by what became of them: as the run says, or as far as it got."""
    counts = run.counts or Counter(board.state(name).status.value for name in run.stages)
    shown = [(counts.get(status.value, 0), look.word) for status, look in LOOKS.items()]
    return ", ".join(f"{number} {word}" for number, word in shown if number)


def farewell(
    board: Board, *, stopped: bool = False, logs: Mapping[StageName, str] | None = None
) -> list[str]:
    """Returns what is printed on the normal screen at exit: counts, failures, the slowest, what goes on.

    ``logs`` tells where the logs of failed stages lie; where it does not the command that shows one is named.
    """
    left = [watch.LEFT] if board.watch is not None and board.link is Link.ATTACHED else []
    run = board.run
    if run is None:
        return left
    lines = list[str]()
    if board.link is Link.LOST and board.active is not None:
        lines.append(f"engine lost while run {run.run_id} was active")
        lines.append("  `pivot repro` takes up what was not done")
    elif board.active is not None and stopped:
        lines.append(f"run {run.run_id} is being cancelled")
    elif board.active is not None:
        done, total = board.done
        lines.append(f"detached: run {run.run_id} continues, {done} of {total} stages done")
        lines.append("  `pivot ui` attaches again")
    else:
        _, word = _RUN_MARKS[run.status]
        lines.append(f"run {run.run_id} {word}")
    said = _counted(board, run)
    if said:
        lines.append(f"  {said}")
    failures = board.with_status(Status.FAILED)
    slowest = _slowest(board, run)
    room = _LEAVE_LINES - len(lines) - len(slowest) - len(left) - 1
    for name in failures[: room // 2]:
        lines.append(
            f"  failed {one_line(name)}: {one_line(rows.failed(board.state(name).failure))}"
        )
        log = (logs or {}).get(name) or f"pivot logs {name}"
        lines.append(f"         log: {one_line(log)}")
    if len(failures) > room // 2:
        lines.append(f"  and {len(failures) - room // 2} more failures: pivot show {run.run_id}")
    return lines + slowest + left


def _slowest(board: Board, run: RunState) -> list[str]:
    took = [
        (state.duration_s, name)
        for name in run.stages
        if (state := board.state(name)).duration_s
        and state.status is Status.RAN
        and state.run_id == run.run_id
    ]
    best = sorted(took, reverse=True)[:_SLOWEST]
    if len(best) < 2:
        return []
    return [
        "  slowest: "
        + ", ".join(f"{one_line(name)} {fmt.duration(took)}" for took, name in best if took)
    ]
