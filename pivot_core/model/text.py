"""Owns the one sanitiser: text from a stage, a file name, a lock file or a remote is shown, never obeyed."""

import re

# C0 without newline and tab, DEL, C1, and the characters that reorder or hide text.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)


def printable(text: str) -> str:
    r"""Returns ``text`` with control, bidirectional and surrogate characters shown as escapes.

    Newlines and tabs stay; a carriage return becomes ``^M``, any other one ``\x1b`` or ``\u202e``.
    """
    return _UNSAFE.sub(_escape, text) if _UNSAFE.search(text) else text


def one_line(text: str) -> str:
    """Returns ``printable(text)`` with newlines and tabs escaped too: fit for a row, a name or a path."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if char == "\r":
        return "^M"
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
