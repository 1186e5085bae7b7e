"""Owns the errors that a user can see, and their exit codes.

    PivotError
    ├── UsageError        2   an unknown stage, no project, a bad option
    ├── DefinitionError   3   one or several mistakes in pivot.yaml, pipeline.py, params.yaml
    ├── StoreError        4   cache, lock files, state, a full disk
    ├── RemoteError       5   transfers
    └── Bug              70   a broken invariant of ours

A failing stage (exit code 1) is data and no error: see ``model.decision.Status.FAILED``.
"""

from typing import override

EXIT_OK = 0
EXIT_STAGE = 1
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class PivotError(Exception):
    """Tells what happened, where, and what to do; rendered only at the edge."""

    exit_code: int = 70

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        # All three go to Exception, so that an error survives pickling between processes.
        super().__init__(what, where, hint)
        self.what: str = what
        self.where: str = where
        self.hint: str = hint

    @override
    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  hint:  {self.hint}")
        return "\n".join(lines)


class UsageError(PivotError):
    """The command line asks for something that is not there."""

    exit_code: int = 2


class DefinitionError(PivotError):
    """The pipeline's definition is wrong; ``others`` are further mistakes found in the same go."""

    exit_code: int = 3

    def __init__(
        self,
        what: str,
        where: str = "",
        hint: str = "",
        others: tuple["DefinitionError", ...] = (),
        detail: str = "",
    ) -> None:
        super().__init__(what, where, hint)
        self.others: tuple[DefinitionError, ...] = others
        self.detail: str = detail
        """The user's traceback where their code raised; empty otherwise."""

    @override
    def __reduce__(self) -> tuple[type["DefinitionError"], tuple[object, ...]]:
        return type(self), (self.what, self.where, self.hint, self.others, self.detail)


class StoreError(PivotError):
    """The cache, a lock file or the state cannot be used."""

    exit_code: int = 4


class RemoteError(PivotError):
    """A transfer did not complete."""

    exit_code: int = 5


class Bug(PivotError):
    """An invariant of ours is broken; the message carries the recent signals."""

    exit_code: int = 70
