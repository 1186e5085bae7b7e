"""Owns what nothing names any more: which objects of the cache, or of a remote, no lock file and no recent run needs.

What to keep is read generously: every word of a lock file that looks like a hash counts, on every branch and tag, also
in a file that another version wrote or that cannot be read otherwise.
"""

import contextlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from pivot_core.engine.holdings import files
from pivot_core.engine.observe import run_cache_record
from pivot_core.engine.remotes import reach
from pivot_core.errors import StoreError, UsageError
from pivot_core.frozen import frozen
from pivot_core.model import codec
from pivot_core.model.artifact import FileContent
from pivot_core.model.ids import ContentHash, Json, RunId, StageName
from pivot_core.model.lock import RunCacheEntry
from pivot_core.port.transfers import Item, Sweep
from pivot_core.port.values import Inputs
from pivot_core.store import content, journal, tracked
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout
from pivot_core.store.state import State

if TYPE_CHECKING:
    from pivot_core.engine.plan import Plan

GRACE_S = 24 * 3600.0
"""On a remote, what is younger than this stays: somebody may have pushed it and not yet the commit that names it."""

_HASH = re.compile(rb"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_GIT_S = 120.0
_REFS = 500


@frozen
class Kept:
    """What must stay, and because of what."""

    hashes: frozenset[ContentHash]
    """Of objects, and of other things that cost nothing to keep."""
    sources: tuple[str, ...]


def kept(layout: Layout, state: State, plan: "Plan", projects: Sequence[str], runs: int) -> Kept:
    """Returns what lock files of work tree, branches and tags name, here and in other projects, and recent runs made.

    Raises ``StoreError`` when a repository cannot be read: what its branches name is then not known.
    """
    found = set[ContentHash]()
    sources = ["the work tree"]
    for root in dict.fromkeys([layout.root, *projects]):
        for data in _lock_files(root):
            found.update(_hashes(data))
        refs = _refs(root)
        if refs:
            sources.append(
                f"{len(refs)} branches and tags" + (f" of {root}" if root != layout.root else "")
            )
            for data in _committed(root, refs):
                found.update(_hashes(data))
    recent = journal.runs(layout)[:runs]
    for run in recent:
        found.update(_of_run(layout, state, plan, run))
    if recent:
        sources.append(f"the last {len(recent)} runs")
    return Kept(frozenset(found), tuple(sources))


def sweep_cache(
    layout: Layout, cache: Cache, state: State, keep: Kept, *, run_keep: int, is_real: bool
) -> Sweep:
    """Removes from the cache what is not kept, and runs beyond ``run_keep``, or only tells.

    The caller holds the project's lease.
    """
    items, count = list[Item](), 0
    for name, path in cache.objects():
        if name in keep.hashes:
            count += 1
            continue
        with contextlib.suppress(OSError):
            items.append(Item("", name, os.lstat(path).st_size))
    entries = [key for key, entry in state.scan("runcache:") if not _is_whole(entry, keep)]
    damaged = dict(_set_aside(layout))
    old = journal.runs(layout)[run_keep:]
    old_bytes = sum(_bytes_below(layout.run_dir(run)) for run in old)
    if is_real:
        journal.retain(layout, run_keep)
        # Entries first: none may point at nothing.
        state.put(dict.fromkeys([*entries, *(f"object:{item.hash}" for item in items)]))
        for item in items:
            _remove(layout.object_path(item.hash))
        for path in damaged:
            _remove(path)
    swept = _sweep("", items, count, len(entries), 0, keep, is_real)
    size = swept.size_bytes + sum(damaged.values())
    return replace(
        swept,
        damaged=len(damaged),
        size_bytes=size,
        old_runs=len(old),
        old_runs_bytes=old_bytes,
    )


async def sweep_remote(
    layout: Layout, config: Config, name: str, keep: Kept, *, is_real: bool
) -> Sweep:
    """Removes from a remote what is not kept and not young, or only tells.

    Raises ``UsageError`` for an unknown remote, ``RemoteError`` for what goes wrong there.
    """
    from pivot_core.engine.distant import believed
    from pivot_core.remote import transfer
    from pivot_core.remote.base import OBJECTS, RUNS, Key, Upload, hash_of
    from pivot_core.remote.crew import side_by_side
    from pivot_core.remote.errors import RemoteFault

    known, row, remote = reach(layout, config, name)
    if row.is_read_only and is_real:
        raise transfer.read_only(remote)
    old_s = time.time() - GRACE_S
    objects, entries, count = dict[Key, Item](), list[Key](), 0
    async with remote.connect(known.jobs) as connection:
        async for found in transfer.listing(connection, OBJECTS):
            digest = hash_of(found.key)
            if digest is None or digest in keep.hashes or found.modified_s > old_s:
                count += 1
            else:
                objects[found.key] = Item("", digest, found.size_bytes)
        gone = {item.hash for item in objects.values()}
        old = [e.key async for e in transfer.listing(connection, RUNS) if e.modified_s <= old_s]
        queue = iter(old)

        async def judge() -> None:
            for key in queue:
                name, data = hash_of(key), await connection.read(key)
                entry = believed(name, data, lambda _: None) if name and data else None
                if entry is None or _names(entry) & gone:
                    entries.append(key)

        await side_by_side(judge, known.jobs)
        uploads = list[Upload]()
        with contextlib.suppress(
            RemoteFault
        ):  # a service that cannot list them keeps none, or cleans up itself
            uploads += [each for each in await connection.uploads() if each.begun_s <= old_s]
        if is_real:
            await connection.delete(entries)
            await connection.delete(list(objects))
            for upload in uploads:
                await connection.abort(upload)
    items = list(objects.values())
    return _sweep(row.name, items, count, len(entries), len(uploads), keep, is_real)


def check_shared(layout: Layout, projects: Sequence[str]) -> None:
    """Raises ``UsageError`` for a cache that other projects may use, unless those are named."""
    inside = layout.cache_dir.startswith(layout.root + "/")
    if not inside and not projects:
        raise UsageError(
            "other projects may use this cache",
            layout.cache_dir,
            "name each of them with `--project DIR`; `--project .` when there is none",
        )
    for root in projects:
        if not os.path.isdir(os.path.join(root, ".pivot")):
            raise UsageError(f"'{root}' is no Pivot project", "", "name its root directory")


# --- what is named ---------------------------------------------------------------------------------------------------


def _hashes(data: bytes) -> Iterator[ContentHash]:
    for found in _HASH.finditer(data):
        yield ContentHash(found[0].decode())


def _lock_files(root: str) -> Iterator[bytes]:
    directory = os.path.join(root, ".pivot", "stages")
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            try:
                with open(path, "rb") as file:
                    yield file.read()
            except IsADirectoryError:
                continue
            except OSError as error:
                raise StoreError(f"cannot read '{path}': {error.strerror}", path) from error
    yield from tracked.records(root)


def _refs(root: str) -> list[str]:
    """Returns the commits of all branches, tags and stashes, here and as last fetched; none outside a repository."""
    if _git(root, "rev-parse", "--is-inside-work-tree", may_fail=True).strip() != b"true":
        return []
    listed = _git(root, "for-each-ref", "--format=%(objectname)").decode().split()
    head = _git(root, "rev-parse", "--verify", "-q", "HEAD", may_fail=True).decode().split()
    return list(dict.fromkeys([*head, *listed]))


def _committed(root: str, refs: Sequence[str]) -> Iterator[bytes]:
    """Yields the lock files of some commits, each version once, and the hashes in their records of tracked data."""
    for first in range(0, len(refs), _REFS):
        some = refs[first : first + _REFS]
        yield _git(
            root, "grep", "-hoaE", "[0-9a-f]{32}", *some, "--", f"*{tracked.SUFFIX}", may_fail=True
        )
    blobs = dict[str, None]()
    for ref in refs:
        listed = _git(root, "ls-tree", "-r", "-z", ref, "--", ".pivot/stages", may_fail=True)
        for line in listed.split(b"\0"):
            if line:
                blobs[line.split(b"\t")[0].split()[2].decode()] = None
    if not blobs:
        return
    packed = _git(root, "cat-file", "--batch", stdin="\n".join(blobs).encode() + b"\n")
    yield packed  # headers between the files hold ids of git's, which are longer


def _git(root: str, *arguments: str, may_fail: bool = False, stdin: bytes = b"") -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", root, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=_GIT_S,
        )
    except FileNotFoundError:
        return b""  # no git here, so no branches either
    except subprocess.TimeoutExpired as error:
        raise StoreError(f"`git {arguments[0]}` does not end", root) from error
    if done.returncode and not may_fail:
        why = done.stderr.decode("utf-8", "replace").strip()
        raise StoreError(f"git cannot tell what branches name: {why}", root, "mend the repository")
    return b"" if done.returncode else done.stdout


