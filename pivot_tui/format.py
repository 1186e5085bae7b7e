"""Owns how numbers and identifiers read: durations, clock times, counts, run ids; pure, without Textual."""

from datetime import datetime

from pivot_core.port import ContentHash, RunId

_HASH_SHOWN = 6
_PRECISE_BELOW_S = 9.95


def duration(seconds: float) -> str:
    """Returns how long something took: ``0.4s``, ``0:12``, ``2:31``, ``1:02:03``."""
    if seconds < _PRECISE_BELOW_S:
        return f"{max(seconds, 0):.1f}s"
    return running(seconds)


def running(seconds: float) -> str:
    """Returns how long something has run so far, without a fraction: ``0:03``, ``2:31``."""
    whole = max(int(seconds), 0)
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clock(time_ms: int) -> str:
    """Returns the local time of day."""
    return datetime.fromtimestamp(time_ms / 1000).strftime("%H:%M:%S")  # noqa: DTZ006 local on purpose


def since(elapsed_ms: int) -> str:
    """Returns how long after a beginning: ``0:07.3``, ``12:31.0``, ``1:02:03``."""
    tenths = max(elapsed_ms, 0) // 100
    if tenths >= 36_000:
        return running(tenths / 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"


def count(number: int) -> str:
    """Returns a number with its thousands apart."""
    return f"{number:,}"


def size(size_bytes: int) -> str:
    """Returns a size in powers of 1000: ``412 B``, ``1.1 kB``, ``212 MB``."""
    shown, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if shown < 999.5:
            break
        shown, unit = shown / 1000, larger
    return f"{shown:.1f} {unit}" if shown < 9.95 and unit != "B" else f"{shown:.0f} {unit}"


def plural(number: int, noun: str) -> str:
    """Returns ``1 stage``, ``2 stages``."""
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def short_run(run: RunId) -> str:
    """Returns the part of a run id that tells runs of a day apart."""
    return run.rsplit("-", 1)[-1]


def short_hash(content: ContentHash | None) -> str:
    """Returns the first digits; a dash where there is none."""
    return content[:_HASH_SHOWN] if content else "—"
