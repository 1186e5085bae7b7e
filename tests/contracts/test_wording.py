"""Errors say what happened in lower case, without a full stop, and where something can be done, what."""

import ast
from collections.abc import Iterator

import pytest

from pivot_core import errors
from tests.contracts.sources import OURS

CLASSES = {
    name
    for name in vars(errors)
    if isinstance(found := getattr(errors, name), type) and issubclass(found, errors.PivotError)
}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yields every construction of an error, with where it stands."""
    for module in OURS:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call):
                name = node.func
                called = name.attr if isinstance(name, ast.Attribute) else ""
                called = name.id if isinstance(name, ast.Name) else called
                if called in CLASSES:
                    yield f"{module.name}:{node.lineno}", node


def said(call: ast.Call, position: int, keyword: str) -> ast.expr | None:
    """Returns one part of an error."""
    for given in call.keywords:
        if given.arg == keyword:
            return given.value
    is_there = len(call.args) > position and not isinstance(call.args[0], ast.Starred)
    return call.args[position] if is_there else None


def ends(text: ast.expr) -> tuple[str, str]:
    """Returns the literal words with which a string begins and ends; empty where those are values."""
    pieces = text.values if isinstance(text, ast.JoinedStr) else [text]
    words = [
        piece.value if isinstance(piece, ast.Constant) and isinstance(piece.value, str) else ""
        for piece in pieces
    ]
    return words[0], words[-1]


@pytest.mark.parametrize(("position", "part"), list(enumerate(("what", "where", "hint"))))
def test_errors_are_worded_alike(position: int, part: str) -> None:
    odd = list[str]()
    for place, call in calls():
        text = said(call, position, part)
        first, last = ends(text) if text is not None else ("", "")
        is_shouting = first[:1].isupper() and first[1:2].islower()  # not a name like PIVOT_…
        is_full_stop = last.endswith(".") and not last.endswith("..")
        if is_shouting or is_full_stop:
            odd.append(f"{place}: {first}…{last}")
    assert odd == []


def test_errors_are_made_in_many_places() -> None:
    assert len(list(calls())) > 50
