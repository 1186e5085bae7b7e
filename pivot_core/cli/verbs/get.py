"""Owns ``pivot get``: brings back an artifact as it was in a commit or after a run."""

import os
import shutil
import sys
from typing import BinaryIO

import click

from pivot_core.cli import jsonl, look, project, records, revisions, text
from pivot_core.cli import result_records as forms
from pivot_core.cli.session import Session
from pivot_core.cli.targets import complete, inside
from pivot_core.errors import EXIT_OK
from pivot_core.port import UsageError

_STDOUT = "-"


@click.command("get")
@click.argument("target", shell_complete=complete)
@click.option("--rev", required=True, metavar="REV", help="A commit, or a run.")
@click.option("-o", "--output", metavar="PATH", help="Not where it belongs; `-` for stdout.")
@click.option("-f", "--force", is_flag=True, help="Overwrite files that hold something else.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(
    session: Session, target: str, *, rev: str, output: str | None, force: bool, as_json: bool
) -> int:
    """Bring back TARGET as it was in REV: an output, a tracked file, anything that git has, or all outputs of a stage.

    The bytes come from git, from the cache, or from a remote, and are checked by their hash. Without
    --output they go where they belong in the project; with it a file goes there, and a directory's
    files, or those of a stage, go below it. A REV is named as for `pivot metrics`.

    \b
    Examples:
      pivot get models/best.json --rev v1.0 -o old.json
      pivot get train --rev HEAD~1 -o before/
      pivot get metrics/train.json --rev last~1 -o -
    """
    root = project.find_root()
    (wanted,) = inside(root, (target,))
    say = revisions.say(session)
    if output == _STDOUT:
        if as_json:
            raise UsageError("'--json' and '--output -' exclude each other", "", "give one of them")
        session.out.flush()
        look.results(root, lambda found: found.read(wanted, rev, _to_stdout), say)
        return EXIT_OK
    done = look.results(root, lambda found: found.export(wanted, rev, output, force=force), say)
    if as_json:
        record = forms.GetRecord(
            schema=records.SCHEMA,
            files=[
                forms.CopyRecord(
                    path=each.path,
                    to=each.to,
                    size_bytes=each.size_bytes,
                    origin=each.origin,
                    is_new=each.is_new,
                )
                for each in done
            ],
        )
        jsonl.show(session, record)
    elif not session.is_quiet:
        session.out.table(
            [
                ("wrote" if each.is_new else "same", os.path.relpath(each.to), (text.size(each.size_bytes), "faint"))
                for each in done
            ]
        )  # fmt: skip
    return EXIT_OK


def _to_stdout(file: BinaryIO) -> None:
    shutil.copyfileobj(file, sys.stdout.buffer)
    sys.stdout.buffer.flush()
