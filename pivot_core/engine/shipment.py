"""Owns the steps of one transfer: which objects are meant, moving them, the run-cache entries, and restoring outs."""

import asyncio
import contextlib
import math
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pivot_core.engine import answer
from pivot_core.engine.distant import Distant, Warn, believed, objects_of, render
from pivot_core.engine.holdings import (
    Chosen,
    Named,
    choose,
    files,
    holdings,
    locks,
    objects,
    run_keys,
)
from pivot_core.engine.remotes import run_name
from pivot_core.engine.standing import problem_of
from pivot_core.engine.sync import Course
from pivot_core.engine.workspace import Workspace
from pivot_core.errors import EXIT_STAGE, PivotError
from pivot_core.model.graph import Selection
from pivot_core.model.ids import ContentHash, Json
from pivot_core.port.transfers import FailedItem, Item, Phase, Progress
from pivot_core.port.values import Action, Change, RunOptions
from pivot_core.remote import crew, transfer
from pivot_core.remote.base import OBJECTS, RUNS, Connection, Remote, hash_of, run_key
from pivot_core.remote.errors import Absent
from pivot_core.store import content
from pivot_core.store.cache import Cache

if TYPE_CHECKING:
    from pivot_core.engine.plan import Plan

_RATE_S = 5.0
"""The rate is an average that forgets what is older than about this."""
_SURE_S, _SURE_SHARE = 3.0, 0.02
"""An estimate of the time left is made only after so long, and when this share has moved."""


async def push(course: Course, plan: "Plan", remote: Remote, jobs: int) -> None:
    """Sends what the remote lacks, then the run-cache entries whose objects are all there."""
    shop, options = course.shop, course.state.options
    if remote.read_only:
        raise transfer.read_only(remote)
    if options.whole:
        wanted = await asyncio.to_thread(_whole_cache, shop.cache)
        keys = [key for key, _ in shop.state.scan("runcache:")]
    else:
        chosen = choose(shop.layout, plan, course.state.targets, Selection.ONLY)
        known = await asyncio.to_thread(locks, shop.layout, chosen.stages)
        wanted, keys = objects(holdings(plan, known, chosen)), run_keys(plan, known)
    course.tell(Progress(Phase.LOOKING))
    is_new = await remote.make(is_real=not options.dry_run)
    if is_new:
        course.say(f"{'would make' if options.dry_run else 'made'} the directory '{remote.url}'")
    async with remote.connect(jobs) as connection:
        if options.dry_run:
            there = () if is_new else await transfer.present(connection, _sizes(wanted), jobs)
            course.update(items=_items({h: n for h, n in wanted.items() if h not in there}))
            course.update(present=len(wanted) - len(course.state.items))
            return
        gone = await _move(course, transfer.push, connection, wanted, jobs)
        entries = dict[str, Json]()
        for key in keys:
            entry = shop.state.get(key)
            if isinstance(entry, dict) and gone.isdisjoint(_hashes(entry)):
                entries[key] = entry
        if entries:
            course.update(runs=await _send_entries(connection, entries, jobs))


async def fetch(course: Course, plan: "Plan", remote: Remote, jobs: int) -> Chosen:
    """Brings what the cache lacks: what lock files name, and what others made of the code and inputs of here."""
    shop, options = course.shop, course.state.options
    chosen = choose(shop.layout, plan, course.state.targets, Selection.UPSTREAM)
    entries = dict[str, Json]()
    async with Distant(remote, shop.cache, jobs, course.warn) as distant:
        if options.whole:
            connection = await distant.connection()
            wanted = await _whole_remote(connection)
            entries = await _all_entries(connection, shop.state.get, jobs, course.warn)
        else:
            known = await asyncio.to_thread(locks, shop.layout, chosen.stages)
            wanted = objects(holdings(plan, known, chosen))
            distant.expect(wanted)
            entries = await _found_runs(course, plan, chosen, distant)
            for key in entries:
                for name, (path, size) in objects_of(distant.found[key]).items():
                    wanted.setdefault(name, Named(path, size))
        course.tell(Progress(Phase.LOOKING))
        connection = await distant.connection()
        if options.dry_run:
            await _would_fetch(course, connection, wanted, jobs)
            return chosen
        gone = await _move(course, transfer.fetch, connection, wanted, jobs)
    whole = {key: each for key, each in entries.items() if gone.isdisjoint(_hashes(each))}
    if whole:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(shop.writer, shop.state.put, whole)
        course.update(runs=len(whole))
    return chosen


