"""Owns asking for a transfer and showing it: lines for a pipe, a line that is repainted for a terminal, or JSON lines.

The engine must not wait for a terminal that is stopped or a pipe that nobody reads, so a thread does the showing.
"""

import json
import os
import queue
import shlex
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Protocol, override

from pivot_core.cli import compose, jsonl, problem, text
from pivot_core.cli.paper import Part
from pivot_core.cli.session import Session
from pivot_core.cli.terminal import Region
from pivot_core.port import (
    Action,
    FailedItem,
    Fetch,
    Item,
    Level,
    Notice,
    ObjectFailed,
    Phase,
    PivotError,
    Progress,
    Published,
    Pull,
    Push,
    RequestId,
    Snapshot,
    Transfer,
    TransferFinished,
    TransferKind,
    TransferOptions,
    TransferProgress,
    TransferQueued,
    TransferStarted,
    TransferState,
)

_SAY_S = 5.0
"""How often a pipe is told how far it is."""
_PAINT_S = 0.1
_BAR_CELLS = 20
_FAILED_SHOWN = 20
_PAST = {TransferKind.PUSH: "pushed", TransferKind.FETCH: "fetched", TransferKind.PULL: "pulled"}
_COMMANDS = {TransferKind.PUSH: Push, TransferKind.FETCH: Fetch, TransferKind.PULL: Pull}


def execute(
    session: Session,
    root: str,
    kind: TransferKind,
    targets: tuple[str, ...],
    options: TransferOptions,
    *,
    as_json: bool,
) -> int:
    """Has a transfer done, shows it, and returns what the process exits with."""
    import asyncio

    line = shlex.join(["pivot", *sys.argv[1:]])
    request = _COMMANDS[kind](RequestId(os.urandom(8).hex()), targets, options, line)
    if as_json:
        display: Display = JsonLines(session)
    else:
        display = (Painted if session.err.is_terminal else Plain)(session)
    watcher = Watcher(request, display)
    try:
        ended = asyncio.run(compose.transfer(root, request, watcher.take, on_wait=watcher.wait))
    finally:
        watcher.close()
    watcher.finish(ended)
    return ended.exit_code or 0


class Display(Protocol):
    """Shows one transfer; every call comes from one thread at a time."""

    def begin(self, state: TransferState) -> None:
        """It is under way."""
        ...

    def progress(self, progress: Progress) -> None:
        """It is so far."""
        ...

    def failed(self, failed: FailedItem) -> None:
        """An object did not arrive."""
        ...

    def wait(self, why: str) -> None:
        """The request has to wait."""
        ...

    def notice(self, notice: Notice) -> None:
        """Something that a person should know."""
        ...

    def finish(self, state: TransferState) -> None:
        """It ended."""
        ...


class Watcher:
    """Hands the events of one transfer to whoever shows it; ticks that were not shown in time are skipped."""

    def __init__(self, request: Transfer, display: Display) -> None:
        self._request_id: RequestId = request.request_id
        self._display: Display = display
        self._items: queue.SimpleQueue[Published | Snapshot | str | None] = queue.SimpleQueue()
        self._id: str = ""
        self._lost: OSError | PivotError | None = None
        self._thread: threading.Thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def take(self, item: Published | Snapshot) -> None:
        """Takes an event; returns at once."""
        is_tick = isinstance(item, Published) and isinstance(item.event, TransferProgress)
        if not (is_tick and self._items.qsize() > 100):
            self._items.put(item)

    def wait(self, why: str) -> None:
        """Says why the request has to wait; returns at once."""
        self._items.put(why)

    def close(self) -> None:
        """Ends the thread once everything taken has been shown."""
        self._items.put(None)
        self._thread.join()

    def finish(self, state: TransferState) -> None:
        """Shows the end, after ``close``; raises when output could not be written."""
        if self._lost is not None:
            raise self._lost
        self._display.finish(state)

    def _work(self) -> None:
        while (item := self._items.get()) is not None:
            if self._lost is not None:
                continue
            try:
                self._show(item)
            except (OSError, PivotError) as error:
                self._lost = error

    def _show(self, item: Published | Snapshot | str) -> None:
        if isinstance(item, str):
            self._display.wait(item)
        elif isinstance(item, Published):
            match item.event:
                case TransferQueued(state) if state.request_id == self._request_id:
                    self._display.wait("queued behind the transfer that is under way")
                case TransferStarted(state) if state.request_id == self._request_id:
                    self._id = state.transfer_id
                    self._display.begin(state)
                case TransferProgress(name, progress) if name == self._id:
                    self._display.progress(progress)
                case ObjectFailed(name, failed) if name == self._id:
                    self._display.failed(failed)
                case Notice() as notice:
                    self._display.notice(notice)
                case TransferFinished():
                    pass
                case _:
                    pass


