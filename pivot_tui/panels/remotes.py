"""Owns the Remote panel: where outs are kept besides this machine, what is missing where, and what travels."""

from collections.abc import Callable, Mapping
from typing import ClassVar, override

from pivot_core.port import (
    CompareRemote,
    ListRemotes,
    PivotError,
    RemoteArtifact,
    RemoteRows,
    TransferKind,
    TransferState,
    one_line,
)
from pivot_tui import format as fmt
from pivot_tui import spans, transfer
from pivot_tui.board import Dirty, Link
from pivot_tui.keys import Scope
from pivot_tui.latest import Latest
from pivot_tui.panels.panel import Desk, Paper
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.page import Page

_NUMBER = 8
CONFIGURE = "pivot config set remotes.origin s3://BUCKET/PREFIX"
"""What makes a remote; a directory that others reach stands in the place of the bucket as well."""
_WORDS = (
    "Outputs are kept in this project's cache alone."
    " A remote shares them: a bucket, or a directory that others reach."
)


class Remotes(Paper):
    """The remotes, the transfer under way or the last one, and the outs that are missing somewhere."""

    scope: ClassVar[Scope] = Scope.REMOTE

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._remotes: RemoteRows | None = None
        """``None`` while it is not known."""
        self._marks: set[str] = set()
        """The paths that the next transfer is about."""
        self._looks: bool = False
        """Whether a remote is being asked."""
        self._ended: TransferState | None = None
        """The last transfer after which the remote was asked again."""
        self._listing: Latest[bool] = Latest(self._list, self.view.run_worker)
        self._comparing: Latest[str | None] = Latest(self._compare, self.view.run_worker)

    @override
    def is_touched(self, dirty: Dirty) -> bool:
        return dirty.plan or dirty.transfer or (dirty.tick and self.board.moving is not None)

    @override
    def title(self) -> str:
        return ""

    @override
    def note(self) -> str:
        waiting = len(self.board.transfers)
        return f"{fmt.plural(waiting, 'transfer')} queued" if waiting else ""

    @override
    def renew(self, *, keep_place: bool) -> None:
        super().renew(keep_place=keep_place)
        if self._is_shown and self.board.link is Link.ATTACHED and self.board.moving is None:
            self._listing.want(True)
            now = self.board.transfer
            is_told = now is None or now is self._ended or now.options.dry_run
            if self.board.compared is not None and now is not None and not is_told:
                self._ended = now
                self._comparing.want(now.options.remote)

    @override
    def page(self, cells: int) -> Page:
        if self._remotes is None:
            return Page([spans.text(" looking…", Paint.MUTED)])
        if not self._remotes:
            return Page(_unconfigured(cells))
        now, report = self.desk.clock(), self.board.compared
        lines = list[Line]()
        if self.board.transfer is not None:
            lines += transfer.lines(self.board.transfer, now, cells)
        lines += [transfer.lines(one, now, cells)[0] for one in self.board.transfers]
        lines += [()] if lines else []
        for row in self._remotes:
            lines += transfer.remote(row, report, now, cells)
        if self._looks:
            lines.append(spans.text("   asking …", Paint.MUTED))
        stops = list[int]()
        rows = self._rows
        if rows:
            heads = "".join(spans.right(word, _NUMBER) for word in ("there", "here"))
            room = cells - len(heads) - 1
            lines += [(), spans.text(spans.left(" missing", room) + heads, Paint.MUTED)]
        for row in rows:
            stops.append(len(lines))
            lines.append(_artifact(row, row.path in self._marks, cells))
        return Page(lines, tuple(stops))

    @property
    @override
    def actions(self) -> Mapping[str, Callable[[], None]]:
        return {
            "fetch": lambda: self.desk.host.transfer(TransferKind.FETCH),
            "compare": lambda: self.compare(None),
            "cancel": self.desk.host.cancel_transfer,
            "retry": self.desk.host.transfer_again,
            "list": self.desk.host.transfer_list,
            "mark": self._mark,
            "copy": self._copy,
        }

    @override
    def refusal(self, action: str) -> str:
        if action in ("copy", "compare"):
            return ""
        if not self._remotes:
            return "no remote is configured"
        if action != "mark" and self.board.is_read_only:
            return "this dashboard is read-only"
        if action != "mark" and self.board.link is not Link.ATTACHED:
            return "no engine"
        if action == "cancel":
            return "" if self.board.moving is not None else "nothing travels"
        if action == "retry":
            now = self.board.transfer
            return "" if now is not None and now.exit_code else "nothing failed"
        if action == "mark":
            return "" if self._rows else "nothing is known to be missing: u asks"
        return ""

    @property
    def marked(self) -> tuple[str, ...]:
        """The paths that are marked; none for all."""
        return tuple(row.path for row in self._rows if row.path in self._marks)

    def compare(self, name: str | None) -> None:
        """Asks a remote what it has; the settings first, which may name one by now."""
        if not self._remotes:
            self._listing.want(True)
            return
        self._looks = True
        self.draw()
        self._comparing.want(name)

    @property
    def _rows(self) -> list[RemoteArtifact]:
        report = self.board.compared
        found = report.artifacts if report is not None else ()
        return [row for row in found if row.absent_here or row.absent_there]

    def _mark(self) -> None:
        self._marks ^= {self._rows[self.view.at].path}
        self.draw()

    def _copy(self) -> None:
        self.desk.host.copy(
            " ".join(["pivot", "push", *self.marked]) if self._remotes else CONFIGURE
        )

    async def _list(self, _: bool) -> None:
        try:
            self._remotes = await self.desk.feed.port.ask(ListRemotes())
        except (PivotError, OSError):
            return  # the banner says that the engine is gone, or the settings are wrong
        self.draw()
        self.desk.host.hint()

    async def _compare(self, name: str | None) -> None:
        try:
            report = await self.desk.feed.port.ask(CompareRemote(name))
        except (PivotError, OSError) as error:
            self.desk.host.say(error.what if isinstance(error, PivotError) else str(error))
        else:
            self.board.compared = report
        self._looks = False
        self.desk.host.paint(Dirty(transfer=True))


def _unconfigured(cells: int) -> list[Line]:
    lines: list[Line] = [spans.text(" no remote is configured", Paint.STRONG), ()]
    lines += [spans.text(f" {piece}") for piece in spans.wrap(_WORDS, cells - 2)]
    lines.append(())
    lines += [spans.text(f" {piece}", Paint.ACCENT) for piece in spans.wrap(CONFIGURE, cells - 2)]
    return [*lines, (), ((" y", Paint.ACCENT), (" copies the command", Paint.MUTED))]


def _artifact(row: RemoteArtifact, is_marked: bool, cells: int) -> Line:
    numbers = (row.absent_there, row.absent_here)
    end = "".join(spans.right(fmt.count(number) if number else "·", _NUMBER) for number in numbers)
    room = max(cells - len(end) - 4, 1)
    path = spans.left(spans.middle(one_line(row.path), room), room)
    mark = "•" if is_marked else " "
    return ((f" {mark} ", Paint.ACCENT), (path, Paint.TEXT), (end, Paint.STALE))
