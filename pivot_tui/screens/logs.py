"""Owns what the Logs panel shows of the selected stage: asks the engine where its log lies and lets it grow."""

from pivot_core.port import FindLog, LogRef, PivotError, RunId, StageName, Status, one_line
from pivot_core.port.logfile import LogFile
from pivot_tui import format as fmt
from pivot_tui.board import Board, Dirty
from pivot_tui.feed import Feed
from pivot_tui.latest import Latest
from pivot_tui.widgets.log import LogView


class Logs:
    """Keeps the panel at one stage; an answer that comes after another stage was selected is dropped."""

    def __init__(self, board: Board, feed: Feed, log: LogView) -> None:
        self._board: Board = board
        self._feed: Feed = feed
        self._log: LogView = log
        self._stage: StageName | None = None
        self._shown: tuple[RunId, int] | None = None
        self._place: tuple[object, ...] = ()
        self._finding: Latest[StageName] = Latest(self._find, log.run_worker)

    def select(self, stage: StageName) -> None:
        """Turns to another stage."""
        self._stage = stage
        self._place = ()
        self._shown = None
        self._renew(stage)

    def update(self, dirty: Dirty) -> None:
        """Takes up what changed of the stage."""
        stage = self._stage
        if stage is None or stage not in self._board.stages:
            return
        if dirty.plan or stage in dirty.stages:
            self._renew(stage)
        elif stage in dirty.logs:
            grown = self._board.logs[stage]
            if (grown.run_id, grown.attempt) == self._shown:
                self._log.grew()
            else:
                self._finding.want(stage)

    def _renew(self, stage: StageName) -> None:
        state = self._board.state(stage)
        place = (state.run_id, state.attempt, state.status is Status.WAIT)
        if place != self._place:
            self._place = place
            self._finding.want(stage)
        else:
            self._log.grew()

    async def _find(self, stage: StageName) -> None:
        try:
            answer = await self._feed.find_log(FindLog(stage))
        except (PivotError, OSError):
            return  # the banner says that the engine is gone; what is on screen stays
        if stage != self._stage:
            return
        state = self._board.state(stage)
        now = (state.run_id, state.attempt)
        if not isinstance(answer, LogRef):
            self._shown = None
            self._log.show(None, one_line(stage), one_line(answer.why))
        elif state.status is Status.RUNNING and now != (answer.run_id, answer.attempt):
            # What runs has written nothing; the log of an earlier run would be taken for it.
            self._shown = None
            self._log.show(None, _title(stage, state.run_id, state.attempt), "no output yet")
        else:
            self._shown = (answer.run_id, answer.attempt)
            self._log.show(LogFile(answer.path), _title(stage, answer.run_id, answer.attempt))


def _title(stage: StageName, run_id: RunId | None, attempt: int) -> str:
    run = f" · run {fmt.short_run(run_id)}" if run_id else ""
    return one_line(stage) + run + (f" · attempt {attempt}" if attempt > 1 else "")
