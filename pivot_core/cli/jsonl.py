"""Owns ``--json`` output: one object a line while a run goes on, one object for everything else."""

import json
from collections.abc import Mapping
from typing import override

from pivot_core.cli import records
from pivot_core.cli.follow import Printer
from pivot_core.cli.paper import Paper
from pivot_core.cli.session import Session
from pivot_core.port import Notice, RunState, StageName, StageState


class Lines(Printer):
    """Writes a run's events as JSON lines to stdout; what waits is said on stderr."""

    def __init__(self, session: Session) -> None:
        self.tick_s: float | None = None
        self._out: Paper = session.out
        self._err: Paper = session.err
        self._is_quiet: bool = session.is_quiet

    @override
    def begin(self, run: RunState) -> None:
        self._put(records.run_started(run))

    @override
    def stage(self, run: RunState, stage: StageName, state: StageState) -> None:
        self._put(records.stage_changed(run, stage, state))

    @override
    def notice(self, notice: Notice) -> None:
        self._put(records.notice(notice))

    @override
    def wait(self, why: str) -> None:
        if not self._is_quiet:
            self._err.line(why)
            self._err.flush()

    @override
    def tick(self) -> None:
        self._out.flush()

    @override
    def finish(self, run: RunState, states: dict[StageName, StageState]) -> None:
        self._put(records.run_finished(run))

    def _put(self, record: Mapping[str, object]) -> None:
        # ASCII only: nothing in it can reach a terminal as a control character.
        self._out.write(json.dumps(record, separators=(",", ":")) + "\n")


def show(session: Session, record: Mapping[str, object]) -> None:
    """Writes one object, indented: people read it too."""
    session.out.write(json.dumps(record, indent=2) + "\n")