class Plain(Display):
    """Writes lines: how far it is every few seconds, then what became of it."""

    def __init__(self, session: Session) -> None:
        self.session: Session = session
        self._said_at: float = time.monotonic()

    @override
    def begin(self, state: TransferState) -> None:
        pass

    @override
    def progress(self, progress: Progress) -> None:
        if not self.session.is_quiet and time.monotonic() - self._said_at >= _SAY_S:
            self._said_at = time.monotonic()
            self.aside(*_far(progress))

    @override
    def failed(self, failed: FailedItem) -> None:
        pass  # listed at the end

    @override
    def wait(self, why: str) -> None:
        if not self.session.is_quiet:
            self.aside((why, "faint"))

    @override
    def notice(self, notice: Notice) -> None:
        if notice.level is Level.WARNING:
            self.aside(("warning: ", "due"), notice.message)
        elif not self.session.is_quiet:
            self.aside(notice.message)

    @override
    def finish(self, state: TransferState) -> None:
        out, err = self.session.out, self.session.err
        if state.options.dry_run:
            out.table(
                [(item.path or item.hash, text.size(item.size_bytes)) for item in state.items]
            )
        _list_failed(self.session, state)
        for change in state.changes:
            if change.action is Action.REFUSED and not _has_failed(state, change.path or ""):
                err.line(("kept  ", "due"), change.path or change.stage, f": {change.problem}")
        problem.show(err, state.problems)
        if not self.session.is_quiet and not (state.problems and _moved(state) == (0, 0)):
            out.line(*summary(state))

    def aside(self, *parts: Part) -> None:
        """Writes a line that is no result."""
        self.session.err.line(*parts)
        self.session.err.flush()


