"""Owns what keys ask of remotes: pushes, pulls and fetches, each after a look at what would travel."""

import uuid

from textual.screen import Screen

from pivot_core.port import (
    CancelTransfer,
    CompareRemote,
    Fetch,
    ListRemotes,
    PivotError,
    Pull,
    Push,
    RemoteReport,
    RequestId,
    TransferKind,
    TransferOptions,
    TransferState,
    one_line,
)
from pivot_tui import format as fmt
from pivot_tui import transfer
from pivot_tui.board import Board
from pivot_tui.feed import Feed
from pivot_tui.screens.commands import Commands
from pivot_tui.screens.menu import Item, Menu
from pivot_tui.widgets.painting import application

_COMMANDS = {TransferKind.PUSH: Push, TransferKind.FETCH: Fetch, TransferKind.PULL: Pull}
_KEYS = "123456789abcdefghilmnopqrstuvwxyz"


class Courier:
    """Asks the remote, shows what would travel, and sends the request."""

    def __init__(self, screen: Screen[None], board: Board, feed: Feed, commands: Commands) -> None:
        self._screen: Screen[None] = screen
        self._board: Board = board
        self._feed: Feed = feed
        self._commands: Commands = commands
        self.remote: str | None = None
        """The remote that was chosen; ``None`` for the default."""

    def begin(self, kind: TransferKind, targets: tuple[str, ...]) -> None:
        """Begins a transfer of these stages or paths, all without; a push or a pull once it was confirmed."""
        if not self._commands.refused("transfer", None):
            self._screen.run_worker(self._begin(kind, targets))

    def list(self, targets: tuple[str, ...]) -> None:
        """Lists what a push would send, or a fetch bring where only that would bring something."""
        report = self._board.compared
        fetches = report is not None and (
            transfer.missing_here(report)[0] > 0 and not transfer.missing_there(report)[0]
        )
        kind = TransferKind.FETCH if fetches else TransferKind.PUSH
        if not self._commands.refused("transfer", None):
            self._screen.run_worker(self._send(kind, targets, dry_run=True))

    def again(self) -> None:
        """Repeats the last transfer: what arrived does not travel again."""
        last = self._board.transfer
        if last is not None and not self._commands.refused("transfer", None):
            self._screen.run_worker(self._send(last.kind, last.targets, remote=last.options.remote))

    def cancel(self) -> None:
        """Cancels the transfer under way, once confirmed."""
        moving = self._board.moving
        if moving is not None and not self._commands.refused("transfer", None):
            self._screen.run_worker(self._cancel(moving))

    def choose(self) -> None:
        """Asks which remote is meant from now on."""
        self._screen.run_worker(self._choose())

    async def _begin(self, kind: TransferKind, targets: tuple[str, ...]) -> None:
        if kind is TransferKind.FETCH:
            await self._send(kind, targets)
            return
        self._say("asking the remote what it has …")
        try:
            report = await self._feed.port.ask(CompareRemote(self.remote, targets))
        except PivotError as error:
            self._commands.complain(error.what, error.where, error.hint)
            return
        except OSError as error:
            self._commands.complain(f"engine lost: {error}")
            return
        if report.problem is not None:
            self._commands.complain(report.problem.what, report.problem.where, report.problem.hint)
            return
        name = one_line(report.remote.name)
        files, size_bytes = (
            transfer.missing_there(report)
            if kind is TransferKind.PUSH
            else transfer.missing_here(report)
        )
        if kind is TransferKind.PUSH and not files and not report.runs_absent_there:
            self._say(f"nothing to push: {name} has it all")
            return
        words = "Push" if kind is TransferKind.PUSH else "Pull"
        way = "to" if kind is TransferKind.PUSH else "from"
        what = f"{transfer.counted(files, size_bytes)} {way} {one_line(report.remote.url)}."
        what += _beside(kind, report)
        if await self._commands.answer(f"{words} {way} {name}?", what, ("Leave it", words)) == 1:
            await self._send(kind, targets)

    async def _send(
        self,
        kind: TransferKind,
        targets: tuple[str, ...],
        *,
        dry_run: bool = False,
        remote: str | None = None,
    ) -> None:
        name = remote or self.remote
        words = ["pivot", kind.value, *targets, *(["--remote", name] if name is not None else [])]
        words += ["--dry-run"] if dry_run else []
        options = TransferOptions(remote=name, dry_run=dry_run)
        request_id = RequestId(uuid.uuid4().hex)
        moving = self._board.moving
        reply = await self._commands.send(
            _COMMANDS[kind](request_id, targets, options, " ".join(words))
        )
        if reply is not None and moving is not None:
            self._say(f"queued behind the {moving.kind.value} that is under way")

    async def _cancel(self, moving: TransferState) -> None:
        done = moving.progress.files_done if moving.progress is not None else 0
        lost = f"{fmt.plural(done, 'file')} arrived and stay; what is half done is dropped."
        title = f"Cancel the {moving.kind.value}?"
        if await self._commands.answer(title, lost, ("Go on", "Cancel it")) == 1:
            await self._commands.send(CancelTransfer(moving.transfer_id))

    async def _choose(self) -> None:
        try:
            remotes = await self._feed.port.ask(ListRemotes())
        except (PivotError, OSError) as error:
            self._commands.complain(error.what if isinstance(error, PivotError) else str(error))
            return
        if not remotes:
            self._say("no remote is configured: 7 says how")
            return
        items = [
            Item(key, one_line(row.name), row.name, one_line(row.url))
            for key, row in zip(_KEYS, remotes, strict=False)
        ]
        now = next((at for at, row in enumerate(remotes) if row.name == self.remote), 0)

        def take(name: str | None) -> None:
            if name is not None:
                self.remote = name
                self._say(f"pushes and pulls are about {one_line(name)} now")

        application(self._screen).push_screen(Menu("Remote", items, now), take)

    def _say(self, words: str) -> None:
        self._screen.notify(words, markup=False)


def _beside(kind: TransferKind, report: RemoteReport) -> str:
    if kind is TransferKind.PULL:
        return " Outs that were changed here stay as they are."
    runs = report.runs_absent_there
    return f" And what {fmt.plural(runs, 'run')} made of which inputs." if runs else ""
