"""Owns how long the work ahead takes by past durations: the critical path, and a bound for so many jobs; pure."""

from collections.abc import Iterable

from pivot_core.frozen import frozen
from pivot_core.port import StageName, Status
from pivot_tui.board import ENDED, Board

_MANY = 500
_SHARE = 2_000
"""A walk over so many stages is made once a second; one over more is made as much less often."""


@frozen
class Forecast:
    """The work ahead in seconds; what never ran here counts nothing."""

    path: tuple[StageName, ...] = ()
    """The critical path: the chain of stages that takes longest, the first one first."""
    path_s: float = 0.0
    work_s: float = 0.0
    """All stages together."""

    def remaining_s(self, jobs: int) -> float:
        """Returns the least time that it takes with so many jobs at once: no schedule beats path or even share."""
        return max(self.path_s, self.work_s / max(jobs, 1))


def forecast(board: Board, stages: Iterable[StageName], now: float | None) -> Forecast:
    """Returns what is ahead of ``stages``; one that runs counts with its rest at ``now``, without a time in full."""
    wanted = set(stages)
    until = dict[StageName, float]()
    before = dict[StageName, StageName]()
    work_s = 0.0
    for name, row in board.stages.items():  # in topological order
        if name not in wanted:
            continue
        rest = _rest_s(board, name, now)
        work_s += rest
        start = 0.0
        for parent in row.upstream:
            if until.get(parent, 0.0) > start:
                start = until[parent]
                before[name] = parent
        until[name] = start + rest
    if not work_s:
        return Forecast()
    last = max(until, key=until.__getitem__)
    path = [last]
    while path[-1] in before:
        path.append(before[path[-1]])
    return Forecast(tuple(reversed(path)), until[last], work_s)


def moment(board: Board, now: float) -> int:
    """Returns the number of the stretch of time in which walks over all stages are made but once.

    It is a second; with very many stages longer, so that following a run takes no more than a small share of it.
    """
    return int(now / max(len(board.stages) / _SHARE, 1.0))


def of_run(board: Board, now: float) -> Forecast:
    """Returns what is ahead of the active run; nothing where there is none.

    That of very many stages is worked out once in a ``moment``, however often they change.
    """
    run = board.active
    if run is None:
        return Forecast()
    here = (run.run_id, moment(board, now))
    if len(run.stages) > _MANY and board.ahead is not None and board.ahead[0] == here:
        return board.ahead[1]
    found = forecast(
        board, [name for name in run.stages if board.state(name).status not in ENDED], now
    )
    board.ahead = (here, found)
    return found


def _rest_s(board: Board, name: StageName, now: float | None) -> float:
    state = board.state(name)
    expected = state.expected_s or 0.0
    if now is not None and state.status is Status.RUNNING and state.started_at is not None:
        return max(expected - (now - state.started_at), 0.0)
    return expected
