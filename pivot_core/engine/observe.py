"""Owns the fetching of facts: looks at files, locks, state and cache for what `plan.decide` asks; writes nothing.

Every artifact that was looked at has a row: its stat signature and content hash, from the state or from a look in this
session. A row whose signature still holds spares the hashing, unless the file was so young when it was hashed that a
later edit could have left the same signature (docs/solutions/racy-timestamps.md). Looks come from several threads; rows
are replaced whole and each path is hashed by one thread at a time.
"""

import contextlib
import functools
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol, cast

from pivot_core.errors import Bug
from pivot_core.frozen import frozen
from pivot_core.model.artifact import Content, FileContent, Found, Missing, TreeContent
from pivot_core.model.decision import Decision
from pivot_core.model.fingerprint import Analysis
from pivot_core.model.ids import ArtifactPath, ContentHash, Json, StageName, content_hash
from pivot_core.model.lock import RunCacheEntry
from pivot_core.model.stage import Stage
from pivot_core.plan import decide as tiers
from pivot_core.plan.decide import Facts, Generations, Need
from pivot_core.store import content, hashing, lockfile
from pivot_core.store.cache import Cache
from pivot_core.store.hashing import Signature
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import State

_COARSE_NS = 2_000_000_000


class FileRow(NamedTuple):
    """What is known of one file."""

    sign: Signature
    content: FileContent
    is_settled: bool
    """Whether an equal signature proves equal content."""


@frozen
class Row:
    """What is known of one artifact; a file's row has the one member ``""``."""

    members: Mapping[str, FileRow]
    is_tree: bool

    @property
    def found(self) -> Content:
        """The artifact's content."""
        if not self.is_tree:
            return self.members[""].content
        return content.tree(tuple((rel, row.content) for rel, row in self.members.items()))


@frozen
class Observation:
    """A decision with the facts that it rests on."""

    decision: Decision
    facts: Facts
    rows: Mapping[ArtifactPath, Row | None]
    """What lay at each dep that was looked at; ``None`` for nothing."""


@frozen
class Subject:
    """A stage as the plan knows it."""

    stage: Stage
    analysis: Analysis
    producers: Mapping[ArtifactPath, tuple[StageName, ...]]
    made: frozenset[ArtifactPath] = frozenset()
    """Deps that are, or lie inside, an out of some stage: ``.pivotignore`` does not apply to them."""


class Distant(Protocol):
    """What a remote could give; asked from several threads."""

    found: dict[str, RunCacheEntry]
    """The entries that it gave, by their keys in the state."""

    def has(self, wanted: Content) -> bool:
        """Tells whether it has every file of a content, as far as is known."""
        ...

    def run(self, key: str) -> RunCacheEntry | None:
        """Returns the run-cache entry of a key of the state."""
        ...


