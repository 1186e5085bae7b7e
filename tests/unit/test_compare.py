"""How two versions of a result differ: values, rows, lines; and what a plot's file shows."""

import csv
import io
import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pivot_core.compare import leaf, lines, pairing, series, table
from pivot_core.compare.leaf import Difference, LeafChange
from pivot_core.compare.lines import ByteDifference, LineDifference
from pivot_core.compare.pairing import ColumnChange, RowDifference, UnknownColumn
from pivot_core.compare.series import Chart, Image
from pivot_core.compare.table import Row, Table

A, R, C = Difference.ADDED, Difference.REMOVED, Difference.CHANGED
rows_of = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 3), st.sampled_from(["", "x", "y,\n", "1"])),
    max_size=12,
)


def csv_of(rows: Sequence[tuple[object, ...]], head: str = "id,a,b") -> Table:
    text = io.StringIO()
    csv.writer(text).writerows([tuple(head.split(",")), *rows])
    return Table(io.BytesIO(text.getvalue().encode()), ".csv")


def table_of(text: str, suffix: str = ".csv") -> Table:
    return Table(io.BytesIO(text.encode()), suffix)


def changes(found: RowDifference) -> list[tuple[Difference, tuple[object, ...]]]:
    return [(each.difference, each.key) for each in found.changes]


# --- values ----------------------------------------------------------------------------------------------------------


def test_leaves_are_single_values_by_their_paths() -> None:
    given = leaf.parse("m.json", b'{"auc": 0.5, "per": [{"x": 1}, 2], "none": {}}')
    assert leaf.leaves(given) == {"auc": 0.5, "per[0].x": 1, "per[1]": 2, "none": {}}
    assert leaf.leaves(leaf.parse("m.yaml", b"a: 1e-3\n")) == {"a": 0.001}


def test_values_differ_by_value_and_by_kind() -> None:
    found = leaf.compare_values(
        {"a": 1, "b": True, "c": float("nan"), "d": 2},
        {"a": 1.0, "b": 1, "c": float("nan"), "e": 0},
    )
    assert found.changes == (
        LeafChange("b", C, True, 1),
        LeafChange("d", R, old=2),
        LeafChange("e", A, new=0),
    )
    assert found.unchanged == 2
    assert LeafChange("x", C, 1, 3).step == 2.0


@pytest.mark.parametrize("text", ["{", "[" * 100_000, '"\ud800'])
def test_what_is_no_json_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="not valid JSON"):
        leaf.parse("m.json", text.encode("utf-8", "surrogatepass"))


# --- rows ------------------------------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(rows_of, rows_of)
def test_rows_are_paired_alike_in_memory_and_in_parts(
    old: list[tuple[object, ...]], new: list[tuple[object, ...]]
) -> None:
    def compared(part_bytes: int) -> RowDifference:
        return pairing.compare(
            csv_of(old), csv_of(new), limit=100, key=["id"], part_bytes=part_bytes
        )

    found = compared(1 << 20)
    assert compared(5) == found
    pairs = [
        pair
        for key in {row[0] for row in (*old, *new)}
        for pair in itertools.zip_longest(
            *([r for r in side if r[0] == key] for side in (old, new))
        )
    ]
    assert (found.added, found.removed) == (
        sum(one is None for one, _ in pairs),
        sum(two is None for _, two in pairs),
    )
    assert found.changed == sum(None not in pair and pair[0] != pair[1] for pair in pairs)


def test_a_key_is_a_column_that_names_rows_on_both_sides() -> None:
    old = table_of("score,name,day\n0.1,ann,1\n0.2,bob,1\n")
    new = table_of("score,name,day\n0.3,bob,1\n0.1,ann,1\n0.5,cat,1\n")
    found = pairing.compare(old, new, limit=10)
    assert found.key == ("name",)
    assert changes(found) == [(C, ("bob",)), (A, ("cat",))]
    assert found.changes[0].cells == (pairing.CellChange("score", "0.2", "0.3"),)


def test_rows_without_a_key_are_paired_by_position() -> None:
    found = pairing.compare(table_of("x\n0.1\n0.2\n"), table_of("x\n0.1\n0.3\n0.4\n"), limit=10)
    assert found.key == ()
    assert changes(found) == [(C, (2,)), (A, (3,))]


def test_columns_that_come_go_or_change_type_are_told_and_change_no_row() -> None:
    found = pairing.compare(
        table_of("id,a,gone\n1,2,x\n2,3,x\n"), table_of("id,a,come\n1,2,\n2,2.5,\n"), limit=10
    )
    assert found.columns == (
        ColumnChange("a", "integer", "number"),
        ColumnChange("gone", "text", None),
        ColumnChange("come", None, ""),
    )
    assert [len(change.cells) for change in found.changes] == [1]
    filled = pairing.compare(table_of("id,a\n1,\n"), table_of("id,a\n1,x\n"), limit=10)
    assert filled.columns == (ColumnChange("a", "", "text"),)
    assert filled.changed == 1


def test_the_first_changes_are_shown_and_all_are_counted() -> None:
    old = [(n, 0, "") for n in range(5000)]
    new = [(n, 1, "") for n in range(5000)]
    found = pairing.compare(csv_of(old), csv_of(new), limit=3, key=["id"], part_bytes=4096)
    assert found.changed == 5000
    assert changes(found) == [(C, ("0",)), (C, ("1",)), (C, ("2",))]


