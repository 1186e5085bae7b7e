"""Owns how a project's remotes stand: which there are, whether they work, and what is missing here or there."""

import asyncio
import os
import time
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pivot_core.engine.holdings import (
    Holding,
    Named,
    choose,
    files,
    holdings,
    locks,
    objects,
    run_keys,
)
from pivot_core.engine.standing import problem_of
from pivot_core.errors import RemoteError
from pivot_core.model.graph import Selection
from pivot_core.model.ids import ContentHash, content_hash
from pivot_core.model.remote import RemoteSettings
from pivot_core.port.transfers import RemoteArtifact, RemoteFinding, RemoteReport, RemoteRow, Tally
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout

if TYPE_CHECKING:
    from pivot_core.engine.plan import Plan
    from pivot_core.remote.base import Remote


def rows(config: Config) -> tuple[RemoteRow, ...]:
    """Returns the remotes that the settings name."""
    return tuple(_row(config, each) for each in config.remotes.values())


def reach(
    layout: Layout, config: Config, name: str | None
) -> "tuple[RemoteSettings, RemoteRow, Remote]":
    """Returns what is meant by a name, or without one; asks nothing of it. Raises ``UsageError``."""
    from pivot_core.remote.address import Address, remote_at

    known = config.remote(name)
    url = known.url if "://" in known.url else os.path.join(layout.root, known.url)
    address = Address(
        known.name,
        url,
        known.endpoint_url,
        known.region,
        known.profile,
        known.jobs,
        known.read_only,
        known.connect_timeout_s,
        known.read_timeout_s,
    )
    return known, _row(config, known), remote_at(address)


async def check(layout: Layout, config: Config, name: str | None) -> tuple[RemoteFinding, ...]:
    """Tries one of everything that a transfer needs; raises ``UsageError``."""
    from pivot_core.remote.base import Verdict

    _, _, remote = reach(layout, config, name)
    return tuple(
        [
            RemoteFinding(
                found.subject,
                found.verdict is Verdict.GOOD,
                found.verdict is not Verdict.MISSING,
                found.detail,
                found.hint,
            )
            async for found in remote.check()
        ]
    )


async def compare(
    layout: Layout,
    config: Config,
    cache: Cache,
    plan: "Plan",
    name: str | None,
    targets: Sequence[str],
) -> RemoteReport:
    """Tells what is missing where; raises ``UsageError``."""
    from pivot_core.remote.base import run_key
    from pivot_core.remote.transfer import present

    known, row, remote = reach(layout, config, name)
    now = time.time()
    chosen = choose(layout, plan, targets, Selection.UPSTREAM)
    read = await asyncio.to_thread(locks, layout, chosen.stages)
    held = holdings(plan, read, chosen)
    names = {run_name(key) for key in run_keys(plan, read)}
    wanted = objects(held)
    try:
        async with remote.connect(known.jobs) as connection:
            there = await present(connection, wanted, known.jobs)
            runs = await present(connection, names, known.jobs, run_key)
    except RemoteError as error:
        return RemoteReport(row, now, problem=problem_of(error)[0])
    here = await asyncio.to_thread(
        lambda: {name for name, each in wanted.items() if cache.has(name, each.size_bytes)}
    )
    far = {name for name, each in wanted.items() if there.get(name) == each.size_bytes}
    return RemoteReport(
        row,
        now,
        tuple(_stand(held, here, far)),
        _tally(wanted, wanted),
        _tally(wanted, here - far),
        _tally(wanted, far - here),
        _tally(wanted, wanted.keys() - here - far),
        len(names),
        len(names - runs.keys()),
    )


def run_name(key: str) -> ContentHash:
    """Returns the name that a run-cache entry has on remotes, from its key in the state."""
    return content_hash(key.partition(":")[2])


def _tally(wanted: Mapping[ContentHash, Named], some: Collection[ContentHash]) -> Tally:
    return Tally(len(some), sum(wanted[name].size_bytes for name in some))


def _stand(
    held: Iterable[Holding], here: Container[ContentHash], there: Container[ContentHash]
) -> Iterator[RemoteArtifact]:
    for each in held:
        members = [file for _, file in files(each.path, each.content)]
        is_here = [file.hash in here for file in members]
        is_there = [file.hash in there for file in members]
        pairs = list(zip(members, is_here, is_there, strict=True))
        yield RemoteArtifact(
            each.stage,
            each.path,
            len(members),
            sum(file.size_bytes for file in members),
            is_here.count(False),
            is_there.count(False),
            sum(not near and not far for _, near, far in pairs),
            sum(file.size_bytes for file, near, _ in pairs if not near),
            sum(file.size_bytes for file, _, far in pairs if not far),
        )


def _row(config: Config, known: RemoteSettings) -> RemoteRow:
    is_default = config.default_remote == known.name or len(config.remotes) == 1
    return RemoteRow(known.name, known.url, is_default, known.read_only, known.jobs)
