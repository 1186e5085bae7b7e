"""Owns the plain stream: each change as a line that is never taken back, for screen readers and pipes.

What it says is what the board knows, so that it and the screen agree; of several changes within a tenth of a second
the last one is told.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Never, TextIO

from pivot_core.port import (
    FilesChanged,
    RunStatus,
    StageName,
    StageState,
    Status,
    StoreError,
    WatchState,
    one_line,
)
from pivot_tui import format as fmt
from pivot_tui import rows, watch
from pivot_tui.board import Board, Dirty, Link
from pivot_tui.feed import Connect, Feed
from pivot_tui.glyphs import LOOKS
from pivot_tui.heading import farewell

_QUIET = frozenset({Status.WAIT, Status.UNKNOWN})


class Teller:
    """Says what differs since it last spoke."""

    def __init__(self, board: Board, say: Callable[[str], None]) -> None:
        self._board: Board = board
        self._say: Callable[[str], None] = say
        self._link: Link = Link.CONNECTING
        self._run: tuple[str, RunStatus] | None = None
        self._problems: tuple[str, ...] = ()
        self._watch: WatchState | None = None
        self._told: dict[StageName, tuple[Status, int]] = {}

    def tell(self, dirty: Dirty) -> None:
        """Says the connection first, then the definition, what is watched, the run, its stages, and notices."""
        board = self._board
        if board.link is not self._link:
            self._link = board.link
            self._say(self._connection())
        problems = tuple(one_line(problem.what) for problem in board.problems)
        if problems != self._problems:
            self._problems = problems
            for words in problems or ("whole again",):
                self._say(f"pipeline: {words}")
        self._tell_watch(dirty)
        is_over = board.run is not None and board.active is None
        if not is_over:
            self._tell_run()
        for row in board.rows:
            if row.stage in dirty.stages:
                self._tell_stage(row.stage)
        if is_over:
            self._tell_run()
        for notice in dirty.notices:
            self._say(f"{notice.level.value}: {one_line(notice.message)}")

    def _connection(self) -> str:
        board = self._board
        if board.link is Link.ATTACHED:
            project = one_line(board.engine.project) if board.engine is not None else ""
            stages = f", {fmt.plural(len(board.stages), 'stage')}" if board.stages else ""
            return f"attached: {project}{stages}"
        if board.link is Link.LOST:
            return f"engine lost: {one_line(board.why_lost)}"
        return "connecting"

    def _tell_watch(self, dirty: Dirty) -> None:
        before, self._watch = self._watch, self._board.watch
        said = watch.turned(before, self._watch)
        if said:
            self._say(said)
        for event in dirty.events:
            if isinstance(event, FilesChanged):
                self._say(watch.batch(event)[0])

    def _tell_run(self) -> None:
        run = self._board.run
        if run is None or (run.run_id, run.status) == self._run:
            return
        self._run = (run.run_id, run.status)
        done, total = self._board.done
        counted = f", {done} of {fmt.plural(total, 'stage')} done" if total else ""
        self._say(f"run {run.run_id}: {run.status.value}{counted}")

    def _tell_stage(self, stage: StageName) -> None:
        state = self._board.state(stage)
        known = (state.status, state.attempt)
        before, self._told[stage] = self._told.get(stage), known
        if known == before or state.status in _QUIET:
            return
        self._say(f"{one_line(stage)}: {_words(state)}")


def _words(state: StageState) -> str:
    word = LOOKS[state.status].word.lower()
    took = f" in {fmt.duration(state.duration_s)}" if state.duration_s is not None else ""
    note = "" if state.status is Status.RUNNING else one_line(rows.note(state, 0.0))
    return word + took + (f" ({note})" if note else "")


def run(connect: Connect, out: TextIO) -> Never:
    """Prints changes until the user leaves; raises ``StoreError`` when the engine is gone."""
    board = Board(is_read_only=True)
    try:
        asyncio.run(_watch(connect, board, out))
    except KeyboardInterrupt:
        print(*farewell(board), sep="\n", file=out, flush=True)
        raise
    why = board.why_lost
    raise StoreError(f"the engine is gone: {why}", hint="`pivot status` looks without one")


async def _watch(connect: Connect, board: Board, out: TextIO) -> None:
    """Prints until the engine is gone."""
    lost = asyncio.Event()
    unread = list[OSError]()

    def say(words: str) -> None:
        time = datetime.now().strftime("%H:%M:%S")  # noqa: DTZ005 the user's own
        print(f"{time} {words}", file=out, flush=True)

    teller = Teller(board, say)

    def paint(dirty: Dirty) -> None:
        try:
            teller.tell(dirty)
        except OSError as error:  # the reader went away
            unread.append(error)
            lost.set()
        if board.link is Link.LOST:
            lost.set()

    feed = asyncio.create_task(Feed(connect, board, paint).run())
    waiting = asyncio.create_task(lost.wait())
    await asyncio.wait((feed, waiting), return_when=asyncio.FIRST_COMPLETED)
    for task in (feed, waiting):
        task.cancel()
    await asyncio.wait((feed, waiting))
    if unread:
        raise unread[0]
    if not feed.cancelled() and (error := feed.exception()) is not None:
        raise error
