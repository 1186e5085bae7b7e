"""Owns ``pivot dag``: the graph of stages, drawn."""

import click

from pivot_core.cli import drawing, look, project, scope
from pivot_core.cli.session import Session
from pivot_core.port import UsageError


@click.command("dag")
@scope.all_option
@click.option("--dot", "as_dot", is_flag=True, help="Write Graphviz dot.")
@click.option("--mermaid", "as_mermaid", is_flag=True, help="Write a Mermaid flowchart.")
@click.pass_obj
def command(session: Session, *, every: bool, as_dot: bool, as_mermaid: bool) -> int:
    """Draw the graph of stages as a tree.

    Each stage stands once, below its deepest upstream; the others stand behind an arrow.

    \b
    Examples:
      pivot dag
      pivot dag --dot | dot -Tsvg > dag.svg
    """
    if as_dot and as_mermaid:
        raise UsageError("'--dot' and '--mermaid' exclude each other", hint="choose one of them")
    root = project.find_root(None)
    is_drawn = not (as_dot or as_mermaid)
    wanted = scope.targets(session, root, (), every=every, is_told=is_drawn)
    _, rows = look.stage_rows(root, wanted)
    if as_dot or as_mermaid:
        session.out.block(drawing.dot(rows) if as_dot else drawing.mermaid(rows))
        return 0
    for parts in drawing.tree(rows):
        session.out.line(*parts)
    return 0
