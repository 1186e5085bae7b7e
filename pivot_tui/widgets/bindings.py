"""Owns the step from the binding table to Textual's bindings."""

from textual.binding import Binding, BindingType

from pivot_tui import keys
from pivot_tui.keys import Scope


def bindings(*scopes: Scope, on_screen: bool = False) -> list[BindingType]:
    """Returns the bindings of these scopes; with ``on_screen`` the screen carries the actions out."""
    prefix = "screen." if on_screen else ""
    return [
        Binding(",".join(key.keys), prefix + key.action, key.label, show=False)
        for scope in scopes
        for key in keys.in_scope(scope)
    ]
