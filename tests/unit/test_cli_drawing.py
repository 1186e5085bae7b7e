"""The graph as a tree, as Graphviz dot and as Mermaid."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pivot_core.cli import drawing
from pivot_core.port import StageRow
from tests.unit.cli_runs import Screen, a_row

SNAPSHOT = Path(__file__).parents[2] / "snapshots" / "cli" / "dag.txt"


def drawn(rows: list[StageRow]) -> list[str]:
    screen = Screen()
    for parts in drawing.tree(rows):
        screen.session.out.line(*parts)
    return screen.out.getvalue().splitlines()


def thirty_stages() -> list[StageRow]:
    rows = [a_row("fetch"), a_row("clean", "fetch"), a_row("split", "clean"), a_row("stations")]
    for size in ("small", "medium", "large"):
        rows.append(a_row(f"features@{size}", "split", "stations"))
        for rate in ("1", "2", "3"):
            rows.append(a_row(f"train@{size}_{rate}", f"features@{size}"))
            rows.append(a_row(f"evaluate@{size}_{rate}", f"train@{size}_{rate}", "split"))
    scores = [f"evaluate@{size}_{rate}" for size in ("small", "medium", "large") for rate in "123"]
    rows.append(a_row("choose", *scores))
    rows.append(a_row("plot", "choose", "stations"))
    rows.append(a_row("report", "choose", "plot"))
    rows.append(a_row("audit", "clean"))
    return rows


def test_thirty_stages_read_as_a_tree() -> None:
    assert len(thirty_stages()) >= 29
    assert drawn(thirty_stages()) == SNAPSHOT.read_text().splitlines()


@st.composite
def graphs(draw: st.DrawFn) -> list[StageRow]:
    rows = list[StageRow]()
    for number in range(draw(st.integers(0, 15))):
        earlier = st.integers(0, max(0, number - 1))
        parents = draw(st.sets(earlier, max_size=min(number, 4)))
        rows.append(a_row(f"s{number}", *(f"s{parent}" for parent in sorted(parents))))
    return rows


@given(graphs())
def test_each_stage_stands_on_one_line_and_each_edge_is_told(rows: list[StageRow]) -> None:
    lines = drawn(rows)

    names = [line.lstrip("│├└─ ").split("  ")[0] for line in lines]
    others = sum(line.count(", ") + 1 for line in lines if "⇠" in line)
    below = sum(line[0] in "│├└ " for line in lines)
    assert sorted(names) == sorted(row.name for row in rows)
    assert others + below == sum(len(row.upstream) for row in rows)


@given(graphs())
def test_a_guide_leads_down_to_a_sibling(rows: list[StageRow]) -> None:
    lines = drawn(rows)
    for above, line in pairwise(lines):
        for column, char in enumerate(line):
            if char in "│├└":
                assert len(above) > column
                assert above[column] in "│├" or above[column].isalnum()


def test_dot_quotes_names() -> None:
    text = drawing.dot([a_row('a"b'), a_row("c", 'a"b')])
    assert '  "a\\"b" -> "c";' in text.splitlines()


def test_mermaid_numbers_stages_and_escapes_names() -> None:
    text = drawing.mermaid([a_row("train@s"), a_row('x"]', "train@s")])
    assert text.splitlines() == [
        "flowchart LR",
        '  s0["train@s"]',
        '  s1["x#34;#93;"]',
        "  s0 --> s1",
    ]
