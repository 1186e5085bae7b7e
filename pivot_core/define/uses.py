"""Owns what loading does with project code besides importing it: the functions it calls, the files it reads as text.

The inside of a function that loading neither called nor read cannot have changed what it gave.
"""

import inspect
import os
import sys
from types import CodeType

from pivot_core.define import importing

_TOOLS = (3, 4, 5, 0, 1, 2)
"""Ids of tools for ``sys.monitoring``, those without a meaning of their own first."""
_NAME = "pivot"


class Uses:
    """Watches from ``start`` to ``stop``, in a process that loads one definition and ends."""

    def __init__(self) -> None:
        self._called: dict[str, set[str]] = {}
        self._read: set[str] = set()
        self._tool: int | None = None

    def start(self) -> None:
        """Begins to watch; each function is reported once, so that it costs next to nothing."""
        monitoring = sys.monitoring
        self._tool = next((tool for tool in _TOOLS if monitoring.get_tool(tool) is None), None)
        if self._tool is not None:
            monitoring.use_tool_id(self._tool, _NAME)
            monitoring.register_callback(self._tool, monitoring.events.PY_START, self._start)
            monitoring.set_events(self._tool, monitoring.events.PY_START)
        sys.addaudithook(self._audit)

    def stop(self) -> None:
        """Ends watching."""
        if self._tool is not None:
            sys.monitoring.set_events(self._tool, 0)
            sys.monitoring.free_tool_id(self._tool)

    def result(self) -> dict[str, list[str] | None]:
        """Returns absolute path → names of its functions that were called; ``None`` where all of it may have counted.

        A name is that of a module-level function or class.
        """
        found: dict[str, list[str] | None] = {
            path: sorted(names) for path, names in self._called.items()
        }
        unknown = self._read if self._tool is not None else importing.project_modules().values()
        return found | dict.fromkeys(unknown)

    def _start(self, code: CodeType, _offset: int) -> object:
        name = code.co_qualname.partition(".")[0]
        is_function = code.co_flags & inspect.CO_OPTIMIZED and not name.startswith("<")
        if is_function and importing.is_project_file(code.co_filename):
            self._called.setdefault(code.co_filename, set()).add(name)
        return sys.monitoring.DISABLE

    def _audit(self, event: str, args: tuple[object, ...]) -> None:
        if event != "open" or not isinstance(args[0], str) or not args[0].endswith(".py"):
            return
        path = os.path.abspath(args[0])
        opener = sys._getframe(1).f_code  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] no public way
        by_import = opener.co_filename.startswith("<frozen importlib")
        if not by_import and importing.is_project_file(path):
            self._read.add(path)
