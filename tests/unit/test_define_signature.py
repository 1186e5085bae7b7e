# Only the signatures of these stages matter.
# pyright: reportUnusedParameter=false
from __future__ import annotations

import asyncio
import functools
import textwrap
from collections.abc import Callable
from typing import Annotated, Any, TypedDict, cast

import pytest

from pivot_core import (
    CSV,
    JSON,
    Dep,
    DirectoryOut,
    IncrementalOut,
    Metric,
    Out,
    PlaceholderDep,
    Plot,
    StageParams,
    Text,
)
from pivot_core.define.signature import StageSignature, directory_members, inspect_stage
from pivot_core.errors import DefinitionError
from pivot_core.model.stage import OutKind


class Params(StageParams):
    rate: float = 0.1


class Outs(TypedDict):
    model: Annotated[dict[str, float], Out("model.json", JSON())]
    scores: Annotated[dict[str, float], Metric("scores.json")]


type Raw = Annotated[str, Dep("raw.txt", Text())]


def single(text: Annotated[str, Dep("a.txt", Text())]) -> Annotated[str, Out("b.txt", Text())]:
    return text


def several(
    params: Params, variant: str, many: Annotated[list[str], Dep(["a", "b"], Text())]
) -> Outs: ...


def writes_nothing(raw: Raw, verbose: bool = False) -> None: ...


def counts(
    before: Annotated[dict[str, int] | None, IncrementalOut("n.json", JSON())],
) -> Annotated[dict[str, int], IncrementalOut("n.json", JSON())]: ...


def defined(source: str) -> Callable[..., object]:
    """Returns the last function of ``source``, whose annotations are evaluated."""
    names: dict[str, Any] = {
        name: value for name, value in globals().items() if not name.startswith("_")
    }
    exec(compile(textwrap.dedent(source), "<test>", "exec", dont_inherit=True), names)
    return cast("Callable[..., object]", list(names.values())[-1])


def mistakes(source: str) -> list[str]:
    with pytest.raises(DefinitionError) as caught:
        inspect_stage(defined(source))
    return [caught.value.what, *(other.what for other in caught.value.others)]


def test_postponed_annotations_are_evaluated() -> None:
    assert inspect_stage(single) == StageSignature(
        deps={"text": Dep("a.txt", Text())}, outs={"return": Out("b.txt", Text())}
    )


def test_a_typed_dict_gives_an_out_for_each_field() -> None:
    signature = inspect_stage(several)
    assert signature.params == ("params", Params)
    assert signature.variant_param == "variant"
    assert signature.deps == {"many": Dep(["a", "b"], Text())}
    assert [(name, out.kind) for name, out in signature.outs.items()] == [
        ("model", OutKind.OUT),
        ("scores", OutKind.METRIC),
    ]


def test_a_function_may_write_nothing_and_have_parameters_of_its_own() -> None:
    assert inspect_stage(writes_nothing) == StageSignature(deps={"raw": Dep("raw.txt", Text())})


def test_an_incremental_out_joins_parameter_and_return() -> None:
    signature = inspect_stage(counts)
    assert signature.incremental == {"before": "return"}
    assert not signature.deps


def test_a_decorator_with_wraps_keeps_the_signature() -> None:
    @functools.wraps(single)
    def wrapper(*args: str) -> str:
        return single(*args)

    assert inspect_stage(wrapper) == inspect_stage(single)


def test_a_decorator_may_run_a_coroutine_or_collect_a_generator() -> None:
    async def awaited() -> Annotated[str, Out("a.txt", Text())]:
        return ""

    @functools.wraps(awaited)
    def wrapper() -> str:
        return asyncio.run(awaited())

    assert inspect_stage(wrapper).outs == {"return": Out("a.txt", Text())}


def test_a_type_that_only_the_checker_knows_does_not_matter() -> None:
    function = defined(
        """
        from __future__ import annotations
        def clean(
            raw: Annotated[pd.DataFrame, Dep("a.csv", CSV())],
        ) -> Annotated[dict[str, pd.DataFrame] | None, Out("b.csv", CSV())]: ...
        """
    )
    assert inspect_stage(function).deps == {"raw": Dep("a.csv", CSV())}
    assert inspect_stage(function).outs == {"return": Out("b.csv", CSV())}


