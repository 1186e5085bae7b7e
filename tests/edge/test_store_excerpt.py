"""Excerpts: what was kept is found by name and hash, and the table never grows beyond its rows."""

import random
from pathlib import Path
from typing import cast

from pivot_core.model.fingerprint import Symbol
from pivot_core.model.ids import Json
from pivot_core.store import excerpt
from pivot_core.store.layout import Layout
from pivot_core.store.state import State
from tests.support.values import a_hash


def a_state(root: Path) -> State:
    (root / ".pivot").mkdir()
    return State.open(Layout.at(str(root)))


def keep(state: State, text: str, *symbols: Symbol) -> list[str]:
    """Keeps the same text for all of ``symbols`` and returns the names that it was asked for."""
    asked = list[str]()

    def give(name: str, base: str) -> str:
        asked.append(f"{base}/{name}")
        return text

    state.put(excerpt.records(state, dict.fromkeys(symbols, "base"), give))
    return asked


def test_an_excerpt_is_found_by_name_and_hash(tmp_path: Path) -> None:
    state = a_state(tmp_path)
    old, new = Symbol("m:f", a_hash("old")), Symbol("m:f", a_hash("new"))

    keep(state, "def f(): return 1\n", old)
    keep(state, "def f(): return 'é\udcff'\n", new)

    assert excerpt.find(state, "m:f", old.hash) == "def f(): return 1\n"
    assert excerpt.find(state, "m:f", new.hash) == "def f(): return 'é\udcff'\n"
    assert excerpt.find(state, "m:g", old.hash) is None
    state.close()


def test_only_what_is_not_known_is_asked_for(tmp_path: Path) -> None:
    state = a_state(tmp_path)
    one, two = Symbol("m:one", a_hash("1")), Symbol("m:two", a_hash("2"))
    assert keep(state, "x", one) == ["base/m:one"]

    assert keep(state, "x", one, two) == ["base/m:two"]
    assert keep(state, "x", one, two) == []
    state.close()


def test_a_symbol_without_source_has_no_excerpt(tmp_path: Path) -> None:
    state = a_state(tmp_path)

    def nothing(_name: str, _base: str) -> None:
        return None

    assert excerpt.records(state, {Symbol("m:*", a_hash("1")): ""}, nothing) == {}
    state.close()


def test_a_row_drops_its_oldest_and_refuses_what_would_nearly_fill_it(tmp_path: Path) -> None:
    state = a_state(tmp_path)
    noise = random.Random(1)
    symbols = [Symbol("m:f", a_hash(str(number))) for number in range(2000)]
    huge = [Symbol("m:huge", each.hash) for each in symbols[:20]]

    def text(name: str, _base: str) -> str:
        return noise.randbytes(8000 if name == "m:huge" else 5000).hex()

    state.put(excerpt.records(state, dict.fromkeys(symbols, ""), text))
    state.put(excerpt.records(state, dict.fromkeys(huge, ""), text))

    kept = [excerpt.find(state, "m:f", symbol.hash) is not None for symbol in symbols]
    assert max(len(str(row)) for _, row in state.scan("excerpt:")) < 17_000
    assert 1500 < sum(kept) < 2000
    assert all(kept[-10:])
    assert not any(excerpt.find(state, "m:huge", each.hash) for each in huge)
    state.close()


def test_a_damaged_excerpt_counts_as_none(tmp_path: Path) -> None:
    state = a_state(tmp_path)
    symbol = Symbol("m:f", a_hash("1"))
    keep(state, "text", symbol)
    ((row, record),) = state.scan("excerpt:")
    assert isinstance(record, list)
    assert isinstance(record[0], list)

    for damaged in ("nothing", [], [[record[0][0], "no base64 {"]], [[record[0][0], "Y"]]):
        state.put({row: cast("Json", damaged)})
        assert excerpt.find(state, "m:f", symbol.hash) is None
    state.close()
