"""Owns what a run takes from a remote instead of making it, as late as can be: outs are promised, and come when read.

decided: Restore ──nobody asked for these outs──► promised: what is downstream is decided by their hashes
                                                      │ a stage that must run reads one
                                                      └──► its objects are fetched, the out is put in place
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pivot_core.engine import tracking
from pivot_core.engine.distant import Distant, Warn
from pivot_core.engine.holdings import Chosen, absent_inputs, files, holdings, locks, objects
from pivot_core.engine.observe import Observation, Subject, touches
from pivot_core.engine.record import Recorder
from pivot_core.engine.remotes import reach
from pivot_core.errors import RemoteError
from pivot_core.model.artifact import Content, Missing
from pivot_core.model.decision import Restore
from pivot_core.model.graph import Selection
from pivot_core.model.ids import ArtifactPath, StageName
from pivot_core.plan.select import select
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout

if TYPE_CHECKING:
    from pivot_core.engine.plan import Plan

SAY_S = 5.0
"""How often a run says that it still waits for bytes."""


@dataclass(slots=True)
class Supply:
    """One run's share of a remote."""

    jobs: int
    distant: Distant
    cache: Cache
    asked: frozenset[StageName]
    """Stages whose outs the user wants in the workspace."""
    makers: Mapping[ArtifactPath, StageName]
    """The stage that makes each out."""
    promised: dict[ArtifactPath, Content] = field(default_factory=dict[ArtifactPath, Content])
    """Outs that are as recorded, or as others made them, and tracked data, that are not here."""
    assumed: Mapping[ArtifactPath, Content] = field(default_factory=dict[ArtifactPath, Content])
    """Inputs that no stage makes and that lie nowhere: taken to be as they were, for as long as nobody reads them."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    # --- deciding ----------------------------------------------------------------------------------------------------

    def may_wait(self, stage: StageName, seen: Observation) -> bool:
        """Tells whether a stage's outs need not come now: they are absent, on the remote alone, and not asked for."""
        decision, outs = seen.decision, seen.facts.outs
        return (
            stage not in self.asked
            and isinstance(decision, Restore)
            and outs is not None
            and bool(decision.outs)
            and all(isinstance(outs.get(path), Missing) for path, _ in decision.outs)
            and not all(self.cache.has_all(wanted) for _, wanted in decision.outs)
        )

    def promise(self, seen: Observation) -> None:
        """Lets a stage's outs count as if they were there."""
        if isinstance(seen.decision, Restore):
            self.promised.update(seen.decision.outs)

    def rests_on_promises(self, subject: Subject) -> bool:
        """Tells whether a stage reads what is not here: no generation may then be recorded."""
        return bool(self._read_by(self.foretold, subject.stage.dep_paths))

    @property
    def foretold(self) -> Mapping[ArtifactPath, Content]:
        """What counts as if it were there."""
        return {**self.assumed, **self.promised}

    def lacking(self, paths: Iterable[ArtifactPath]) -> list[ArtifactPath]:
        """Returns those inputs that nobody can bring."""
        return self._read_by(self.assumed, paths)

    @staticmethod
    def _read_by(
        known: Iterable[ArtifactPath], paths: Iterable[ArtifactPath]
    ) -> list[ArtifactPath]:
        wanted = tuple(paths)
        return [out for out in known if any(touches(out, path) for path in wanted)]

    # --- bringing ----------------------------------------------------------------------------------------------------

    async def bring(self, wanted: Iterable[Content], say: Callable[[str], None]) -> None:
        """Makes sure that the cache has some contents; raises ``PivotError`` when one does not arrive."""
        from pivot_core.remote import transfer

        sizes = {
            file.hash: file.size_bytes
            for each in wanted
            for _, file in files("", each)
            if not self.cache.has(file.hash, file.size_bytes)
        }
        if not sizes:
            return
        said_s = 0.0

        def report(news: transfer.News) -> None:
            nonlocal said_s
            if isinstance(news, transfer.Progress) and news.elapsed_s - said_s >= SAY_S:
                said_s = news.elapsed_s
                say(f"fetching: {news.files_done} of {news.files_total} objects")

        connection = await self.distant.connection()
        summary = await transfer.fetch(connection, self.cache, sizes, self.jobs, report)
        if summary.failed:
            raise summary.failed[0].error

    async def place(
        self,
        paths: Iterable[ArtifactPath],
        recorder: Recorder,
        writer: ThreadPoolExecutor,
        say: Callable[[str], None],
    ) -> None:
        """Puts the promised outs that some inputs are, or touch, into the workspace; raises ``PivotError``."""
        async with self._lock:
            due = {out: self.promised[out] for out in self._read_by(self.promised, paths)}
            await self._fulfil(due, say)
            for path, wanted in due.items():
                await asyncio.get_running_loop().run_in_executor(
                    writer, recorder.place, path, wanted
                )
                del self.promised[path]

    async def _fulfil(
        self, due: Mapping[ArtifactPath, Content], say: Callable[[str], None]
    ) -> None:
        """Brings what was promised; raises ``RemoteError``, which for an object that is lost says what makes it."""
        from pivot_core.remote.errors import Absent, Corrupt

        try:
            await self.bring(due.values(), say)
        except (Absent, Corrupt) as error:
            path = next(path for path, wanted in due.items() if not self.cache.has_all(wanted))
            maker = self.makers.get(path)
            hint = f"`pivot repro --pull {maker}` makes it here; push it then, and run this again"
            if maker is None:
                hint = f"have whoever tracked it run `pivot push {path}`"
            raise RemoteError(f"'{path}': {error.what}", error.where, hint) from error


@asynccontextmanager
async def opened(
    layout: Layout,
    config: Config,
    cache: Cache,
    plan: "Plan",
    targets: Sequence[str],
    remote_name: str | None,
    asked: Collection[StageName],
    warn: Warn,
) -> AsyncGenerator[Supply]:
    """Opens a remote for one run of some targets; asks it at once which of the missing objects it has.

    Raises ``UsageError`` for an unknown remote, ``RemoteError`` for one that does not answer.
    """
    known, _, remote = reach(layout, config, remote_name)
    stages = select(plan.graph, targets, Selection.UPSTREAM)
    read = await asyncio.to_thread(locks, layout, stages)
    data = tracking.absent(layout, plan.graph, stages)
    held = holdings(plan, read, Chosen(stages, {}, tuple(data)))
    assumed = dict(each for name in stages for each in absent_inputs(layout, plan, name))
    wanted = objects(held)
    lacking = {
        name: each.size_bytes
        for name, each in wanted.items()
        if not cache.has(name, each.size_bytes)
    }
    async with Distant(remote, cache, known.jobs, warn) as distant:
        if lacking:
            await distant.ask(lacking)
        makers = {out: name for name in stages for out in plan.graph.stages[name].out_paths}
        promised = {each.path: each.content for each in data if distant.has(each.content)}
        for path in promised:
            assumed.pop(path, None)
        yield Supply(known.jobs, distant, cache, frozenset(asked), makers, promised, assumed)
