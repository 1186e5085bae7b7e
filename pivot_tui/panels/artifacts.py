"""Owns the In/Out panel: the deps and outs of the selected stage, as recorded and as they lie there."""

from collections.abc import Callable, Mapping
from typing import ClassVar, override

from pivot_core.port import (
    ArtifactRow,
    ListArtifacts,
    Port,
    RemoteReport,
    StageName,
    Status,
    one_line,
)
from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.board import Dirty
from pivot_tui.keys import Scope
from pivot_tui.panels.panel import Asking, Desk
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.page import Page

_ROLE = 5
_HASH = 15
_SIZE = 8
_CACHE = 7
_REMOTE = 8
_PATH_LEAST = 14


class Artifacts(Asking[tuple[ArtifactRow, ...]]):
    """One row a dep or out; the cursor stands at one of them."""

    scope: ClassVar[Scope] = Scope.IN_OUT

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._report: RemoteReport | None = None
        """What was known of the remote when the panel was drawn last."""

    @override
    async def ask(self, port: Port, stage: StageName) -> tuple[ArtifactRow, ...]:
        return await port.ask(ListArtifacts(stage))

    @override
    def note(self) -> str:
        return fmt.plural(len(self.found), "artifact") if self.found else ""

    @override
    def page(self, cells: int) -> Page:
        if self.found is None or self.stage is None:
            return Page(self.missing())
        if not self.found:
            return Page([spans.text(" it reads nothing and writes nothing", Paint.MUTED)])
        self._report = self.board.compared
        writing = self.board.state(self.stage).status is Status.RUNNING
        lines = [_row("", " ", "path", "hash", "size", "cached", "remote", cells, Paint.MUTED)]
        role = ""
        for row in self.found:
            now = "in" if row.kind is None else "out"
            shown = now if now != role else ""
            lines.append(line(row, shown, self._there(row), writing=writing, cells=cells))
            role = now
        return Page(lines, tuple(range(1, len(lines))))

    @override
    def is_touched(self, dirty: Dirty) -> bool:
        return super().is_touched(dirty) or self._report is not self.board.compared

    def _there(self, row: ArtifactRow) -> str:
        """Tells whether the remote has an artifact, as far as it was asked."""
        report = self._report
        for one in report.artifacts if report is not None else ():
            if one.path == row.path:
                return "no" if one.absent_there else "yes"
        return "—"

    @property
    @override
    def actions(self) -> Mapping[str, Callable[[], None]]:
        return {"copy": self._copy, "open": self._open}

    @override
    def refusal(self, action: str) -> str:
        if not self.found:
            return "there is no artifact"
        gone = self.found[self.view.at].size_bytes is None
        return "nothing lies there" if action == "open" and gone else ""

    def _copy(self) -> None:
        if self.found:
            row = self.found[self.view.at]
            digest = row.found or row.recorded
            self.desk.host.copy(f"{row.path} {digest}" if digest else row.path)

    def _open(self) -> None:
        if self.found:
            self.desk.host.open_file(self.found[self.view.at].path)


def line(row: ArtifactRow, role: str, there: str = "—", *, writing: bool, cells: int) -> Line:
    """Returns the row of one artifact; an out of a stage that runs is being written; ``there``: on the remote."""
    mark, paint = _state(row, writing)
    old, new = fmt.short_hash(row.recorded), fmt.short_hash(row.found)
    if row.is_unread:
        new = "?"
    digest = new if row.recorded is None or row.recorded == row.found else f"{old} → {new}"
    if writing and row.kind is not None:
        digest = "writing"
    size = "—" if row.size_bytes is None else fmt.size(row.size_bytes)
    cached = "yes" if row.is_cached else "no"
    path = row.path if row.files is None else f"{row.path} ({fmt.plural(row.files, 'file')})"
    return _row(role, mark, path, digest, size, cached, there, cells, paint)


def _state(row: ArtifactRow, writing: bool) -> tuple[str, Paint]:
    if writing and row.kind is not None:
        return "▶", Paint.RUN
    if row.size_bytes is None:
        return "-", Paint.FAIL if row.recorded is not None else Paint.MUTED
    if row.is_unread:
        return "?", Paint.STALE
    if row.recorded is None:
        return "+", Paint.RAN
    return ("=", Paint.MUTED) if row.recorded == row.found else ("~", Paint.STALE)


def _row(
    role: str,
    mark: str,
    path: str,
    digest: str,
    size: str,
    cached: str,
    remote: str,
    cells: int,
    paint: Paint,
) -> Line:
    """Returns a row; where there is no room the remote leaves first, then the cache."""
    room = cells - _ROLE - 2 - 1 - _HASH - _SIZE - 2
    shows_cache = room - _CACHE >= _PATH_LEAST
    shows_remote = room - _CACHE - _REMOTE >= _PATH_LEAST
    room -= _CACHE * shows_cache + _REMOTE * shows_remote
    calm = paint is Paint.MUTED
    return (
        (spans.left(f" {role}", _ROLE), Paint.MUTED),
        (f"{mark} ", paint),
        (spans.left(spans.middle(one_line(path), room), room), Paint.MUTED if calm else Paint.TEXT),
        (" " + spans.left(digest, _HASH), paint),
        (spans.right(size, _SIZE) + "  ", Paint.MUTED),
        (spans.left(cached, _CACHE) if shows_cache else "", Paint.MUTED),
        (spans.left(remote, _REMOTE) if shows_remote else "", Paint.MUTED),
    )
