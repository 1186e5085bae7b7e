"""Owns how a transfer to or from a remote reads: in the header, and line by line in the Remote panel; pure."""

from pivot_core.port import (
    Item,
    Phase,
    Progress,
    RemoteReport,
    RemoteRow,
    TransferKind,
    TransferState,
    TransferStatus,
    one_line,
)
from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.spans import Line, Paint

_BAR = 24
_BAR_FROM = 60
"""Cells of a panel in which the bar has its full length."""
_SMALL_BAR = 6
_SILENT_S = 5.0
_JUST_S = 5.0
_SHOWN = 200
_ARROWS = {TransferKind.PUSH: "↑", TransferKind.FETCH: "↓", TransferKind.PULL: "↓"}
_DOING = {
    TransferKind.PUSH: "pushing",
    TransferKind.FETCH: "fetching",
    TransferKind.PULL: "pulling",
}
_DID = {TransferKind.PUSH: "pushed", TransferKind.FETCH: "fetched", TransferKind.PULL: "pulled"}
_ENDS = {
    TransferStatus.QUEUED: ("◌", Paint.WAIT),
    TransferStatus.RUNNING: ("▶", Paint.RUN),
    TransferStatus.DONE: ("✓", Paint.RAN),
    TransferStatus.FAILED: ("✗", Paint.FAIL),
    TransferStatus.CANCELLED: ("⊝", Paint.WAIT),
}
_PHASES = {
    Phase.LOOKING: "asking what is there …",
    Phase.RESTORING: "putting files into their places …",
}


def header(moving: TransferState | None, is_long: bool) -> Line:
    """Returns what the header says of the transfer that is under way."""
    if moving is None:
        return ()
    progress = moving.progress
    name = f"{one_line(moving.remote)} " if is_long and moving.remote else ""
    if progress is None or progress.phase is not Phase.MOVING:
        return spans.text(f"{name}{_ARROWS[moving.kind]}", Paint.RUN)
    speed = f" {_speed(progress)}" if is_long else ""
    words = f"{name}{_ARROWS[moving.kind]}{_share(progress.bytes_done, progress.size_bytes)}{speed}"
    return spans.text(words, Paint.RUN)


