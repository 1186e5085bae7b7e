"""Owns the skip tiers of one stage: facts in, a decision with its reasons out; fetches nothing itself.

``decide`` is lazy: while a fact is missing it answers with the ``Need`` for it, cheapest first, and is asked again.

    generations ──equal──► Skip(1)
        │ differ
    lock, deps, outs ──equal──► Skip(2) ──an out is missing or altered──► Restore(2) or Execute
        │ differ
    run cache ──hit──► Restore(3)
        │ miss
    Execute
"""

import json
from collections.abc import Iterator, Mapping
from enum import Enum
from operator import itemgetter

from pivot_core.frozen import frozen
from pivot_core.model.artifact import Content, Found, Missing, found_hash
from pivot_core.model.decision import (
    CodeChanged,
    Decision,
    DepChanged,
    Edit,
    Execute,
    Forced,
    NeverRan,
    NoInput,
    NotInCache,
    OutAltered,
    OutMissing,
    OutsChanged,
    ParamChanged,
    PathsChanged,
    Reason,
    Restore,
    Skip,
)
from pivot_core.model.fingerprint import Analysis
from pivot_core.model.ids import ArtifactPath, ContentHash, Json, StageName
from pivot_core.model.lock import Lock, NoLock, RunCacheEntry
from pivot_core.model.stage import Stage


class Need(Enum):
    """The next fact that a decision wants."""

    GENERATIONS = "generations"
    LOCK = "lock"
    DEPS = "deps"
    OUTS = "outs"
    RUN_CACHE = "run cache"
    CACHED = "cached"
    """Which of the contents in ``wanted(facts)`` the cache can give."""


@frozen
class Generations:
    """What the state recorded when the stage was last up to date, against what it says now.

    ``recorded`` is ``None`` when the state knows nothing of the stage. A path's current generation is ``None`` when
    its stat signature does not prove that it holds what the state believes, a recorded one when nothing was known of
    the path then; two unknown ones are not equal.
    """

    recorded: Mapping[str, int | None] | None
    current: Mapping[str, int | None]
    same_definition: bool
    """Whether the fingerprint, the params, the sets of deps and outs and the lock file are as recorded."""


@frozen
class Facts:
    """What is known of one stage; ``None`` marks a fact that was not fetched yet."""

    stage: Stage
    analysis: Analysis
    producers: Mapping[ArtifactPath, tuple[StageName, ...]]
    forced: bool = False
    generations: Generations | None = None
    lock: Lock | NoLock | None = None
    deps: Mapping[ArtifactPath, Found] | None = None
    outs: Mapping[ArtifactPath, Found] | None = None
    run_cache: RunCacheEntry | Missing | None = None
    cached: Mapping[ContentHash, bool] | None = None


def decide(facts: Facts) -> Decision | Need:
    """Returns what must be done about the stage, or the fact that is needed to tell."""
    if not facts.forced:
        if facts.generations is None:
            return Need.GENERATIONS
        if _same_generations(facts.generations):
            return Skip(1)
    if facts.lock is None:
        return Need.LOCK
    if facts.deps is None:
        return Need.DEPS
    missing = tuple(path for path, found in facts.deps.items() if isinstance(found, Missing))
    if missing:
        return NoInput(missing)
    if facts.forced:
        return Execute((Forced(),))
    changes = tuple(differences(facts, facts.lock, facts.deps))
    if not changes and isinstance(facts.lock, Lock):
        return _settle_outs(facts, facts.lock.outs, tier=2, changes=())
    if facts.stage.is_incremental:
        return Execute(changes)
    if facts.run_cache is None:
        return Need.RUN_CACHE
    if isinstance(facts.run_cache, Missing):
        return Execute(changes)
    return _settle_outs(facts, facts.run_cache.outs, tier=3, changes=changes)


def wanted(facts: Facts) -> Mapping[ArtifactPath, Content]:
    """Returns the contents that the stage's outs must hold when nothing has to run; asked for by ``Need.CACHED``."""
    if isinstance(facts.run_cache, RunCacheEntry):
        return facts.run_cache.outs
    return facts.lock.outs if isinstance(facts.lock, Lock) else {}


