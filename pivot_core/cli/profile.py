"""Owns showing where the time of a run went: as a table, and as a trace that Perfetto and Chrome open."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence

import click

from pivot_core.cli import text
from pivot_core.cli.paper import Paper
from pivot_core.cli.session import Session
from pivot_core.port.profile import CALL, Profile, Span

_STAGES = 10
_STEPS = 3
_ENGINE, _WORKERS = 1, 2


def options[F: Callable[..., object]](command: F) -> F:
    """Adds ``--profile`` and ``--trace`` to a command; the session keeps them."""

    def keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
        session = ctx.ensure_object(Session)
        if param.name == "trace" and isinstance(value, str):
            session.trace, session.is_profiled = value, True
        elif value:
            session.is_profiled = True

    profile = click.option(
        "--profile", is_flag=True, expose_value=False, callback=keep,
        help="Tell at the end where the time went.",
    )  # fmt: skip
    trace = click.option(
        "--trace", metavar="FILE", expose_value=False, callback=keep,
        help="The same, and a trace that Perfetto opens.",
    )  # fmt: skip
    return profile(trace(command))


def plain(arguments: Sequence[str]) -> list[str]:
    """Returns a command line without what asks for a profile, and without directories that were entered already."""
    found, words = list[str](), iter(arguments)
    for word in words:
        if word in ("--trace", "-C"):
            next(words, "")
        elif word != "--profile" and not word.startswith(("--trace=", "-C")):
            found.append(word)
    return found


def show(paper: Paper, found: Profile, *, is_elsewhere: bool) -> None:
    """Writes all steps, then the stages that cost most of Pivot's own time; ``is_elsewhere`` where an engine ran it."""
    elapsed = found.ended - found.began
    paper.line()
    paper.line(("profile", "strong"), f": {text.duration(elapsed)} from start to end")
    rows = [
        (each.step, f"{each.times:>6}", _seconds(each.own_s), _seconds(each.own_s / each.times))
        for each in found.totals()
    ]
    rows.append(("nothing of the above", "", _seconds(_gap(found)), ""))
    head = tuple((word, "faint") for word in ("step", " times", "    total", "     each"))
    paper.table([head, *rows], indent="  ")
    paper.line(
        ("  steps of several threads and workers overlap; each has its own time only", "faint")
    )
    if is_elsewhere:
        said = "  a live engine did the run: what it spent its time on is not seen from here"
        paper.line((said, "due"))
    _show_stages(paper, found.by_stage())
    paper.flush()


def show_answered(paper: Paper, took_s: float, found: Profile) -> None:
    """Writes that nothing had to be done, and how long it took to know that."""
    paper.line()
    paper.line(("profile", "strong"), f": tier 0 answered in {took_s * 1000:.1f} ms")
    start = _seconds(found.ended - found.began - took_s).strip()
    said = f"  the rest, {start}, is the interpreter's start and what --profile itself imports"
    paper.line((said, "faint"))
    paper.flush()


def trace(found: Profile) -> str:
    """Returns the profile as JSON in Chrome's trace event format; times are microseconds from the start."""
    events = [
        _name("process_name", _ENGINE, 0, "engine"),
        _name("process_name", _WORKERS, 0, "workers"),
    ]
    for process, is_in_worker in ((_ENGINE, False), (_WORKERS, True)):
        spans = [span for span in found.spans if span.is_in_worker is is_in_worker]
        for lane, span in _lanes(spans):
            events.append(
                {
                    "name": span.step,
                    "cat": "function" if span.step == CALL else "pivot",
                    "ph": "X",
                    "ts": round((span.began - found.began) * 1e6, 1),
                    "dur": round((span.ended - span.began) * 1e6, 1),
                    "pid": process,
                    "tid": lane,
                    "args": {"stage": span.stage, "own_s": round(span.own_s, 6)},
                }
            )
    return json.dumps({"traceEvents": events, "displayTimeUnit": "ms"}) + "\n"


def _show_stages(paper: Paper, stages: Mapping[str, Mapping[str, float]]) -> None:
    own = {
        stage: sum(s for step, s in steps.items() if step != CALL)
        for stage, steps in stages.items()
    }
    dearest = sorted(own, key=lambda stage: -own[stage])[:_STAGES]
    if not dearest:
        return
    paper.line()
    rows = [
        (
            stage,
            _seconds(own[stage]),
            _seconds(stages[stage].get(CALL, 0.0)),
            ", ".join(
                f"{step} {seconds * 1000:.0f} ms"
                for step, seconds in [pair for pair in stages[stage].items() if pair[0] != CALL][
                    :_STEPS
                ]
            ),
        )
        for stage in dearest
    ]
    head = tuple((word, "faint") for word in ("stage", "   Pivot's", "function's", "most of it"))
    paper.table([head, *rows], indent="  ")


def _seconds(seconds: float) -> str:
    return f"{seconds:8.3f}s"


def _gap(found: Profile) -> float:
    """Returns the seconds in which no step was under way."""
    covered, until = 0.0, found.began
    for span in sorted(found.spans, key=lambda span: span.began):
        covered += max(0.0, span.ended - max(span.began, until))
        until = max(until, span.ended)
    return max(0.0, found.ended - found.began - covered)


def _lanes(spans: Iterable[Span]) -> Iterable[tuple[int, Span]]:
    """Yields each span with a lane in which nothing else is under way."""
    ends = list[float]()
    for span in sorted(spans, key=lambda span: span.began):
        lane = next((at for at, end in enumerate(ends) if end <= span.began), len(ends))
        ends[lane : lane + 1] = [span.ended]
        yield lane, span


def _name(kind: str, process: int, lane: int, name: str) -> dict[str, object]:
    return {"name": kind, "ph": "M", "pid": process, "tid": lane, "args": {"name": name}}
