"""The user's own keys: what they change, and what is refused."""

import pytest

from pivot_tui import keys
from pivot_tui.keymap import DEFAULT, clashes, keymap, shown
from pivot_tui.keys import Scope


def test_an_action_gets_other_keys_and_footer_and_help_show_them() -> None:
    found, wrong = keymap({"run_menu": ("Z", "ctrl+g"), "next_problem": ("?",), "help": ("n",)})
    assert wrong == []
    assert found.changed == {
        "stages.run_menu": ("Z", "ctrl+g"),
        "everywhere.next_problem": ("question_mark",),
        "everywhere.help": ("n",),
    }
    assert found.shown("run_menu") == "Z"
    assert found.shown("next_problem") == "?"
    assert [key.shown for key in found.footer(Scope.STAGES) if key.name == "run_menu"] == [
        "Z ctrl+g"
    ]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"run_menu": ("q",)}, "'q' is both 'run_menu' and 'quit' (stages, everywhere)"),
        ({"fold": ("x",)}, "'x' is both 'cancel_stage' and 'fold' (stages, stages view)"),
        ({"run_men": ("r",)}, "no action 'run_men', did you mean 'run_menu'?"),
        ({"run_menu": ("alt+r",)}, "'alt+r' is no key that every terminal sends"),
        ({"run_menu": ("f5",)}, "'f5' is no key that every terminal sends"),
        ({"run_menu": ("ctrl+m",)}, "'ctrl+m' is no key that every terminal sends"),
        ({"back": ("b",)}, "the key of 'back' cannot be changed"),
    ],
)
def test_what_clashes_or_is_unknown_is_said_and_the_defaults_hold(
    wanted: dict[str, tuple[str, ...]], said: str
) -> None:
    assert keymap(wanted) == (DEFAULT, [said])


def test_an_action_whose_name_two_panels_share_must_be_told_apart() -> None:
    shared = [key for key in keys.TABLE if key.name == "unfold"]
    if len(shared) > 1:
        assert "may be" in keymap({"unfold": ("Z",)})[1][0]
    assert keymap({"stages_view.unfold": ("Z",)})[1] == []


def test_every_action_can_be_given_another_key() -> None:
    for key in keys.TABLE:
        if {"escape", "ctrl+c"}.intersection(key.keys):
            continue
        name = f"{key.scope.value.replace(' ', '_')}.{key.name}"
        found, wrong = keymap({name: ("ctrl+g",)})
        assert wrong == [], name
        assert list(found.changed.values()) == [("ctrl+g",)]


def test_no_key_of_the_table_means_two_things() -> None:
    assert clashes(keys.TABLE) == []


def test_keys_are_shown_as_they_are_typed() -> None:
    for key in keys.TABLE:
        assert key.shown.split()[0] == shown(key.keys[0]), key.name
