"""Owns the contract between engine and worker: what crosses, and the functions that the pool calls by reference.

Everything that crosses is JSON-able: functions, loaders and models are references that the worker resolves, and no
class, value or exception of a user's is ever pickled (the engine could not read it).
"""

import json
from typing import NotRequired, TypedDict

from pivot_core.model.ids import Json
from pivot_core.store.content import ContentJson


class FuncInfo(TypedDict):
    """A function, as ``model.stage.FunctionRef`` names it."""

    base: str
    module: str
    qualname: str
    ahead: list[str]
    behind: list[str]


class DepInfo(TypedDict):
    """One parameter that is read from artifacts."""

    param: str
    paths: list[str]
    is_list: bool


class OutInfo(TypedDict):
    """One artifact to write; ``kind`` is a value of ``model.stage.OutKind``."""

    field: str
    path: str
    kind: str
    is_cached: bool
    param: str | None


class CommandInfo(TypedDict):
    """What runs in place of a function, as ``model.stage.ShellCommand`` says."""

    lines: list[str]
    shell: str
    cwd: str
    where: tuple[str, int]
    """The line that defines it."""


class WorkerStageInfo(TypedDict):
    """All that a worker needs for one attempt; paths are absolute, artifact paths relative to ``project_root``."""

    run_id: str
    stage: str
    attempt: int
    func: FuncInfo
    command: CommandInfo | None
    """``None`` for a function."""
    fingerprint: str
    """The digest that the engine decided by; reported nowhere, logged for whoever looks."""
    deps: list[DepInfo]
    outs: list[OutInfo]
    params: dict[str, Json]
    params_given: dict[str, Json] | None
    """Overrides to make the params of, where ``params`` alone would not give equal ones."""
    params_param: str | None
    variant: str
    variant_param: str | None
    preload: list[str]
    """Third-party modules to import before the fork."""
    sources: list[str]
    """Project modules to compile before the fork."""
    project_root: str
    state_dir: str
    cache_dir: str
    links: list[str]
    """``cache.link``."""
    log_path: str
    log_max_bytes: int
    timeout_s: float | None
    grace_s: float
    isolation: str
    """``fork``, or ``worker`` for no child."""
    commit: bool
    """Unset: outs are hashed and not cached."""


class StageReport(TypedDict):
    """How an attempt ended."""

    stage: str
    attempt: int
    outcome: str
    """``model.message.Outcome``: done, failed or cancelled."""
    failure: Json
    """The JSON form of ``model.failure.Failure``; ``None`` unless failed."""
    outs: dict[str, ContentJson]
    """By artifact path; empty unless done."""
    signs: dict[str, dict[str, list[int]]]
    """For each out: the stat signature (``store.hashing.Signature``) under which each file was hashed, by its path
    inside a directory, ``""`` for a file."""
    executed: dict[str, str]
    """The project modules that were imported: absolute path → content hash of the source that ran."""
    duration_s: float
    marks: dict[str, float]
    """When each step was over, on the machine's monotonic clock: ``began``, ``prepared``, ``imported``, ``read``,
    ``called``, ``written``, ``kept``, ``ended``; those that were not reached are not there."""
    log_bytes: int
    leftovers: list[str]
    """Commands of processes that the stage left running and that were ended."""
    inputs_modified: list[str]
    """Deps that the stage itself opened for writing, renamed or removed."""
    worker_bytes: int
    """What the worker itself holds in memory, now that the stage has ended."""
    is_spent: bool
    """Whether the worker can't run another stage as a new one would: it holds a C extension of the project."""


class LoadRequest(TypedDict):
    """Asks for one definition of a project."""

    project_root: str
    definition: str
    """The definition file, relative to the root."""
    prefixed: list[str]
    """Names of its stages that get its directory in front."""
    modules: list[str]
    """Modules of the project to import after the definition."""
    isolation: NotRequired[str]
    """``fork`` (the default) for a child of the worker, ``worker`` for a new interpreter."""


class WarmRequest(TypedDict):
    """Asks a worker to get ready while it has nothing to do."""

    modules: list[str]
    """Installed modules to import."""
    sources: list[str]
    """Project modules to compile."""


class LoadReply(TypedDict):
    """What loading gave."""

    report: Json
    """What ``define.load.load`` returned; ``None`` when the process ended before."""
    output: str
    """The last of what the definition printed."""
    ended: str
    """How the process ended when it gave no report; empty otherwise."""


def initialize(socket_path: str) -> None:
    """Prepares a new worker process and ties it to the engine."""
    from pivot_core.worker import run

    run.become_worker(socket_path)


def run_stage(info: WorkerStageInfo) -> str:
    """Runs one attempt; returns the JSON text of a ``StageReport`` and raises nothing."""
    from pivot_core.worker import run

    return json.dumps(run.run_stage(info))


def warm(request: WarmRequest) -> str:
    """Imports and compiles what stages will need; returns ``null`` and raises nothing."""
    from pivot_core.worker import run

    run.warm(request)
    return "null"


def load_definitions(request: LoadRequest) -> str:
    """Loads a definition in a child; returns the JSON text of a ``LoadReply`` and raises nothing."""
    from pivot_core.worker import run

    return json.dumps(run.load_definitions(request))
