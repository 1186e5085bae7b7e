"""Owns the background query: asks the terminal for the colour behind its text, and tells whether that is light.

The question (OSC 11) goes out before Textual is imported and the answer is read after, so that waiting costs nothing.
An answer that comes later still would be taken for keys: over a network nothing is asked.
"""

import contextlib
import os
import re
import select
import termios
import time
from collections.abc import Generator, Mapping

LIMIT_S = 0.05
"""How long an answer is waited for, counted from the question."""
_QUESTION = b"\x1b]11;?\x1b\\"
_ANSWER = re.compile(rb"\x1b\]11;rgba?:([0-9a-fA-F]+)/([0-9a-fA-F]+)/([0-9a-fA-F]+)")
_MUCH = 1024
_LIGHT = 0.5


class Background:
    """What is known of the terminal's background."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # "foreground;background" in the terminal's 16 colours, as many terminals and multiplexers set it.
        named = environment.get("COLORFGBG", "").rpartition(";")[2]
        self.is_light: bool = named in ("7", "15")

    def take(self, answer: bytes) -> None:
        """Believes an answer; what is none changes nothing."""
        found = _ANSWER.search(answer)
        if found is None:
            return
        red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
        self.is_light = 0.299 * red + 0.587 * green + 0.114 * blue > _LIGHT


@contextlib.contextmanager
def asked(terminal: int, environment: Mapping[str, str]) -> Generator[Background]:
    """Asks on entering; the answer is there on leaving, if one came. What was typed meanwhile is dropped."""
    known = Background(environment)
    if is_remote(environment):
        yield known
        return
    before = termios.tcgetattr(terminal)
    silent = termios.tcgetattr(terminal)
    silent[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(terminal, termios.TCSANOW, silent)
    try:
        os.write(terminal, _QUESTION)
        end = time.monotonic() + LIMIT_S
        yield known
        known.take(_read(terminal, end))
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def is_remote(environment: Mapping[str, str]) -> bool:
    """Tells whether the terminal is at the other end of a network."""
    return any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"))


def _read(terminal: int, end: float) -> bytes:
    answer = b""
    while len(answer) < _MUCH and not answer.endswith((b"\x07", b"\x1b\\")):
        if not select.select([terminal], [], [], max(end - time.monotonic(), 0))[0]:
            break
        chunk = os.read(terminal, _MUCH)
        if not chunk:
            break
        answer += chunk
    return answer