async def restore(course: Course, plan: "Plan", chosen: Chosen) -> None:
    """Puts the outs that lock files name into the workspace, once no run is under way."""
    shop = course.shop
    course.phase(Phase.RESTORING)
    async with course.workspace:
        observer = shop.observer()
        workspace = Workspace(shop.layout, shop.cache, plan, observer, shop.recorder(observer))

        def check_out() -> list[Change]:
            force = course.state.options.force
            data = workspace.check_out_tracked(chosen.tracked, force=force)
            outs = workspace.check_out(chosen.stages, force=force, is_meant=chosen.has)
            return [each for each in (*data, *outs) if each.action is not Action.UNCHANGED]

        work = asyncio.get_running_loop().run_in_executor(shop.writer, check_out)
        try:
            changes = await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait((work,))  # it writes each out whole; nobody else may write meanwhile
            raise
    course.update(changes=tuple(changes))
    if course.state.exit_code is None and any(
        change.action is Action.REFUSED for change in changes
    ):
        course.update(exit_code=EXIT_STAGE)


# --- moving ----------------------------------------------------------------------------------------------------------

type _Mover = Callable[
    [Connection, Cache, Mapping[ContentHash, int], int, transfer.Report],
    Awaitable[transfer.Summary],
]


async def _move(
    course: Course,
    mover: _Mover,
    connection: Connection,
    wanted: Mapping[ContentHash, Named],
    jobs: int,
) -> set[ContentHash]:
    """Moves objects and returns those that did not arrive."""
    pace = _Pace()

    def report(news: transfer.News) -> None:
        match news:
            case transfer.Failed(name, size, error):
                course.fail(_failed(name, wanted[name].path, size, error))
            case transfer.Progress():
                course.tell(pace.told(news, wanted))

    summary = await mover(connection, course.shop.cache, _sizes(wanted), jobs, report)
    course.update(present=summary.present)
    if (last := course.state.progress) is not None:
        course.tell(
            replace(
                last,
                files_done=len(summary.moved),
                bytes_done=summary.bytes_moved,
                failures=len(summary.failed),
                retries=summary.retries,
                left_s=None,
                active=(),
            )
        )
    return {each.hash for each in summary.failed}


class _Pace:
    """Turns what a batch reports into what front ends show: a smooth rate, and the time left once that can be told."""

    def __init__(self) -> None:
        self._rate = 0.0
        self._seen = (0.0, 0)

    def told(self, news: transfer.Progress, wanted: Mapping[ContentHash, Named]) -> Progress:
        at, moved = self._seen
        passed_s = news.elapsed_s - at
        if passed_s > 0:
            weight = 1 - math.exp(-passed_s / _RATE_S)
            now = max(0, news.bytes_done - moved) / passed_s
            # The first moments count as they are: an average with nothing before them would be too low.
            share = max(weight, min(1.0, passed_s / max(news.elapsed_s, passed_s)))
            self._rate += share * (now - self._rate)
            self._seen = (news.elapsed_s, news.bytes_done)
        is_sure = (
            news.elapsed_s >= _SURE_S
            and news.bytes_done >= news.bytes_total * _SURE_SHARE
            and self._rate > 0
        )
        return Progress(
            Phase.LOOKING if news.is_asking else Phase.MOVING,
            news.files_total,
            news.bytes_total,
            news.files_done,
            news.bytes_done,
            news.failed,
            news.retries,
            self._rate,
            (news.bytes_total - news.bytes_done) / self._rate if is_sure else None,
            news.silent_s,
            tuple(
                Item(
                    wanted[each.hash].path,
                    each.hash,
                    each.size_bytes,
                    each.bytes_done,
                    each.retries,
                )
                for each in news.active
            ),
        )


def _failed(name: ContentHash, path: str, size: int, error: PivotError) -> FailedItem:
    return FailedItem(Item(path, name, size), problem_of(error)[0])


