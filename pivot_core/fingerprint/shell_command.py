"""Owns the fingerprint of a stage that is a command: its text, and the scripts that it names, byte by byte."""

import json

import xxhash

from pivot_core.fingerprint.files import Files
from pivot_core.model.fingerprint import (
    Analysis,
    Fingerprint,
    ReadingKind,
    Symbol,
    reading_symbol,
)
from pivot_core.model.ids import ContentHash
from pivot_core.model.stage import ShellCommand, SourceLocation, Stage


def analyse(stage: Stage, command: ShellCommand, root: str, files: Files) -> Analysis:
    """Returns the analysis of a command; ``root`` is absolute, and a script that is absent may come to be there.

    What lies beside it in the module that defines it does not count.
    """
    told = json.dumps([command.shell, command.cwd, command.lines])
    named = Symbol(reading_symbol(ReadingKind.COMMAND, stage.name), _hash(told))
    found = [(named, stage.func.where)]
    for path in command.scripts:
        digest = files.digest(f"{root}/{path}")
        if digest is not None:
            script = Symbol(reading_symbol(ReadingKind.SCRIPT, path), digest)
            found.append((script, SourceLocation(path, 1)))
    # A stage that is renamed is the same code.
    parts = [named.hash, *(f"{script.name} {script.hash}" for script, _ in found[1:])]
    found.sort(key=lambda each: each[0].name)
    return Analysis(
        Fingerprint(_hash("\n".join(parts)), tuple(symbol for symbol, _ in found)),
        tuple((symbol.name, where) for symbol, where in found),
        caveats=(),
        preload=(),
        sources=(),
        reached_from=tuple([[symbol for symbol, _ in found].index(named)] * len(found)),
    )


def text(command: ShellCommand) -> str:
    """Returns a command as people read it, for a comparison line by line."""
    where = f"cd {command.cwd}\n" if command.cwd else ""
    by = f"{command.shell} -c\n" if command.shell != "sh" else ""
    return where + by + "".join(f"{line.rstrip()}\n" for line in command.lines)


def _hash(told: str) -> ContentHash:
    return ContentHash(xxhash.xxh3_128_hexdigest(told.encode("utf-8", "surrogatepass")))
