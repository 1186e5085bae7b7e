"""Owns the Remote panel: where outputs are kept beside this project, and how to share them."""

from collections.abc import Callable, Mapping
from typing import ClassVar, override

from pivot_tui import spans
from pivot_tui.board import Dirty
from pivot_tui.keys import Scope
from pivot_tui.panels.panel import Paper
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.page import Page

SHARE = "pivot config set cache.dir /mnt/share/pivot-cache"
"""What shares outputs without a remote: one cache on a disk that all of them reach."""
_WORDS = (
    "Outputs are kept in this project's cache alone."
    " Projects and people who reach one disk can share a cache on it:"
)


class Remotes(Paper):
    """No remote can be configured; the panel says so, and what there is instead."""

    scope: ClassVar[Scope] = Scope.REMOTE

    @override
    def is_touched(self, dirty: Dirty) -> bool:
        return dirty.plan

    @override
    def title(self) -> str:
        return ""

    @override
    def page(self, cells: int) -> Page:
        lines: list[Line] = [spans.text(" no remote is configured", Paint.STRONG), ()]
        lines += [spans.text(f" {piece}") for piece in spans.wrap(_WORDS, cells - 2)]
        lines += [
            (),
            *(spans.text(f" {piece}", Paint.ACCENT) for piece in spans.wrap(SHARE, cells - 2)),
        ]
        return Page([*lines, (), ((" y", Paint.ACCENT), (" copies the command", Paint.MUTED))])

    @property
    @override
    def actions(self) -> Mapping[str, Callable[[], None]]:
        return {"copy": lambda: self.desk.host.copy(SHARE)}
