"""Which stages the Stages panel shows, in what order and under what."""

from dataclasses import replace

import pytest

from pivot_core.port import Snapshot, StageName, Status
from pivot_tui import arrangement
from pivot_tui.arrangement import Fold, Form, Row, Side, Sort, View, arrange
from pivot_tui.board import Board, apply
from pivot_tui.requests import Asked, Choice, command_line, label
from tests.tui import scenes


def a_board(snapshot: Snapshot | None = None) -> Board:
    board = Board()
    apply(board, snapshot or scenes.a_run_in_progress())
    return board


def a_sweep(number: int = 3) -> Board:
    """Returns one stage with so many variants that differ in ``lr``, between two others."""
    sweep = [
        replace(scenes.stage_row(f"train@{at}", ("clean",)), params={"lr": at, "seed": 1})
        for at in range(number)
    ]
    stages = (scenes.stage_row("clean"), *sweep, scenes.stage_row("report", ("train@0",)))
    return a_board(replace(scenes.idle(), stages=stages, states={}))


def keys(rows: list[Row]) -> list[str]:
    return [row.key for row in rows]


def test_a_tree_has_every_stage_once_below_its_longest_path() -> None:
    rows = arrange(a_board(), View())
    assert keys(rows)[:3] == ["fetch_raw", "clean", "embeddings"]
    assert [row.depth for row in rows[:4]] == [0, 1, 2, 2]
    assert len({row.key for row in rows}) == len(rows) == 10
    assert [row.fold for row in rows[:3]] == [Fold.OPEN, Fold.OPEN, Fold.NONE]


def test_a_folded_row_stands_for_all_that_is_below_it() -> None:
    rows = arrange(a_board(), View(turned=frozenset({"clean"})))
    assert keys(rows) == ["fetch_raw", "clean"]
    assert rows[1].fold is Fold.FOLDED
    assert len(rows[1].stages) == 9


def test_all_rows_fold_and_unfold() -> None:
    board = a_board()
    folded = arrangement.keys(board, View(), folded=True)
    assert keys(arrange(board, View(turned=folded))) == ["fetch_raw"]
    opened = arrangement.keys(board, View(turned=folded), folded=False)
    assert len(arrange(board, View(turned=opened))) == 10


def test_variants_stand_in_a_group_named_after_what_differs() -> None:
    rows = arrange(a_sweep(), View(Form.GROUPS))
    assert [row.label for row in rows] == ["clean", "train@{lr}", "report"]
    assert rows[1].fold is Fold.FOLDED
    assert rows[1].stages == ("train@0", "train@1", "train@2")
    opened = arrange(a_sweep(), View(Form.GROUPS, turned=frozenset({rows[1].key})))
    assert keys(opened)[2:5] == ["train@0", "train@1", "train@2"]


def test_all_groups_fold_and_unfold() -> None:
    board = a_sweep()
    view = View(Form.GROUPS)
    opened = arrangement.keys(board, view, folded=False)
    assert len(arrange(board, replace(view, turned=opened))) == 6
    folded = arrangement.keys(board, view, folded=True)
    assert len(arrange(board, replace(view, turned=folded))) == 3


def test_stages_of_several_modules_stand_by_module_and_open() -> None:
    whole = scenes.idle()
    stages = tuple(
        replace(row, function=f"{'model' if 'train' in row.name else 'data'}.{row.name}")
        for row in whole.stages
        if "@" not in row.name or "train" in row.name
    )
    rows = arrange(a_board(replace(whole, stages=stages)), View(Form.GROUPS))
    assert [row.label for row in rows if row.is_group] == ["data", "model"]
    assert len(rows) == len(stages) + 2


def test_many_stages_open_in_folded_groups() -> None:
    board = a_sweep(arrangement.MANY)
    view = arrangement.first_view(board)
    assert view.form is Form.GROUPS
    assert len(arrange(board, view)) == 3
    assert arrangement.first_view(a_board()).form is Form.TREE


def test_a_flat_view_is_in_topological_order() -> None:
    board = a_board()
    assert keys(arrange(board, View(Form.FLAT))) == list(board.stages)


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        (Sort.NAME, "clean"),
        (Sort.STATE, "train_baseline"),
        (Sort.DURATION, "train@large"),
        (Sort.STARTED, "train_baseline"),
    ],
)
def test_a_sorted_view_is_flat(sort: Sort, first: str) -> None:
    rows = arrange(a_board(), View(sort=sort))
    assert rows[0].key == first
    assert {row.depth for row in rows} == {0}


