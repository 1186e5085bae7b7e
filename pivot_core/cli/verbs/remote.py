"""Owns ``pivot remote``: which remotes there are, and whether they work."""

import click

from pivot_core.cli import jsonl, look, project, records
from pivot_core.cli.session import Session
from pivot_core.errors import EXIT_OK
from pivot_core.port import CheckRemote, ListRemotes, RemoteError


@click.group("remote")
def command() -> None:
    """List and check remotes: the places that results are shared by way of.

    A remote is a setting: an S3 bucket, or a directory on a shared disk.

    \b
    Examples:
      pivot config set remotes.origin s3://bucket/prefix
      pivot config set remotes.origin.endpoint_url http://127.0.0.1:9000
      pivot remote check origin
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def list_remotes(session: Session, *, as_json: bool) -> int:
    """List the remotes that the settings name.

    \b
    Example:
      pivot remote list
    """
    found = look.answer(project.find_root(None), ListRemotes())
    if as_json:
        record = records.RemotesRecord(
            schema=records.SCHEMA, remotes=[jsonl.remote_row(row) for row in found]
        )
        jsonl.show(session, record)
        return EXIT_OK
    session.out.table(
        [
            (
                row.name,
                row.url,
                (
                    ", ".join(
                        word
                        for word, holds in (
                            ("default", row.is_default),
                            ("read only", row.is_read_only),
                        )
                        if holds
                    ),
                    "faint",
                ),
            )
            for row in found
        ]
    )
    if not found and not session.is_quiet:
        session.err.line("no remote; `pivot config set remotes.origin s3://bucket/prefix` adds one")
    return EXIT_OK


@command.command("check")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def check_remote(session: Session, name: str | None, *, as_json: bool) -> int:
    """Try everything that transfers to and from NAME (else the default remote) need.

    One line each, with what mends it; a small object is written, read and removed again. The exit
    code is 5 when transfers would fail.

    \b
    Example:
      pivot remote check origin
    """
    found = look.answer(project.find_root(None), CheckRemote(name))
    ok = all(each.is_good or not each.is_needed for each in found)
    if as_json:
        record = records.RemoteCheckRecord(
            schema=records.SCHEMA, ok=ok, findings=[jsonl.remote_finding(each) for each in found]
        )
        jsonl.show(session, record)
        return EXIT_OK if ok else RemoteError.exit_code
    for each in found:
        word, style = ("ok", "good") if each.is_good else ("missing", "due")
        if not each.is_good and each.is_needed:
            word, style = "failed", "bad"
        session.out.table([((word.ljust(8), style), each.subject.ljust(12), each.detail)])
        if each.hint:
            session.out.line(("  hint:  ", "faint"), each.hint)
    return EXIT_OK if ok else RemoteError.exit_code
