"""Postponed annotations: cheap to import, and the same when they are evaluated."""

import typing
from collections.abc import Mapping

import pytest

from pivot_core.define.postpone import compile_postponed

HEAD = "from typing import Annotated\nfrom pivot_core import JSON, CSV, Dep, Out\n"


def annotations(source: str) -> tuple[Mapping[str, object], Mapping[str, object]]:
    """Returns the annotations of ``f`` as they stand after import, and as they are evaluated."""
    scope: dict[str, object] = {"__name__": "module"}
    exec(compile_postponed((HEAD + source).encode(), "module.py"), scope)
    func = scope["f"]
    assert callable(func)
    raw: dict[str, object] = func.__annotations__
    return raw, typing.get_type_hints(func, include_extras=True, globalns=scope)


def plain(source: str) -> Mapping[str, object]:
    scope: dict[str, object] = {"__name__": "module"}
    exec(compile(HEAD + source, "module.py", "exec"), scope)
    func = scope["f"]
    assert callable(func)
    return func.__annotations__


def test_annotations_of_stage_functions_are_text_until_they_are_asked_for() -> None:
    source = (
        "def f(a: Annotated[dict[str, int] | None, Dep(['a', 'b'], CSV(rows=True))], b: int = 1)"
        " -> Annotated[dict, Out('o', JSON(indent=None))]: ..."
    )
    raw, evaluated = annotations(source)
    assert isinstance(raw["a"], str)
    assert isinstance(raw["return"], str)
    assert raw["b"] is int
    assert evaluated == plain(source)


@pytest.mark.parametrize(
    "source",
    [
        "R = CSV()\ndef f(a: Annotated[int, Dep('a', R)]): ...\nR = JSON()",
        "def f(a: Annotated[int, Dep('a', CSV(read=dict(x=1)))]): ...",
        "P = 'a'\ndef f(a: Annotated[int, Dep(P, JSON())]): ...\nfor P in 'bc': ...",
        "P = 'a'\ndef f(a: Annotated[int, Dep(P, JSON())]): ...\nprint((P := 'b'))",
        "P = 'a'\ndef f(a: Annotated[int, Dep(P, JSON())]): ...\ndef g():\n    global P\n    P = 'b'\ng()",
        "def f(a: Annotated[int, Dep('a', JSON())]): ...\ndef JSON(): ...",
        "from os.path import *\ndef f(a: Annotated[int, Dep('a', JSON())]): ...",
        "def same(func):\n    return func\n@same\ndef f(a: Annotated[int, Dep('a', JSON())]): ...",
        "def f(a: Annotated[int, Dep('a', JSON()), lambda: 1]): ...",
        "for n in 'ab':\n    def f(a: Annotated[int, Dep(n, JSON())]): ...",
        "P = 'a'\ndef f(a: Annotated[int, Dep(P, JSON())]): ...\ndel P",
    ],
)
def test_what_might_change_until_the_end_of_the_module_is_evaluated_at_once(source: str) -> None:
    raw, _ = annotations(source)
    assert not isinstance(raw["a"], str)


def test_errors_and_lines_are_those_of_the_source() -> None:
    with pytest.raises(SyntaxError) as caught:
        compile_postponed(b"def f(:\n", "module.py")
    assert (caught.value.filename, caught.value.lineno) == ("module.py", 1)
    code = compile_postponed((HEAD + "\n\nraise ValueError('here')").encode(), "module.py")
    with pytest.raises(ValueError, match="here") as raised:
        exec(code, {"__name__": "module"})
    assert raised.traceback[-1].lineno == 4


def test_future_statements_and_encodings_still_count() -> None:
    source = (
        "# coding: latin-1\nfrom __future__ import annotations\ndef f(a: unknown): ...\nX = '\xe9'"
    )
    scope: dict[str, object] = {}
    exec(compile_postponed(source.encode("latin-1"), "module.py"), scope)
    assert scope["X"] == "\xe9"
