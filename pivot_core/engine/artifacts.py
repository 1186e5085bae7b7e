"""Owns how the deps and outs of a stage stand: what its lock file names, beside what lies in the workspace now."""

import os

from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Plan
from pivot_core.errors import StoreError, UsageError
from pivot_core.model.artifact import Content, TreeContent
from pivot_core.model.ids import ArtifactPath, StageName
from pivot_core.model.lock import Lock
from pivot_core.model.stage import OutKind
from pivot_core.port.values import ArtifactRow
from pivot_core.store import hashing, lockfile
from pivot_core.store.layout import Layout

HASHED_MAX_BYTES = 64 << 20
"""What has changed since it was last hashed is hashed for a look up to this size."""


def rows(
    layout: Layout,
    plan: Plan,
    observer: Observer,
    stage: StageName,
    hashed_max_bytes: int = HASHED_MAX_BYTES,
) -> tuple[ArtifactRow, ...]:
    """Returns the deps of a stage, then its outs; raises ``UsageError`` for an unknown stage."""
    if stage not in plan.graph.stages:
        raise UsageError(f"no stage '{stage}'", hint="`pivot list` lists them")
    known = plan.graph.stages[stage]
    observer.count_whole((*known.out_paths, *plan.subject(stage).made))
    lock = lockfile.read(layout.lock_path(stage), stage)
    recorded = (
        {**lock.deps, **lock.outs} if isinstance(lock, Lock) else dict[ArtifactPath, Content]()
    )

    def row(path: ArtifactPath, kind: OutKind | None) -> ArtifactRow:
        named = recorded.get(path)
        found, size, files = _look(layout, observer, path, hashed_max_bytes)
        content = named or found
        return ArtifactRow(
            path,
            kind,
            recorded=None if named is None else named.hash,
            found=None if found is None else found.hash,
            is_unread=found is None and size is not None,
            size_bytes=size,
            files=files,
            is_cached=content is not None and observer.has(content),
        )

    return (
        *(row(path, None) for path in known.dep_paths),
        *(row(out.path, out.kind) for out in known.outs),
    )


def _look(
    layout: Layout, observer: Observer, path: ArtifactPath, hashed_max_bytes: int
) -> tuple[Content | None, int | None, int | None]:
    """Returns what lies at a path, its size and its files; no content for what is not hashed."""
    full = layout.absolute(path)
    sign = hashing.signature(full)
    if sign is None:
        return None, None, None
    size, files = sign.size, None
    if os.path.isdir(full):
        members = [
            hashing.signature(member) for _, member in hashing.walk(full, observer.rules(path))
        ]
        size, files = sum(member.size for member in members if member is not None), len(members)
    if size > hashed_max_bytes and not observer.is_proven(path):
        return None, size, files
    try:
        found = observer.row(path)
    except StoreError:
        return None, size, files  # it is being written, or may not be read
    if found is None:
        return None, None, None
    return (
        found.found,
        size,
        len(found.found.files) if isinstance(found.found, TreeContent) else None,
    )
