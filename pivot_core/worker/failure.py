"""Owns how an error in user code is told: the user's frames only, bounded, with the place in project code."""

import errno
import os
import re
import traceback
from collections.abc import Iterable

from pivot_core.define import importing
from pivot_core.errors import PivotError
from pivot_core.model.failure import Failure, FailureKind
from pivot_core.model.stage import SourceLocation
from pivot_core.worker.guard import InputModifiedError

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_TEXT_MAX = 65536
_MESSAGE_MAX = 2000
_FRAME = re.compile(r'  File "(.+)", line (\d+) in (.+)')
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


def of_exception(kind: FailureKind, error: BaseException, root: str, doing: str = "") -> Failure:
    """Describes what user code, or ours on its behalf, raised; ``doing`` (``cannot read 'x'``) comes first."""
    if isinstance(error, InputModifiedError):
        kind = FailureKind.MODIFIED_INPUT
    elif isinstance(error, SystemExit):
        return _of_exit(error, root)
    elif isinstance(error, OSError) and error.errno in _NO_SPACE:
        kind = FailureKind.DISK
    if isinstance(error, PivotError):
        return Failure(
            kind, _line(f"{doing}: {error.what}" if doing else error.what), hint=error.hint
        )
    shown = traceback.TracebackException.from_exception(error)
    places = list(_strip(shown, set[int]()))
    said = str(error) if isinstance(error, InputModifiedError) else _headline(shown)
    return Failure(
        kind,
        _line(f"{doing}: {said}" if doing else said),
        traceback=_bounded("".join(shown.format())),
        where=_innermost(places, root),
    )


def of_crash(account: str, root: str) -> tuple[str, SourceLocation | None]:
    """Returns the user's frames of what the interpreter wrote when it crashed, and the place in project code.

    ``account`` lists the innermost frame first; everything from our own outermost frames on is left out.
    """
    frames = list[tuple[str, int, str]]()
    for found in _FRAME.finditer(account):
        file, line, name = found.groups()
        if os.path.basename(file) == "child.py" and file.startswith(_OURS):
            break
        if not file.startswith(_OURS):
            frames.append((file, int(line), name))
    frames.reverse()
    if not frames:
        return "", None
    summary = traceback.StackSummary.from_list([(*frame, None) for frame in frames])
    text = "Crashed here (most recent call last):\n" + "".join(summary.format())
    return _bounded(text), _innermost([(file, line) for file, line, _ in frames], root)


def _of_exit(error: SystemExit, root: str) -> Failure:
    code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
    shown = traceback.TracebackException.from_exception(error)
    places = list(_strip(shown, set[int]()))
    said = f": {error.code}" if isinstance(error.code, str) else ""
    return Failure(
        FailureKind.EXIT,
        _line(f"ended the process with exit code {code} before it returned{said}"),
        traceback=_bounded("".join(shown.format())),
        where=_innermost(places, root),
        exit_code=code,
        hint="return from the function instead of calling sys.exit",
    )


def _strip(shown: traceback.TracebackException, seen: set[int]) -> Iterable[tuple[str, int]]:
    """Takes our frames out of an error and of those that it came from; yields the places that stay, oldest first."""
    if id(shown) in seen:
        return
    seen.add(id(shown))
    for other in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if other is not None:
            yield from _strip(other, seen)
    kept = [frame for frame in shown.stack if not _is_ours(frame.filename)]
    shown.stack = traceback.StackSummary.from_list(kept)
    yield from ((frame.filename, frame.lineno or 0) for frame in kept)
    if hasattr(shown, "filename") and shown.lineno is not None:  # a SyntaxError's own place
        yield shown.filename, int(shown.lineno)


def _is_ours(file: str) -> bool:
    return file.startswith((_OURS, "<frozen importlib"))


def _headline(shown: traceback.TracebackException) -> str:
    lines = [line for part in shown.format_exception_only() for line in part.splitlines()]
    named = [line for line in lines if not line.startswith(" ")]
    return named[0] if named else "an exception"


def _innermost(places: Iterable[tuple[str, int]], root: str) -> SourceLocation | None:
    """Returns the last of the places that is in project code."""
    found = None
    for file, line in places:
        absolute = os.path.abspath(os.path.join(root, file))
        if not file.startswith("<") and importing.is_project_file(absolute):
            inside = absolute.startswith(root + os.sep)
            found = SourceLocation(absolute[len(root) + 1 :] if inside else absolute, line)
    return found


def _line(text: str) -> str:
    one = " ".join(text.split("\n"))
    return one if len(one) <= _MESSAGE_MAX else one[: _MESSAGE_MAX - 1] + "…"


def _bounded(text: str) -> str:
    if len(text) <= _TEXT_MAX:
        return text
    head, tail = _TEXT_MAX // 4, _TEXT_MAX * 3 // 4
    return f"{text[:head]}\n… {len(text) - head - tail:,} characters left out …\n{text[-tail:]}"
