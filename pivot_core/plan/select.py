"""Owns which stages a request means: its targets, with what they need or what follows from them."""

from collections.abc import Sequence
from typing import assert_never

from pivot_core.model.graph import Graph, Selection
from pivot_core.model.ids import StageName


def select(graph: Graph, targets: Sequence[str], selection: Selection) -> tuple[StageName, ...]:
    """Returns the selected stages: in topological order, or in the given order for ``ONLY``; all without targets.

    Raises ``UsageError`` for a target that is neither a stage nor an output.
    """
    if not targets:
        return tuple(graph.stages)
    named = list(dict.fromkeys(name for target in targets for name in graph.resolve(target)))
    match selection:
        case Selection.ONLY:
            return tuple(named)
        case Selection.UPSTREAM:
            chosen = graph.ancestors(named)
        case Selection.DOWNSTREAM:
            chosen = graph.descendants(named)
        case Selection.BOTH:
            chosen = graph.ancestors(graph.descendants(named))
        case _:
            assert_never(selection)
    return tuple(name for name in graph.stages if name in chosen)