def _of_run(layout: Layout, state: State, plan: "Plan", run: RunId) -> Iterator[ContentHash]:
    """Yields what went into the attempts of a run, and what came out."""
    for record in journal.read(layout, run, holding='"Inputs"'):
        stage = plan.graph.stages.get(StageName(cast("str", record.get("stage"))))
        try:
            inputs = codec.from_json(Inputs, record.get("inputs"))
        except ValueError:
            continue
        deps = {path: FileContent(digest, 0) for path, digest in inputs.deps.items() if digest}
        yield from (each.hash for each in deps.values())
        if stage is None or not deps.keys() >= set(stage.dep_paths):
            continue
        then = replace(stage, params=inputs.params)
        entry = state.get(run_cache_record(then, inputs.code, deps))
        yield from _named_by(entry)


def _named_by(entry: Json) -> Iterator[ContentHash]:
    for each in (entry if isinstance(entry, dict) else {}).values():
        with contextlib.suppress(ValueError):
            yield from (file.hash for _, file in files("", content.from_json(each)))


def _names(entry: RunCacheEntry) -> set[ContentHash]:
    return {file.hash for each in entry.outs.values() for _, file in files("", each)}


def _is_whole(entry: Json, keep: Kept) -> bool:
    return all(name in keep.hashes for name in _named_by(entry))


# --- removing --------------------------------------------------------------------------------------------------------


def _set_aside(layout: Layout) -> Iterator[tuple[str, int]]:
    """Yields objects and a state that were set aside as damaged, with what they take."""
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(layout.corrupt_dir):
            path = f"{layout.corrupt_dir}/{name}"
            yield path, os.lstat(path).st_size
    state = f"{layout.state_path}.bad"
    if os.path.lexists(state):
        yield state, _bytes_below(state)


def _bytes_below(directory: str) -> int:
    """Returns what the files of a directory take."""
    size = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.lstat(f"{parent}/{name}").st_size
    return size


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)  # a directory that lay where an object should
            else:
                os.unlink(path)
        except OSError as error:
            raise StoreError(f"cannot remove '{path}': {error.strerror}", path) from error
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(path))


def _sweep(
    where: str,
    items: Sequence[Item],
    count: int,
    entries: int,
    uploads: int,
    keep: Kept,
    is_real: bool,
) -> Sweep:
    return Sweep(
        where,
        tuple(items),
        sum(item.size_bytes for item in items),
        count,
        entries,
        uploads,
        0,
        keep.sources,
        is_real,
    )