class Observer:
    """Looks at one project."""

    def __init__(
        self,
        layout: Layout,
        cache: Cache,
        state: State,
        ignore: Ignore,
        distant: Distant | None = None,
    ) -> None:
        """``distant`` is asked for what neither state nor cache has."""
        self.layout = layout
        """Where everything lies."""
        self._cache = cache
        self._state = state
        self.ignore = ignore
        """The rules of ``.pivotignore`` that this session goes by."""
        self.distant = distant
        self._rows: dict[ArtifactPath, Row] = {}
        self._made: set[ArtifactPath] = set()
        self._whole: set[ArtifactPath] = set()
        self._locks: dict[ArtifactPath, threading.Lock] = {}
        self._changed: dict[ArtifactPath, None] = {}

    # --- what the recorder tells and takes ---------------------------------------------------------------------------

    def learn(self, path: ArtifactPath, row: Row) -> None:
        """Takes over what was hashed elsewhere (an out that a stage just made, or that was just restored)."""
        self._rows[path] = row
        self._made.add(path)
        self._changed[path] = None

    def changed_rows(self) -> dict[ArtifactPath, Row]:
        """Returns the rows that the state does not hold yet."""
        return {path: self._rows[path] for path in list(self._changed)}

    def written(self, rows: Mapping[ArtifactPath, Row]) -> None:
        """Takes note that the state holds ``rows``; until then their generations are not known (`generation`)."""
        for path, row in rows.items():
            if self._rows.get(path) is row:
                self._changed.pop(path, None)

    def settle_young(self) -> float:
        """Marks the session's young rows as settled where the file system's clock has moved past them.

        Returns the seconds after which another call would settle more; 0 when nothing is left to wait for.
        """
        young = [path for path, row in self._rows.items() if not _is_settled(row)]
        clock_ns = functools.cache(self.clock_ns)
        wait_ns = 0
        for path in young:
            row = self._rows[path]
            members = dict[str, FileRow]()
            for rel, member in row.members.items():
                full = self._member_path(path, row, rel)
                clock = clock_ns(member.sign.device)
                holds = hashing.signature(full) == member.sign
                done = holds and hashing.is_settled(member.sign, clock)
                members[rel] = member._replace(is_settled=member.is_settled or done)
                if holds and not done:
                    newest = max(member.sign.mtime_ns, member.sign.ctime_ns)
                    wait_ns = max(wait_ns, newest - clock + 1_000_000)
            if members != row.members:
                self._rows[path] = replace(row, members=members)
                self._changed[path] = None
        self._made.clear()
        return wait_ns / 1e9

    # --- looking -----------------------------------------------------------------------------------------------------

    def settle(
        self,
        subject: Subject,
        *,
        forced: bool = False,
        predicted: Mapping[ArtifactPath, Content] | None = None,
    ) -> Observation:
        """Decides about one stage, fetching facts as they are asked for; raises ``StoreError``.

        ``predicted`` holds deps that an upstream would restore first: they count instead of what lies there now.
        """
        self.count_whole((*subject.stage.out_paths, *subject.made))
        facts = Facts(subject.stage, subject.analysis, subject.producers, forced)
        rows = dict[ArtifactPath, Row | None]()
        while True:
            decision = tiers.decide(facts)
            if not isinstance(decision, Need):
                return Observation(decision, facts, rows)
            facts = self._fetch(decision, facts, rows, predicted or {})

    def count_whole(self, paths: Iterable[ArtifactPath]) -> None:
        """From now on every file below these paths counts: what a stage makes is never left out."""
        self._whole.update(paths)

    def row(self, path: ArtifactPath) -> Row | None:
        """Returns what lies at ``path`` now, hashing only what no row proves; ``None`` for nothing."""
        with self._locks.setdefault(path, threading.Lock()):
            known = self._known(path)
            full = self.layout.absolute(path)
            sign = hashing.signature(full)
            if sign is None:
                return None
            if os.path.isdir(full):
                row = self._tree_row(path, full, known)
            else:
                old = known.members.get("") if known and not known.is_tree else None
                row = Row({"": self._file_row(path, full, old, sign, self.clock_ns)}, is_tree=False)
            if row != known:
                self._rows[path] = row
                self._changed[path] = None
            return row

    def has(self, wanted: Content) -> bool:
        """Tells whether the cache holds every file of a content."""
        return self._cache.has_all(wanted)

    def can_give(self, wanted: Content) -> bool:
        """Tells whether a content can be had, from the cache or from ``distant``."""
        return self.has(wanted) or (self.distant is not None and self.distant.has(wanted))

    def rules(self, path: ArtifactPath) -> Ignore | None:
        """Returns what ``.pivotignore`` leaves out of an artifact; ``None`` where every file counts."""
        return None if path in self._whole else self.ignore

    def is_proven(self, path: ArtifactPath) -> bool:
        """Tells without hashing whether the known row of ``path`` still describes what lies there."""
        known = self._known(path)
        if known is None:
            return False
        full = self.layout.absolute(path)
        if not known.is_tree:
            return self._holds(path, known.members[""], hashing.signature(full))
        if not os.path.isdir(full):
            return False
        there = dict(hashing.walk(full, self.rules(path)))
        return there.keys() == known.members.keys() and all(
            self._holds(path, known.members[rel], hashing.signature(member))
            for rel, member in there.items()
        )

    def is_trusted_object(self, object_hash: ContentHash, sign: Signature) -> bool:
        """Tells whether a cache object with this signature was hashed before and found good."""
        return self._state.get(f"object:{object_hash}") == list(sign)

    def lock_sign(self, stage: StageName) -> list[int] | None:
        """Returns the signature of a stage's lock file; ``None`` without one."""
        sign = hashing.signature(self.layout.lock_path(stage))
        return None if sign is None else list(sign)

    def clock_ns(self, device: int) -> int:
        """Returns a file system's clock; where it cannot be asked, a time that is surely in its past."""
        with contextlib.suppress(OSError):
            if os.stat(self.layout.state_dir).st_dev == device:
                return hashing.fs_clock_ns(self.layout.state_dir)
        return time.time_ns() - _COARSE_NS

    # --- inside ---

    def _fetch(
        self,
        need: Need,
        facts: Facts,
        rows: dict[ArtifactPath, Row | None],
        predicted: Mapping[ArtifactPath, Content],
    ) -> Facts:
        stage = facts.stage
        match need:
            case Need.GENERATIONS:
                known = Generations(None, {}, same_definition=False)
                if not any(touches(out, path) for out in predicted for path in stage.dep_paths):
                    known = self._generations(facts)
                return replace(facts, generations=known)
            case Need.LOCK:
                found = lockfile.read(self.layout.lock_path(stage.name), stage.name)
                return replace(facts, lock=found)
            case Need.DEPS:
                deps = dict[ArtifactPath, Found]()
                for path in stage.dep_paths:
                    around = {out: each for out, each in predicted.items() if touches(out, path)}
                    if path not in around:
                        rows[path] = self.row(path)
                    deps[path] = (
                        _foretold(path, around, rows.get(path)) if around else _found(rows[path])
                    )
                return replace(facts, deps=deps)
            case Need.OUTS:
                outs = {path: _found(self.row(path)) for path in stage.out_paths}
                return replace(facts, outs=outs)
            case Need.RUN_CACHE:
                return replace(facts, run_cache=self._run_cache(facts))
            case Need.CACHED:
                wanted = tiers.wanted(facts)
                cached = {each.hash: self.can_give(each) for each in wanted.values()}
                return replace(facts, cached=cached)

    def _generations(self, facts: Facts) -> Generations:
        recorded = self._state.get(f"dep:{facts.stage.name}")
        if not isinstance(recorded, dict):
            return Generations(None, {}, same_definition=False)
        same = recorded.get("definition") == definition_digest(
            facts.stage, facts.analysis.fingerprint.digest
        ) and recorded.get("lock") == self.lock_sign(facts.stage.name)
        counts = cast("dict[str, int | None]", recorded.get("generations"))
        if not same:
            return Generations(counts, {}, same_definition=False)
        paths = (*facts.stage.dep_paths, *facts.stage.out_paths)
        self._recall(paths)
        # The counters come last: one that was read before its row would be that of earlier content.
        proven = [path for path in paths if self.is_proven(path)]
        current: dict[str, int | None] = {**dict.fromkeys(paths), **self.generations(proven)}
        return Generations(counts, current, same_definition=True)

    def generations(self, paths: Sequence[ArtifactPath]) -> dict[ArtifactPath, int | None]:
        """Returns the counters of paths' contents as the state holds them; ``None`` before one was ever recorded."""
        recorded = self._state.get_many([f"gen:{path}" for path in paths])
        return {
            path: cast("int", known[0])
            if isinstance(known, list) and path not in self._changed
            else None
            for path, known in zip(paths, recorded, strict=True)
        }

    def _run_cache(self, facts: Facts) -> RunCacheEntry | Missing:
        if facts.deps is None:
            raise Bug("the run cache is asked before the deps are known")
        code = facts.analysis.fingerprint.digest
        key = run_cache_record(facts.stage, code, facts.deps)
        entry = _run_cache_entry(self._state.get(key))
        if entry is None and self.distant is not None:
            entry = self.distant.run(key)
        if entry is None or set(entry.outs) != set(facts.stage.out_paths):
            return Missing()
        return entry

    def _known(self, path: ArtifactPath) -> Row | None:
        if path not in self._rows:
            self._recall((path,))
        return self._rows.get(path)

    def _recall(self, paths: Iterable[ArtifactPath]) -> None:
        """Takes rows from the state that are not here yet."""
        lacking = [path for path in paths if path not in self._rows]
        recorded = self._state.get_many([f"hash:{path}" for path in lacking]) if lacking else ()
        for path, data in zip(lacking, recorded, strict=True):
            row = row_from_json(data)
            if row is not None:
                self._rows.setdefault(path, row)  # what another thread has learnt since is newer

    def _tree_row(self, path: ArtifactPath, full: str, known: Row | None) -> Row:
        old = known.members if known is not None and known.is_tree else dict[str, FileRow]()
        members = dict[str, FileRow]()
        clock_ns = functools.cache(self.clock_ns)
        for rel, member in hashing.walk(full, self.rules(path)):
            sign = hashing.signature(member)
            if sign is not None:
                members[rel] = self._file_row(path, member, old.get(rel), sign, clock_ns)
        return Row(members, is_tree=True)

    def _file_row(
        self,
        path: ArtifactPath,
        full: str,
        old: FileRow | None,
        sign: Signature,
        clock_ns: Callable[[int], int],
    ) -> FileRow:
        """Looks at one file; ``clock_ns`` is asked before the bytes are read, and may be in the past."""
        if old is not None and self._holds(path, old, sign):
            return old
        clock = clock_ns(sign.device)
        found, read_as = hashing.hash_version(full)
        return FileRow(read_as, found, hashing.is_settled(read_as, clock))

    def _holds(self, path: ArtifactPath, row: FileRow, sign: Signature | None) -> bool:
        return row.sign == sign and (row.is_settled or path in self._made)

    def _member_path(self, path: ArtifactPath, row: Row, rel: str) -> str:
        full = self.layout.absolute(path)
        return f"{full}/{rel}" if row.is_tree else full


