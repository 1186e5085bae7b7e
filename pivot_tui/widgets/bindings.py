"""Owns the step from the binding table to Textual's bindings."""

from textual.binding import Binding

from pivot_tui import keys
from pivot_tui.keymap import binding_id
from pivot_tui.keys import Scope


def bindings(*scopes: Scope, on_screen: bool = False, on_panel: bool = False) -> list[Binding]:
    """Returns the bindings of these scopes.

    With ``on_screen`` the screen carries the actions out, with ``on_panel`` it hands them to the focused panel.
    """

    def action(name: str) -> str:
        if on_panel:
            return f"screen.act({name!r})"
        return f"screen.{name}" if on_screen else name

    return [
        Binding(",".join(key.keys), action(key.action), key.label, show=False, id=binding_id(key))
        for scope in scopes
        for key in keys.in_scope(scope)
    ]
