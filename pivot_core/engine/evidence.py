"""Owns the evidence behind a decision's reasons: how code differs line by line, who wrote an input, which packages.

It looks up what earlier plans and results have left in the state. It decides nothing, and may know less than the
reasons do: then it says less.
"""

import difflib
import re
from collections.abc import Iterable, Mapping

from pivot_core.engine import origin
from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Plan
from pivot_core.model.decision import CodeChanged, DepChanged, Reason, Status
from pivot_core.model.ids import ArtifactPath, ContentHash, RunId, StageName
from pivot_core.port.values import Evidence, Origin, StageState
from pivot_core.store import excerpt
from pivot_core.store.state import State

_HUNK = re.compile(r"@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@")
_DEFINITION = re.compile(r"(async\s+def|def|class)\b")


class Gatherer:
    """Finds what is known of the stages of one plan."""

    def __init__(self, state: State, plan: Plan, observer: Observer) -> None:
        self._state = state
        self._plan = plan
        self._observer = observer
        self._packages = origin.Packages(state)

    def of(self, stage: StageName, reasons: Iterable[Reason]) -> Evidence:
        """Returns what is known of a stage that would run now, or would not."""
        given = tuple(reasons)
        origins = dict[ArtifactPath, Origin]()
        for reason in given:
            if isinstance(reason, DepChanged) and reason.new is not None:
                found = self._origin(reason)
                if found is not None:
                    origins[reason.path] = found
        outs = self._plan.graph.stages[stage].out_paths
        packages = self._packages.of(outs, self._plan.analyses[stage].preload)
        return Evidence(diffs(self._state, given), origins, packages=packages)

    def _origin(self, reason: DepChanged) -> Origin | None:
        """Returns who wrote an input, unless somebody has changed it since."""
        newest: Origin | None = None
        for maker in self._plan.graph.producers.get(reason.path, ()):
            for path in self._plan.graph.stages[maker].out_paths:
                found = origin.find(self._state, path) if _overlap(path, reason.path) else None
                if found is None or found[0] != self._content(path, reason):
                    continue
                if newest is None or found[1].at > newest.at:
                    newest = found[1]
        return newest

    def _content(self, path: ArtifactPath, reason: DepChanged) -> ContentHash | None:
        """Returns what an out holds: what was found changed, when that is all of it."""
        if path == reason.path:
            return reason.new
        row = self._observer.row(path)
        return None if row is None else row.found.hash


def recall(
    state: State, run_id: RunId, stage: StageName, states: Mapping[StageName, StageState]
) -> Evidence:
    """Returns what is still known of what a stage did in a past run, whose ``states`` the journal kept."""
    reasons = states[stage].reasons
    origins = dict[ArtifactPath, Origin]()
    for reason in reasons:
        if isinstance(reason, DepChanged) and reason.new is not None:
            found = _past_origin(state, run_id, reason, states)
            if found is not None:
                origins[reason.path] = found
    return Evidence(diffs(state, reasons), origins)


def diffs(state: State, reasons: Iterable[Reason]) -> Mapping[str, str]:
    """Returns a unified diff for each changed symbol whose sources are known here."""
    found = dict[str, str]()
    for reason in reasons:
        if isinstance(reason, CodeChanged):
            old = _text(state, reason.symbol, reason.old)
            new = _text(state, reason.symbol, reason.new)
            if old is not None and new is not None:
                first = reason.where.line if reason.where else 1
                found[reason.symbol] = unified(old, new, first)
    return found


def unified(old: str, new: str, line: int) -> str:
    """Returns how two versions of a definition differ, in hunks without a file header; ``""`` when they do not.

    Lines are counted from ``line``, that of the ``def`` or first token, as they are in the file now.
    """
    ahead = 0
    if new.startswith("@"):
        rows = new.split("\n")
        ahead = next((at for at, row in enumerate(rows) if _DEFINITION.match(row)), 0)
    shift = max(line - ahead - 1, 0)

    def moved(match: re.Match[str]) -> str:
        before, after = int(match[1]), int(match[3])
        old_at = before + shift if before else 0
        new_at = after + shift if after else 0
        return f"@@ -{old_at}{match[2] or ''} +{new_at}{match[4] or ''} @@"

    rows = list(difflib.unified_diff(_rows(old), _rows(new), lineterm=""))[2:]
    return "".join(
        _HUNK.sub(moved, row) + "\n" if row.startswith("@@") else row + "\n" for row in rows
    )


def _rows(text: str) -> list[str]:
    """Splits a text at its newlines and nowhere else."""
    return text.removesuffix("\n").split("\n") if text else []


def _text(state: State, symbol: str, digest: ContentHash | None) -> str | None:
    """Returns a symbol's source; empty where it was not there, ``None`` where it is not known."""
    return "" if digest is None else excerpt.find(state, symbol, digest)


def _past_origin(
    state: State, run_id: RunId, reason: DepChanged, states: Mapping[StageName, StageState]
) -> Origin | None:
    maker = reason.producer
    if (
        maker is not None
        and maker in states
        and states[maker].status in (Status.RAN, Status.RESTORED)
    ):
        made = states[maker]
        at = (made.started_at or 0.0) + (made.duration_s or 0.0)
        return Origin(maker, run_id, at, made.status is Status.RESTORED)
    found = origin.find(state, reason.path)
    return found[1] if found is not None and found[0] == reason.new else None


def _overlap(out: str, dep: str) -> bool:
    """Tells whether one path is the other, or a directory around it."""
    return (
        out == dep
        or (out.endswith("/") and dep.startswith(out))
        or (dep.endswith("/") and out.startswith(dep))
    )
