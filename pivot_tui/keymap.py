"""Owns the binding table as one person uses it: their settings laid over it, and refused where they clash; pure."""

import string
import unicodedata
from collections.abc import Mapping
from dataclasses import field, replace
from difflib import get_close_matches

from pivot_core.frozen import frozen
from pivot_tui import keys
from pivot_tui.keys import PANELS, Key, Scope

_SHORT = {
    "solidus": "slash",
    "reverse_solidus": "backslash",
    "commercial_at": "at",
    "hyphen_minus": "minus",
    "plus_sign": "plus",
    "low_line": "underscore",
}
"""As Textual calls these characters."""
_NAMED = {"esc": "escape", "return": "enter", "pgdn": "pagedown", "pgup": "pageup", "del": "delete"}
_DELIVERED = frozenset(
    [
        *("enter", "escape", "tab", "shift+tab", "space", "backspace", "delete", "home", "end"),
        *("up", "down", "left", "right", "pageup", "pagedown"),
        *(f"ctrl+{letter}" for letter in "abcdefgklnopqrstuvwxyz"),
    ]
)
"""Keys of several letters that every terminal sends as themselves; ``ctrl+h``, ``i``, ``j`` and ``m`` are others."""
_FIXED = frozenset({"escape", "ctrl+c"})
"""The way back and the way out stay where fingers look for them."""


@frozen
class Keymap:
    """The table with the keys that are in force."""

    table: tuple[Key, ...] = keys.TABLE
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """What differs from the defaults: binding ids with their keys, as Textual names them."""

    def in_scope(self, scope: Scope) -> list[Key]:
        """Returns the keys of one scope."""
        return [key for key in self.table if key.scope is scope]

    def footer(self, scope: Scope) -> list[Key]:
        """Returns what the footer shows while a panel of this scope has the focus, its own keys first."""
        return [key for place in (scope, Scope.ALL) for key in self.in_scope(place) if key.footer]

    def shown(self, name: str) -> str:
        """Returns the first key of an action."""
        return next(key.shown.split()[0] for key in self.table if key.name == name)


DEFAULT = Keymap()


def binding_id(key: Key) -> str:
    """Returns what Textual knows the binding by."""
    return f"{key.scope.value}.{key.name}"


def keymap(wanted: Mapping[str, tuple[str, ...]]) -> tuple[Keymap, list[str]]:
    """Returns the table with the keys of the settings, and what is wrong with them; then the defaults hold."""
    wrong = list[str]()
    given = dict[int, tuple[str, ...]]()
    for action, names in wanted.items():
        place = _find(action, wrong)
        textual = [_key(name) for name in names]
        wrong += [
            f"'{name}' is no key that every terminal sends"
            for name, key in zip(names, textual, strict=True)
            if not key
        ]
        if place is not None and _FIXED.intersection(keys.TABLE[place].keys):
            wrong.append(f"the key of '{action}' cannot be changed")
        elif place is not None and all(textual):
            given[place] = tuple(dict.fromkeys(textual))
    table = tuple(
        replace(key, keys=given[at], shown=" ".join(map(shown, given[at]))) if at in given else key
        for at, key in enumerate(keys.TABLE)
    )
    wrong += clashes(table) if not wrong else []
    if wrong:
        return DEFAULT, wrong
    changed = {binding_id(table[at]): names for at, names in given.items()}
    return Keymap(table, changed), []


def clashes(table: tuple[Key, ...]) -> list[str]:
    """Returns the keys that mean two things in one panel."""
    found = dict[str, None]()
    for panel in PANELS:
        scopes = {panel, Scope.MOVE, Scope.ALL}
        if panel is Scope.STAGES:
            scopes.add(Scope.VIEW)
        owners = dict[str, Key]()
        for row in table:
            for name in row.keys if row.scope in scopes else ():
                other = owners.setdefault(name, row)
                if other is not row:
                    found[
                        f"'{shown(name)}' is both '{other.name}' and '{row.name}' ({_where(other, row)})"
                    ] = None
    return list(found)


def shown(key: str) -> str:
    """Returns a key of Textual's as help and footer show it."""
    arrows = {"up": "↑", "down": "↓", "left": "←", "right": "→"}
    others = {"escape": "esc", "pagedown": "PgDn", "pageup": "PgUp"}
    if key in arrows or key in others:
        return (arrows | others)[key]
    if len(key) == 1 or key in _DELIVERED:
        return key
    return _PUNCTUATION.get(key, key)


def _where(one: Key, two: Key) -> str:
    scopes = dict.fromkeys([one.scope.value, two.scope.value])
    return ", ".join(scopes)


def _find(action: str, wrong: list[str]) -> int | None:
    """Returns the row that the settings mean by ``action``, or by ``panel.action`` where several share a name."""
    scope, _, name = action.rpartition(".")
    rows = [
        at
        for at, key in enumerate(keys.TABLE)
        if key.name == name and (not scope or key.scope.value.replace(" ", "_") == scope)
    ]
    if len(rows) == 1:
        return rows[0]
    if rows:
        ways = [f"'{keys.TABLE[at].scope.value.replace(' ', '_')}.{name}'" for at in rows]
        wrong.append(f"'{action}' may be {' or '.join(ways)}")
        return None
    near = get_close_matches(action, [key.name for key in keys.TABLE], 1)
    wrong.append(f"no action '{action}'" + (f", did you mean '{near[0]}'?" if near else ""))
    return None


def _key(name: str) -> str:
    """Returns a key of the settings (``r``, ``?``, ``ctrl+d``, ``esc``) as Textual names it; empty for none."""
    if len(name) == 1:
        if name.isalnum():
            return name
        if name == " ":
            return "space"
        long = unicodedata.name(name, "").lower().replace("-", "_").replace(" ", "_")
        return _SHORT.get(long, long)
    known = _NAMED.get(name.lower(), name.lower())
    return known if known in _DELIVERED else ""


_PUNCTUATION = {_key(char): char for char in string.punctuation}
