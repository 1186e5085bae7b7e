"""The binding table: what is generated from it, and what must hold for it."""

import time
from collections import Counter
from pathlib import Path

import pytest
from textual.keys import Keys

from pivot_tui import keys
from pivot_tui.board import Board
from pivot_tui.feed import Feed
from pivot_tui.keys import PANELS, Scope
from pivot_tui.panels import PAPERS
from pivot_tui.panels.panel import Desk, Paper
from pivot_tui.screens.main import MainScreen
from pivot_tui.widgets.dag import DagView
from pivot_tui.widgets.log import LogView
from pivot_tui.widgets.page import PageView
from tests.tui import scenes

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "dashboard.md"
WIDGETS = {Scope.STAGES: DagView, Scope.LOGS: LogView}


@pytest.fixture
def papers(tmp_path: Path) -> dict[Scope, Paper]:
    """Returns the panels of lines, by where their keys work."""
    board = Board()
    feed = Feed(scenes.port(scenes.idle(), tmp_path).connect, board, lambda _: None)
    screen = MainScreen(board, feed, time.time)
    desk = Desk(board, feed, time.time, screen)
    return {panel.scope: panel(desk) for panel in PAPERS}


@pytest.mark.parametrize("panel", PANELS)
def test_no_key_means_two_things_in_one_panel(panel: Scope) -> None:
    scopes = (panel, Scope.MOVE, Scope.ALL)
    used = Counter(key for one in keys.TABLE if one.scope in scopes for key in one.keys)
    assert [key for key, number in used.items() if number > 1] == []


def test_every_panel_has_a_key_that_goes_to_it(papers: dict[Scope, Paper]) -> None:
    assert list(PANELS) == [Scope.STAGES, Scope.LOGS, *papers]
    for number, panel in enumerate(PANELS, 1):
        key = next(key for key in keys.TABLE if str(number) in key.keys)
        assert key.action == f"go({panel.value!r})"


def test_every_action_is_carried_out_by_somebody(papers: dict[Scope, Paper]) -> None:
    for key in (*keys.TABLE, *keys.PALETTE_ONLY):
        method = f"action_{key.action.partition('(')[0]}"
        if key.scope is Scope.MOVE:
            assert all(hasattr(panel, method) for panel in (*WIDGETS.values(), PageView)), method
        elif key.scope in papers:
            assert key.action in papers[key.scope].actions, key.action
        elif key.scope is Scope.VIEW:
            assert hasattr(DagView, method), method
        elif key.scope is Scope.LOGS:
            assert hasattr(LogView, method), method
        else:
            assert hasattr(MainScreen, method), method


def test_only_keys_that_every_terminal_delivers() -> None:
    for key in keys.TABLE:
        for name in key.keys:
            assert not name.startswith(("alt+", "f1", "ctrl+enter", "super+")), name
            if name.startswith("ctrl+"):
                assert name in {"ctrl+c", "ctrl+d", "ctrl+u", "ctrl+p", "ctrl+l", "ctrl+z"}
            elif len(name) > 1 and "_" not in name:
                named = {*(one.value for one in Keys), "plus", "minus", "colon", "slash", "at"}
                assert name in {*named, "underscore", "space", "comma", "ampersand"}


def test_every_key_has_a_name_and_a_label() -> None:
    assert all(key.shown and key.label for key in keys.TABLE)


def test_the_guide_lists_the_table() -> None:
    assert keys.markdown() in GUIDE.read_text(encoding="utf-8")
