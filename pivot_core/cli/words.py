"""Owns how the command line names a status: one glyph, one word, one style for each; nothing else picks them."""

from collections.abc import Mapping

from pivot_core.frozen import frozen
from pivot_core.port import RunStatus, Status, Verdict


@frozen
class Mark:
    """How one status looks; glyph or word alone is enough to tell it."""

    glyph: str
    ascii: str
    word: str
    style: str
    """A style of ``paper``."""


STATUS: Mapping[Status, Mark] = {
    Status.WAIT: Mark("○", ".", "wait", "faint"),
    Status.QUEUED: Mark("◌", "q", "queued", "faint"),
    Status.RUNNING: Mark("▶", ">", "RUN", "busy"),
    Status.RAN: Mark("✓", "+", "ran", "good"),
    Status.SAME: Mark("≡", "=", "same", "faint"),
    Status.RESTORED: Mark("↷", "~", "restored", "good"),
    Status.FAILED: Mark("✗", "x", "FAIL", "bad"),
    Status.BLOCKED: Mark("⊘", "#", "blocked", "held"),
    Status.CANCELLED: Mark("⊝", "-", "cancelled", "faint"),
    Status.STALE: Mark("◆", "*", "stale", "due"),
    Status.UNKNOWN: Mark("?", "?", "unknown", "due"),
}

VERDICT: Mapping[Verdict, Mark] = {
    Verdict.WILL_RUN: Mark("◆", "*", "will run", "due"),
    Verdict.RESTORE: Mark("↷", "~", "restore", "good"),
    Verdict.UP_TO_DATE: Mark("≡", "=", "same", "faint"),
    Verdict.UNKNOWN: Mark("?", "?", "unknown", "due"),
    Verdict.BROKEN: Mark("✗", "x", "broken", "bad"),
}

RUN: Mapping[RunStatus, Mark] = {
    RunStatus.QUEUED: Mark("◌", "q", "queued", "faint"),
    RunStatus.RUNNING: Mark("▶", ">", "running", "busy"),
    RunStatus.DONE: Mark("✓", "+", "done", "good"),
    RunStatus.FAILED: Mark("✗", "x", "failed", "bad"),
    RunStatus.CANCELLED: Mark("⊝", "-", "cancelled", "faint"),
}

OUTCOMES = (
    Status.FAILED,
    Status.BLOCKED,
    Status.CANCELLED,
    Status.RAN,
    Status.RESTORED,
    Status.SAME,
)
"""The statuses in which a stage can end, in the order in which a summary counts them."""
