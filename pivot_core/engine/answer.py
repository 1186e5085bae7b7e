"""Owns the answers to queries: what a run would do and why, logs, history; runs nothing and writes nothing.

The live engine answers with it, and so does a command that only looks when no engine is live.
"""

import asyncio
import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import assert_never

from pivot_core.engine import artifacts, evidence, former, remotes, tracking
from pivot_core.engine.evidence import Gatherer
from pivot_core.engine.history import Past
from pivot_core.engine.impact import impact
from pivot_core.engine.observe import Observation, Observer
from pivot_core.engine.outcomes import with_metrics
from pivot_core.engine.plan import Plan, Planner
from pivot_core.engine.standing import problem_of
from pivot_core.errors import StoreError, UsageError
from pivot_core.model import suggestion
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
from pivot_core.model.fingerprint import Symbol
from pivot_core.model.ids import ArtifactPath, RunId, StageName
from pivot_core.model.impact import Impact
from pivot_core.model.lock import Lock, RunCacheEntry
from pivot_core.plan.select import select
from pivot_core.port.queries import (
    CheckRemote,
    CompareRemote,
    Depth,
    Explain,
    ExplainRun,
    FindAffected,
    FindLog,
    History,
    ListArtifacts,
    ListAttempts,
    ListRemotes,
    Query,
    ShowRun,
)
from pivot_core.port.values import (
    Account,
    Attempt,
    Explanation,
    Problem,
    RunOptions,
    Verdict,
)
from pivot_core.store import config as settings
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout
from pivot_core.store.state import State


class Answers:
    """Looks at one project on request."""

    def __init__(self, layout: Layout, state: State, planner: Planner) -> None:
        self._layout = layout
        self._state = state
        self._planner = planner
        self._history = Past(layout, functools.partial(former.names_of, state))

    async def answer(self, query: Query, observer: Observer) -> object:
        """Answers one query with what ``observer`` sees; raises ``PivotError``."""
        match query:
            case Explain(targets, options, depth):
                plan = await self._planner.current()
                only = targets if depth is Depth.TARGETS else ()
                witness = None if depth is Depth.REASONS else Gatherer(self._state, plan, observer)
                return await asyncio.to_thread(
                    explain, plan, observer, targets, options, witness, only
                )
            case ExplainRun(run_id, targets):
                return await asyncio.to_thread(self._account, run_id, targets)
            case FindAffected(targets):
                plan = await self._planner.current()
                return await asyncio.to_thread(self._impacts, plan, targets)
            case FindLog(stage, run_id, attempt):
                return await asyncio.to_thread(self._history.find_log, stage, run_id, attempt)
            case ListArtifacts(stage):
                plan = await self._planner.current()
                return await asyncio.to_thread(artifacts.rows, self._layout, plan, observer, stage)
            case ListAttempts(stage, limit):
                return await asyncio.to_thread(self._attempts, stage, limit)
            case History(limit):
                return await asyncio.to_thread(self._history.summaries, limit)
            case ListRemotes():
                return remotes.rows(self._settings)
            case CheckRemote(name):
                return await remotes.check(self._layout, self._settings, name)
            case CompareRemote(name, targets):
                plan = await self._planner.current()
                cache = Cache(self._layout)
                return await remotes.compare(
                    self._layout, self._settings, cache, plan, name, targets
                )
            case ShowRun(run_id):
                return await asyncio.to_thread(self._history.report, run_id)
            case _:
                assert_never(query)

    def _attempts(self, name: StageName, limit: int) -> tuple[Attempt, ...]:
        found = self._history.attempts(name, limit)
        known = self._planner.known()
        stage = known and known[0].graph.stages.get(name)
        return with_metrics(self._layout, self._state, stage, found) if stage else found

    @property
    def _settings(self) -> Config:
        """The settings as they are now: a remote may have been named since the engine began."""
        return settings.load(self._layout.root)

    def _impacts(self, plan: Plan, targets: Sequence[str]) -> tuple[Impact, ...]:
        return tuple(impact(self._layout, self._planner, plan, target) for target in targets)

    def _account(self, run_id: RunId, targets: Sequence[str]) -> tuple[Account, ...]:
        """Tells what stages did in a past run, from what its journal kept."""
        states = self._history.report(run_id).states
        wanted = dict[StageName, None]()
        for target in targets:
            named = [name for name in states if name == target or name.startswith(f"{target}@")]
            if not named:
                hint = suggestion.hint(target, states, f"`pivot show {run_id}` lists them")
                raise UsageError(f"no stage '{target}' in run {run_id}", hint=hint)
            wanted.update(dict.fromkeys(named))
        return tuple(
            Account(name, state, evidence.recall(self._state, run_id, name, states))
            for name, state in states.items()
            if not targets or name in wanted
        )