def definition_digest(stage: Stage, code: ContentHash) -> ContentHash:
    """Combines what a stage's definition says; equal digests make tier 1 compare generations."""
    parts: list[object] = [
        code,
        list(stage.params.items()),
        stage.variant if stage.variant_param else "",
        [[dep.param, dep.paths, dep.is_list] for dep in stage.deps],
        [[out.field, out.path, out.kind.value, out.is_cached] for out in stage.outs],
    ]
    return hashing.hash_bytes(json.dumps(parts).encode())


def run_cache_record(stage: Stage, code: ContentHash, deps: Mapping[ArtifactPath, Found]) -> str:
    """Returns the state's key for the outs that these inputs give."""
    text = tiers.run_cache_key(stage, code, deps)
    return f"runcache:{hashing.hash_bytes(text.encode())}"


def touches(out: ArtifactPath, path: ArtifactPath) -> bool:
    """Tells whether two artifacts are the same, or one lies inside the other."""
    return (
        out == path
        or (out.endswith("/") and path.startswith(out))
        or (path.endswith("/") and out.startswith(path))
    )


def _foretold(path: ArtifactPath, around: Mapping[ArtifactPath, Content], row: Row | None) -> Found:
    """Returns what a path will hold: an out itself, a part of one, or what lies there with outs inside."""
    if path in around:
        return around[path]
    for out, whole in around.items():
        if path.startswith(out) and isinstance(whole, TreeContent):
            inside = path.removeprefix(out)
            below = [
                (rel.removeprefix(inside), file)
                for rel, file in whole.files
                if rel.startswith(inside)
            ]
            if path.endswith("/"):
                return content.tree(tuple(below)) if below else Missing()
            return next((file for rel, file in whole.files if rel == inside), Missing())
    members = {} if row is None else {rel: each.content for rel, each in row.members.items()}
    for out, each in around.items():
        inside = out.removeprefix(path)
        members = {
            rel: file for rel, file in members.items() if not touches(out, ArtifactPath(path + rel))
        }
        found = [("", each)] if isinstance(each, FileContent) else each.files
        members.update({inside + rel: file for rel, file in found})
    return content.tree(tuple(sorted(members.items())))


