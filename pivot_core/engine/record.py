"""Owns every write of what happened: cache objects are there already, then the lock file, then one state transaction.

All of it is called from one thread, the only writer of lock files and LMDB. A crash between any two writes means more
work next time, never a wrong skip: state is believed only where it agrees with the lock file and the files themselves.
"""

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import cast

from pivot_core.engine.observe import (
    FileRow,
    Observation,
    Observer,
    Row,
    Subject,
    definition_digest,
    row_to_json,
    run_cache_record,
)
from pivot_core.engine.origin import Signer
from pivot_core.errors import Bug, StoreError
from pivot_core.frozen import frozen
from pivot_core.model.artifact import Content, FileContent, Found, Missing, TreeContent, found_hash
from pivot_core.model.decision import Restore
from pivot_core.model.ids import ArtifactPath, Json, RunId, StageName
from pivot_core.model.lock import Lock
from pivot_core.model.stage import OutKind, Stage
from pivot_core.store import atomic, checkout, content, gitignore, hashing, lockfile
from pivot_core.store.cache import BadObject, Cache
from pivot_core.store.content import ContentJson
from pivot_core.store.hashing import Signature
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import State

DURATIONS_KEPT = 10
_TICK_S = 0.05
_TICKS = 20
"""So often at most the end of a run looks whether the clock has ticked."""


@frozen
class Made:
    """An out as a worker reports it."""

    content: Content
    signs: Mapping[str, Signature]
    """The signatures under which it was hashed, by member (``""`` for a file)."""

    @property
    def row(self) -> Row:
        """The row that the observer may trust for the rest of the run."""
        if isinstance(self.content, FileContent):
            return Row({"": FileRow(self.signs[""], self.content, is_settled=False)}, is_tree=False)
        members = {
            rel: FileRow(self.signs[rel], file, is_settled=False)
            for rel, file in self.content.files
        }
        return Row(members, is_tree=True)