def run_cache_key(stage: Stage, code: ContentHash, deps: Mapping[ArtifactPath, Found]) -> str:
    """Returns canonical text of everything that determines the stage's outs; its hash names the run-cache entry."""
    return json.dumps(
        [
            code,
            sorted(stage.params.items(), key=itemgetter(0)),
            stage.variant if stage.variant_param else "",
            [
                [dep.param, dep.is_list, [[path, found_hash(deps[path])] for path in dep.paths]]
                for dep in stage.deps
            ],
            sorted([out.field, out.path, out.kind.value] for out in stage.outs),
        ],
        separators=(",", ":"),
    )


def differences(
    facts: Facts, lock: Lock | NoLock, deps: Mapping[ArtifactPath, Found]
) -> Iterator[Reason]:
    """Yields how code, params, inputs and the set of outs differ from the lock file."""
    if isinstance(lock, NoLock):
        yield NeverRan(lock.why)
        return
    yield from _code_changes(facts.analysis, lock)
    for name in sorted({*lock.params, *facts.stage.params}):
        had, has = name in lock.params, name in facts.stage.params
        old, new = lock.params.get(name), facts.stage.params.get(name)
        # JSON text tells 1 from True and from 1.0, and one order of keys from another: code can see both.
        if had != has or json.dumps(old) != json.dumps(new):
            yield ParamChanged(name, old, new, had, has)
    for path in dict.fromkeys([*facts.stage.dep_paths, *lock.deps]):
        old = lock.deps[path].hash if path in lock.deps else None
        new = found_hash(deps[path]) if path in deps else None
        if old != new:
            yield DepChanged(path, old, new, next(iter(facts.producers.get(path, ())), None))
    if set(facts.stage.dep_paths) == set(lock.deps):
        yield from _path_changes(lock.reads, facts.stage.reads)
    now = set(facts.stage.out_paths)
    if now == set(lock.outs):
        yield from _path_changes(lock.writes, facts.stage.writes)
    else:
        added = tuple(path for path in facts.stage.out_paths if path not in lock.outs)
        yield OutsChanged(added, tuple(path for path in lock.outs if path not in now))


def _path_changes(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[Reason]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield PathsChanged(name, old.get(name), new.get(name))


def _same_generations(generations: Generations) -> bool:
    recorded = generations.recorded
    return (
        recorded is not None
        and generations.same_definition
        and recorded.keys() == generations.current.keys()
        and all(
            count is not None and generations.current[path] == count
            for path, count in recorded.items()
        )
    )


def _settle_outs(
    facts: Facts,
    outs: Mapping[ArtifactPath, Content],
    *,
    tier: int,
    changes: tuple[Reason, ...],
) -> Decision | Need:
    """Skips, restores or executes by what lies at the outs' paths and what the cache can give."""
    if facts.outs is None:
        return Need.OUTS
    absent = [path for path, content in outs.items() if _differs(facts.outs.get(path), content)]
    reasons = [*changes, *(_out_reason(path, facts.outs.get(path), outs[path]) for path in absent)]
    if not absent:
        # The run cache knows the outs that lie there: only the lock has to follow.
        return Skip(2) if tier == 2 else Restore(3, (), changes)
    if facts.cached is None:
        return Need.CACHED
    uncached = {out.path for out in facts.stage.outs if not out.is_cached}
    lost = [path for path in absent if path in uncached or not facts.cached[outs[path].hash]]
    if lost:
        if tier == 3:
            return Execute(changes)
        return Execute((*reasons, *(NotInCache(path) for path in lost)))
    return Restore(tier, tuple((path, outs[path]) for path in absent), tuple(reasons))


def _differs(found: Found | None, content: Content) -> bool:
    return found is None or isinstance(found, Missing) or found != content


def _out_reason(path: ArtifactPath, found: Found | None, content: Content) -> Reason:
    if found is None or isinstance(found, Missing):
        return OutMissing(path)
    return OutAltered(path, content.hash, found.hash)


def _code_changes(analysis: Analysis, lock: Lock) -> Iterator[Reason]:
    now = analysis.fingerprint
    if now.digest == lock.fingerprint.digest:
        return
    places = dict(analysis.locations)
    old = {symbol.name: symbol.hash for symbol in lock.fingerprint.symbols}
    new = {symbol.name: symbol.hash for symbol in now.symbols}
    found = False
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        found = True
        edit = Edit.ADDED if before is None else Edit.REMOVED if after is None else Edit.CHANGED
        yield CodeChanged(name, edit, places.get(name), before, after, analysis.route(name))
    if not found:
        # The same symbols, put together in another way: the digest still counts.
        yield CodeChanged("fingerprint", Edit.CHANGED, None, lock.fingerprint.digest, now.digest)