def test_a_filter_leaves_names_that_hold_every_word() -> None:
    board = a_board()
    assert keys(arrange(board, View(words="train base"))) == [
        "train_baseline",
    ]
    assert keys(arrange(board, View(words="nothing"))) == []


def test_a_filter_opens_what_is_folded() -> None:
    rows = arrange(a_sweep(), View(Form.GROUPS, words="train@1"))
    assert keys(rows) == ["train@", "train@1"]
    tree = arrange(a_board(), View(words="report", turned=frozenset({"clean"})))
    assert keys(tree) == ["report"]


def test_only_some_states_are_shown() -> None:
    rows = arrange(a_board(), View(statuses=frozenset({Status.FAILED, Status.BLOCKED})))
    assert keys(rows) == ["train_baseline", "compare_with_baseline"]


def test_only_what_a_stage_needs_or_what_follows_is_shown() -> None:
    board = a_board()
    above = arrange(board, View(around=(Side.UPSTREAM, StageName("features"))))
    assert set(keys(above)) == {"fetch_raw", "clean", "features"}
    below = arrange(board, View(around=(Side.DOWNSTREAM, StageName("train_baseline"))))
    assert set(keys(below)) == {"train_baseline", "compare_with_baseline"}


def test_a_stage_that_is_gone_hides_nothing() -> None:
    gone = View(around=(Side.UPSTREAM, StageName("gone")))
    assert len(arrange(a_board(), gone)) == 10


def test_small_letters_find_capitals_and_capitals_only_themselves() -> None:
    assert arrangement.matches("tr", "Train") == [(0, 2)]
    assert arrangement.matches("TR", "Train") is None
    assert arrangement.matches("base tr", "train_baseline") == [(0, 2), (6, 10)]


def test_the_worst_state_is_that_of_a_group() -> None:
    board = a_board()
    assert arrangement.worst(board, board.stages) == "train_baseline"
    assert arrangement.worst(board, [StageName("clean"), StageName("features")]) == "features"


def several() -> Board:
    """Returns three pipelines: that of the root, and two of which one needs the other."""
    rows = {
        "": [scenes.stage_row("site", ("train/check",))],
        "ingest": [scenes.stage_row("clean"), scenes.stage_row("ingest/check", ("clean",))],
        "train": [
            scenes.stage_row("fit", ("clean",)),
            scenes.stage_row("train/check", ("fit", "ingest/check")),
        ],
    }
    stages = [replace(row, pipeline=home) for home, each in rows.items() for row in each]
    order = ["clean", "ingest/check", "fit", "train/check", "site"]
    stages.sort(key=lambda row: order.index(row.name))
    return a_board(replace(scenes.idle(), stages=tuple(stages), states={}))


def test_several_pipelines_stand_apart_with_what_they_need_of_one_another() -> None:
    rows = arrange(several(), View())
    assert [(row.depth, row.label, row.others) for row in rows] == [
        (0, "churn", ()),
        (1, "site", ("train/check",)),
        (0, "ingest/", ()),
        (1, "clean", ()),
        (2, "ingest/check", ()),
        (0, "train/", ()),
        (1, "fit", ("clean",)),
        (2, "train/check", ("ingest/check",)),
    ]
    assert [row.key for row in rows if row.is_group] == ["//", "ingest//", "train//"]


def test_pipelines_fold() -> None:
    board = several()
    folded = View(turned=arrangement.keys(board, View(), folded=True))
    assert [row.label for row in arrange(board, folded)] == ["churn", "ingest/", "train/"]
    opened = replace(folded, turned=arrangement.keys(board, folded, folded=False))
    assert len(arrange(board, opened)) == 8


@pytest.mark.parametrize(
    ("place", "key"), [("", "//"), ("train", "train//"), ("train/src/deep", "train//"), ("x", "//")]
)
def test_the_pipeline_around_a_directory_is_the_nearest_one(place: str, key: str) -> None:
    assert arrangement.around(several(), place) == key
    assert arrangement.around(a_board(), place) is None


def test_a_whole_pipeline_is_asked_for_by_its_directory() -> None:
    board = several()
    stages = (StageName("fit"), StageName("train/check"))
    asked = Asked(Choice.UPSTREAM)
    assert command_line(asked, stages, board) == "pivot repro train/"
    assert command_line(asked, stages[:1], board) == "pivot repro fit"
    assert label(Choice.UPSTREAM, stages, board) == "train/ + upstream"
    assert label(Choice.ALL, stages, board) == "every pipeline"
