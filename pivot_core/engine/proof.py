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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from pivot_core import quick
from pivot_core.define import discover
from pivot_core.define.observe import module_names_hash, names_hash
from pivot_core.define.reading import ALL_VARIABLES, UNCOUNTED
from pivot_core.engine import loading
from pivot_core.engine.grounds import Grounds, environment_holds, machine
from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Plan
from pivot_core.errors import PivotError
from pivot_core.frozen import frozen
from pivot_core.model.ids import ArtifactPath, Json, StageName
from pivot_core.model.stage import Stage
from pivot_core.store import atomic, hashing, tracked
from pivot_core.store import config as settings
from pivot_core.store.config import Config
from pivot_core.store.hashing import Signature
from pivot_core.store.ignore import FILE_NAME, Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.state import State

if TYPE_CHECKING:
    from pivot_core.quick import Listed, Proof

_VARIABLES = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR")
"""They tell where settings and the engine's socket lie."""
_TRIES = 25
_TRY_S = 0.002

type _Members = Mapping[str, list[Json]]
"""A tree's files as the state records them, by path inside it."""


class _Unproven(Exception):
    """Something is not certain; the text says what."""


@frozen
class Prover:
    """Makes the proofs of one command."""

    layout: Layout
    config: Config
    """What the command has read from the settings."""
    state: State
    observer: Observer
    """The one that has looked at the stages."""

    def keep(self, plan: Plan, grounds: Grounds, names: Collection[StageName]) -> None:
        """Writes a proof for stages that were found up to date with all they need; the state holds what was seen.

        Where something is not certain, or no file can be written, there is none: that costs time and nothing else.
        """
        with contextlib.suppress(_Unproven, PivotError, OSError, OverflowError):
            data = quick.pack(self._prove(plan, grounds, names))
            atomic.write_file(f"{self.layout.root}/{quick.PLACE}", data, mode=0o600)

    def _prove(self, plan: Plan, grounds: Grounds, proven: Collection[StageName]) -> "Proof":
        root = self.layout.root
        data, trees = self._recorded([plan.graph.stages[name] for name in proven])
        search = loading.search(root)
        looked, inside = self._look(grounds, search), _Looked()
        for path in trees:
            inside.tree(self.layout.absolute(path), self.observer.rules(path))
        self._settle([*looked.signs, *inside.signs])
        self._check_plan(grounds, looked)
        for path, members in trees.items():
            found = hashing.walk(self.layout.absolute(path), self.observer.rules(path))
            _require({name for name, _ in found} == set(members), path)
        names = list(plan.graph.stages)
        places = {name: place for place, name in enumerate(names)}
        _require(not any(name.startswith("-") for name in grounds.environment), "a variable's name")
        uncounted = (
            (f"-{name}" for name in UNCOUNTED) if ALL_VARIABLES in grounds.environment else ()
        )
        variables = sorted({*grounds.environment, *_VARIABLES, *uncounted})
        state_file = f"{self.layout.state_path}/data.mdb"
        data.update({**inside.files, **inside.directories, state_file: _sign(state_file)})
        absent, below = looked.absences({*grounds.absent, *looked.absent, *inside.absent})
        return {
            "identity": quick.identity(root),
            "variables": variables,
            "environment": quick.environment_hash(variables, os.environ),
            "absent": absent,
            "directories": sorted({*grounds.directories, *looked.solid, *inside.solid}),
            "listed": [
                _listed(grounds, looked.places, *each, below) for each in looked.directories.items()
            ],
            "sought": [*grounds.sought],
            "plan": quick.signed(looked.files),
            "pending": self.layout.pending_path,
            "data": quick.signed(data),
            "stages": [*names],
            "proven": sorted(places[name] for name in proven),
            "upstream": [[places[each] for each in plan.graph.upstream[name]] for name in names],
            "outs": [[*plan.graph.stages[name].out_paths] for name in names],
            "pipelines": {
                home: [places[name] for name in plan.graph.pipeline(home)]
                for home in sorted({discover.home(each) for each in grounds.definitions})
            },
        }

    def _look(self, grounds: Grounds, search: discover.Search) -> "_Looked":
        """Looks at what the plan rests on."""
        root, looked = self.layout.root, _Looked()
        own = [*(settings.path_of(root, scope) for scope in settings.Scope), f"{root}/{FILE_NAME}"]
        named = {**grounds.listed, **grounds.searched}
        unlisted = (path for path in named if not named[path])
        for path in dict.fromkeys((*grounds.files, *own, *search.files, *unlisted)):
            looked.file(path)
        listed = (path for path in named if named[path])
        for path in dict.fromkeys((*listed, *_site_directories())):
            looked.directory(path)
        for path in search.directories:
            looked.place(path)
        return looked

    def _recorded(
        self, wanted: Sequence[Stage]
    ) -> tuple[dict[str, Signature], dict[ArtifactPath, _Members]]:
        """Returns the signatures of lock files, deps and outs under which every stage passes tier 1, and the trees."""
        stages = {stage.name: stage for stage in wanted}
        needed = {
            name: dict.fromkeys((*stage.dep_paths, *stage.out_paths))
            for name, stage in stages.items()
        }
        paths = list(dict.fromkeys(path for each in needed.values() for path in each))
        data = tracked.find(self.layout.root, self.observer.ignore)
        paths += [each.path for each in data if each.path not in set(paths)]
        counted = self.state.get_many(f"gen:{path}" for path in paths)
        counts = {
            path: count[0]
            for path, count in zip(paths, counted, strict=True)
            if isinstance(count, list)
        }
        signs = dict[str, Signature]()
        for each in data:
            row = self.observer.row(each.path)
            _require(row is not None and row.found == each.content, each.path)
            record = f"{self.layout.root}/{tracked.record_path(each.path)}"
            signs[record] = _sign(record)
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
            _require(row is not None, path)
            if isinstance(row, dict):
                trees[path] = cast("_Members", row)
                signs.update({f"{full}/{inside}": _proven(each) for inside, each in row.items()})
            else:
                signs[full] = _proven(row)
        return signs, trees

    def _settle(self, signs: Iterable[Signature]) -> None:
        """Waits until the clock has moved past all of these, when that is but a tick."""
        late = list(signs)
        for _ in range(_TRIES):
            devices = {sign.device for sign in late}
            clocks = {device: self.observer.clock_ns(device) for device in devices}
            late = [s for s in late if not hashing.is_settled(s, clocks[s.device])]
            if not late:
                return
            time.sleep(_TRY_S)
        raise _Unproven("a young file")

    def _check_plan(self, grounds: Grounds, looked: "_Looked") -> None:
        """Compares what the signatures stand for with what the plan was made from."""
        _require(settings.load(self.layout.root) == self.config, "settings")
        _require(Ignore.load(self.layout.root) == self.observer.ignore, FILE_NAME)
        _require(machine() == grounds.machine, "machine")
        _require(environment_holds(grounds.environment), "environment")
        _require(not any(map(os.path.exists, grounds.absent)), "absent")
        _require(loading.search(self.layout.root).definitions == grounds.definitions, "definitions")
        for path, known in looked.places.items():
            _require(quick.places_hash(path) == known, path)
        for path, known in grounds.listed.items():
            _require(names_hash(path) == known, path)
        sought = frozenset(grounds.sought)
        for path, known in grounds.searched.items():
            _require(module_names_hash(path, sought) == known, path)
        for path, (*sign, digest, is_settled) in grounds.files.items():
            is_known = is_settled and looked.files.get(path) == tuple(sign)
            _require(is_known or hashing.hash_file(path).hash == digest, path)


