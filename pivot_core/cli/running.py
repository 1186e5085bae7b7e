"""Owns asking for a run and showing it: picks the printer that fits where the output goes."""

import contextlib
import os
import shlex
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pivot_core import quick
from pivot_core.cli import ci, compose, look, project
from pivot_core.cli.console import Console
from pivot_core.cli.follow import Follower, Printer
from pivot_core.cli.session import Session
from pivot_core.cli.terminal import Terminal
from pivot_core.errors import EXIT_OK
from pivot_core.port import (
    FindLog,
    LogRef,
    PivotError,
    RequestId,
    Run,
    RunId,
    RunOptions,
    StageName,
    Watch,
)

if TYPE_CHECKING:
    from pivot_core.cli.compose import Profiler


def execute(
    session: Session,
    root: str,
    targets: tuple[str, ...],
    options: RunOptions,
    *,
    as_json: bool = False,
) -> int:
    """Runs the targets, shows the run, and returns what the process exits with."""
    import asyncio

    profiler = compose.profiler() if session.is_profiled else None
    if profiler is not None and _answered(session, profiler):
        return EXIT_OK
    request = Run(new_request(), targets, options, _command_line())
    reports = ci.Reports(session, root)
    follower = Follower(request.request_id, _printer(session, root, as_json))
    try:
        with profiler or contextlib.nullcontext():
            run = asyncio.run(compose.run(root, request, follower.take, on_wait=follower.wait))
    except PivotError as error:
        reports.refused(error)
        raise
    finally:
        follower.close()
    try:
        reports.run(run, follower.states)
    finally:
        follower.finish(run)
    if profiler is not None:
        _show_profile(session, profiler)
    return run.exit_code or 0


def watch(
    session: Session,
    root: str,
    request: Watch,
    *,
    as_json: bool = False,
) -> int:
    """Runs the targets whenever they are out of date, until it is asked to end; returns what the process exits with."""
    import asyncio

    from pivot_core.cli.vigil import WatchFollower

    request = replace(request, command=_command_line())
    follower = WatchFollower(request.request_id, lambda: _printer(session, root, as_json))
    try:
        code = asyncio.run(compose.watch(root, request, follower.take, on_wait=follower.wait))
    finally:
        follower.close()
    follower.check()
    return code


def _answered(session: Session, profiler: "Profiler") -> bool:
    """Lets tier 0 answer, as it does without a profile; tells how long it took where it could."""
    from pivot_core.cli import profile

    began = time.monotonic()
    arguments = profile.plain(sys.argv[1:])
    said = quick.answer(arguments, os.environ, is_terminal=session.out.is_terminal)
    took_s = time.monotonic() - began
    if said is None:
        return False
    session.out.write(said)
    session.out.flush()
    found = profiler.profile()
    profile.show_answered(session.err, took_s, found)
    if session.trace is not None:
        project.write_page(session.trace, profile.trace(found))
    return True


def _show_profile(session: Session, profiler: "Profiler") -> None:
    from pivot_core.cli import profile

    found = profiler.profile()
    profile.show(session.err, found, is_elsewhere=not profiler.has_engine)
    if session.trace is not None:
        project.write_page(session.trace, profile.trace(found))


def new_request() -> RequestId:
    """Returns an id that no other request has."""
    return RequestId(os.urandom(8).hex())


def _command_line() -> str:
    """Returns this process's command line as it was typed, for the history."""
    return shlex.join(["pivot", *sys.argv[1:]])


def _printer(session: Session, root: str, as_json: bool) -> Printer:
    def find_log(stage: StageName, run_id: RunId) -> str | None:
        found = look.answer(root, FindLog(stage, run_id))
        return os.path.relpath(found.path) if isinstance(found, LogRef) else None

    if as_json:
        from pivot_core.cli.jsonl import Lines

        return Lines(session)
    if session.is_workflow:
        from pivot_core.cli import github

        return github.Workflow(session, find_log, look.log_tails(root), ci.places(root))
    return (Terminal if session.out.is_terminal else Console)(session, find_log)
