"""Owns what a name in a definition may look like, and which known name a mistaken one was probably meant to be."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

_STAGE = re.compile(r"[\w.+=][\w.+=/-]*")
_VARIABLE = re.compile(r"[^\W\d][\w-]*")

STAGE_RULE = "use letters, digits and . _ - + = /"


def is_stage_name(text: object) -> bool:
    """Tells whether ``text`` can be a stage's name or variant; ``@`` stands between the two."""
    return isinstance(text, str) and _STAGE.fullmatch(text) is not None


def is_variable_name(text: str) -> bool:
    """Tells whether ``text`` can stand in ``${...}``."""
    return _VARIABLE.fullmatch(text) is not None


def nearest(name: str, known: Sequence[str]) -> str:
    """Returns the hint for a name that is not known."""
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known: {', '.join(known)}" if known else "remove it: there are none"
