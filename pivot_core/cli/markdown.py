"""Owns tables in Markdown, as GitHub shows them; what stands in a cell is text and nothing else."""

from collections.abc import Iterable, Sequence

from pivot_core.port import one_line

_SPECIAL = str.maketrans({char: f"\\{char}" for char in "\\`*_{}[]<>#|~$&"})


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Returns a table; the columns in ``right`` are set to the right."""
    rule = ["---:" if column in right else "---" for column in range(len(head))]
    lines = [head, rule, *([cell(text) for text in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def cell(text: str) -> str:
    """Returns a text as it is to be read, without markup."""
    return one_line(text).translate(_SPECIAL)


def title(text: str) -> str:
    """Returns a heading."""
    return f"### {cell(text)}\n\n"
