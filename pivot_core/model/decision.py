"""Owns verdicts and their reasons, and the statuses that every front end shows; words for people stand beside them."""

from enum import Enum
from typing import assert_never

from pivot_core.frozen import frozen
from pivot_core.model.artifact import Content
from pivot_core.model.fingerprint import ReadingKind, reading_of
from pivot_core.model.ids import ArtifactPath, ContentHash, Json, StageName
from pivot_core.model.stage import SourceLocation


class Status(Enum):
    """Where a stage stands; one vocabulary for engine, journal, console and dashboard."""

    WAIT = "wait"
    """Part of the run; its upstreams have not ended."""
    QUEUED = "queued"
    """Must run; no worker is free, or a mutex is taken."""
    RUNNING = "running"
    RAN = "ran"
    SAME = "same"
    """Up to date, nothing done."""
    RESTORED = "restored"
    """Outs came from the cache."""
    FAILED = "failed"
    BLOCKED = "blocked"
    """An upstream failed or was cancelled."""
    CANCELLED = "cancelled"
    STALE = "stale"
    """Would run or be restored now; not part of a run."""
    UNKNOWN = "unknown"
    """Depends on a stage that would run first."""


# --- reasons: why a stage is not simply up to date -------------------------------------------------------------------


@frozen
class Forced:
    """The request said so."""


@frozen
class NeverRan:
    """There is no usable lock file."""

    why: str


class Edit(Enum):
    """What became of one symbol of the code."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@frozen
class CodeChanged:
    """A symbol that the stage's function reaches differs."""

    symbol: str
    edit: Edit
    where: SourceLocation | None
    """Where the symbol is defined now; ``None`` when it was removed."""
    old: ContentHash | None
    new: ContentHash | None
    route: tuple[str, ...] = ()
    """The symbols from the stage's function to this one, each used by the one before it; empty when it was removed."""


@frozen
class ParamChanged:
    """An effective value differs; a value that was or is not there reads as ``None`` with its flag unset."""

    name: str
    old: Json
    new: Json
    had: bool
    has: bool


@frozen
class DepChanged:
    """An input's content differs, or the set of inputs does (``old`` or ``new`` is then ``None``)."""

    path: ArtifactPath
    old: ContentHash | None
    new: ContentHash | None
    producer: StageName | None
    """The stage that writes it; ``None`` for a file that no stage makes."""


@frozen
class OutsChanged:
    """The set of outs that the definition declares differs from the recorded one."""

    added: tuple[ArtifactPath, ...]
    removed: tuple[ArtifactPath, ...]


@frozen
class PathsChanged:
    """Among the same paths, a parameter reads others, or in another order, or a field is written elsewhere."""

    name: str
    """The parameter, or the field of the result."""
    old: Json
    """One path, or a list of them; ``None`` where the name is new."""
    new: Json


@frozen
class OutMissing:
    """A recorded out is not in the workspace."""

    path: ArtifactPath


@frozen
class OutAltered:
    """A recorded out holds something else."""

    path: ArtifactPath
    old: ContentHash
    new: ContentHash


@frozen
class NotInCache:
    """The recorded out cannot be restored: the cache does not hold it, or does not keep it."""

    path: ArtifactPath


@frozen
class UpstreamRuns:
    """Cannot be known before an upstream has ended."""

    stages: tuple[StageName, ...]


type Reason = (
    Forced | NeverRan | CodeChanged | ParamChanged | DepChanged | OutsChanged | PathsChanged | OutMissing | OutAltered
    | NotInCache | UpstreamRuns
)  # fmt: skip


# --- verdicts --------------------------------------------------------------------------------------------------------


@frozen
class Skip:
    """Nothing to do; ``tier`` is the skip tier (1 to 3, see ``plan.decide``) that was certain."""

    tier: int


@frozen
class Restore:
    """The outs that these inputs give are known and cached: put them in place instead of running."""

    tier: int
    outs: tuple[tuple[ArtifactPath, Content], ...]
    """What to put in place; outs that already hold it are left out."""
    reasons: tuple[Reason, ...]


@frozen
class Execute:
    """The stage must run."""

    reasons: tuple[Reason, ...]


@frozen
class NoInput:
    """The stage cannot run: these deps are not there, and no stage that could still run makes them."""

    paths: tuple[ArtifactPath, ...]


type Decision = Skip | Restore | Execute | NoInput


def headline(reason: Reason) -> str:
    """Says one reason in a few words, for a row or a list."""
    match reason:
        case Forced():
            return "forced"
        case NeverRan(why):
            return why
        case CodeChanged(symbol=symbol, edit=edit):
            read = reading_of(symbol)
            if read is not None and read[0] is ReadingKind.COMMAND:
                return f"command {edit.value}"
            if read is not None and read[0] in (ReadingKind.PACKAGE, ReadingKind.SCRIPT):
                return f"{read[0].label} {edit.value}: {read[1]}"
            if read is not None:
                return f"read on import, {edit.value}: {read[0].label} {read[1]}"
            return f"code {edit.value}: {symbol.replace(':', '.')}"
        case ParamChanged(name=name, old=old, new=new, had=had, has=has):
            if not had:
                return f"param added: {name} = {new!r}"
            return f"param {name}: {old!r} → {new!r}" if has else f"param removed: {name}"
        case DepChanged(path=path, old=None):
            return f"input added: {path}"
        case DepChanged(path=path, new=None):
            return f"input removed: {path}"
        case DepChanged(path=path):
            return f"input changed: {path}"
        case OutsChanged(added, removed):
            return "outputs changed: " + ", ".join(
                [*(f"+{path}" for path in added), *(f"-{path}" for path in removed)]
            )
        case PathsChanged(name, old, new):
            return f"paths of '{name}': {_paths(old)} → {_paths(new)}"
        case OutMissing(path):
            return f"output missing: {path}"
        case OutAltered(path=path):
            return f"output altered: {path}"
        case NotInCache(path):
            return f"not in the cache: {path}"
        case UpstreamRuns(stages):
            return "waits for " + ", ".join(stages)
        case _:
            assert_never(reason)


def _paths(given: Json) -> str:
    if isinstance(given, list):
        return f"[{', '.join(map(str, given))}]"
    return "none" if given is None else str(given)
