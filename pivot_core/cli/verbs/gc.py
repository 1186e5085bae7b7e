"""Owns ``pivot gc``: removes what nothing names any more."""

import os

import click

from pivot_core.cli import jsonl, look, project, text
from pivot_core.cli.session import Session
from pivot_core.errors import EXIT_OK
from pivot_core.port import Sweep

_RUNS = 20


@click.command("gc")
@click.option("-f", "--force", is_flag=True, help="Remove it; without this it is only told.")
@click.option("-r", "--remote", metavar="NAME", help="On this remote, not in the cache.")
@click.option(
    "--runs",
    type=click.IntRange(min=0),
    default=_RUNS,
    show_default=True,
    metavar="N",
    help="Keep what the last N runs read and made.",
)
@click.option(
    "--project",
    "projects",
    multiple=True,
    metavar="DIR",
    help="Another project that uses the cache or remote.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(
    session: Session,
    *,
    force: bool,
    remote: str | None,
    runs: int,
    projects: tuple[str, ...],
    as_json: bool,
) -> int:
    """Remove from the cache the objects that nothing names any more; without --force only tell.

    What was damaged and set aside goes too, and runs beyond the setting `run.keep`.

    Kept is what the lock files of the work tree, of every branch, tag and stash name, and what the
    last runs read and made. With --remote NAME it looks at the remote instead; there, what is
    younger than a day stays too. Fetch everybody's branches first: what only they name is not known
    here.

    \b
    Examples:
      pivot gc
      pivot gc --force
      pivot gc --remote origin
    """
    root = project.find_root(None)
    given = [os.path.realpath(each) for each in projects]
    found = look.sweep(root, remote=remote, projects=given, runs=runs, is_real=force)
    if as_json:
        jsonl.show(session, jsonl.sweep(found))
        return EXIT_OK
    if session.is_verbose:
        session.out.table([(item.hash, text.size(item.size_bytes)) for item in found.items])
    _show(session, found)
    return EXIT_OK


def _show(session: Session, found: Sweep) -> None:
    out = session.out
    done, style = ("removed", "good") if found.is_done else ("would remove", "due")
    what = f" {text.plural(len(found.items), 'object')}, {text.size(found.size_bytes)}"
    if not _has_something(found):
        out.line(("nothing to remove", "good"), f": {text.plural(found.kept, 'object')} kept")
    else:
        more = f"; {found.kept} kept"
        if found.runs:
            more += f"; {found.runs} run-cache entries"
        if found.uploads:
            more += f"; {text.plural(found.uploads, 'unfinished upload')}"
        if found.damaged:
            more += f"; {text.plural(found.damaged, 'damaged object')}"
        if found.old_runs:
            size = text.size(found.old_runs_bytes)
            more += f"; {text.plural(found.old_runs, 'old run')}, {size}"
        out.line((done, style), what + more)
    if session.is_quiet:
        return
    out.line((f"kept is what {', '.join(found.sources)} name", "faint"))
    if not found.is_done and _has_something(found):
        out.line(("`--force` removes it", "faint"))


def _has_something(found: Sweep) -> bool:
    return bool(found.items or found.uploads or found.runs or found.damaged or found.old_runs)