def _run_cache_entry(data: Json) -> RunCacheEntry | None:
    if not isinstance(data, dict):
        return None
    try:
        return RunCacheEntry(
            {ArtifactPath(path): content.from_json(each) for path, each in data.items()}
        )
    except ValueError:
        return None


def row_to_json(row: Row) -> Json:
    """Returns the state's ``hash:`` record of an artifact."""
    members = {
        rel: cast(
            "Json",
            [*each.sign, each.content.hash, each.content.executable, each.is_settled],
        )
        for rel, each in row.members.items()
    }
    return members if row.is_tree else members[""]


def row_from_json(data: Json) -> Row | None:
    """Returns the row of a ``hash:`` record; ``None`` for none, or one that cannot be believed."""
    try:
        if isinstance(data, list):
            return Row({"": _file_row_from_json(data)}, is_tree=False)
        if isinstance(data, dict):
            members = {rel: _file_row_from_json(each) for rel, each in data.items()}
            return Row(members, is_tree=True)
    except (ValueError, TypeError):
        return None
    return None


def _file_row_from_json(data: Json) -> FileRow:
    size, mtime, ctime, inode, device, digest, executable, settled = cast(
        "tuple[int, int, int, int, int, str, bool, bool]", cast("object", data)
    )
    sign = Signature(size, mtime, ctime, inode, device)
    return FileRow(sign, FileContent(content_hash(digest), size, executable), settled)


def _is_settled(row: Row) -> bool:
    return all(member.is_settled for member in row.members.values())


def _found(row: Row | None) -> Found:
    return Missing() if row is None else row.found
