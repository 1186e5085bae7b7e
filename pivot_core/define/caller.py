"""Owns whose call it is that is noticed while project code loads: the project's own, or that of a library."""

import os
import sys
import threading
from typing import TYPE_CHECKING, NamedTuple, cast

from pivot_core.define.importing import is_project_file
from pivot_core.model.stage import SourceLocation

if TYPE_CHECKING:
    from types import FrameType

_HERE = os.path.dirname(os.path.abspath(__file__))
_OBSERVERS = frozenset({__file__, os.path.join(_HERE, "observe.py")})
_IMPORTING = os.path.join(_HERE, "importing.py")


class Caller(NamedTuple):
    """The project code that makes a call; the ``file`` of its places is absolute."""

    taken_at: SourceLocation
    """The module-level statement, so far as there is one."""
    through: tuple[SourceLocation, ...]
    """The functions of the project that it called, innermost first."""
    by: tuple[tuple[str, str], ...]
    """File and function of what these called, innermost first: libraries, and Pivot."""

    @property
    def is_direct(self) -> bool:
        """Whether nothing but the interpreter's own ``os``, ``os.path`` or ``pathlib`` stands in between."""
        return all(file.startswith("<frozen ") or "/pathlib/" in file for file, _ in self.by)

    @property
    def is_import(self) -> bool:
        """Whether it is our own reading of a module that is being imported."""
        return (
            len(self.by) > 1 and is_import_machinery(self.by[0][0]) and self.by[1][0] == _IMPORTING
        )


class _Stack:
    """What of a stack matters, from the innermost call to the first statement of a module."""

    def __init__(self, frame: "FrameType | None") -> None:
        self.places: list[SourceLocation] = []
        self.by: list[tuple[str, str]] = []
        self.has_statement: bool = False
        quoted: SourceLocation | None = None
        while frame is not None and not self.has_statement:
            file, function = frame.f_code.co_filename, frame.f_code.co_name
            if is_project_file(file):
                self.places.append(SourceLocation(file, frame.f_lineno))
                self.has_statement = function == "<module>"
            elif not self.places:
                is_library_import = function == "<module>" and not file.startswith("<string")
                if is_library_import or file.endswith("/importlib/metadata/__init__.py"):
                    return
                self.by.append((file, function))
                quoted = quoted or _quoted(frame)
            frame = frame.f_back
        if not self.places and quoted is not None:
            self.places.append(quoted)


def _quoted(frame: "FrameType") -> SourceLocation | None:
    """Returns the module whose names a piece of source text uses, such as an annotation in quotes."""
    module = cast("object", frame.f_globals.get("__file__"))
    if (
        frame.f_code.co_filename == "<string>"
        and isinstance(module, str)
        and is_project_file(module)
    ):
        return SourceLocation(module, frame.f_lineno)
    return None


def caller() -> Caller | None:
    """Returns the project code that makes the running call, directly or through a library; ``None`` for any other.

    What a library does while it is being imported belongs to its version. In another thread the statement is the
    one that the main thread is at.
    """
    stack = _Stack(outside_frame())
    places = stack.places
    if not stack.has_statement and threading.current_thread() is not threading.main_thread():
        ident = threading.main_thread().ident or 0
        frames = sys._current_frames()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] no public way
        places = [*places, *_Stack(frames.get(ident)).places]
    if not places:
        return None
    *through, taken_at = places
    return Caller(taken_at, tuple(through), tuple(stack.by))


def outside_frame() -> "FrameType | None":
    """Returns the frame that made the call which is being noticed."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] no public way
    while frame is not None and frame.f_code.co_filename in _OBSERVERS:
        frame = frame.f_back
    return frame


def is_import_machinery(file: str) -> bool:
    """Tells the file of a frame of Python's own import system."""
    return file.startswith("<frozen importlib")
