"""Owns what an engine works with, from its start to its end: state, cache, threads and the pool of workers."""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from pivot_core.engine.loading import load_all
from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Plan
from pivot_core.engine.pool import Pool
from pivot_core.engine.record import Recorder
from pivot_core.engine.run import Tools
from pivot_core.engine.supply import Supply
from pivot_core.model.ids import RunId
from pivot_core.store import aside, atomic
from pivot_core.store import config as settings
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import State
from pivot_core.worker.job import WarmRequest

if TYPE_CHECKING:
    from pivot_core.define.load import LoadReport
    from pivot_core.engine.loading import Wanted


_WARM = 2
"""Workers that are started before anything runs: one for an edited stage, one for its neighbour."""


class Workshop:
    """Made once an engine, by the holder of the project's lease."""

    def __init__(
        self,
        layout: Layout,
        config: Config,
        notices: list[str],
        *,
        on_started: Callable[[str, int, int], None],
        on_grew: Callable[[str, int, int], None],
    ) -> None:
        """``notices`` is where what a person should know is left; the callbacks are the pool's."""
        self.layout = layout
        self.config = config
        """The settings; those that an engine has for life are the first ones."""
        self._ignored: Config | None = None
        self._notices = notices
        self.state = State.open(layout, notices=notices, max_bytes=config.state_max_bytes)
        self.cache = Cache(layout, config.cache_link)
        self.lookers = ThreadPoolExecutor(4, "look")
        """Threads that stat and hash."""
        self.writer = ThreadPoolExecutor(1, "write")
        """The one thread that writes locks and state."""
        self._on_started = on_started
        self._on_grew = on_grew
        self._pool: Pool | None = None
        self._pool_jobs = 0
        self._pool_bytes: int | None = None

    @property
    def jobs(self) -> int:
        """Stages at once where a run says nothing else: the setting, or the CPUs that this process may use."""
        return self.config.run_jobs or cpus()

    def sweep(self) -> None:
        """Cleans up after a predecessor that was killed."""
        aside.sweep(self.layout)
        for directory in (self.layout.tmp_dir, self.layout.engine_dir, self.layout.state_path):
            atomic.sweep(directory)
        self.cache.sweep()

    def take_settings(self) -> None:
        """Takes the settings as the files say now, for what begins next; raises ``UsageError``."""
        now = settings.load(self.layout.root)
        old = self.config
        self.config = replace(now, cache_dir=old.cache_dir, state_max_bytes=old.state_max_bytes)
        if self.config.cache_link != old.cache_link:
            self.cache = Cache(self.layout, self.config.cache_link)
        if now not in (self.config, self._ignored):
            self._ignored = now
            self._notices.append(
                "cache.dir and state.max_bytes stay as they are until this engine ends"
            )

    async def tools(
        self, run_id: RunId, jobs: int, *, commit: bool, supply: Supply | None = None
    ) -> Tools:
        """Returns what one run works with."""
        observer = self.observer()
        observer.distant = None if supply is None else supply.distant
        return Tools(
            self.layout,
            self.config,
            self.state,
            await self.workers(jobs),
            observer,
            self.recorder(observer, commit=commit, run_id=run_id),
            self.lookers,
            self.writer,
            supply,
        )

    def observer(self) -> Observer:
        """Returns one that looks at everything anew."""
        return Observer(self.layout, self.cache, self.state, Ignore.load(self.layout.root))

    def recorder(
        self, observer: Observer, *, commit: bool = True, run_id: RunId | None = None
    ) -> Recorder:
        """Returns what records the results that ``observer`` learns of; for the writer's thread."""
        return Recorder(self.layout, self.cache, self.state, observer, commit=commit, run_id=run_id)

    async def workers(self, jobs: int) -> Pool:
        """Returns a pool of ``jobs`` workers; it starts none before it is used."""
        max_bytes = self.config.workers_max_memory
        if self._pool is None or (self._pool_jobs, self._pool_bytes) != (jobs, max_bytes):
            if self._pool is not None:
                await self._pool.close()
            self._pool = Pool(
                self.layout,
                jobs,
                on_started=self._on_started,
                on_grew=self._on_grew,
                max_bytes=max_bytes,
            )
            self._pool_jobs, self._pool_bytes = jobs, max_bytes
            await self._pool.start()
        return self._pool

    async def define(self, wanted: "Sequence[Wanted]") -> "list[LoadReport]":
        """Loads definitions in workers."""
        pool = await self.workers(self._pool_jobs or self.jobs)
        return await load_all(pool, self.layout.root, self.config.run_isolation, wanted)

    async def warm(self, plan: Plan) -> None:
        """Gets workers ready for any stage of a plan, and this process for an edit, while there is nothing to do."""
        pool = await self.workers(self._pool_jobs or self.jobs)
        analyses = plan.analyses.values()
        modules = sorted({name for analysis in analyses for name in analysis.preload})
        sources = sorted({path for analysis in analyses for path in analysis.sources})
        if any(stage.params_param is not None for stage in plan.graph.stages.values()):
            modules.append("pivot_core.define.params")
        await asyncio.to_thread(_import_for_edits)
        count = min(len(plan.graph.stages), _WARM)
        await pool.warm(WarmRequest(modules=modules, sources=sources), count)

    async def drop_pool(self) -> None:
        """Ends the workers and what they load, at once."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close(kill=True)

    async def close(self) -> None:
        """Lets go of everything."""
        if self._pool is not None:
            await self._pool.close()
        self.lookers.shutdown()
        self.writer.shutdown()
        self.state.close()


def _import_for_edits() -> None:
    """Imports what the first edit would otherwise wait for."""
    from pivot_core.define import load
    from pivot_core.engine import amend
    from pivot_core.fingerprint import analyser

    del load, amend, analyser


def cpus() -> int:
    """Returns the number of CPUs that this process may use."""
    return os.process_cpu_count() or 1
