"""Owns what is shown of an exception that user code raised: the user's frames and none of ours."""

import os
import traceback

from pivot_core.define.importing import is_project_file
from pivot_core.errors import DefinitionError

LIMIT = 64 * 1024
"""Characters of a traceback that are kept; the middle of a longer one is left out."""

_PIVOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def text(error: BaseException) -> str:
    """Renders ``error`` and what caused it, without the frames of Pivot and of the import machinery."""
    shown = traceback.TracebackException.from_exception(error)
    _trim(shown)
    rendered = "".join(shown.format()).rstrip("\n")
    if len(rendered) > LIMIT:
        rendered = rendered[: LIMIT // 4] + "\n  …\n" + rendered[-LIMIT * 3 // 4 :]
    return rendered


def summary(error: BaseException) -> str:
    """Says type and message in one line."""
    lines = "".join(traceback.format_exception_only(error)).strip().splitlines()
    kind = type(error).__name__
    return next((line for line in lines if line.startswith(kind) or f".{kind}" in line), kind)


def unimportable(subject: str, error: BaseException) -> DefinitionError:
    """Says that the code of ``subject`` raised ``error`` while it was imported."""
    found = place(error)
    where = f"{found[0]}:{found[1]}" if found else ""
    if isinstance(error, SystemExit):
        return DefinitionError(
            f"{subject} ended the process: sys.exit({error.code!r})",
            where,
            "put what must not run at import below `if __name__ == '__main__':`",
            detail=text(error),
        )
    if isinstance(error, ModuleNotFoundError) and error.name:
        hint = f"install '{error.name.partition('.')[0]}', or correct the name"
    else:
        hint = "the traceback shows the line"
    return DefinitionError(
        f"{subject} cannot be imported: {summary(error)}", where, hint, detail=text(error)
    )


def place(error: BaseException) -> tuple[str, int] | None:
    """Returns file and line of the innermost frame in project code; ``None`` when there is none."""
    if isinstance(error, SyntaxError) and error.filename and is_project_file(error.filename):
        return error.filename, error.lineno or 1
    frames = [
        (frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return next(((file, line) for file, line in reversed(frames) if is_project_file(file)), None)


def _trim(shown: traceback.TracebackException) -> None:
    shown.stack = traceback.StackSummary.from_list(
        [frame for frame in shown.stack if not _is_ours(frame.filename)]
    )
    for inner in (shown.__cause__, shown.__context__, *(shown.exceptions or ())):
        if inner is not None:
            _trim(inner)


def _is_ours(file: str) -> bool:
    return file.startswith(("<frozen importlib", "<frozen runpy", _PIVOT)) or file.endswith(
        "/importlib/__init__.py"
    )
