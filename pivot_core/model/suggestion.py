"""Owns what is said about a mistyped name: the one that was probably meant, or else where the names are told."""

from collections.abc import Iterable
from difflib import get_close_matches


def hint(word: str, words: Iterable[str], otherwise: str) -> str:
    """Returns ``did you mean 'x'?`` for the nearest of ``words``, and ``otherwise`` where none is near."""
    near = nearest(word, words)
    return otherwise if near is None else f"did you mean '{near}'?"


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Returns that of ``words`` which is meant by a mistyped one; ``None`` when none is near."""
    return next(iter(get_close_matches(word, list(words), 1)), None)
