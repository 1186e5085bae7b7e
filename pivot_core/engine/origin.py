"""Owns the origin of an output: which stage wrote what lies there, in which run, when, with which packages installed.

Each result leaves one record for each of its outs, and one for each set of packages that results were made with. They
are information and take no part in any decision.
"""

import os
import re
import sysconfig
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import cast

from pivot_core.model.artifact import Content
from pivot_core.model.ids import ArtifactPath, ContentHash, Json, RunId, StageName
from pivot_core.port.values import Origin, Package
from pivot_core.store import hashing
from pivot_core.store.state import State

_SETS_KEPT = 20
_METADATA = re.compile(r"(.+?)-([^-]+)\.dist-info")


class Signer:
    """Makes the records of one run's results."""

    def __init__(self, state: State, run_id: RunId | None) -> None:
        """``run_id`` is ``None`` for what a person records without a run."""
        self._state = state
        self._run_id = run_id
        self._packages: str | None = None

    def sign(
        self,
        stage: StageName,
        outs: Mapping[ArtifactPath, Content],
        at: float,
        *,
        is_restored: bool,
    ) -> dict[str, Json]:
        """Returns the records of a stage's outs; ``at`` is in epoch seconds."""
        records = dict[str, Json]()
        if self._packages is None:
            self._packages = self._keep_packages(at, records)
        for path, found in outs.items():
            records[f"wrote:{path}"] = [
                found.hash, stage, self._run_id, round(at, 3), is_restored, self._packages,
            ]  # fmt: skip
        return records

    def _keep_packages(self, at: float, records: dict[str, Json]) -> str:
        """Returns the name of the set of installed packages; puts it among ``records`` when it is a new one."""
        now = installed()
        digest = hashing.hash_bytes("\n".join(sorted(map(str, now.items()))).encode())[:16]
        if self._state.get(f"packages:{digest}") is None:
            known = list(self._state.scan("packages:"))
            known.sort(key=lambda item: cast("list[float]", item[1])[0], reverse=True)
            records.update((key, None) for key, _ in known[_SETS_KEPT - 1 :])
            records[f"packages:{digest}"] = [round(at, 3), cast("Json", cast("object", now))]
        return digest


def find(state: State, path: ArtifactPath) -> tuple[ContentHash, Origin] | None:
    """Returns the hash that an out had when it was recorded last, and its origin; ``None`` when that is not known."""
    record = state.get(f"wrote:{path}")
    if not isinstance(record, list) or len(record) != 6:
        return None
    digest, stage, run_id, at, is_restored, _ = cast(
        "tuple[ContentHash, StageName, RunId | None, float, bool, str]", cast("object", record)
    )
    return digest, Origin(stage, run_id, at, is_restored)


class Installed:
    """The installed packages; looks once."""

    def versions(self, modules: Iterable[str]) -> dict[str, str]:
        """Returns the packages that give some modules, sorted, each with its version."""
        roots = {module.partition(".")[0] for module in modules}
        names = {name for root in roots for name in self._given.get(root, ())}
        return {
            name: self._now[key]
            for name in sorted(names, key=str.lower)
            if (key := _plain(name)) in self._now
        }

    @cached_property
    def _now(self) -> Mapping[str, str]:
        return installed()

    @cached_property
    def _given(self) -> Mapping[str, list[str]]:
        import importlib.metadata  # 20 ms that few commands need

        return importlib.metadata.packages_distributions()


class Packages:
    """Knows the packages that results were made with, and those that are installed now."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._installed = Installed()
        self._sets: dict[str, Mapping[str, str]] = {}

    def of(self, outs: Iterable[ArtifactPath], modules: Iterable[str]) -> tuple[Package, ...]:
        """Returns the packages that give ``modules``, each with the version that ``outs`` were made with."""
        now = self._installed.versions(modules)
        before = self._before(outs) if now else dict[str, str]()
        return tuple(
            Package(name, version, before.get(_plain(name))) for name, version in now.items()
        )

    def _before(self, outs: Iterable[ArtifactPath]) -> Mapping[str, str]:
        for path in outs:
            record = self._state.get(f"wrote:{path}")
            if isinstance(record, list):
                name = str(record[5])
                if name not in self._sets:
                    kept = self._state.get(f"packages:{name}")
                    known = kept[1] if isinstance(kept, list) else None
                    self._sets[name] = cast("dict[str, str] | None", known) or dict[str, str]()
                return self._sets[name]
        return {}


def installed() -> dict[str, str]:
    """Returns the version of each package installed for this interpreter, to judge by the names of their metadata."""
    found = dict[str, str]()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        try:
            names = os.listdir(place)
        except OSError:
            continue
        for name in names:
            if match := _METADATA.fullmatch(name):
                found[_plain(match[1])] = match[2]
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