def test_a_key_that_is_not_there_is_refused() -> None:
    with pytest.raises(UnknownColumn, match="nope"):
        pairing.compare(table_of("a\n1\n"), table_of("a\n2\n"), limit=1, key=["nope"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.text(max_size=4), st.integers() | st.text() | st.none(), max_size=3),
        min_size=1,
    )
)
def test_a_json_list_is_read_row_by_row(rows: list[Row]) -> None:
    for indent in (None, 1):
        file = io.BytesIO(json.dumps(rows, indent=indent).encode())
        found = table.table_of("x.json", file)
        assert found is not None
        assert list(found.rows()) == rows


@pytest.mark.parametrize("text", ['[{"a": 1}', '[{"a": 1} {"b": 2}]', '[{"a": }]', '[{"a": 1},'])
def test_a_broken_json_list_is_said(text: str) -> None:
    found = table.table_of("x.json", io.BytesIO(text.encode()))
    assert found is not None
    with pytest.raises(ValueError, match="not valid JSON"):
        list(found.rows())


def test_a_csv_file_has_its_own_delimiter_and_odd_rows() -> None:
    found = table_of("a;b;b\n1;2\n3;4;5;6\n").rows()
    assert list(found) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4", "b#3": "5", "#4": "6"}]


# --- lines -----------------------------------------------------------------------------------------------------------


def differ(old: str | bytes, new: str | bytes, limit: int = 50) -> object:
    sides = [io.BytesIO(each.encode() if isinstance(each, str) else each) for each in (old, new)]
    return lines.compare(sides[0], sides[1], limit=limit)


def test_a_line_in_a_long_text_is_shown_with_its_place() -> None:
    old = "".join(f"line {n}\n" for n in range(50_000))
    found = differ(old, old.replace("line 40000\n", "-- new\n"))
    assert isinstance(found, LineDifference)
    assert (found.added, found.removed) == (1, 1)
    assert found.lines[0] == "@@ -39998,7 +39998,7 @@"
    assert found.lines[4:6] == ("-line 40000", "+-- new")


def test_texts_without_anything_in_common_are_one_stretch() -> None:
    found = differ("a\n" * 5000, "b\n" * 5000, limit=2)
    assert isinstance(found, LineDifference)
    assert (found.added, found.removed, found.more) == (5000, 5000, 9999)


def test_bytes_are_told_apart_where_they_begin_to_differ() -> None:
    assert differ(b"same\0one", b"same\0two!") == ByteDifference(8, 9, 5, is_text=False)
    assert differ("same", "same") is None
    assert differ("a\n", "a\r\n") == LineDifference(0, 0, (), 0)


# --- plots -----------------------------------------------------------------------------------------------------------


def chart(path: str, text: str, axis: str | None = None, columns: tuple[str, ...] = ()) -> Chart:
    found = series.read(path, io.BytesIO(text.encode()), axis, columns)
    assert isinstance(found, Chart)
    return found


def test_a_table_is_drawn_over_the_column_that_counts_or_names_its_rows() -> None:
    counted = chart("a.csv", "epoch,loss,note\n1,0.5,x\n2,0.4,y\n")
    assert (counted.axis, [each.name for each in counted.series]) == ("epoch", ["loss"])
    named = chart("a.jsonl", '{"who": "ann", "n": 3}\n{"who": "bob", "n": null}\n')
    assert (named.axis, named.labels) == ("who", ("ann", "bob"))
    assert named.series[0].y == (3.0,)
    plain = chart("a.csv", "y,z\n0.5,0.1\n0.3,0.2\n")
    assert (plain.axis, plain.series[0].x) == ("", (1.0, 2.0))
    chosen = chart("a.csv", "y,z\n0.5,0.1\n0.3,0.2\n", axis="z", columns=("y",))
    assert (chosen.axis, chosen.series[0].x) == ("z", (0.1, 0.2))


@pytest.mark.parametrize(
    ("text", "axis", "values"),
    [
        ('{"cat": 1, "dog": 2}', "name", (1.0, 2.0)),
        ("[1, 2]", "", (1.0, 2.0)),
        ('{"loss": [1, 2]}', "", (1.0, 2.0)),
        ('{"roc": [{"fpr": 0, "tpr": 1}, {"fpr": 1, "tpr": 2}]}', "fpr", (1.0, 2.0)),
    ],
)
def test_a_json_document_is_drawn_as_what_it_is(
    text: str, axis: str, values: tuple[float, ...]
) -> None:
    found = chart("a.json", text)
    assert (found.axis, found.series[0].y) == (axis, values)


def test_many_rows_are_thinned() -> None:
    found = chart("a.csv", "n\n" + "".join(f"{n}\n" for n in range(10_000)))
    assert (found.rows, found.step) == (10_000, 4)
    assert found.series[0].y[:3] == (0.0, 4.0, 8.0)
    assert len(found.series[0].y) <= 2 * series.POINTS_MAX


def test_a_picture_is_a_picture_and_anything_else_shows_nothing() -> None:
    found = series.read("a.PNG", io.BytesIO(b"png"), None, ())
    assert found == Image("image/png", b"png")
    for path, data in (("a.bin", b"x"), ("a.csv", b"a,b\nx,y\n"), ("a.json", b"{")):
        with pytest.raises(ValueError, match=r"neither|no column of numbers|not valid JSON"):
            series.read(path, io.BytesIO(data), None, ())
    with pytest.raises(UnknownColumn):
        series.read("a.csv", io.BytesIO(b"a\n1\n"), None, ("b",))
