"""Owns what is told of a stage that failed: data for front ends, never an exception through the engine."""

from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.model.stage import SourceLocation


class FailureKind(Enum):
    """What went wrong with an attempt."""

    EXCEPTION = "exception"
    EXIT = "exit"
    """The process ended itself before the function returned."""
    SIGNAL = "signal"
    TIMEOUT = "timeout"
    IMPORT = "import"
    INPUT = "input"
    """A dep is missing or cannot be read."""
    OUTPUT = "output"
    """An out was not written, or is not what was declared."""
    MODIFIED_INPUT = "modified_input"
    UNSTABLE_INPUT = "unstable_input"
    """An input changed during each of three attempts."""
    DISK = "disk"
    LOST = "lost"
    """The worker process died twice under the stage."""


@frozen
class Failure:
    """One failed attempt."""

    kind: FailureKind
    message: str
    """One line: ``KeyError: 'label'``."""
    traceback: str = ""
    """The user's frames only; empty where no Python code raised."""
    where: SourceLocation | None = None
    """The innermost line of project code."""
    exit_code: int | None = None
    signal: str = ""
    """``SIGSEGV``; empty when no signal ended the process."""
    hint: str = ""
