"""Owns the answers to queries: what a run would do and why, logs, history; runs nothing and writes nothing.

The live engine answers with it, and so does a command that only looks when no engine is live.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import assert_never

from pivot_core.engine.history import Past
from pivot_core.engine.observe import Observation, Observer
from pivot_core.engine.plan import Plan, Planner
from pivot_core.errors import DefinitionError, PivotError, StoreError
from pivot_core.model.artifact import Content
from pivot_core.model.decision import (
    DepChanged,
    Execute,
    Forced,
    NoInput,
    NotInCache,
    OutAltered,
    OutMissing,
    Reason,
    Restore,
    Skip,
    UpstreamRuns,
)
from pivot_core.model.ids import ArtifactPath, StageName
from pivot_core.model.lock import Lock, RunCacheEntry
from pivot_core.plan.select import select
from pivot_core.port.queries import Explain, FindLog, History, Query, ShowRun
from pivot_core.port.values import (
    Explanation,
    Problem,
    RunOptions,
    Verdict,
)
from pivot_core.store.layout import Layout


def problem_of(error: PivotError) -> tuple[Problem, ...]:
    """Returns an error, and those found together with it, as front ends show them."""
    if isinstance(error, DefinitionError):
        first = Problem(error.what, error.where, error.hint, error.detail)
        return (first, *(each for other in error.others for each in problem_of(other)))
    return (Problem(error.what, error.where, error.hint),)


class Answers:
    """Looks at one project on request."""

    def __init__(self, layout: Layout, planner: Planner) -> None:
        self._planner = planner
        self._history = Past(layout)

    async def answer(self, query: Query, observer: Observer) -> object:
        """Answers one query with what ``observer`` sees; raises ``PivotError``."""
        match query:
            case Explain(targets, options):
                plan = await self._planner.current()
                return await asyncio.to_thread(explain, plan, observer, targets, options)
            case FindLog(stage, run_id, attempt):
                return await asyncio.to_thread(self._history.find_log, stage, run_id, attempt)
            case History(limit):
                return await asyncio.to_thread(self._history.summaries, limit)
            case ShowRun(run_id):
                return await asyncio.to_thread(self._history.report, run_id)
            case _:
                assert_never(query)


def explain(
    plan: Plan, observer: Observer, targets: Sequence[str], options: RunOptions
) -> tuple[Explanation, ...]:
    """Tells what a run of ``targets`` would do, stage by stage in the order of the run."""
    names = select(plan.graph, targets, options.selection)
    forced = set[StageName]()
    if options.force:
        forced.update(name for target in targets for name in plan.graph.resolve(target))
        forced.update(names if not targets else ())
    chosen = set(names)
    verdicts = dict[StageName, Verdict]()
    predicted = dict[ArtifactPath, Content]()
    found = list[Explanation]()
    for name in names:
        parents = [parent for parent in plan.graph.upstream[name] if parent in chosen]
        running = tuple(
            parent
            for parent in parents
            if verdicts.get(parent) in (Verdict.WILL_RUN, Verdict.UNKNOWN)
        )
        explanation = _explain_stage(plan, observer, name, name in forced, running, predicted)
        verdicts[name] = explanation.verdict
        found.append(explanation)
    return tuple(found)


def _explain_stage(
    plan: Plan,
    observer: Observer,
    name: StageName,
    forced: bool,
    running: tuple[StageName, ...],
    predicted: dict[ArtifactPath, Content],
) -> Explanation:
    subject = plan.subject(name)
    code = subject.analysis.fingerprint.digest
    caveats = tuple(f"{each.message} ({each.where})" for each in subject.analysis.caveats)
    try:
        seen = observer.settle(subject, forced=forced, predicted=predicted)
    except StoreError as error:
        problem = problem_of(error)[0]
        return Explanation(name, Verdict.BROKEN, None, (), (), caveats, code, problem)
    reasons = list[Reason]()
    problem: Problem | None = None
    tier: int | None = None
    match seen.decision:
        case Skip(tier):
            verdict = Verdict.UP_TO_DATE
        case Restore(tier, _, given):
            verdict = Verdict.RESTORE
            reasons.extend(given)
            predicted.update(_outs_after(seen))
        case Execute(given):
            verdict = Verdict.WILL_RUN
            reasons.extend(given)
        case NoInput(paths):
            verdict = Verdict.BROKEN
            names = ", ".join(f"'{path}'" for path in paths)
            problem = Problem(f"{names} not found", str(subject.stage.defined), "")
    if running:
        own = [reason for reason in reasons if _is_own(reason, plan, running)]
        # What the upstreams will write is not known, so neither is what follows from it.
        verdict = Verdict.WILL_RUN if own and not _may_restore(seen) else Verdict.UNKNOWN
        if forced:
            verdict = Verdict.WILL_RUN
        reasons = [*own, UpstreamRuns(running)]
        problem, tier = None, None
    return Explanation(
        name, verdict, tier, tuple(reasons), _unchanged(seen, reasons), caveats, code, problem
    )


def _outs_after(seen: Observation) -> Mapping[ArtifactPath, Content]:
    if isinstance(seen.facts.run_cache, RunCacheEntry):
        return seen.facts.run_cache.outs
    return seen.facts.lock.outs if isinstance(seen.facts.lock, Lock) else {}


def _is_own(reason: Reason, plan: Plan, running: tuple[StageName, ...]) -> bool:
    """Tells whether a reason holds whatever the running upstreams will write."""
    if isinstance(reason, DepChanged):
        makers = plan.graph.producers.get(reason.path, ())
        return not any(maker in running for maker in makers)
    return not isinstance(reason, OutMissing | OutAltered | NotInCache)


def _may_restore(seen: Observation) -> bool:
    """Tells whether the run cache could still give the outs, once the inputs are known."""
    return isinstance(seen.decision, Restore) and not any(
        isinstance(reason, Forced) for reason in seen.decision.reasons
    )


def _unchanged(seen: Observation, reasons: Sequence[Reason]) -> tuple[str, ...]:
    """Names the inputs and params that are as recorded."""
    lock = seen.facts.lock
    if not isinstance(lock, Lock):
        if isinstance(seen.decision, Skip):
            return (*seen.facts.stage.dep_paths, *seen.facts.stage.params)
        return ()
    changed = {reason.path for reason in reasons if isinstance(reason, DepChanged)}
    paths = [
        path for path in seen.facts.stage.dep_paths if path not in changed and path in lock.deps
    ]
    params = [
        name
        for name, value in seen.facts.stage.params.items()
        if name in lock.params and lock.params[name] == value
    ]
    return (*paths, *params)
