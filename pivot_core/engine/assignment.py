"""Owns what a run hands out: its stages to the scheduler as tasks, and each attempt to a worker."""

from collections.abc import Mapping, Sequence
from typing import cast

from pivot_core.engine.observe import Subject
from pivot_core.model.graph import Graph, Selection
from pivot_core.model.ids import RunId, StageName
from pivot_core.plan.schedule import Task
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout
from pivot_core.worker.job import WorkerStageInfo

_UNKNOWN_S = 1.0
"""What a stage that never ran here counts on the critical path."""


def attempt_of(
    layout: Layout, config: Config, subject: Subject, run_id: RunId, attempt: int, *, commit: bool
) -> WorkerStageInfo:
    """Returns all that a worker needs for one attempt."""
    spec, analysis = subject.stage, subject.analysis
    stage = spec.name
    return WorkerStageInfo(
        run_id=run_id,
        stage=stage,
        attempt=attempt,
        func={
            "base": spec.func.base,
            "module": spec.func.module,
            "qualname": spec.func.qualname,
            "ahead": list(spec.func.ahead),
            "behind": list(spec.func.behind),
        },
        command=None
        if spec.command is None
        else {
            "lines": list(spec.command.lines),
            "shell": spec.command.shell,
            "cwd": spec.command.cwd,
            "where": (spec.func.where.file, spec.func.where.line),
        },
        fingerprint=analysis.fingerprint.digest,
        deps=[
            {"param": dep.param, "paths": list(dep.paths), "is_list": dep.is_list}
            for dep in spec.deps
        ],
        outs=[
            {
                "field": out.field,
                "path": out.path,
                "kind": out.kind.value,
                "is_cached": out.is_cached,
                "param": out.param,
            }
            for out in spec.outs
        ],
        params=dict(spec.params),
        params_given=None if spec.params_given is None else dict(spec.params_given),
        params_param=spec.params_param,
        variant=spec.variant,
        variant_param=spec.variant_param,
        preload=list(analysis.preload),
        sources=list(analysis.sources),
        project_root=layout.root,
        state_dir=layout.state_dir,
        cache_dir=layout.cache_dir,
        links=list(config.cache_link),
        log_path=layout.log_path(run_id, stage, attempt),
        log_max_bytes=config.logs_max_bytes,
        timeout_s=spec.timeout_s,
        grace_s=config.run_grace_s,
        isolation=config.run_isolation,
        commit=commit,
    )


def tasks(
    graph: Graph,
    stages: Sequence[StageName],
    selection: Selection,
    expected: Mapping[StageName, float | None],
) -> list[Task]:
    """Returns the selected stages as the scheduler wants them; ``expected`` holds past durations."""
    chosen = set(stages)
    found = list[Task]()
    previous = ()
    for name in stages:
        stage = graph.stages[name]
        upstream = tuple(parent for parent in graph.upstream[name] if parent in chosen)
        if selection is Selection.ONLY:
            # In the given order, whatever it is: an edge against it would wait for ever.
            earlier = {task.name for task in found}
            upstream = tuple(parent for parent in upstream if parent in earlier)
        found.append(
            Task(
                name,
                upstream,
                previous,
                stage.mutex,
                stage.retries,
                cast("float", expected[name] if expected[name] is not None else _UNKNOWN_S),
            )
        )
        if selection is Selection.ONLY:
            previous = (name,)
    return found
