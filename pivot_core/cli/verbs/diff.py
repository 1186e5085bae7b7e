"""Owns ``pivot diff``: how a data file differs between two revisions."""

import click

from pivot_core.cli import difference, jsonl, look, project, revisions
from pivot_core.cli.session import Session
from pivot_core.cli.targets import inside
from pivot_core.errors import EXIT_OK
from pivot_core.port import UsageError
from pivot_core.port.results import Wish


@click.command("diff")
@click.argument("path")
@revisions.two_revisions
@click.option(
    "-k", "--key", "keys", multiple=True, metavar="COLUMN",
    help="Pair rows by this column; several times for several.",
)  # fmt: skip
@click.option("--by-position", is_flag=True, help="Pair the first row with the first row.")
@revisions.options(limit=20)
@click.pass_obj
def command(
    session: Session,
    path: str,
    old: str | None,
    new: str | None,
    *,
    keys: tuple[str, ...],
    by_position: bool,
    limit: int,
    as_json: bool,
    as_markdown: bool,
) -> int:
    """Show how PATH differs between OLD (else HEAD) and NEW (else the workspace).

    Rows of CSV, JSON lines and JSON lists are paired by a key: the one that is named, else a
    column that tells all rows apart, else by position. Other JSON and YAML is compared value by
    value, text line by line, a directory file by file. A REV is `workspace`, a run (`last`,
    `last~1`, an id of `pivot history`) or anything that git takes for a commit.

    \b
    Examples:
      pivot diff data/clean.csv
      pivot diff data/clean.csv HEAD~3 --key date
      pivot diff models/best.json last~1 last
    """
    if keys and by_position:
        raise UsageError("'--key' and '--by-position' exclude each other", hint="give one of them")
    root = project.find_root()
    (target,) = inside(root, (path,))
    wish = Wish(limit, () if by_position else keys or None)
    names = revisions.pair(old, new)
    found = look.results(
        root, lambda results: results.compare(target, names, wish), revisions.say(session)
    )
    if as_json:
        jsonl.show(session, difference.record(found, limit))
    elif as_markdown:
        session.out.write(difference.in_markdown(found, limit))
    else:
        difference.show(session.out, found, limit)
    return EXIT_OK