def _sizes(wanted: Mapping[ContentHash, Named]) -> dict[ContentHash, int]:
    return {name: each.size_bytes for name, each in wanted.items()}


def _items(wanted: Mapping[ContentHash, Named]) -> tuple[Item, ...]:
    found = [Item(each.path, name, each.size_bytes) for name, each in wanted.items()]
    return tuple(sorted(found, key=lambda item: (item.path, item.hash)))


async def _would_fetch(
    course: Course, connection: Connection, wanted: Mapping[ContentHash, Named], jobs: int
) -> None:
    """Tells what a fetch would bring, and what it would not find."""
    cache = course.shop.cache
    lacking = {name: each for name, each in wanted.items() if not cache.has(name, each.size_bytes)}
    there = await transfer.present(connection, _sizes(lacking), jobs)
    course.update(
        items=_items({name: each for name, each in lacking.items() if name in there}),
        present=len(wanted) - len(lacking),
    )
    for name, each in lacking.items():
        if name not in there:
            error = Absent(f"object {name} is not on the remote", each.path)
            course.fail(_failed(name, each.path, each.size_bytes, error))


# --- run-cache entries -----------------------------------------------------------------------------------------------


async def _found_runs(
    course: Course, plan: "Plan", chosen: Chosen, distant: Distant
) -> dict[str, Json]:
    """Asks for what others made of the code and inputs of here, where a stage would have to run."""
    observer = course.shop.observer()
    observer.distant = distant
    only = RunOptions(selection=Selection.ONLY)
    if chosen.stages:
        await asyncio.to_thread(answer.explain, plan, observer, chosen.stages, only)
    if distant.error is not None:
        raise distant.error
    return {key: content.outs_to_json(entry.outs) for key, entry in distant.found.items()}


async def _send_entries(connection: Connection, entries: Mapping[str, Json], jobs: int) -> int:
    """Writes the entries that the remote lacks, or has in another size; returns how many those were."""
    rendered = {(name := run_name(key)): render(name, entry) for key, entry in entries.items()}
    there = await transfer.present(connection, rendered, jobs, run_key)
    queue = iter([name for name, data in rendered.items() if there.get(name) != len(data)])
    sent = 0

    async def send() -> None:
        nonlocal sent
        for name in queue:
            await connection.write(run_key(name), rendered[name])
            sent += 1

    await crew.side_by_side(send, min(jobs, len(rendered)))
    return sent


def _hashes(entry: Json) -> set[ContentHash]:
    """Returns the objects that a record of the run cache names."""
    found = set[ContentHash]()
    for each in (entry if isinstance(entry, dict) else {}).values():
        with contextlib.suppress(ValueError):
            found.update(file.hash for _, file in files("", content.from_json(each)))
    return found


# --- all of it -------------------------------------------------------------------------------------------------------


def _whole_cache(cache: Cache) -> dict[ContentHash, Named]:
    found = dict[ContentHash, Named]()
    for name, path in cache.objects():
        with contextlib.suppress(OSError):
            found[name] = Named("", os.lstat(path).st_size)
    return found


async def _whole_remote(connection: Connection) -> dict[ContentHash, Named]:
    found = dict[ContentHash, Named]()
    async for entry in transfer.listing(connection, OBJECTS):
        name = hash_of(entry.key)
        if name is not None:
            found[name] = Named("", entry.size_bytes)
    return found


async def _all_entries(
    connection: Connection, known: Callable[[str], Json], jobs: int, warn: Warn
) -> dict[str, Json]:
    """Returns the run-cache entries of the remote that are not known here, by their keys in the state."""
    names = [hash_of(entry.key) async for entry in transfer.listing(connection, RUNS)]
    queue = iter([name for name in names if name and known(f"runcache:{name}") is None])
    found = dict[str, Json]()

    async def read() -> None:
        for name in queue:
            data = await connection.read(run_key(name))
            entry = None if data is None else believed(name, data, warn)
            if entry is not None:
                found[f"runcache:{name}"] = content.outs_to_json(entry.outs)

    await crew.side_by_side(read, jobs)
    return found