class Painted(Plain):
    """Keeps one line with the progress at the bottom of the terminal, and what moves now below it."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._region: Region = Region(session.err)
        self._painted_at: float = 0.0

    @override
    def progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if self.session.is_quiet or now - self._painted_at < _PAINT_S:
            return
        self._painted_at = now
        rows = [_bar(progress, self.session)]
        if progress.active:
            item = progress.active[0]
            more = f" and {len(progress.active) - 1} more" if len(progress.active) > 1 else ""
            rows.append([(f"  {item.path or item.hash}{more}", "faint")])
        self._region.paint(rows)

    @override
    def aside(self, *parts: Part) -> None:
        self._region.above(parts)

    @override
    def finish(self, state: TransferState) -> None:
        self._region.paint([])
        super().finish(state)


class JsonLines(Display):
    """Writes one JSON object a line to stdout."""

    def __init__(self, session: Session) -> None:
        self._session: Session = session
        self._said_at: float = time.monotonic()

    @override
    def begin(self, state: TransferState) -> None:
        self._put(jsonl.transfer_started(state))

    @override
    def progress(self, progress: Progress) -> None:
        if time.monotonic() - self._said_at >= _SAY_S:
            self._said_at = time.monotonic()
            self._put(jsonl.transfer_progress(progress))

    @override
    def failed(self, failed: FailedItem) -> None:
        self._put(jsonl.object_failed(failed))

    @override
    def wait(self, why: str) -> None:
        if not self._session.is_quiet:
            self._session.err.line(why)
            self._session.err.flush()

    @override
    def notice(self, notice: Notice) -> None:
        self._put(jsonl.notice_said(notice))

    @override
    def finish(self, state: TransferState) -> None:
        self._put(jsonl.transfer_finished(state))

    def _put(self, record: Mapping[str, object]) -> None:
        self._session.out.write(json.dumps(record, separators=(",", ":")) + "\n")
        self._session.out.flush()


# --- words -----------------------------------------------------------------------------------------------------------


def summary(state: TransferState) -> list[Part]:
    """Returns the last line: what moved, where, how long it took, and what did not."""
    done, style = _PAST[state.kind], "good"
    if state.exit_code:
        done, style = f"{state.kind.value} {state.status.value}", "bad"
    files, size = _moved(state)
    if state.options.dry_run:
        done = f"would {state.kind.value}"
        files, size = len(state.items), sum(item.size_bytes for item in state.items)
    said = f": {text.plural(files, 'object')}, {text.size(size)}"
    if not files and not state.exit_code and not state.options.dry_run:
        said = ": nothing to move"
    tail = list[str]()
    failures = state.progress.failures if state.progress else len(state.failed)
    if failures := failures or len(state.failed):
        tail.append(f"{failures} failed")
    if state.present:
        tail.append(f"{state.present} there already")
    if state.runs:
        tail.append(text.plural(state.runs, "run-cache entry").replace("entrys", "entries"))
    counts = Counter(change.action for change in state.changes)
    if restored := counts[Action.RESTORED]:
        tail.append(f"{text.plural(restored, 'output')} restored")
    if kept := counts[Action.REFUSED]:
        tail.append(f"{kept} left as {'it is' if kept == 1 else 'they are'}")
    began = state.started_at or state.queued_at
    took = f" in {text.duration(max(0.0, (state.ended_at or began) - began))}"
    where = f" ({state.remote})" if state.remote else ""
    more = f"; {', '.join(tail)}" if tail else ""
    return [(done, style), f"{said}{'' if state.options.dry_run else took}{more}{where}"]


def _moved(state: TransferState) -> tuple[int, int]:
    return (state.progress.files_done, state.progress.bytes_done) if state.progress else (0, 0)


def _far(progress: Progress) -> list[Part]:
    """Says how far a transfer is."""
    match progress.phase:
        case Phase.LOOKING:
            parts = list[Part](["asking the remote what it has"])
        case Phase.RESTORING:
            parts = list[Part](["restoring outputs"])
        case Phase.MOVING:
            share = f"{progress.files_done}/{progress.files} objects"
            sizes = f"{text.size(progress.bytes_done)} of {text.size(progress.size_bytes)}"
            parts = list[Part]([f"{share}  {sizes}  {text.size(int(progress.bytes_per_s))}/s"])
            if progress.left_s is not None:
                parts.append((f"  ~{text.clock(progress.left_s)} left", "faint"))
    if progress.retries:
        parts.append(
            (f"  {text.plural(progress.retries, 'retry').replace('retrys', 'retries')}", "due")
        )
    if progress.failures:
        parts.append((f"  {progress.failures} failed", "bad"))
    if progress.silent_s >= _SAY_S:
        parts.append((f"  nothing has moved for {text.clock(progress.silent_s)}", "due"))
    return parts


def _bar(progress: Progress, session: Session) -> list[Part]:
    share = progress.bytes_done / progress.size_bytes if progress.size_bytes else 0.0
    if progress.phase is not Phase.MOVING:
        return _far(progress)
    full = min(_BAR_CELLS, int(share * _BAR_CELLS))
    done, left = ("█", "·") if session.err.has_glyphs else ("#", ".")
    return [(done * full, "good"), (left * (_BAR_CELLS - full), "faint"), "  ", *_far(progress)]


def _list_failed(session: Session, state: TransferState) -> None:
    """Names what failed, those of one reason together."""
    shown = state.failed[:_FAILED_SHOWN]
    for failed in shown:
        session.err.line(("failed  ", "bad"), _name(failed.item), f": {failed.problem.what}")
    total = state.progress.failures if state.progress else 0
    if (more := max(total, len(state.failed)) - len(shown)) > 0:
        session.err.line((f"… {more} more failed; `--json` lists them", "faint"))
    for hint in dict.fromkeys(failed.problem.hint for failed in shown if failed.problem.hint):
        session.err.line(("  hint:  ", "faint"), hint)
    session.err.flush()


def _has_failed(state: TransferState, path: str) -> bool:
    return any(failed.item.path.startswith(path) for failed in state.failed) and bool(path)


def _name(item: Item) -> str:
    return item.path or item.hash
