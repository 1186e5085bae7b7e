"""What a change of a file or a definition reaches, and how."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pivot_core.model import graph
from pivot_core.model.fingerprint import Analysis, Fingerprint, Symbol
from pivot_core.model.ids import StageName
from pivot_core.model.impact import Affected, Bond, Impact
from pivot_core.model.stage import ShellCommand, SourceLocation
from pivot_core.plan import affected
from tests.support.values import a_hash, a_stage

CLEAN, TRAIN, REPORT, LONE = map(StageName, ("clean", "train", "report", "lone"))
GRAPH = graph.build(
    [
        a_stage("clean", ["raw/"], ["clean.json"]),
        a_stage("train", ["clean.json"], ["model.json"], params={"rate": 1}),
        a_stage("report", ["model.json", "text.md"], ["report.md"]),
        replace(a_stage("lone", [], ["lone/"]), defined=SourceLocation("sub/pivot.yaml", 3)),
    ]
)


def an_analysis(*symbols: tuple[str, str, int]) -> Analysis:
    """Each symbol is given with its file and the place of the one that reaches it."""
    return Analysis(
        Fingerprint(a_hash("code"), tuple(Symbol(name, a_hash(name[-9:])) for name, _, _ in symbols)),
        tuple((name, SourceLocation(file, 1)) for name, file, _ in symbols),
        (), (), (), tuple(above for _, _, above in symbols),
    )  # fmt: skip


ANALYSES: Mapping[StageName, Analysis] = {
    CLEAN: an_analysis(("pipeline:clean", "pipeline.py", 0)),
    TRAIN: an_analysis(
        ("<file>:limits.json", "lib/shapes.py", 3),
        ("lib.shapes:Circle", "lib/shapes.py", 2),
        ("lib.shapes:area", "lib/shapes.py", 3),
        ("pipeline:train", "pipeline.py", 3),
    ),
    REPORT: an_analysis(("lib.shapes:area", "lib/shapes.py", 1), ("pipeline:report", "pipeline.py", 1)),
    LONE: an_analysis(("other:lone", "/elsewhere/other.py", 0)),
}  # fmt: skip
LOCKS = {name: f".pivot/stages/{name}.lock" for name in GRAPH.stages}


def path(name: str, *, is_loaded: bool = False) -> Impact:
    return affected.of_path(GRAPH, ANALYSES, name, name, LOCKS, is_loaded=is_loaded)


def direct(impact: Impact) -> dict[str, tuple[Bond, tuple[str, ...]]]:
    return {each.stage: (each.bond, each.path) for each in impact.direct}


def test_a_definition_reaches_the_stages_that_use_it_most_directly() -> None:
    impact = affected.of_symbols(GRAPH, ANALYSES, "area", ("lib.shapes:area",))

    assert direct(impact) == {
        "train": (Bond.CODE, ("pipeline:train", "lib.shapes:area")),
        "report": (Bond.CODE, ("pipeline:report", "lib.shapes:area")),
    }
    assert impact.downstream == ()


def test_what_follows_comes_with_the_way_to_it() -> None:
    impact = affected.of_symbols(GRAPH, ANALYSES, "clean", ("pipeline:clean",))

    assert impact.downstream == (
        Affected(TRAIN, Bond.UPSTREAM, (CLEAN, TRAIN)),
        Affected(REPORT, Bond.UPSTREAM, (CLEAN, TRAIN, REPORT)),
    )


@pytest.mark.parametrize(
    ("name", "reached"),
    [
        ("raw/a.csv", {"clean": (Bond.INPUT, ("raw/",))}),
        ("raw", {"clean": (Bond.INPUT, ("raw/",))}),
        ("text.md", {"report": (Bond.INPUT, ("text.md",))}),
        ("params.yaml", {"train": (Bond.PARAMS, ())}),
        ("sub/pivot.yaml", {"lone": (Bond.DEFINITION, ())}),
        (".pivot/stages/train.lock", {"train": (Bond.LOCK, ())}),
        (".pivotignore", {"clean": (Bond.IGNORE, ("raw/",))}),
        ("limits.json", {"train": (Bond.CODE, ("pipeline:train", "<file>:limits.json"))}),
        ("/elsewhere/other.py", {"lone": (Bond.CODE, ("other:lone",))}),
        ("lib", {
            "train": (Bond.CODE, ("pipeline:train", "lib.shapes:area")),
            "report": (Bond.CODE, ("pipeline:report", "lib.shapes:area")),
        }),
        ("README.md", {}),
        ("ra", {}),
    ],
)  # fmt: skip
def test_a_file_reaches_the_stages_that_depend_on_it(
    name: str, reached: dict[str, tuple[Bond, tuple[str, ...]]]
) -> None:
    assert direct(path(name)) == reached


def test_the_whole_project_reaches_every_stage_that_depends_on_a_file_in_it() -> None:
    assert set(direct(path("."))) == {"clean", "train", "report", "lone"}


def test_an_output_reaches_its_readers_and_names_its_makers() -> None:
    assert direct(path("clean.json")) == {"train": (Bond.INPUT, ("clean.json",))}
    assert path("clean.json").makers == (CLEAN,)
    assert path("lone/a.txt").makers == (LONE,)


@pytest.mark.parametrize(
    ("target", "symbols"),
    [
        ("lib.shapes:Circle", ("lib.shapes:Circle",)),
        ("lib.shapes.Circle", ("lib.shapes:Circle",)),
        ("lib.shapes:Circle.area", ("lib.shapes:Circle",)),
        ("lib.shapes.Circle.area.real", ("lib.shapes:Circle",)),
        ("lib/shapes.py:Circle", ("lib.shapes:Circle",)),
        ("lib/shapes.py:Circle.area", ("lib.shapes:Circle",)),
        ("Circle", ("lib.shapes:Circle",)),
        ("lib.shapes", ("lib.shapes:Circle", "lib.shapes:area")),
        ("limits.json", ("<file>:limits.json",)),
        ("lib.shapes.gone", ()),
        ("shapes", ()),
        ("", ()),
    ],
)
def test_a_name_stands_for_symbols(target: str, symbols: tuple[str, ...]) -> None:
    assert affected.named(ANALYSES, target) == symbols


def test_without_routes_a_symbol_still_reaches_its_stages() -> None:
    bare = {name: replace(each, reached_from=()) for name, each in ANALYSES.items()}
    impact = affected.of_symbols(GRAPH, bare, "area", ("lib.shapes:area",))
    assert {each.stage for each in impact.direct} == {TRAIN, REPORT}


def test_everything_that_can_be_asked_for_is_near() -> None:
    words = affected.vocabulary(GRAPH, ANALYSES)
    assert {
        "lib.shapes.Circle",
        "Circle",
        "lib/shapes.py",
        "raw/",
        "report.md",
        "params.yaml",
    } <= words
    assert not any(word.startswith("<") for word in words)


def test_a_command_is_reached_by_its_script_its_params_and_the_file_that_it_stands_in() -> None:
    command = ShellCommand(("sh run.sh",), "sh", "", ("run.sh",), {"rates.toml": ("rate",)})
    stages = graph.build([replace(a_stage("run"), command=command)])
    symbols = (("<command>:run", "stages.py", 0), ("<script>:run.sh", "run.sh", 0))
    analyses = {StageName("run"): an_analysis(*symbols)}

    def bond(name: str) -> Bond | None:
        locks = {StageName("run"): "run.lock"}
        impact = affected.of_path(stages, analyses, name, name, locks, is_loaded=False)
        return impact.direct[0].bond if impact.direct else None

    assert [bond(name) for name in ("run.sh", "stages.py", "rates.toml", "run")] == [
        Bond.CODE,
        Bond.CODE,
        Bond.PARAMS,
        None,
    ]