class Recorder:
    """Writes the results of one run; with ``commit`` unset it only remembers them for the rest of the run."""

    def __init__(
        self,
        layout: Layout,
        cache: Cache,
        state: State,
        observer: Observer,
        *,
        commit: bool,
        run_id: RunId | None = None,
    ) -> None:
        """``run_id`` is ``None`` for what is recorded outside a run."""
        self._layout = layout
        self._cache = cache
        self._state = state
        self._observer = observer
        self._commit = commit
        self._signer = Signer(state, run_id)

    def ran(
        self,
        subject: Subject,
        seen: Observation,
        made: Mapping[ArtifactPath, Made],
        duration_s: float,
    ) -> bool:
        """Records a finished attempt; returns ``False``, writing nothing, when an input had changed meanwhile.

        Raises ``StoreError``.
        """
        deps = seen.facts.deps
        if deps is None:
            raise Bug(f"stage '{subject.stage.name}' ran before its inputs were known")
        if not self._inputs_hold(seen, deps):
            return False
        for path, out in made.items():
            self._observer.learn(path, out.row)
        outs = {path: out.content for path, out in made.items()}
        extra = dict[str, Json]()
        if self._commit:
            code = subject.analysis.fingerprint.digest
            if not subject.stage.is_incremental:
                entry = content.outs_to_json(outs)
                extra[run_cache_record(subject.stage, code, deps)] = entry
            extra[f"dur:{subject.stage.name}"] = self._durations(subject.stage.name, duration_s)
        self._publish(subject, deps, outs, extra)
        return True

    def vouched(
        self,
        subject: Subject,
        deps: Mapping[ArtifactPath, Found],
        outs: Mapping[ArtifactPath, Content],
    ) -> None:
        """Records outs that the user says follow from these inputs; no run-cache entry is made of a promise."""
        self._publish(subject, deps, outs, {})

    def put_back(self, subject: Subject, seen: Observation, *, is_whole: bool = True) -> None:
        """Restores the outs that the decision names and records them.

        ``is_whole`` is unset for a stage whose inputs are not all here.
        Raises ``BadObject`` when the cache cannot give one (the stage must run), other ``StoreError`` otherwise.
        """
        decision, deps = seen.decision, seen.facts.deps
        if not isinstance(decision, Restore) or deps is None:
            raise Bug(f"stage '{subject.stage.name}' has nothing to restore")
        for path, wanted in decision.outs:
            self.place(path, wanted)
        outs = self.wanted_outs(seen)
        self._publish(subject, deps, outs, {}, is_restored=True)
        if not is_whole:
            self._forget(subject)

    def adopt(self, subject: Subject, seen: Observation) -> None:
        """Writes the lock file of a stage whose outs are known and not brought; raises ``StoreError``."""
        if seen.facts.deps is None:
            raise Bug(f"stage '{subject.stage.name}' has nothing to adopt")
        self._publish(subject, seen.facts.deps, self.wanted_outs(seen), {}, is_restored=True)
        self._forget(subject)

    def _forget(self, subject: Subject) -> None:
        """Drops the generations of a stage: those of files that are not here would vouch for others."""
        if self._commit:
            self._state.put({f"dep:{subject.stage.name}": None})

    def bring_previous(self, subject: Subject, seen: Observation) -> None:
        """Restores incremental outs that are not as recorded, for the stage to go on from; raises ``StoreError``."""
        lock = seen.facts.lock
        for out in subject.stage.outs:
            if out.kind is not OutKind.INCREMENTAL or not isinstance(lock, Lock):
                continue
            wanted = lock.outs.get(out.path)
            row = self._observer.row(out.path)
            if wanted is None or (row is not None and row.found == wanted):
                continue
            if self._cache.has_all(wanted):
                with contextlib.suppress(BadObject):
                    self.place(out.path, wanted)

    def place(self, path: ArtifactPath, wanted: Content, *, ignore: Ignore | None = None) -> None:
        """Puts one artifact from the cache into the workspace, so that the observer knows it.

        In a directory, files that ``ignore`` names are left alone.
        """
        trusted = self._observer.is_trusted_object
        verified = checkout.restore(self._cache, path, wanted, trusted=trusted, ignore=ignore)
        if verified and self._commit:
            self._state.put({f"object:{name}": cast("Json", list(sign)) for name, sign in verified})
        self._observer.learn(path, _placed_row(self._layout.absolute(path), wanted))

    def wanted_outs(self, seen: Observation) -> Mapping[ArtifactPath, Content]:
        """Returns all outs that a restored stage has."""
        facts = seen.facts
        if facts.run_cache is not None and not isinstance(facts.run_cache, Missing):
            return facts.run_cache.outs
        if isinstance(facts.lock, Lock):
            return facts.lock.outs
        raise Bug(f"stage '{facts.stage.name}' has no outs to restore")

    def skipped(self, subject: Subject, seen: Observation) -> None:
        """Remembers a stage that the lock file proved up to date, so that generations suffice next time."""
        facts = seen.facts
        if facts.deps is not None and isinstance(facts.lock, Lock):
            self._put_state(subject, facts.lock.outs, {})

    def finish(self) -> None:
        """Writes what was hashed and not recorded, settles young files, and waits for the power-loss barrier."""
        for _ in range(_TICKS):
            # The file system's clock ticks every few milliseconds; one tick on, no later edit can look the same.
            wait_s = self._observer.settle_young()
            if not 0 < wait_s < _TICK_S:
                break
            time.sleep(wait_s)
        if self._commit:
            if (distant := self._observer.distant) is not None:
                heard = {
                    key: content.outs_to_json(each.outs) for key, each in distant.found.items()
                }
                self._state.put(heard)
            rows = self._observer.changed_rows()
            if (
                rows
            ):  # a look that found nothing new leaves the state's file, and so a proof, as it is
                self._state.put(self._row_items(rows))
                self._observer.written(rows)
            atomic.barrier(self._layout.state_dir)
            self._state.barrier()

    def ignore_outs(self, stages: Sequence[Stage]) -> None:
        """Keeps the cached outs out of git by a marked block in the ``.gitignore`` beside each."""
        paths = [
            out.path
            for stage in stages
            for out in stage.outs
            if out.is_cached and out.kind is not OutKind.METRIC
        ]
        gitignore.ignore_outs(self._layout.root, paths)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _inputs_hold(self, seen: Observation, deps: Mapping[ArtifactPath, Found]) -> bool:
        """Tells whether every dep still has the content that the decision was made for."""
        for path, found in deps.items():
            if self._observer.is_proven(path) and not self._has_links:
                row = seen.rows.get(path)
                if row is not None and row.found == found:
                    continue
            now = self._observer.row(path)
            if (None if now is None else now.found.hash) != found_hash(found):
                return False
        return True

    @property
    def _has_links(self) -> bool:
        """Whether a stage could write into the cache through its input, so that inputs are hashed again."""
        return any(link in ("hardlink", "symlink") for link in self._cache.links)

    def _publish(
        self,
        subject: Subject,
        deps: Mapping[ArtifactPath, Found],
        outs: Mapping[ArtifactPath, Content],
        extra: Mapping[str, Json],
        *,
        is_restored: bool = False,
    ) -> None:
        if not self._commit:
            return
        stage = subject.stage
        lock = Lock(
            stage=stage.name,
            fingerprint=subject.analysis.fingerprint,
            params=stage.params,
            reads=stage.reads,
            writes=stage.writes,
            deps={path: found for path, found in deps.items() if not isinstance(found, Missing)},
            outs=outs,
        )
        lockfile.write(self._layout, lock)
        signed = self._signer.sign(stage.name, outs, time.time(), is_restored=is_restored)
        self._put_state(subject, outs, {**extra, **signed})

    def _put_state(
        self, subject: Subject, outs: Mapping[ArtifactPath, Content], extra: Mapping[str, Json]
    ) -> None:
        if not self._commit:
            return
        rows = self._observer.changed_rows()
        items = {**extra, **self._row_items(rows)}
        counts = dict[str, Json]()
        for path in (*subject.stage.dep_paths, *outs):
            known = items.get(f"gen:{path}") or self._state.get(f"gen:{path}")
            counts[path] = known[0] if isinstance(known, list) else None
        items[f"dep:{subject.stage.name}"] = {
            "definition": definition_digest(subject.stage, subject.analysis.fingerprint.digest),
            "lock": cast("Json", self._observer.lock_sign(subject.stage.name)),
            "generations": counts,
        }
        self._state.put(items)
        self._observer.written(rows)

    def _row_items(self, rows: Mapping[ArtifactPath, Row]) -> dict[str, Json]:
        """Returns the records of looks at artifacts; a generation grows where the content is another one."""
        items = dict[str, Json]()
        for path, row in rows.items():
            items[f"hash:{path}"] = row_to_json(row)
            digest = row.found.hash
            known = self._state.get(f"gen:{path}")
            count, last = (0, "") if not isinstance(known, list) else _generation(known)
            if digest != last:
                items[f"gen:{path}"] = [count + 1, digest]
        return items

    def _durations(self, stage: StageName, duration_s: float) -> Json:
        known = self._state.get(f"dur:{stage}")
        past = known if isinstance(known, list) else []
        return [*past[1 - DURATIONS_KEPT :], round(duration_s, 3)]