@dataclass(slots=True)
class _Looked:
    """What was looked at for one proof."""

    files: dict[str, Signature] = field(default_factory=dict[str, Signature])
    directories: dict[str, Signature] = field(default_factory=dict[str, Signature])
    """Directories for the names in them."""
    solid: list[str] = field(default_factory=list[str])
    """What must remain a directory, whatever is in it."""
    absent: list[str] = field(default_factory=list[str])
    places: dict[str, str] = field(default_factory=dict[str, str])
    """Directories that were searched for definitions, with the hashes of the names that count for that."""

    @property
    def signs(self) -> Iterable[Signature]:
        """All signatures that were taken."""
        return (*self.files.values(), *self.directories.values())

    def file(self, path: str) -> None:
        """Looks at a file, which may be absent."""
        sign = hashing.signature(path)
        if sign is None:
            self.absent.append(path)
        else:
            self.files[path] = sign

    def directory(self, path: str) -> None:
        """Looks at a directory for the names in it, and for which of them are directories."""
        self.directories[path] = _sign(path)
        with os.scandir(path) as entries:
            links = [entry.path for entry in entries if entry.is_symlink()]
        for link in links:
            # What a link leads to may come, go or change its kind, and the directory stays as it is.
            if os.path.isdir(link):
                self.solid.append(link)
            else:
                self.file(link)

    def place(self, path: str) -> None:
        """Looks at a directory for the definitions and the directories in it."""
        if path not in self.directories:
            self.directories[path] = _sign(path)
        self.places[path] = quick.places_hash(path)

    def tree(self, top: str, rules: Ignore | None) -> None:
        """Looks at a directory and all below it."""
        for path in hashing.directories(top, rules):
            self.directory(path)

    def absences(self, paths: Iterable[str]) -> tuple[list[str], dict[str, list[str]]]:
        """Returns those of ``paths`` to look for, and by directory those whose absence its signature proves."""
        there = dict[str, bool]()
        alone, below = list[str](), dict[str, list[str]]()
        for path in sorted(paths):
            entry = path.rstrip("/")
            above = os.path.dirname(entry)
            while not there.setdefault(above, os.path.isdir(above)):
                entry, above = above, os.path.dirname(above)
            is_proven = above in self.directories and not os.path.lexists(entry)
            (below.setdefault(above, []) if is_proven else alone).append(path)
        return alone, below


def _listed(
    grounds: Grounds,
    places: Mapping[str, str],
    path: str,
    sign: Signature,
    absent: Mapping[str, list[str]],
) -> "Listed":
    names = dict[str, str]()
    if path in grounds.listed:
        names["all"] = grounds.listed[path]
    if path in grounds.searched:
        names["modules"] = grounds.searched[path]
    if path in places:
        names["places"] = places[path]
    return {
        "path": path,
        "signature": quick.signed({path: sign})[1],
        "names": names,
        "absent": absent.get(path, []),
    }


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
