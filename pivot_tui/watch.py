"""Owns how watching reads: in the header and the banner, in the event log and the plain stream; pure."""

import shlex
from enum import IntEnum

from pivot_core.port import FilesChanged, Problem, RunState, RunStatus, Status, WatchState, one_line
from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.spans import Line, Paint

_NAME_MOST = 16
_PATH_MOST = 24
_LONG_S = 2.0
"""A run that watching began and that has nothing to show is mentioned once it takes longer than this."""

LEFT = "watching ends with the engine's last client, unless it is a `pivot serve`"
LOADED_AGAIN = "fix it and save: it is loaded again"


class Room(IntEnum):
    """How much the header has room for."""

    NONE = 0
    STATE = 1
    """That something is watched, or cannot be."""
    TARGETS = 2
    """And what."""
    OFF = 3
    """And that nothing is."""


def header(watch: WatchState | None, looking: RunState | None, now: float, room: Room) -> Line:
    """Returns what the header says; ``looking`` is the run that watching began and that shows nothing so far."""
    if room is Room.NONE:
        return ()
    if watch is None:
        return spans.text("watch off", Paint.MUTED) if room is Room.OFF else ()
    if watch.problem is not None:
        return spans.text("watch !", Paint.FAIL)
    if looking is not None and now - (looking.started_at or now) >= _LONG_S:
        return spans.text("watch looks", Paint.RUN)
    if room is Room.STATE or not watch.targets:
        return spans.text("watch on", Paint.RUN)
    first = spans.middle(one_line(watch.targets[0]), _NAME_MOST)
    return spans.text(f"watch {first}{_more(len(watch.targets))}", Paint.RUN)


def changed(event: FilesChanged) -> str:
    """Returns what the header says for a moment: ``changed model.py +3``."""
    if not event.paths:
        return f"changed {fmt.plural(event.count, 'file')}"
    return f"changed {spans.middle(one_line(event.paths[0]), _PATH_MOST)}{_more(event.count)}"


def batch(event: FilesChanged) -> tuple[str, str]:
    """Returns what the event log says of changed files, and the command that tells what they affect."""
    if not event.paths:
        return f"changed: {fmt.plural(event.count, 'file')}", "pivot status"
    first = event.paths[0]
    others = f" and {fmt.count(event.count - 1)} more" if event.count > 1 else ""
    return f"changed: {one_line(first)}{others}", f"pivot affected {shlex.quote(first)}"


def turned(before: WatchState | None, now: WatchState | None) -> str:
    """Returns what the event log says when watching stands otherwise; empty where that is of no interest."""
    if now is None:
        return "watching ended" if before is not None else ""
    if now.problem is not None:
        is_known = before is not None and before.problem == now.problem
        return "" if is_known else problem(now.problem)
    if before is not None and before.problem is not None:
        return f"watching again: {_what(now)}"
    if before is None or (before.request_id, before.targets) != (now.request_id, now.targets):
        return f"watching {_what(now)}"
    return ""


def problem(found: Problem) -> str:
    """Returns why nothing can be watched, in one line."""
    place = f" ({one_line(found.where)})" if found.where else ""
    return one_line(found.what) + place


def has_begun(watch: WatchState | None, run: RunState) -> bool:
    """Tells whether watching began a run, and not a person."""
    return watch is not None and run.request_id.startswith(f"{watch.request_id}.")


def did_nothing(run: RunState) -> bool:
    """Tells whether a run that ended found everything up to date."""
    return run.status is RunStatus.DONE and not set(run.counts or ()) - {Status.SAME.value}


def command(targets: tuple[str, ...], *, keep_going: bool = False, jobs: int | None = None) -> str:
    """Returns what one would type to watch."""
    words = ["pivot", "repro", "--watch", *targets]
    words += ["--keep-going"] * keep_going
    words += ["--jobs", str(jobs)] if jobs is not None else []
    return shlex.join(words)


def _what(watch: WatchState) -> str:
    targets = ", ".join(one_line(target) for target in watch.targets[:3])
    others = f" and {len(watch.targets) - 3} more" if len(watch.targets) > 3 else ""
    place = f" in {fmt.count(watch.directories)} directories" if watch.directories > 1 else ""
    return f"{targets}{others}{place}" if targets else f"the whole pipeline{place}"


def _more(count: int) -> str:
    return f" +{fmt.count(count - 1)}" if count > 1 else ""
