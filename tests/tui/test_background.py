"""The background query, answered by a terminal of the test's own."""

import contextlib
import os
import pty
import termios
from collections.abc import Mapping

import pytest

from pivot_tui import background


def answered(answer: bytes, environment: Mapping[str, str]) -> tuple[bool, bytes, bool]:
    """Returns whether the background is light, the question, and whether the terminal is as it was."""
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    question = b""
    with background.asked(theirs, environment) as known:
        os.set_blocking(ours, False)
        with contextlib.suppress(BlockingIOError):
            question = os.read(ours, 100)
        os.write(ours, answer)
    is_restored = termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
    return known.is_light, question, is_restored


@pytest.mark.parametrize(
    ("answer", "is_light"),
    [
        (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\", True),
        (b"\x1b]11;rgb:fdfd/f6f6/e3e3\x07", True),
        (b"\x1b]11;rgb:1e/1e/2e\x1b\\", False),
        (b"\x1b]11;rgba:0000/2b2b/3636/ffff\x07", False),
        (b"jj\x1b]11;rgb:ff/ff/ff\x07", True),
        (b"\x1b]11;what?\x07", False),
        (b"", False),
    ],
)
def test_the_terminal_s_answer_decides(answer: bytes, is_light: bool) -> None:
    assert answered(answer, {}) == (is_light, b"\x1b]11;?\x1b\\", True)


def test_without_an_answer_the_environment_decides() -> None:
    assert answered(b"", {"COLORFGBG": "0;15"})[0]
    assert not answered(b"\x1b]11;rgb:00/00/00\x07", {"COLORFGBG": "0;15"})[0]


def test_over_a_network_nothing_is_asked() -> None:
    assert answered(b"", {"SSH_CONNECTION": "a b", "COLORFGBG": "0;default;7"}) == (True, b"", True)
