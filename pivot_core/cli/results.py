"""Owns what the commands without a run find or do: findings of ``verify``, changes of ``commit`` and ``checkout``,
settings of ``config``; ``compose`` makes them, the verbs show them."""

from dataclasses import dataclass
from enum import Enum

from pivot_core.model.ids import ArtifactPath, Json, StageName


class FindingKind(Enum):
    """What ``verify`` can find."""

    WOULD_RUN = "would_run"
    LOST = "lost"
    """An output that is neither in the workspace nor in the cache."""
    DAMAGED = "damaged"
    """An object of the cache whose bytes are not what its name says."""
    BROKEN = "broken"
    """A stage that could not run."""
    NOT_CHECKED_OUT = "not_checked_out"
    """An output that the cache holds and the workspace does not; it fails nothing."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that ``verify`` found."""

    kind: FindingKind
    message: str
    """What was found, without the stage's name."""
    stage: StageName | None = None
    path: str = ""
    """Project-relative, or absolute for an object of the cache; empty where no file is concerned."""

    @property
    def fails(self) -> bool:
        """Whether it makes ``verify`` exit 1."""
        return self.kind is not FindingKind.NOT_CHECKED_OUT


class Action(Enum):
    """What became of an output or a lock file."""

    RECORDED = "recorded"
    RESTORED = "restored"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    """It was not done; ``problem`` says why."""


@dataclass(frozen=True, slots=True)
class Change:
    """What ``commit`` or ``checkout`` did with one output."""

    stage: StageName
    path: ArtifactPath | None
    """``None`` where the whole stage is meant."""
    action: Action
    problem: str = ""


class Scope(Enum):
    """Where a setting comes from; a later one wins over an earlier one."""

    DEFAULT = "default"
    USER = "user"
    PROJECT = "project"
    LOCAL = "local"
    """This machine's, in the project and kept out of git."""
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it takes effect."""

    key: str
    value: Json
    scope: Scope
