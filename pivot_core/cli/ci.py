"""Owns what a run leaves for a CI server: the options that ask for it, the files, and how files are named there."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from pivot_core.cli import look, problem, project, revisions
from pivot_core.cli.results import Finding
from pivot_core.cli.session import Session
from pivot_core.errors import PivotError, StoreError, UsageError
from pivot_core.port import RunState, StageName, StageState, Status

if TYPE_CHECKING:
    from pivot_core.cli.summary import Moved

_TAIL_LINES = 100


def options[F: Callable[..., object]](command: F) -> F:
    """Adds ``--ci``, ``--junit`` and ``--summary`` to a command; the session keeps them."""

    def keep(ctx: click.Context, param: click.Parameter, value: object) -> None:
        session = ctx.ensure_object(Session)
        if value:
            setattr(session, {"ci": "is_ci"}.get(param.name or "", param.name or ""), value)

    for option in (
        click.option(
            "--summary", metavar="FILE", expose_value=False, callback=keep,
            help="Write what happened as a page of Markdown.",
        ),
        click.option(
            "--junit", metavar="FILE", expose_value=False, callback=keep,
            help="Write a JUnit report, a test case a stage.",
        ),
        click.option(
            "--ci", is_flag=True, expose_value=False, callback=keep,
            help="Write for a workflow's log: groups, annotations.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def check_form(session: Session, *, as_json: bool) -> None:
    """Raises ``UsageError`` where two forms of output are asked for."""
    if session.is_ci and as_json:
        raise UsageError("'--ci' and '--json' exclude each other", hint="choose one form")


def places(root: str | None = None) -> Callable[[str], str]:
    """Returns what tells a file's path from the top of its repository: there a CI server looks for it.

    Without a ``root`` paths are those of the project around the working directory.
    """
    if root is None:
        try:
            root = project.find_root()
        except UsageError:
            root = os.getcwd()
    base = os.path.realpath(root)
    top = _top(base)

    def place(path: str) -> str:
        full = os.path.normpath(os.path.join(base, path))
        is_inside = full.startswith(f"{top.rstrip('/')}/")
        return os.path.relpath(full, top) if is_inside else path

    return place


class Reports:
    """The files that a command is to leave behind, also when it fails."""

    def __init__(self, session: Session, root: str) -> None:
        """Raises ``UsageError`` for a place where no file can be written."""
        self._session: Session = session
        self._root: str = root
        self._began: float = time.time()
        self._junit: str | None = _writable(session.junit)
        self._summary: str | None = _writable(session.summary)
        page = os.environ.get("GITHUB_STEP_SUMMARY")
        self._job_page: str | None = page if page and session.is_workflow else None

    def run(self, run: RunState, states: Mapping[StageName, StageState]) -> None:
        """Leaves what is to be told of a run that ended; raises ``StoreError``."""
        if self._junit is not None:
            from pivot_core.cli import junit

            read = look.log_tails(self._root)

            def tail(stage: StageName, state: StageState) -> Sequence[str]:
                return read(run.run_id, stage, state.attempt, _TAIL_LINES)[1]

            self._write_junit(junit.of_run(self._suite, run, states, tail))
        if self._is_told:
            from pivot_core.cli import summary

            self._write_summary(summary.of_run(run, states, self._moved(run)))

    def refused(self, error: PivotError) -> None:
        """Leaves what is to be told of a command that could not do its work."""
        found = problem.problems(error)
        if self._junit is not None:
            from pivot_core.cli import junit

            self._write_junit(junit.of_problems(self._suite, found, self._began))
        if self._is_told:
            from pivot_core.cli import summary

            self._write_summary(summary.of_problems(found))

    def findings(self, found: Sequence[Finding]) -> None:
        """Leaves what is to be told of what ``verify`` found."""
        if self._junit is not None:
            from pivot_core.cli import junit

            took_s = max(0.0, time.time() - self._began)
            self._write_junit(junit.of_findings(self._suite, found, self._began, took_s))
        if self._is_told:
            from pivot_core.cli import summary

            self._write_summary(summary.of_findings(found))

    @property
    def _suite(self) -> str:
        return os.path.basename(os.path.realpath(self._root)) or "pivot"

    @property
    def _is_told(self) -> bool:
        return self._summary is not None or self._job_page is not None

    def _moved(self, run: RunState) -> "Moved | None":
        """Returns how metrics differ from the last commit's; ``None`` where nothing ran, or there is no commit."""
        counts = run.counts or {}
        if not any(counts.get(status.value) for status in (Status.RAN, Status.RESTORED)):
            return None
        from pivot_core.cli import figures
        from pivot_core.cli.summary import Moved

        names = revisions.pair(None, None)
        try:
            before, after = look.results(
                self._root, lambda found: found.metrics(names, ()), revisions.say(self._session)
            )
        except PivotError:  # no repository, no commit: nothing to compare with
            return None
        titles = revisions.title(before.side), revisions.title(after.side)
        return Moved(*titles, figures.metric_changes(before, after)[0])

    def _write_junit(self, data: bytes) -> None:
        if self._junit is not None:
            project.write_page(self._junit, data.decode())

    def _write_summary(self, page: str) -> None:
        if self._summary is not None:
            project.write_page(self._summary, page)
        if self._job_page is not None:
            try:
                with open(self._job_page, "a", encoding="utf-8", errors="backslashreplace") as file:
                    file.write(page)
            except OSError as error:
                why = (error.strerror or str(error)).lower()
                raise StoreError("cannot write the job summary", self._job_page, why) from error


def _top(base: str) -> str:
    """Returns the top of the work tree around a directory; without one the workflow's workspace, or itself."""
    here = base
    while not os.path.lexists(f"{here}/.git"):
        parent = os.path.dirname(here)
        if parent == here:
            workspace = os.path.realpath(os.environ.get("GITHUB_WORKSPACE") or base)
            return workspace if f"{base}/".startswith(f"{workspace}/") else base
        here = parent
    return here


def _writable(path: str | None) -> str | None:
    """Returns where a file will be written; raises ``UsageError`` before any work is done where it cannot be."""
    if path is None:
        return None
    full = os.path.abspath(path)
    try:
        os.makedirs(os.path.dirname(full), exist_ok=True)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot write '{path}'", hint=why) from error
    if os.path.isdir(full) or not os.access(os.path.dirname(full), os.W_OK):
        raise UsageError(f"cannot write '{path}'", hint="name a file in a directory of yours")
    return full
