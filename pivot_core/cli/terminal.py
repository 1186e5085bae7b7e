"""Owns how a run looks on a terminal: finished stages scroll by, running ones stay below them with their progress."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import override

from pivot_core.cli import text, words
from pivot_core.cli.console import Console, FindLog, because
from pivot_core.cli.paper import Paper, Part, fit
from pivot_core.cli.session import Session
from pivot_core.port import RunState, StageName, StageState, Status

_TICK_S = 0.2
_REPAINT_S = 0.05
_ROWS = 8
_BAR_CELLS = 20
_ENDED = frozenset(words.OUTCOMES)


class Region:
    """The last rows of the terminal, painted over and over; what is written ``above`` stays in the scrollback.

    Plain cursor movement and no hidden cursor: nothing is left to restore when the process is killed.
    """

    def __init__(self, paper: Paper) -> None:
        self._paper: Paper = paper
        self._above: list[str] = []
        self._rows: int = 0

    def above(self, parts: Iterable[Part]) -> None:
        """Puts a line above the region, with the next painting."""
        self._above.append(self._paper.render(parts) + "\n")

    def paint(self, rows: list[list[Part]]) -> None:
        """Replaces the region's rows, each cut to the terminal's width."""
        width = self._paper.columns - 1
        erase = f"\x1b[{self._rows}A\x1b[J" if self._rows else ""
        below = "".join(self._paper.render(fit(row, width)) + "\n" for row in rows)
        if erase or below or self._above:
            self._paper.write(f"\r{erase}{''.join(self._above)}{below}")
            self._paper.flush()
        self._above.clear()
        self._rows = len(rows)


class Terminal(Console):
    """Shows a run with progress."""

    def __init__(
        self, session: Session, find_log: FindLog, now: Callable[[], float] = time.time
    ) -> None:
        """``now`` gives epoch seconds."""
        super().__init__(session, find_log)
        self.tick_s: float | None = None if session.is_quiet else _TICK_S
        self._region: Region = Region(session.out)
        self._now: Callable[[], float] = now
        self._painted_at: float = 0.0
        self._run: RunState | None = None
        self._expected_s: Mapping[StageName, float] = {}
        self._states: dict[StageName, StageState] = {}

    @override
    def begin(self, run: RunState, expected_s: Mapping[StageName, float]) -> None:
        super().begin(run, expected_s)
        self._run = run
        self._expected_s = expected_s

    @override
    def stage(self, run: RunState, stage: StageName, state: StageState) -> None:
        self._states[stage] = state
        super().stage(run, stage, state)

    @override
    def is_told(self, state: StageState) -> bool:
        return state.status is not Status.RUNNING and super().is_told(state)

    @override
    def note(self, state: StageState) -> str:
        # A running stage has no line of its own here, so that the line of its end says why it ran.
        return because(state.reasons) if state.status is Status.RAN else super().note(state)

    @override
    def line(self, *parts: Part) -> None:
        self._region.above(parts)

    @override
    def aside(self, *parts: Part) -> None:
        if self.err.is_terminal:
            self._region.above(parts)
        else:
            super().aside(*parts)

    @override
    def tick(self) -> None:
        now = self._now()
        if self.tick_s is not None and abs(now - self._painted_at) >= _REPAINT_S:
            self._painted_at = now
            self._region.paint(self._rows())

    @override
    def finish(self, run: RunState, states: dict[StageName, StageState]) -> None:
        self._run = None
        self._region.paint([])
        super().finish(run, states)

    def _rows(self) -> list[list[Part]]:
        running = [
            (stage, state)
            for stage, state in self._states.items()
            if state.status is Status.RUNNING
        ]
        if self._run is None or not running:
            return []
        running.sort(key=lambda pair: pair[1].started_at or 0.0)
        rows = [self._stage_row(stage, state) for stage, state in running[:_ROWS]]
        if len(running) > _ROWS:
            rows.append([(f"  … and {len(running) - _ROWS} more running", "faint")])
        return [*rows, self._progress_row(self._run)]

    def _stage_row(self, stage: StageName, state: StageState) -> list[Part]:
        elapsed = self._elapsed(state)
        note = self.note(state)
        if state.expected_s is not None and state.expected_s > elapsed + 1:
            note = f"~{text.clock(state.expected_s - elapsed)} left  {note}"
        return self.row(stage, Status.RUNNING, text.clock(elapsed), note)

    def _progress_row(self, run: RunState) -> list[Part]:
        ended = [state.status for state in self._states.values() if state.status in _ENDED]
        full, empty = ("█", "·") if self.out.glyph(words.STATUS[Status.RAN]) == "✓" else ("#", ".")
        share = _BAR_CELLS * len(ended) // max(1, len(run.stages))
        parts = list[Part]([(full * share, "good"), (empty * (_BAR_CELLS - share), "faint")])
        parts.append(f"  {len(ended)}/{len(run.stages)}")
        for status in words.OUTCOMES:
            if number := ended.count(status):
                mark = words.STATUS[status]
                parts.extend(["  ", (f"{self.out.glyph(mark)}{number}", mark.style)])
        if run.started_at is not None:
            parts.append(f"  {text.clock(max(0.0, self._now() - run.started_at))}")
        left = self._left(run)
        if left is not None:
            parts.append((f"  ~{text.clock(left)} left", "faint"))
        return parts

    def _left(self, run: RunState) -> float | None:
        """Returns the seconds that the stages not ended are expected to take; ``None`` when one never ran here."""
        longest = total = 0.0
        for stage in run.stages:
            state = self._states.get(stage)
            if state is not None and state.status in _ENDED:
                continue
            if stage not in self._expected_s:
                return None
            left = max(0.0, self._expected_s[stage] - (self._elapsed(state) if state else 0.0))
            longest = max(longest, left)
            total += left
        return max(longest, total / max(1, run.jobs))

    def _elapsed(self, state: StageState) -> float:
        if state.status is not Status.RUNNING or state.started_at is None:
            return 0.0
        return max(0.0, self._now() - state.started_at)
