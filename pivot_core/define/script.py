"""Owns the scripts of a command: the files among its words that are code, told from the text alone."""

import posixpath
import re
import shlex
from collections.abc import Iterator
from enum import Enum

from pivot_core.define.paths import BadPath, normalise

_SUFFIXES = frozenset(
    [
        *(".py", ".pyx", ".ipynb", ".sh", ".bash", ".zsh", ".pl", ".rb", ".r", ".jl", ".js", ".mjs"),
        *(".ts", ".lua", ".sql", ".awk", ".sed", ".m", ".do", ".mk", ".rmd", ".qmd"),
        *(".toml", ".cfg", ".conf", ".ini", ".yaml", ".yml"),
    ]
)  # fmt: skip
"""What code and settings are called: data with another name is a dep, or an out that was not declared."""
_INTERPRETER = re.compile(
    r"(python|pypy|perl|ruby|node|lua|julia|Rscript|php|make|sh|bash|dash|zsh|ksh|fish|source|\.)[\d.]*"
)
_BEFORE_PROGRAM = frozenset({"env", "exec", "time", "nice", "nohup", "then", "do", "else", "!"})
_ENDS = re.compile(r"[();<>|&]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)


class _Place(Enum):
    """What the next word of a command is."""

    PROGRAM = "program"
    SCRIPT = "script"
    """Of an interpreter."""
    ARGUMENT = "argument"
    TARGET = "target"
    """Written to."""


def named(line: str, cwd: str, root: str) -> list[str]:
    """Returns the files that a command names as code, relative to ``root``, there or not.

    ``cwd`` is the absolute directory in which the command runs. They are words in the place of a program or of an
    interpreter's script, words that look like code or settings, and modules behind ``-m``.
    """
    found = dict[str, None]()
    for base, word in _words(line, cwd):
        try:
            found[normalise(word, base, root)] = None
        except BadPath:
            continue
    return [path for path in found if not path.startswith("../") and not path.endswith("/")]


def _words(line: str, cwd: str) -> Iterator[tuple[str, str]]:
    """Yields words that may be files, each with the directory that it is relative to."""
    base, before, place = cwd, "", _Place.PROGRAM
    for token in _split(line):
        if token == "\n" or _ENDS.fullmatch(token):
            place = _after(token, place)
        elif place is _Place.TARGET:
            place = _Place.ARGUMENT
        elif before == "cd":
            base = posixpath.join(base, token)
        elif before == "-c":
            yield from _words(token, base)
            place = _Place.ARGUMENT
        elif before == "-m":
            yield from ((base, path) for path in _module(token))
            place = _Place.ARGUMENT
        else:
            word = token.partition("=")[2] if token.startswith("-") else token
            if word and "$" not in word and _is_file(word, place):
                yield base, word
            if not token.startswith("-"):
                place = _following(token, place)
        before = token


def _after(sign: str, place: _Place) -> _Place:
    if ">" in sign:
        return _Place.TARGET
    return place if "<" in sign else _Place.PROGRAM


def _following(word: str, place: _Place) -> _Place:
    """Returns what comes after a word that is no option."""
    if place is not _Place.PROGRAM:
        return _Place.ARGUMENT
    if _INTERPRETER.fullmatch(posixpath.basename(word)):
        return _Place.SCRIPT
    is_before = word in _BEFORE_PROGRAM or _ASSIGNMENT.fullmatch(word) is not None
    return _Place.PROGRAM if is_before else _Place.ARGUMENT


def _is_file(word: str, place: _Place) -> bool:
    if posixpath.splitext(word)[1].lower() in _SUFFIXES:
        return True
    is_place = place is _Place.SCRIPT or (place is _Place.PROGRAM and "/" in word)
    return is_place and not any(char.isspace() for char in word)


def _split(line: str) -> list[str]:
    """Splits a command into words and signs as a shell does; roughly, where quotes do not match."""
    lexer = shlex.shlex(line.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t\r", True, ""
    try:
        tokens = list(lexer)
    except ValueError:
        tokens = [word.strip("'\"") for word in line.split()]
    return [part for token in tokens for part in _lines(token)]


def _lines(token: str) -> Iterator[str]:
    """Yields the pieces of a token that goes over several lines, with the line ends between."""
    for index, part in enumerate(token.split("\n")):
        if index:
            yield "\n"
        if part:
            yield part


def _module(name: str) -> Iterator[str]:
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return
    for end in range(1, len(parts) + 1):
        yield "/".join([*parts[:end], "__init__.py"])
    yield "/".join(parts) + ".py"
    yield "/".join([*parts, "__main__.py"])
