"""Owns ``pivot schema``: what ``pivot.yaml`` may hold, for editors and other programs."""

import click

from pivot_core.cli import jsonl, project
from pivot_core.cli.session import Session
from pivot_core.errors import EXIT_OK


@click.command("schema")
@click.pass_obj
def command(session: Session) -> int:
    """Write the JSON Schema (draft 2020-12) of pivot.yaml, by which editors complete and check it.

    It stays the same until Pivot is updated. A line in pivot.yaml tells editors where it lies:

    \b
    Example:
      pivot schema > .pivot/pivot.schema.json
      # yaml-language-server: $schema=.pivot/pivot.schema.json
    """
    jsonl.show(session, project.definition_schema())
    return EXIT_OK
