"""Owns the making of proofs: once everything was found up to date, what must stay as it is for that to remain so.

A proof is tier 1 of every stage, judged by the signatures in the state instead of those on the disk; ``quick`` compares
the two later. A signature goes in only when an equal one will prove equal content, or for a directory equal names: it
was taken, then the file system's clock was seen to move past it, then what it stands for was compared. Where anything
is not certain there is no proof, and the next command takes the full path.
"""

import contextlib
import os
import sysconfig
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pivot_core import quick
from pivot_core.define.observe import module_names_hash, names_hash
from pivot_core.engine.grounds import Grounds, environment_holds, machine
from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Plan
from pivot_core.errors import PivotError
from pivot_core.model.ids import ArtifactPath, Json
from pivot_core.store import atomic, hashing
from pivot_core.store import config as settings
from pivot_core.store.config import Config
from pivot_core.store.hashing import Signature
from pivot_core.store.ignore import FILE_NAME, Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import State

if TYPE_CHECKING:
    from pivot_core.quick import Proof

_VARIABLES = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
"""They tell where settings and the engine's socket lie."""
_WAIT_S = 0.05
_TRY_S = 0.002

type _Members = Mapping[str, list[Json]]
"""A tree's files as the state records them, by path inside it."""


class _Unproven(Exception):
    """Something is not certain; the text says what."""


@dataclass(frozen=True, slots=True)
class Prover:
    """Makes the proofs of one command."""

    layout: Layout
    config: Config
    """What the command has read from the settings."""
    state: State
    observer: Observer
    """The one that has looked at every stage."""

    def keep(self, plan: Plan, grounds: Grounds) -> None:
        """Writes a proof; to be called when every stage was found up to date, and the state holds what was seen.

        Where something is not certain, or no file can be written, there is none: that costs time and nothing else.
        """
        with contextlib.suppress(_Unproven, PivotError, OSError, OverflowError):
            data = quick.pack(self._prove(plan, grounds))
            atomic.write_file(f"{self.layout.root}/{quick.PLACE}", data, mode=0o600)

    def _prove(self, plan: Plan, grounds: Grounds) -> "Proof":
        root = self.layout.root
        data, trees = self._recorded(plan)
        looked = _Looked()
        own = [*(settings.path_of(root, scope) for scope in settings.Scope), f"{root}/{FILE_NAME}"]
        for path in (*grounds.files, *own):
            looked.file(path)
        for path in (*grounds.listed, *grounds.searched, *_site_directories()):
            looked.directory(path)
        for path in trees:
            looked.tree(self.layout.absolute(path), self.observer.rules(path))
        self._settle(looked.signs.values())
        self._check_plan(grounds, looked.signs)
        for path, members in trees.items():
            found = hashing.walk(self.layout.absolute(path), self.observer.rules(path))
            _require({inside for inside, _ in found} == set(members), path)
        names = list(plan.graph.stages)
        places = {name: place for place, name in enumerate(names)}
        variables = sorted({*grounds.environment, *_VARIABLES})
        state_file = f"{self.layout.state_path}/data.mdb"
        return {
            "identity": quick.identity(root),
            "variables": variables,
            "environment": quick.environment_hash(variables, os.environ),
            "absent": looked.still_absent(grounds.absent),
            "directories": sorted({*grounds.directories, *looked.directories}),
            "plan": quick.signed(looked.signs),
            "live": [self.layout.socket_path, self.layout.pending_path],
            "data": quick.signed({**data, state_file: _sign(state_file)}),
            "stages": [*names],
            "upstream": [[places[each] for each in plan.graph.upstream[name]] for name in names],
            "outs": [[*plan.graph.stages[name].out_paths] for name in names],
        }

    def _recorded(self, plan: Plan) -> tuple[dict[str, Signature], dict[ArtifactPath, _Members]]:
        """Returns the signatures of lock files, deps and outs under which every stage passes tier 1, and the trees."""
        stages = plan.graph.stages
        needed = {
            name: dict.fromkeys((*stage.dep_paths, *stage.out_paths))
            for name, stage in stages.items()
        }
        paths = list(dict.fromkeys(path for each in needed.values() for path in each))
        counted = self.state.get_many(f"gen:{path}" for path in paths)
        counts = {
            path: count[0]
            for path, count in zip(paths, counted, strict=True)
            if isinstance(count, list)
        }
        signs = dict[str, Signature]()
        last = self.state.get_many(f"dep:{name}" for name in stages)
        for name, record in zip(stages, last, strict=True):
            _require(needed[name].keys() <= counts.keys(), name)
            known = {path: counts[path] for path in needed[name]}
            if not isinstance(record, dict) or record["generations"] != known:
                raise _Unproven(name)
            signs[self.layout.lock_path(name)] = _signature(record["lock"])
        trees = dict[ArtifactPath, _Members]()
        rows = self.state.get_many(f"hash:{path}" for path in paths)
        for path, row in zip(paths, rows, strict=True):
            full = self.layout.absolute(path)
            if isinstance(row, dict):
                trees[path] = cast("_Members", row)
                signs.update({f"{full}/{inside}": _proven(each) for inside, each in row.items()})
            else:
                signs[full] = _proven(row)
        return signs, trees

    def _settle(self, signs: Iterable[Signature]) -> None:
        """Waits until the clock has moved past all of these, when that is but a tick."""
        late = list(signs)
        deadline = time.monotonic() + _WAIT_S
        while True:
            devices = {sign.device for sign in late}
            clocks = {device: self.observer.clock_ns(device) for device in devices}
            late = [s for s in late if not hashing.is_settled(s, clocks[s.device])]
            if not late:
                return
            _require(time.monotonic() < deadline, "a young file")
            time.sleep(_TRY_S)

    def _check_plan(self, grounds: Grounds, signs: Mapping[str, Signature]) -> None:
        """Compares what the signatures stand for with what the plan was made from."""
        _require(settings.load(self.layout.root) == self.config, "settings")
        _require(Ignore.load(self.layout.root) == self.observer.ignore, FILE_NAME)
        _require(machine() == grounds.machine, "machine")
        _require(environment_holds(grounds.environment), "environment")
        _require(not any(map(os.path.exists, grounds.absent)), "absent")
        for path, known in grounds.listed.items():
            _require(names_hash(path) == known, path)
        for path, known in grounds.searched.items():
            _require(module_names_hash(path) == known, path)
        for path, (*sign, digest, is_settled) in grounds.files.items():
            is_known = is_settled and signs.get(path) == tuple(sign)
            _require(is_known or hashing.hash_file(path).hash == digest, path)