def expected_s(state: State, stage: StageName) -> float | None:
    """Returns the median of a stage's past durations; ``None`` when it never ran here."""
    past = state.get(f"dur:{stage}")
    if not isinstance(past, list):
        return None
    known = sorted(float(each) for each in past if isinstance(each, int | float))
    return known[len(known) // 2] if known else None


def _generation(record: list[Json]) -> tuple[int, str]:
    count, digest = record
    return cast("int", count), cast("str", digest)


def made_from_report(
    outs: Mapping[str, ContentJson], signs: Mapping[str, Mapping[str, Sequence[int]]]
) -> dict[ArtifactPath, Made]:
    """Returns a worker's outs as values; raises ``ValueError`` when the report is not whole."""
    return {
        ArtifactPath(path): Made(
            content.from_json(each),
            {rel: Signature(*sign) for rel, sign in signs[path].items()},
        )
        for path, each in outs.items()
    }


def _placed_row(full: str, wanted: Content) -> Row:
    """Returns the row of an artifact that was just restored."""
    files = [("", wanted)] if isinstance(wanted, FileContent) else wanted.files
    members = dict[str, FileRow]()
    for rel, file in files:
        sign = hashing.signature(f"{full}/{rel}" if rel else full)
        if sign is None:
            raise StoreError(f"'{full}' vanished while it was restored", full, "run again")
        members[rel] = FileRow(sign, file, is_settled=False)
    return Row(members, is_tree=isinstance(wanted, TreeContent))
