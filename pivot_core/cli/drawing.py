"""Owns drawing the graph: as a tree in text that a person can read, as Graphviz dot, and as a Mermaid flowchart."""

from collections.abc import Iterator, Sequence

from pivot_core.cli.paper import Part
from pivot_core.port import StageName, StageRow, outline

_VARIANTS = 3
"""How many variants of one stage are named before they are only counted."""


def tree(rows: Sequence[StageRow]) -> Iterator[list[Part]]:
    """Yields a line a stage: each once, below its deepest upstream; its other upstreams stand behind ``⇠``.

    ``rows`` is in topological order.
    """
    drawn = outline([row.name for row in rows], {row.name: row.upstream for row in rows})
    has_next = list[bool]()  # for each depth: whether a sibling follows further down
    for index, row in enumerate(drawn):
        del has_next[row.depth :]
        later = (other.depth for other in drawn[index + 1 :])
        has_next.append(next((depth for depth in later if depth <= row.depth), -1) == row.depth)
        guides = "".join("│  " if more else "   " for more in has_next[1:-1])
        elbow = ("├─ " if has_next[-1] else "└─ ") if row.depth else ""
        parts = list[Part]([(guides + elbow, "faint"), row.stage])
        if row.others:
            parts.append(("  ⇠ " + ", ".join(_folded(row.others)), "faint"))
        yield parts


def dot(rows: Sequence[StageRow]) -> str:
    """Returns the graph for Graphviz."""
    lines = ["digraph pipeline {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    lines.extend(f"  {_dot(row.name)};" for row in rows)
    lines.extend(
        f"  {_dot(parent)} -> {_dot(row.name)};" for row in rows for parent in row.upstream
    )
    return "\n".join([*lines, "}"])


def mermaid(rows: Sequence[StageRow]) -> str:
    """Returns the graph as a Mermaid flowchart, as GitHub draws it in Markdown."""
    ids = {row.name: f"s{index}" for index, row in enumerate(rows)}
    lines = ["flowchart LR"]
    lines.extend(f'  {ids[row.name]}["{_mermaid(row.name)}"]' for row in rows)
    lines.extend(
        f"  {ids[parent]} --> {ids[row.name]}"
        for row in rows
        for parent in row.upstream
        if parent in ids
    )
    return "\n".join(lines)


def _folded(names: Sequence[StageName]) -> Iterator[str]:
    """Yields the names, many variants of one stage as ``train@… (12)``."""
    by_base = dict[str, list[StageName]]()
    for name in names:
        by_base.setdefault(name.partition("@")[0], []).append(name)
    for base, variants in by_base.items():
        if len(variants) > _VARIANTS:
            yield f"{base}@… ({len(variants)})"
        else:
            yield from variants


def _dot(name: StageName) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _mermaid(name: StageName) -> str:
    """Writes as entities what Mermaid would read as its own syntax."""
    return "".join(
        char if char.isalnum() or char in "_-./@ " else f"#{ord(char)};" for char in name
    )
