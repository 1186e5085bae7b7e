"""The binding table: what is generated from it, and what must hold for it."""

from collections import Counter
from pathlib import Path

import pytest
from textual.keys import Keys

from pivot_tui import keys
from pivot_tui.keys import Scope
from pivot_tui.screens.main import MainScreen
from pivot_tui.widgets.dag import DagView
from pivot_tui.widgets.log import LogView
from pivot_tui.widgets.why import WhyView

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "dashboard.md"
PANELS = {Scope.STAGES: DagView, Scope.LOGS: LogView, Scope.WHY: WhyView}


@pytest.mark.parametrize("panel", PANELS)
def test_no_key_means_two_things_in_one_panel(panel: Scope) -> None:
    scopes = (panel, Scope.MOVE, Scope.ALL)
    used = Counter(key for one in keys.TABLE if one.scope in scopes for key in one.keys)
    assert [key for key, number in used.items() if number > 1] == []


def test_every_action_is_carried_out_by_somebody() -> None:
    for key in (*keys.TABLE, *keys.PALETTE_ONLY):
        method = f"action_{key.action.partition('(')[0]}"
        if key.scope is Scope.MOVE:
            assert all(hasattr(panel, method) for panel in PANELS.values()), method
        elif key.scope in (Scope.LOGS, Scope.WHY):
            assert hasattr(PANELS[key.scope], method), method
        else:
            assert hasattr(MainScreen, method), method


def test_only_keys_that_every_terminal_delivers() -> None:
    for key in keys.TABLE:
        for name in key.keys:
            assert not name.startswith(("alt+", "f1", "ctrl+enter", "super+")), name
            if name.startswith("ctrl+"):
                assert name in {"ctrl+c", "ctrl+d", "ctrl+u", "ctrl+p", "ctrl+l"}
            elif len(name) > 1 and "_" not in name:
                assert name in {
                    *(one.value for one in Keys),
                    "plus",
                    "colon",
                    "underscore",
                    "space",
                }


def test_every_key_has_a_name_and_a_label() -> None:
    assert all(key.shown and key.label for key in keys.TABLE)


def test_the_guide_lists_the_table() -> None:
    assert keys.markdown() in GUIDE.read_text(encoding="utf-8")
