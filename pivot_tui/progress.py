"""Owns how far a running stage is: by the progress bar that it prints, a line with a share that it writes over."""

import re
from collections.abc import Iterator

from pivot_core.port import FindLog, LogRef, PivotError, RunId, StageName, Status
from pivot_tui.board import Board
from pivot_tui.feed import Feed
from pivot_tui.latest import Latest, Spawn

_TAIL_BYTES = 1 << 12
_PREFIX = re.compile(rb"\d{13}([oepOEP]) ")
_PERCENT = re.compile(rb"(?<![\d.])(\d{1,3})(?:\.\d+)? ?%")
_COUNT = re.compile(rb"(?<![\d./])(\d+) ?/ ?(\d+)(?![\d./])")

type _Attempt = tuple[StageName, RunId, int]


class Progress:
    """Looks at the ends of the logs of what runs, one look at a time, and enters what it finds on the board."""

    def __init__(self, board: Board, feed: Feed, spawn: Spawn) -> None:
        self._board: Board = board
        self._feed: Feed = feed
        self._paths: dict[_Attempt, str] = {}
        self._looking: Latest[list[_Attempt]] = Latest(self._look, spawn)

    def look(self) -> None:
        """Looks at the logs that stages write now."""
        board = self._board
        writing = [
            (stage, grown.run_id, grown.attempt)
            for stage in board.with_status(Status.RUNNING)
            if (grown := board.logs.get(stage)) is not None
        ]
        if writing or board.progress:
            self._looking.want(writing)

    async def _look(self, writing: list[_Attempt]) -> None:
        self._paths = {one: path for one, path in self._paths.items() if one in writing}
        found = dict[StageName, float]()
        for stage, run_id, attempt in writing:
            path = self._paths.get((stage, run_id, attempt)) or await self._find(
                stage, run_id, attempt
            )
            told = share(_tail(path)) if path else None
            if told is not None:
                found[stage] = told
        self._board.progress = found

    async def _find(self, stage: StageName, run_id: RunId, attempt: int) -> str:
        try:
            answer = await self._feed.find_log(FindLog(stage, run_id, attempt))
        except (PivotError, OSError):
            return ""
        path = answer.path if isinstance(answer, LogRef) else ""
        self._paths[stage, run_id, attempt] = path
        return path


def share(tail: bytes) -> float | None:
    """Returns how much the bar says that the end of a log is in the middle of; ``None`` where there is none.

    A bar that was ended is over, whatever it said, and a line that was never written over is none.
    """
    for line in _open_lines(tail):
        states = [state for state in line.split(b"\r") if state.strip()] if b"\r" in line else []
        for state in reversed(states):
            told = _told(state)
            if told is not None:
                return told
    return None


def _open_lines(tail: bytes) -> Iterator[bytes]:
    """Yields the lines whose ends have not come, the newest first."""
    closed = b""
    for record in reversed(tail.split(b"\n")[:-1]):
        head = _PREFIX.match(record)
        letter = head[1] if head is not None else b""
        if letter in (b"O", b"E") and letter.lower() not in closed:
            yield record[head.end() if head is not None else 0 :]
        closed += letter.lower()


def _told(state: bytes) -> float | None:
    percent = _PERCENT.search(state)
    if percent is not None:
        return min(int(percent[1]), 100) / 100
    count = _COUNT.search(state)
    if count is not None and int(count[1]) <= int(count[2]) > 0:
        return int(count[1]) / int(count[2])
    return None


def _tail(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _TAIL_BYTES, 0))
            return file.read()
    except OSError:
        return b""