def test_a_marker_that_only_the_checker_knows_is_refused() -> None:
    assert mistakes(
        """
        from __future__ import annotations
        def clean(raw: Annotated[str, Unseen("a")], params: Model) -> None: ...
        """
    ) == [
        "parameter 'raw' of 'clean' uses 'Unseen', which is not defined when the module has been imported",
        "parameter 'params' of 'clean' uses 'Model', which is not defined when the module has been imported",
    ]


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("def f(raw) -> None: ...", "parameter 'raw' of 'f' has no annotation"),
        ("def f(raw: str) -> None: ...", "parameter 'raw' of 'f' has no Dep"),
        ("def f(): ...", "'f' has no return annotation"),
        ("def f() -> str: ...", "the return annotation of 'f' names no out"),
        (
            "def f(raw: Annotated[str, Out('a', Text())]) -> None: ...",
            "parameter 'raw' of 'f' is marked Out",
        ),
        (
            "def f(raw: Annotated[str, Dep('a', Text)]) -> None: ...",
            "the reader of 'raw' is the class Text",
        ),
        (
            "def f(raw: Annotated[str, Dep('a', 3)]) -> None: ...",
            "the reader of 'raw' is int, which has no method 'load'",
        ),
        (
            "def f() -> Annotated[dict, Metric]: ...",
            "the return annotation of 'f' names the class Metric",
        ),
        (
            "def f(raw: Annotated[str, Dep('a', Text()), Dep('b', Text())]) -> None: ...",
            "parameter 'raw' of 'f' has several markers: Dep, Dep",
        ),
        ("def f(a: Params, b: Params) -> None: ...", "'f' takes two params models: 'a' and 'b'"),
        ("def f(raw: Raw, /) -> None: ...", "parameter 'raw' of 'f' is positional-only"),
        ("async def f() -> None: ...", "'f' is async"),
        ("def f() -> None: yield", "'f' is a generator"),
        ("def f() -> 'Annotated[': ...", None),
        (
            "def f() -> Annotated[dict, IncrementalOut('n', JSON())]: ...",
            "'f' returns the IncrementalOut 'n', and no parameter gets it",
        ),
        (
            "def f(n: Annotated[dict, IncrementalOut('n', JSON())]) -> None: ...",
            "parameter 'n' of 'f' gets 'n', which is not returned",
        ),
        (
            "class T(TypedDict, total=False):\n    a: Annotated[str, Out('a', Text())]\ndef f() -> T: ...",
            "field 'a' of 'T' is not required",
        ),
        ("class T(TypedDict):\n    a: str\ndef f() -> T: ...", "field 'a' of 'T' names no out"),
        (
            "import pydantic\nclass P(pydantic.BaseModel): ...\ndef f(p: P) -> None: ...",
            "parameter 'p' of 'f' is a P, which is no StageParams",
        ),
    ],
)
def test_a_mistake_is_named(source: str, what: str | None) -> None:
    found = mistakes(source)
    assert what is None or found == [what]


def test_every_mistake_of_a_function_is_reported() -> None:
    assert len(mistakes("def f(a, b: str, c: Annotated[str, Dep('a', Text)]): ...")) == 4


def test_markers_have_kinds() -> None:
    outs = [Out("a", Text()), Metric("a"), Plot("a", Text()), DirectoryOut("a/", Text())]
    assert [out.kind.value for out in outs] == ["out", "metric", "plot", "directory"]
    assert PlaceholderDep(Text()).reader == Text()


def test_members_of_a_directory_stay_inside() -> None:
    assert directory_members({"a/b.txt": 1, "c": 2}) == {"a/b.txt": 1, "c": 2}
    for name in ("../a", "/a", "", ".", "a//b", "a/", ".git/config", "a\nb", 3):
        with pytest.raises(ValueError, match=r"path|file name"):
            directory_members({name: 1})
    with pytest.raises(ValueError, match="'a' is a file and the directory of 'a/b'"):
        directory_members({"a/b": 1, "a": 2})
    with pytest.raises(TypeError, match="takes a dict"):
        directory_members([1])
