"""Owns finding out where Pivot's own time goes in a run, step by step, without a line of the steps knowing of it.

The interpreter's monitoring (PEP 669) calls back when one of the functions in ``_STEPS`` begins and ends; while nobody
profiles, nothing is there. What happens in workers is told by the marks in their reports, which are on the same clock.
Of steps within steps each has its own time only; steps of several threads overlap.
"""

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Self, cast

from pivot_core.engine.engine import Engine
from pivot_core.engine.observe import Observer
from pivot_core.engine.plan import Planner
from pivot_core.engine.pool import Pool
from pivot_core.engine.record import Recorder
from pivot_core.engine.standing import Standing
from pivot_core.port.profile import CALL, Profile, Span
from pivot_core.store import hashing
from pivot_core.worker.job import StageReport

_TOOL = sys.monitoring.PROFILER_ID
_EVENTS = sys.monitoring.events
_LOCAL = _EVENTS.PY_START | _EVENTS.PY_RETURN

_LOAD, _FINGERPRINT = "load the definition", "fingerprint code"
_STEPS: Mapping[Callable[..., object], str] = {
    Engine.open: "open cache and state",
    Planner.current: "check the plan",
    Pool.load_definitions: _LOAD,
    Observer.settle: "settle stages",
    hashing.hash_version: "hash files",
    Pool.run: "wait for a worker",
    Recorder.ran: "record results",
    Recorder.skipped: "record results",
    Recorder.put_back: "restore outputs",
    Standing.changed: "tell of changes",
    Recorder.finish: "write what was learnt",
    Engine.end: "end workers and engine",
}
_MARKS = {
    "prepared": "import packages",
    "imported": "fork, import the project",
    "read": "read inputs",
    "called": CALL,
    "written": "write outputs",
    "kept": "hash and cache outputs",
    "ended": "end the process",
}
"""The mark with which each step of a worker is over."""


@dataclass(slots=True)
class _Open:
    """A step that has begun."""

    began: float
    stage: str
    within: float = 0.0
    """The seconds of steps inside it."""
    outer: FrameType | None = None


class Profiler:
    """Watches one run; used as a context manager by the process that may become its engine."""

    def __init__(self) -> None:
        self._began: float = time.monotonic()
        self._names: dict[CodeType, str] = {step.__code__: name for step, name in _STEPS.items()}
        self._names[Planner._analyse.__code__] = _FINGERPRINT  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self._open: dict[FrameType, _Open] = {}
        self._inner: dict[int, FrameType] = {}
        """The innermost step of each thread; of coroutines, which take turns, none is."""
        self._spans: list[Span] = []

    def __enter__(self) -> Self:
        monitoring = sys.monitoring
        monitoring.use_tool_id(_TOOL, "pivot")
        monitoring.register_callback(_TOOL, _EVENTS.PY_START, self._start)
        monitoring.register_callback(_TOOL, _EVENTS.PY_RETURN, self._return)
        monitoring.register_callback(_TOOL, _EVENTS.PY_UNWIND, self._unwind)
        for code in self._names:
            monitoring.set_local_events(_TOOL, code, _LOCAL)
        monitoring.set_events(_TOOL, _EVENTS.PY_UNWIND)
        return self

    def __exit__(self, *_: object) -> None:
        sys.monitoring.set_events(_TOOL, _EVENTS.NO_EVENTS)
        for code in self._names:
            sys.monitoring.set_local_events(_TOOL, code, _EVENTS.NO_EVENTS)
        sys.monitoring.free_tool_id(_TOOL)

    def profile(self) -> Profile:
        """Returns what was found until now."""
        started = _started()
        first = Span("start and imports", started, self._began)
        return Profile(started, time.monotonic(), (first, *self._spans))

    @property
    def has_engine(self) -> bool:
        """Whether an engine was opened in this process."""
        return any(span.step == _STEPS[Engine.open] for span in self._spans)

    # --- what the interpreter calls ----------------------------------------------------------------------------------

    def _start(self, code: CodeType, _offset: int) -> None:
        frame = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] nothing else tells two calls apart
        given = _Open(time.monotonic(), _stage_of(frame))
        if not _is_coroutine(code):
            thread = threading.get_ident()
            given.outer = self._inner.get(thread)
            self._inner[thread] = frame
        self._open[frame] = given

    def _return(self, _code: CodeType, _offset: int, value: object) -> None:
        self._end(sys._getframe(1), value)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def _unwind(self, code: CodeType, _offset: int, _error: BaseException) -> None:
        if code in self._names:
            self._end(sys._getframe(1), None)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def _end(self, frame: FrameType, value: object) -> None:
        given = self._open.pop(frame, None)
        if given is None:
            return
        now, code = time.monotonic(), frame.f_code
        if not _is_coroutine(code):
            thread = threading.get_ident()
            if given.outer is None:
                self._inner.pop(thread, None)
            else:
                self._inner[thread] = given.outer
                if given.outer in self._open:
                    self._open[given.outer].within += now - given.began
        inside = given.within
        if code is Planner.current.__code__:
            inside += sum(
                span.own_s
                for span in self._spans
                if span.step in (_LOAD, _FINGERPRINT) and span.began >= given.began
            )
        if code is Pool.run.__code__ and isinstance(value, dict):
            inside += self._hear(cast("StageReport", cast("object", value)))
        self._spans.append(Span(self._names[code], given.began, now, inside, given.stage))

    def _hear(self, report: StageReport) -> float:
        """Takes the steps of a worker from its report; returns the seconds that they took together."""
        marks = report["marks"]
        if "began" not in marks:
            return 0.0
        last = first = marks["began"]
        for mark, name in _MARKS.items():
            if mark in marks:
                self._spans.append(Span(name, last, marks[mark], 0.0, report["stage"], True))
                last = marks[mark]
        return last - first


def _stage_of(frame: FrameType) -> str:
    """Returns the stage that a step is about, as its arguments tell."""
    given = frame.f_locals
    if "subject" in given:
        return str(given["subject"].stage.name)
    if "info" in given:
        return str(given["info"]["stage"])
    return ""


def _is_coroutine(code: CodeType) -> bool:
    return bool(code.co_flags & 0x80)  # inspect.CO_COROUTINE, without importing inspect


def _started() -> float:
    """Returns when this process began, on the monotonic clock; now where the system does not tell."""
    try:
        with open("/proc/self/stat", "rb") as file:
            ticks = int(file.read().rpartition(b")")[2].split()[19])
        began = ticks / os.sysconf(
            "SC_CLK_TCK"
        )  # since the machine's start, as CLOCK_BOOTTIME counts
        return time.monotonic() - (time.clock_gettime(time.CLOCK_BOOTTIME) - began)
    except (OSError, ValueError, IndexError, AttributeError):
        return time.monotonic()
