"""Owns the record of a stage's last result, as its lock file holds it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pivot_core.model.artifact import Content
from pivot_core.model.fingerprint import Fingerprint
from pivot_core.model.ids import ArtifactPath, Json, StageName


@dataclass(frozen=True, slots=True)
class Lock:
    """What went in and what came out when the stage last ran; nothing in it depends on the machine."""

    stage: StageName
    fingerprint: Fingerprint
    params: Mapping[str, Json]
    reads: Mapping[str, Json]
    """`Stage.reads` of then: the same paths may be given to other parameters, or in another order."""
    writes: Mapping[str, Json]
    """`Stage.writes` of then."""
    deps: Mapping[ArtifactPath, Content]
    outs: Mapping[ArtifactPath, Content]


@dataclass(frozen=True, slots=True)
class NoLock:
    """There is no lock file, or none that can be believed."""

    why: str
    """``never run here``, or what is wrong with the file."""


@dataclass(frozen=True, slots=True)
class RunCacheEntry:
    """The outs that one combination of code, params and inputs gave, on any branch."""

    outs: Mapping[ArtifactPath, Content]
