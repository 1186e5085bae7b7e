"""Owns what a front end is given first: who the engine is, and how everything stands; frozen, JSON by codec."""

from collections.abc import Mapping

from pivot_core.frozen import frozen
from pivot_core.model.ids import StageName
from pivot_core.port.transfers import TransferState
from pivot_core.port.values import Problem, RunState, StageRow, StageState, WatchState

PROTOCOL = 2
"""Raised when commands, events or queries change so that an older client would misread them."""


@frozen
class EngineInfo:
    """Who answers."""

    protocol: int
    version: str
    pid: int
    root: str
    project: str
    """The pipeline's name, or the root directory's."""
    command: str
    """What the engine was started as, for "waiting for …" messages: ``pivot repro``."""
    environment: Mapping[str, str]
    """What must be equal for a request to be handed over: interpreter, prefix, packages, variables (hashed)."""
    credentials: str = ""
    """A digest of the ``AWS_*`` variables: what must be equal for a transfer to be handed over."""


@frozen
class Snapshot:
    """Everything that the events so far add up to."""

    seq: int
    """The number of the last event in it; the next event has ``seq + 1``."""
    engine: EngineInfo
    stages: tuple[StageRow, ...]
    """In topological order."""
    states: Mapping[StageName, StageState]
    run: RunState | None
    """The active run, else the last one."""
    queue: tuple[RunState, ...]
    problems: tuple[Problem, ...]
    """Why the definition cannot be used; ``stages`` then holds the last good one."""
    transfer: TransferState | None = None
    """The transfer under way, else the last one of this engine."""
    transfers: tuple[TransferState, ...] = ()
    """Those that wait."""
    watch: WatchState | None = None
    """What is watched for; ``None`` for nothing."""