@dataclass(slots=True)
class _Looked:
    """What was looked at for one proof."""

    signs: dict[str, Signature] = field(default_factory=dict[str, Signature])
    absent: list[str] = field(default_factory=list[str])
    directories: list[str] = field(default_factory=list[str])
    """What must remain a directory, whatever is in it."""
    _listed: set[str] = field(default_factory=set[str])
    """Directories whose names are proven by their signature."""

    def file(self, path: str) -> None:
        """Looks at a file, which may be absent."""
        sign = hashing.signature(path)
        if sign is None:
            self.absent.append(path)
        else:
            self.signs[path] = sign

    def directory(self, path: str) -> None:
        """Looks at a directory for the names in it, and for which of them are directories."""
        self.signs[path] = _sign(path)
        self._listed.add(path)
        with os.scandir(path) as entries:
            links = [entry for entry in entries if entry.is_symlink()]
        for link in links:
            # What a link leads to may come, go or change its kind, and the directory stays as it is.
            if os.path.isdir(link.path):
                self.directories.append(link.path)
            else:
                self.file(link.path)

    def tree(self, top: str, rules: Ignore | None) -> None:
        """Looks at a directory and all below it."""
        for path in hashing.directories(top, rules):
            self.directory(path)

    def still_absent(self, paths: Iterable[str]) -> list[str]:
        """Returns those of ``paths``, and of what was found absent, whose absence no directory's signature proves."""
        there = dict[str, bool]()
        found = list[str]()
        for path in sorted({*paths, *self.absent}):
            entry = path.rstrip("/")
            above = os.path.dirname(entry)
            while not there.setdefault(above, os.path.isdir(above)):
                entry, above = above, os.path.dirname(above)
            if above not in self._listed or os.path.lexists(entry):
                found.append(path)
        return found


def _site_directories() -> set[str]:
    """Returns where the packages lie that ``plan.machine`` lists."""
    return {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}


def _sign(path: str) -> Signature:
    sign = hashing.signature(path)
    if sign is None:
        raise _Unproven(path)
    return sign


def _signature(record: Json) -> Signature:
    if not isinstance(record, list):
        raise _Unproven("no signature")
    return Signature(*cast("list[int]", record))


def _proven(row: Json) -> Signature:
    """Returns the signature in a row of a file; raises ``_Unproven`` when an equal one proves nothing."""
    if not isinstance(row, list) or not row[-1]:
        raise _Unproven("a young file")
    return _signature(row[: quick.NUMBERS])


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise _Unproven(what)
