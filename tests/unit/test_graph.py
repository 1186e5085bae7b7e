"""The graph that emerges from artifacts, and what forbids one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.errors import DefinitionError, UsageError
from pivot_core.model import graph
from pivot_core.model.graph import Selection
from pivot_core.model.ids import StageName
from pivot_core.model.stage import SourceLocation, Stage
from pivot_core.plan.select import select
from tests.support.values import a_stage


def build(*stages: Stage) -> graph.Graph:
    return graph.build(stages)


def refused(*stages: Stage) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        graph.build(stages)
    return [caught.value.what, *(error.what for error in caught.value.others)]


def names(*given: str) -> tuple[StageName, ...]:
    return tuple(StageName(name) for name in given)


def test_a_stage_depends_on_who_writes_what_it_reads() -> None:
    found = build(a_stage("b", ["a.csv"], ["b.csv"]), a_stage("a", ["raw.csv"], ["a.csv"]))
    assert tuple(found.stages) == names("a", "b")
    assert found.upstream[StageName("b")] == names("a")
    assert found.downstream[StageName("a")] == names("b")


def test_a_directory_joins_stages_both_ways() -> None:
    found = build(
        a_stage("parts", [], ["data/parts/"]),
        a_stage("one", [], ["data/one.csv"]),
        a_stage("member", ["data/parts/x.csv"], ["m"]),
        a_stage("whole", ["data/"], ["w"]),
        a_stage("near", ["data/one.csv.gz"], ["n"]),
    )
    assert found.upstream[StageName("member")] == names("parts")
    assert set(found.upstream[StageName("whole")]) == {"parts", "one"}
    assert found.upstream[StageName("near")] == ()


def test_two_writers_of_one_path_are_refused() -> None:
    assert refused(a_stage("a", [], ["x.csv"]), a_stage("b", [], ["x.csv"])) == [
        "two stages write 'x.csv'"
    ]


@pytest.mark.parametrize("other", ["X.csv", "x.CSV", "\u006f\u0308.csv"])
def test_paths_that_some_file_systems_take_for_one_are_refused(other: str) -> None:
    first = "\u00f6.csv" if other.startswith("o") else "x.csv"
    (what,) = refused(a_stage("a", [], [first]), a_stage("b", [], [other]))
    assert "are one file" in what


def test_an_out_inside_another_is_refused() -> None:
    (what,) = refused(a_stage("a", [], ["d/"]), a_stage("b", [], ["d/x/y.csv"]))
    assert what == "output 'd/x/y.csv' lies inside output 'd/'"


def test_mistakes_are_reported_together() -> None:
    found = refused(a_stage("a", [], ["x"]), a_stage("a", [], ["y"]), a_stage("c", [], ["x"]))
    assert found == ["two stages are named 'a'", "two stages write 'x'"]


def test_a_cycle_is_shown_in_the_direction_of_the_data() -> None:
    (what,) = refused(
        a_stage("a", ["c"], ["a"]), a_stage("b", ["a"], ["b"]), a_stage("c", ["b"], ["c"])
    )
    assert what in {
        f"stages depend on each other: {cycle}"
        for cycle in ("a → b → c → a", "b → c → a → b", "c → a → b → c")
    }


def test_a_stage_that_reads_its_own_output_is_refused() -> None:
    assert refused(a_stage("a", ["x"], ["x"])) == ["stage 'a' reads its own output"]


def diamond() -> graph.Graph:
    return build(
        a_stage("top", [], ["t"]),
        a_stage("left", ["t"], ["l"]),
        a_stage("right@1", ["t"], ["r1"]),
        a_stage("right@2", ["t"], ["r2"]),
        a_stage("end", ["l", "r1"], ["e"]),
    )


@pytest.mark.parametrize(
    ("targets", "selection", "expected"),
    [
        ([], Selection.UPSTREAM, {"top", "left", "right@1", "right@2", "end"}),
        (["left"], Selection.UPSTREAM, {"top", "left"}),
        (["left"], Selection.DOWNSTREAM, {"left", "end"}),
        (["left"], Selection.BOTH, {"top", "left", "right@1", "end"}),
        (["right"], Selection.ONLY, {"right@1", "right@2"}),
        (["r2"], Selection.UPSTREAM, {"top", "right@2"}),
    ],
)
def test_a_selection_reaches_as_far_as_it_says(
    targets: list[str], selection: Selection, expected: set[str]
) -> None:
    assert set(select(diamond(), targets, selection)) == expected


def test_stages_named_one_by_one_keep_the_given_order() -> None:
    assert select(diamond(), ["end", "top"], Selection.ONLY) == names("end", "top")


def test_a_mistyped_target_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        diamond().resolve("lefft")
    assert caught.value.hint == "did you mean 'left'?"


def test_the_outline_shows_each_stage_once_below_its_deepest_parent() -> None:
    found = diamond()
    rows = [
        (row.stage, row.depth, row.others) for row in graph.outline(found.stages, found.upstream)
    ]
    assert rows == [
        ("top", 0, ()),
        ("left", 1, ()),
        ("end", 2, ("right@1",)),
        ("right@1", 1, ()),
        ("right@2", 1, ()),
    ]


@given(st.lists(st.sets(st.integers(0, 30), max_size=3), min_size=1, max_size=30))
def test_every_stage_comes_after_its_upstreams(reads: list[set[int]]) -> None:
    stages = [
        a_stage(f"s{index}", [f"f{dep}" for dep in deps if dep < index], [f"f{index}"])
        for index, deps in enumerate(reads)
    ]
    found = graph.build(reversed(stages))
    order = list(found.stages)
    assert len(order) == len(stages)
    for name, parents in found.upstream.items():
        assert all(order.index(parent) < order.index(name) for parent in parents)
    rows = graph.outline(found.stages, found.upstream)
    assert sorted(row.stage for row in rows) == sorted(order)


def in_pipeline(home: str, name: str, *outs: str) -> Stage:
    stage = a_stage(name, [], list(outs))
    where = SourceLocation(f"{home}/pipeline.py" if home else "pipeline.py", 1)
    return replace(stage, func=replace(stage.func, base=home), defined=where)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("train", ("train",)),
        ("a/train", ("a/train",)),
        ("a/src//train", ("a/train",)),
        ("b//train", ("train",)),
        ("a//only", ("only",)),
        ("a/only", ("only",)),
        ("b/sweep", ("sweep@x", "sweep@y")),
        ("b/sweep@y", ("sweep@y",)),
        ("a//m.txt", ("a/train",)),
        ("//m.txt", None),
        (".", ("train",)),
        ("a/", ("a/train", "only")),
        ("a", ("a/train", "only")),
        ("b/", ("sweep@x", "sweep@y")),
        ("lib/", ("deep",)),
        ("a//nothing", None),
    ],
)
def test_a_target_is_a_stage_of_the_nearest_pipeline_or_a_pipeline(
    target: str, expected: tuple[str, ...] | None
) -> None:
    found = build(
        in_pipeline("", "train", "m.json"),
        in_pipeline("a", "a/train", "a/m.txt"),
        in_pipeline("a", "only"),
        in_pipeline("b", "sweep@x"),
        in_pipeline("b", "sweep@y"),
        in_pipeline("lib/deep", "deep"),
    )
    if expected is None:
        with pytest.raises(UsageError) as caught:
            found.resolve(target)
        assert "//" not in str(caught.value)
    else:
        assert found.resolve(target) == names(*expected)


def test_a_name_that_only_pipelines_have_is_answered_with_each_of_them() -> None:
    found = build(in_pipeline("a", "a/train"), in_pipeline("b", "b/train"))
    with pytest.raises(UsageError) as caught:
        found.resolve("train")
    assert caught.value.hint == "did you mean 'a/train' or 'b/train'?"
