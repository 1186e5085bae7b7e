"""Owns the record of a stage's last result, as its lock file holds it."""

from collections.abc import Mapping

from pivot_core.frozen import frozen
from pivot_core.model.artifact import Content
from pivot_core.model.fingerprint import Fingerprint
from pivot_core.model.ids import ArtifactPath, Json, StageName


@frozen
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


@frozen
class NoLock:
    """There is no lock file, or none that can be believed."""

    why: str
    """``no result yet``, or what is wrong with the file."""


@frozen
class RunCacheEntry:
    """The outs that one combination of code, params and inputs gave, on any branch."""

    outs: Mapping[ArtifactPath, Content]