def lines(transfer: TransferState, now: float, cells: int) -> list[Line]:
    """Returns a transfer: what it does, how far it is, what is under way and what failed."""
    mark, paint = _ENDS[transfer.status]
    text: list[Line] = [_head(transfer, mark, paint, now)]
    progress = transfer.progress
    if transfer.status is TransferStatus.RUNNING and progress is not None:
        text += _moving(progress, _BAR if cells >= _BAR_FROM else _BAR // 2)
        text += [_active(item, _ARROWS[transfer.kind], cells) for item in progress.active]
    elif progress is not None and progress.failures:
        words = f"   {fmt.count(progress.failures)} failed, r tries again"
        text.append(spans.text(words, Paint.FAIL))
    for problem in transfer.problems:
        text += [spans.text(f"   {piece}", Paint.FAIL) for piece in _wrap(problem.what, cells)]
        text += [spans.text(f"   {piece}", Paint.MUTED) for piece in _wrap(problem.hint, cells)]
    for failed in transfer.failed[:_SHOWN]:
        text.append(
            ((" ✗ ", Paint.FAIL), (one_line(failed.item.path or failed.item.hash), Paint.TEXT))
        )
        text += [
            spans.text(f"   {piece}", Paint.MUTED) for piece in _wrap(failed.problem.what, cells)
        ]
    for change in transfer.changes[:_SHOWN]:
        why = f"  {one_line(change.problem)}" if change.problem else ""
        path = change.path if change.path is not None else change.stage
        said = f"{change.action.value}{why}"
        text.append(
            ((" · ", Paint.MUTED), (f"{one_line(path)}  ", Paint.TEXT), (said, Paint.MUTED))
        )
    for item in transfer.items[:_SHOWN]:
        size = spans.right(fmt.size(item.size_bytes), 7)
        text.append(((f"   {size}  ", Paint.MUTED), (one_line(item.path or item.hash), Paint.TEXT)))
    return [spans.crop(line, cells) for line in text]


def remote(row: RemoteRow, report: RemoteReport | None, now: float, cells: int) -> list[Line]:
    """Returns a remote: name, place, and what was missing when it was asked last."""
    said = ", ".join(["default"] * row.is_default + ["read-only"] * row.is_read_only)
    name = f" {one_line(row.name)}  "
    end: Line = ((f"  {said} " if said else "", Paint.MUTED),)
    room = cells - spans.width(end) - len(name)
    place: Line = ((name, Paint.STRONG), (spans.middle(one_line(row.url), room), Paint.TEXT))
    text = [spans.spread(place, end, cells)]
    if report is None or report.remote.name != row.name:
        text.append(((("   u", Paint.ACCENT)), (" asks what it has", Paint.MUTED)))
    elif report.problem is not None:
        text += [
            spans.text(f"   {piece}", Paint.FAIL) for piece in _wrap(report.problem.what, cells)
        ]
        text += [
            spans.text(f"   {piece}", Paint.MUTED) for piece in _wrap(report.problem.hint, cells)
        ]
    else:
        text += _missing(report, now)
    return [spans.crop(line, cells) for line in text]


def missing_there(report: RemoteReport) -> tuple[int, int]:
    """Returns files and bytes that a push would send."""
    return report.to_push.objects, report.to_push.size_bytes


def missing_here(report: RemoteReport) -> tuple[int, int]:
    """Returns files and bytes that a fetch would bring."""
    return report.to_fetch.objects, report.to_fetch.size_bytes


def counted(files: int, size_bytes: int) -> str:
    """Returns ``12 files, 3.0 MB``."""
    return f"{fmt.plural(files, 'file')}, {fmt.size(size_bytes)}"


def _missing(report: RemoteReport, now: float) -> list[Line]:
    seconds = now - report.looked_at
    ago = f"  {fmt.running(seconds)} ago" if seconds >= _JUST_S else "  just now"
    there, here = missing_there(report), missing_here(report)
    lost = report.lost.objects
    text = list[Line]()
    if there[0]:
        words = f"   ↑ {counted(*there)} to push"
        text.append(((words, Paint.STALE), (ago, Paint.MUTED)))
    if here[0]:
        text.append(((f"   ↓ {counted(*here)} to fetch", Paint.STALE), (ago, Paint.MUTED)))
    if lost:
        text.append(
            spans.text(f"   ! {fmt.plural(lost, 'file')} neither here nor there", Paint.FAIL)
        )
    return text or [(("   ✓ in sync", Paint.RAN), (ago, Paint.MUTED))]


def _head(transfer: TransferState, mark: str, paint: Paint, now: float) -> Line:
    place = f" {one_line(transfer.remote)}" if transfer.remote else ""
    arrow, progress = _ARROWS[transfer.kind], transfer.progress
    if transfer.status is TransferStatus.RUNNING:
        words, took = f"{_DOING[transfer.kind]}{place}", ""
        if transfer.started_at is not None:
            took = f"  {fmt.running(now - transfer.started_at)}"
        return ((f" {mark} {arrow} {words}", paint), (took, Paint.MUTED))
    if transfer.status is TransferStatus.QUEUED:
        return ((f" {mark} {arrow} {transfer.kind.value}{place}", paint), ("  waits", Paint.MUTED))
    if transfer.options.dry_run:
        said = counted(len(transfer.items), sum(item.size_bytes for item in transfer.items))
        return ((f" {arrow} would travel: {said}", Paint.STRONG), (place, Paint.MUTED))
    done = counted(progress.files_done, progress.bytes_done) if progress is not None else ""
    there = f", {fmt.count(transfer.present)} were there" if transfer.present else ""
    said = "cancelled" if transfer.status is TransferStatus.CANCELLED else _DID[transfer.kind]
    took = ""
    if transfer.started_at is not None and transfer.ended_at is not None:
        took = f" in {fmt.duration(transfer.ended_at - transfer.started_at)}"
    return ((f" {mark} {arrow} {said}{place}", paint), (f"  {done}{there}{took}", Paint.TEXT))


def _moving(progress: Progress, cells: int) -> list[Line]:
    if progress.phase in _PHASES:
        return [spans.text(f"   {_PHASES[progress.phase]}", Paint.MUTED)]
    share = _share(progress.bytes_done, progress.size_bytes)
    full = round(cells * progress.bytes_done / max(progress.size_bytes, 1))
    files = f"  {fmt.count(progress.files_done)}/{fmt.count(progress.files)} files"
    left = f"  ~{fmt.running(progress.left_s)} left" if progress.left_s is not None else ""
    sizes = f"{fmt.size(progress.bytes_done)} of {fmt.size(progress.size_bytes)}"
    text: list[Line] = [
        (
            ("   " + "━" * full, Paint.RUN),
            ("─" * (cells - full), Paint.MUTED),
            (f" {share}", Paint.STRONG),
            (files, Paint.TEXT),
        ),
        ((f"   {sizes}  {_speed(progress)}", Paint.TEXT), (left, Paint.MUTED)),
    ]
    told = [f"{fmt.count(progress.retries)} retries"] if progress.retries else []
    told += [f"{fmt.count(progress.failures)} failed"] if progress.failures else []
    if told:
        text.append(spans.text("   " + " · ".join(told), Paint.STALE))
    if progress.silent_s >= _SILENT_S:
        words = f"   nothing moved for {fmt.running(progress.silent_s)}"
        text.append(spans.text(words, Paint.STALE))
    return text


def _active(item: Item, arrow: str, cells: int) -> Line:
    full = round(_SMALL_BAR * item.bytes_done / max(item.size_bytes, 1))
    end: Line = (
        (spans.right(fmt.size(item.size_bytes), 7) + " ", Paint.MUTED),
        ("━" * full, Paint.RUN),
        ("─" * (_SMALL_BAR - full), Paint.MUTED),
        (spans.right(_share(item.bytes_done, item.size_bytes), 5), Paint.TEXT),
    )
    room = max(cells - spans.width(end) - 4, 1)
    path = spans.left(spans.middle(one_line(item.path or item.hash), room), room)
    return ((f" {arrow} ", Paint.RUN), (path, Paint.TEXT), *end)


def _share(done: int, total: int) -> str:
    return f"{done / total:.0%}" if total else "0%"


def _speed(progress: Progress) -> str:
    return f"{fmt.size(int(progress.bytes_per_s))}/s"


def _wrap(words: str, cells: int) -> list[str]:
    return spans.wrap(one_line(words), cells - 3) if words else []