def explain(
    plan: Plan,
    observer: Observer,
    targets: Sequence[str],
    options: RunOptions,
    gatherer: Gatherer | None = None,
    only: Sequence[str] = (),
    predicted: Mapping[ArtifactPath, Content] | None = None,
) -> tuple[Explanation, ...]:
    """Tells what a run of ``targets`` would do, stage by stage in the order of the run.

    ``predicted`` are inputs that count as if they were there.

    A ``gatherer`` adds the evidence behind the reasons, to the stages that ``only`` names; without names to all.
    """
    names = select(plan.graph, targets, options.selection)
    evident = {name for target in only for name in plan.graph.resolve(target)} or set(names)
    forced = set[StageName]()
    if options.force:
        forced.update(name for target in targets for name in plan.graph.resolve(target))
        forced.update(names if not targets else ())
    chosen = set(names)
    verdicts = dict[StageName, Verdict]()
    predicted = dict(predicted or {})
    found = list[Explanation]()
    for name in names:
        parents = [parent for parent in plan.graph.upstream[name] if parent in chosen]
        running = tuple(
            parent
            for parent in parents
            if verdicts.get(parent) in (Verdict.WILL_RUN, Verdict.UNKNOWN)
        )
        explanation, seen = _explain_stage(plan, observer, name, name in forced, running, predicted)
        verdicts[name] = explanation.verdict
        if gatherer is not None and seen is not None and name in evident:
            deps, params = _unchanged(seen, explanation.reasons)
            same = _same_code(plan, name, seen)
            known = gatherer.of(name, explanation.reasons)
            known = replace(known, same_code=same, same_deps=deps, same_params=params)
            explanation = replace(explanation, evidence=known)
        found.append(explanation)
    return tuple(found)


def _same_code(plan: Plan, name: StageName, seen: Observation) -> tuple[str, ...]:
    """Returns the symbols that are as recorded."""
    now = plan.analyses[name].fingerprint.symbols
    if isinstance(seen.decision, Skip):
        return tuple(symbol.name for symbol in now)
    lock = seen.facts.lock
    known = set(lock.fingerprint.symbols) if isinstance(lock, Lock) else set[Symbol]()
    return tuple(symbol.name for symbol in now if symbol in known)


def _explain_stage(
    plan: Plan,
    observer: Observer,
    name: StageName,
    forced: bool,
    running: tuple[StageName, ...],
    predicted: dict[ArtifactPath, Content],
) -> tuple[Explanation, Observation | None]:
    subject = plan.subject(name)
    code = subject.analysis.fingerprint.digest
    caveats = tuple(f"{each.message} ({each.where})" for each in subject.analysis.caveats)
    try:
        seen = observer.settle(subject, forced=forced, predicted=predicted)
    except StoreError as error:
        problem = problem_of(error)[0]
        return Explanation(name, Verdict.BROKEN, None, (), (), caveats, code, problem), None
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
            makers = plan.graph.producers.get(paths[0])
            hint = f"'{makers[0]}' makes it" if makers else tracking.hint(observer.layout, paths[0])
            problem = Problem(f"{names} not found", str(subject.stage.defined), hint)
    if running:
        own = [reason for reason in reasons if _is_own(reason, plan, running)]
        # What the upstreams will write is not known, so neither is what follows from it.
        verdict = Verdict.WILL_RUN if own and not _may_restore(seen) else Verdict.UNKNOWN
        if forced:
            verdict = Verdict.WILL_RUN
        reasons = [*own, UpstreamRuns(running)]
        problem, tier = None, None
    deps, params = _unchanged(seen, reasons)
    explanation = Explanation(
        name, verdict, tier, tuple(reasons), (*deps, *params), caveats, code, problem
    )
    return explanation, seen


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


def _unchanged(
    seen: Observation, reasons: Sequence[Reason]
) -> tuple[tuple[ArtifactPath, ...], tuple[str, ...]]:
    """Returns the inputs and the params that are as recorded."""
    stage, lock = seen.facts.stage, seen.facts.lock
    if not isinstance(lock, Lock):
        is_same = isinstance(seen.decision, Skip)
        return (stage.dep_paths, tuple(stage.params)) if is_same else ((), ())
    changed = {reason.path for reason in reasons if isinstance(reason, DepChanged)}
    deps = tuple(path for path in stage.dep_paths if path in lock.deps and path not in changed)
    params = tuple(
        name
        for name, value in stage.params.items()
        if name in lock.params and lock.params[name] == value
    )
    return deps, params
