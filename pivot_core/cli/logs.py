"""Owns showing logs to a person: lines whole again, colours kept where they can be shown, the rest inert."""

import re
import time
from collections.abc import Iterator

from pivot_core.cli import words
from pivot_core.cli.paper import Paper
from pivot_core.frozen import frozen
from pivot_core.port import (
    FindLog,
    LogGrew,
    LogRef,
    Port,
    RunFinished,
    RunId,
    RunStatus,
    Snapshot,
    StageChanged,
    StageName,
    printable,
)
from pivot_core.port.logfile import LogFile, LogRecord, Stream

_COLOUR = re.compile(r"(\x1b\[[0-9;]*m)")
_ENDED = frozenset(words.OUTCOMES)


@frozen
class Style:
    """How lines are shown."""

    with_time: bool = False
    with_stage: bool = False
    only_stderr: bool = False


class LogPrinter:
    """Writes what is new in one attempt's log, each time that it is asked."""

    def __init__(self, paper: Paper, ref: LogRef, style: Style) -> None:
        self._paper: Paper = paper
        self._log: LogFile = LogFile(ref.path)
        self._name: str = f"{ref.stage} | " if style.with_stage else ""
        self._with_time: bool = style.with_time
        self._only_stderr: bool = style.only_stderr
        self._shown: int = 0
        self._pieces: dict[Stream, str] = {}

    def advance(self) -> None:
        """Writes the lines that were added since the last call."""
        for record in self._new():
            if self._only_stderr and record.stream is Stream.OUT:
                continue
            body = self._pieces.pop(record.stream, "") + record.text
            if record.continues:
                self._pieces[record.stream] = body
            else:
                self._line(record, body)
        self._paper.flush()

    def close(self) -> None:
        """Lets go of the file."""
        self._log.close()

    def _new(self) -> Iterator[LogRecord]:
        is_more = True
        while is_more:
            is_more = self._log.refresh()
            while self._shown < self._log.count:
                yield self._log.record(self._shown)
                self._shown += 1

    def _line(self, record: LogRecord, body: str) -> None:
        head = self._paper.render([(self._name, "faint"), (self._moment(record), "faint")])
        if record.stream is Stream.NOTE:
            self._paper.write(head + self._paper.render([("[pivot] " + body, "faint")]) + "\n")
        else:
            self._paper.write(f"{head}{inert(body, keep_colour=self._paper.has_colour)}\n")

    def _moment(self, record: LogRecord) -> str:
        if not self._with_time:
            return ""
        seconds, millis = divmod(record.time_ms, 1000)
        return f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{millis:03} "


async def follow(
    port: Port, paper: Paper, stage: StageName | None, run_id: RunId | None, style: Style
) -> bool:
    """Writes the logs of a stage (or of all) of the active run until it ends.

    Returns ``False`` when there is nothing to follow: no run is active, it is not ``run_id``, or the stage ended.
    """
    subscription = await port.subscribe()
    run = subscription.snapshot.run
    if run is None or run.status is not RunStatus.RUNNING or run_id not in (None, run.run_id):
        return False
    tail = _Tail(port, paper, run.run_id, stage, style)
    for name, state in subscription.snapshot.states.items():
        if stage in (None, name) and state.run_id == run.run_id:
            if stage is not None and state.status in _ENDED:
                return False
            if state.attempt:
                await tail.advance(name, state.attempt)
    async for item in subscription:
        if isinstance(item, Snapshot):
            if item.run is None or item.run.run_id != run.run_id:
                break
        elif isinstance(item.event, RunFinished) and item.event.run.run_id == run.run_id:
            break
        elif isinstance(item.event, LogGrew) and item.event.run_id == run.run_id:
            await tail.advance(item.event.stage, item.event.attempt)
        elif isinstance(item.event, StageChanged) and item.event.state.attempt:
            await tail.advance(item.event.stage, item.event.state.attempt)
            if item.event.stage == stage and item.event.state.status in _ENDED:
                break
    tail.close()
    return True


class _Tail:
    """The logs of one run that are being followed."""

    def __init__(
        self, port: Port, paper: Paper, run_id: RunId, stage: StageName | None, style: Style
    ) -> None:
        self._port: Port = port
        self._paper: Paper = paper
        self._run_id: RunId = run_id
        self._stage: StageName | None = stage
        self._style: Style = style
        self._printers: dict[tuple[StageName, int], LogPrinter] = {}

    async def advance(self, stage: StageName, attempt: int) -> None:
        """Writes what is new in an attempt's log, if it is one that is followed."""
        if self._stage not in (None, stage):
            return
        if (stage, attempt) not in self._printers:
            ref = await self._port.ask(FindLog(stage, self._run_id, attempt))
            if not isinstance(ref, LogRef):
                return
            self._printers[stage, attempt] = LogPrinter(self._paper, ref, self._style)
        self._printers[stage, attempt].advance()

    def close(self) -> None:
        """Writes the rest of every log and lets go of the files."""
        for printer in self._printers.values():
            printer.advance()
            printer.close()


def inert(body: str, *, keep_colour: bool) -> str:
    """Returns a line of a log as it may be sent: colours or nothing of them, every other control character shown."""
    plain, *rest = _COLOUR.split(body)
    if not rest:
        return printable(plain)
    shown = [printable(plain)]
    for colour, after in zip(rest[::2], rest[1::2], strict=True):
        shown.extend([colour if keep_colour else "", printable(after)])
    return "".join(shown) + ("\x1b[0m" if keep_colour else "")
