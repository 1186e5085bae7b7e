"""Owns what brings workspace, cache and locks in line without running a stage: commit, checkout, verify.

The caller holds the project's lease, or has a read-only state for ``verify``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from pivot_core.engine import tracking
from pivot_core.engine.answer import explain
from pivot_core.engine.holdings import absent_inputs
from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Plan
from pivot_core.engine.record import Recorder
from pivot_core.errors import StoreError
from pivot_core.model.artifact import Content, Missing
from pivot_core.model.decision import Skip, headline
from pivot_core.model.graph import Selection
from pivot_core.model.ids import ArtifactPath, StageName
from pivot_core.model.lock import Lock, NoLock
from pivot_core.model.stage import OutKind
from pivot_core.plan.select import select
from pivot_core.port.values import (
    Action,
    Change,
    Explanation,
    Finding,
    FindingKind,
    RunOptions,
    TrackedState,
    Verdict,
)
from pivot_core.store import lockfile
from pivot_core.store.cache import Cache
from pivot_core.store.layout import Layout
from pivot_core.store.tracked import Tracked


class Workspace:
    """One project's files, outside a run."""

    def __init__(
        self, layout: Layout, cache: Cache, plan: Plan, observer: Observer, recorder: Recorder
    ) -> None:
        self._layout = layout
        self._cache = cache
        self._plan = plan
        self._observer = observer
        self._recorder = recorder

    # --- commit ------------------------------------------------------------------------------------------------------

    def commit(self, targets: Sequence[str]) -> Iterator[Change]:
        """Records what lies in the workspace as the result of the named stages (all without names), unrun.

        Code, params and inputs are recorded as they are now: the user vouches that these outs follow from them.
        """
        for name in select(self._plan.graph, targets, Selection.ONLY):
            yield from self._commit_stage(name)
        self._recorder.finish()

    def _commit_stage(self, name: StageName) -> Iterator[Change]:
        subject = self._plan.subject(name)
        stage = subject.stage
        seen = self._observer.settle(subject)
        if isinstance(seen.decision, Skip):
            yield from (Change(name, path, Action.UNCHANGED) for path in stage.out_paths)
            return
        wanted = (*stage.dep_paths, *stage.out_paths)
        rows = {path: self._observer.row(path) for path in wanted}
        missing = [path for path, row in rows.items() if row is None]
        if missing:
            yield Change(name, missing[0], Action.REFUSED, f"'{missing[0]}' is not there")
            return
        outs = dict[ArtifactPath, Content]()
        for out in stage.outs:
            place = self._layout.absolute(out.path)
            keeper = self._cache if out.kind is not OutKind.METRIC else self._copying
            found = keeper.put(place) if out.is_cached else keeper.measure(place)
            if isinstance(found, Missing):
                yield Change(name, out.path, Action.REFUSED, f"'{out.path}' is not there")
                return
            outs[out.path] = found
        deps = {path: row.found for path in stage.dep_paths if (row := rows[path]) is not None}
        for path in stage.out_paths:
            self._observer.row(path)
        self._recorder.vouched(subject, deps, outs)
        yield from (Change(name, path, Action.RECORDED) for path in stage.out_paths)

    # --- checkout ----------------------------------------------------------------------------------------------------

    def checkout(self, targets: Sequence[str], *, force: bool) -> Iterator[Change]:
        """Puts the outs that the lock files name into the workspace; a changed file only with ``force``."""
        known = tracking.known(self._layout, self._plan.graph)
        data, others = tracking.split(known, targets) if targets else (known, ())
        yield from self.check_out_tracked(data, force=force)
        names = select(self._plan.graph, others, Selection.ONLY) if others or not targets else ()
        for name in names:
            lock = self._lock(name)
            if isinstance(lock, NoLock):
                yield Change(name, None, Action.REFUSED, f"no lock file: {lock.why}")
            else:
                yield from self._checkout_stage(lock, force=force)
        self._recorder.finish()

    def check_out_tracked(self, data: Iterable[Tracked], *, force: bool) -> Iterator[Change]:
        """Puts tracked data into the workspace; what was changed only with ``force``."""
        for each in data:
            yield self._checkout_out(tracking.NOBODY, each.path, each.content, force)

    def check_out(
        self,
        stages: Sequence[StageName],
        *,
        force: bool,
        is_meant: Callable[[StageName, ArtifactPath], bool],
    ) -> Iterator[Change]:
        """Does the same with those outs of some stages that are meant; stages without a lock file have none."""
        for name in stages:
            lock = self._lock(name)
            if isinstance(lock, Lock):
                yield from self._checkout_stage(lock, force=force, is_meant=is_meant)
        self._recorder.finish()

    def _checkout_stage(
        self,
        lock: Lock,
        *,
        force: bool,
        is_meant: Callable[[StageName, ArtifactPath], bool] = lambda _stage, _path: True,
    ) -> Iterator[Change]:
        outs = self._plan.graph.stages[lock.stage].outs
        kept = {
            out.path for out in outs if out.is_cached
        }  # what else there is lies in git, or nowhere
        self._observer.count_whole(kept)
        for path, wanted in lock.outs.items():
            if path in kept and is_meant(lock.stage, path):
                yield self._checkout_out(lock.stage, path, wanted, force)

    def _checkout_out(
        self, name: StageName, path: ArtifactPath, wanted: Content, force: bool
    ) -> Change:
        row = self._observer.row(path)
        if row is not None and row.found == wanted:
            return Change(name, path, Action.UNCHANGED)
        if row is not None and not force:
            return Change(
                name, path, Action.REFUSED, "it was changed: `--force` overwrites what is there"
            )
        try:
            self._recorder.place(path, wanted, ignore=self._observer.rules(path))
        except StoreError as error:
            return Change(name, path, Action.REFUSED, error.what)
        return Change(name, path, Action.RESTORED)

    # --- verify ------------------------------------------------------------------------------------------------------

    def verify(self, targets: Sequence[str], *, may_be_absent: bool = False) -> Iterator[Finding]:
        """Yields what keeps the project from being done and whole; nothing when all is well.

        With ``may_be_absent`` outs may be on the remote alone (the observer's ``distant``), and inputs that no stage
        makes may be absent: they then count as they were.
        """
        data = tracking.known(self._layout, self._plan.graph)
        states = {row.path: row.state for row in tracking.rows(self._observer, data)}
        given = (TrackedState.CACHED, TrackedState.REMOTE)
        absent = {each.path: each.content for each in data if states[each.path] in given}
        stages = select(self._plan.graph, targets, Selection.UPSTREAM)
        if targets:
            read = [path for name in stages for path in self._plan.graph.stages[name].dep_paths]
            data = tracking.read_by(data, read)
        for each in data:
            yield from _judge_tracked(each.path, states[each.path])
        if may_be_absent:
            for name in stages:
                for path, content in absent_inputs(self._layout, self._plan, name):
                    if path not in absent and path not in states:
                        message = f"'{path}' is not here; taken to be as it was"
                        yield Finding(FindingKind.NOT_HERE, message, name, path)
                    absent[path] = content
        for each in explain(self._plan, self._observer, targets, RunOptions(), predicted=absent):
            yield from self._judge(each)

    def _judge(self, each: Explanation) -> Iterator[Finding]:
        why = "; ".join(headline(reason) for reason in each.reasons)
        match each.verdict:
            case Verdict.WILL_RUN | Verdict.UNKNOWN:
                yield Finding(FindingKind.WOULD_RUN, why, each.stage)
            case Verdict.BROKEN:
                said = each.problem.what if each.problem else why
                yield Finding(FindingKind.BROKEN, said, each.stage)
            case Verdict.RESTORE if each.tier != 2:
                yield Finding(FindingKind.WOULD_RUN, f"{why} (its result is cached)", each.stage)
            case Verdict.RESTORE | Verdict.UP_TO_DATE:
                yield from self._find_outs(each.stage)

    def _find_outs(self, name: StageName) -> Iterator[Finding]:
        lock = self._lock(name)
        if isinstance(lock, NoLock):
            return
        kept = {out.path for out in self._plan.graph.stages[name].outs if out.is_cached}
        for path, wanted in lock.outs.items():
            row = self._observer.row(path)
            if row is not None and row.found == wanted:
                continue
            if path in kept and self._cache.has_all(wanted):
                message = "only in the cache: `pivot checkout` restores it"
                yield Finding(FindingKind.NOT_CHECKED_OUT, message, name, path)
            elif path in kept and self._observer.can_give(wanted):
                message = f"'{path}' is only on the remote: `pivot pull` brings it"
                yield Finding(FindingKind.ON_REMOTE, message, name, path)
            else:
                yield Finding(FindingKind.LOST, "in neither workspace nor cache", name, path)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _lock(self, name: StageName) -> Lock | NoLock:
        return lockfile.read(self._layout.lock_path(name), name)

    @property
    def _copying(self) -> Cache:
        """A view of the cache that leaves git-tracked files as they are."""
        return Cache(self._layout, ("reflink", "copy"))


def _judge_tracked(path: ArtifactPath, state: TrackedState) -> Iterator[Finding]:
    """Yields what is to be said of tracked data."""
    match state:
        case TrackedState.SAME:
            return
        case TrackedState.CHANGED:
            message = "holds something else than recorded: `pivot track` records it anew"
            yield Finding(FindingKind.ALTERED, message, None, path)
        case TrackedState.CACHED:
            message = "only in the cache: `pivot checkout` restores it"
            yield Finding(FindingKind.NOT_CHECKED_OUT, message, None, path)
        case TrackedState.REMOTE:
            message = "only on the remote: `pivot pull` brings it"
            yield Finding(FindingKind.ON_REMOTE, message, None, path)
        case TrackedState.ABSENT:
            yield Finding(FindingKind.LOST, "in neither workspace nor cache", None, path)
