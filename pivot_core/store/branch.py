"""Owns the name of the branch that the project's git work tree has checked out; reads two small files, runs no git."""

import os

_HEADS = "ref: refs/heads/"
_SHORT = 7
_UNKNOWN = ".invalid"
"""What stands in HEAD where git keeps its references in tables."""


def current(root: str) -> str:
    """Returns the branch, or the short hash of a detached commit; empty where neither is known."""
    head = _read(os.path.join(_git_dir(root), "HEAD"))
    if head.startswith(_HEADS):
        name = head.removeprefix(_HEADS)
        return "" if name == _UNKNOWN else name
    return head[:_SHORT] if head.isalnum() else ""


def _git_dir(root: str) -> str:
    """Returns git's directory of the work tree around ``root``; a linked one and a submodule name it in a file."""
    at = os.path.abspath(root)
    while not os.path.lexists(os.path.join(at, ".git")):
        above = os.path.dirname(at)
        if above == at:
            return os.path.join(root, ".git")
        at = above
    found = os.path.join(at, ".git")
    named = _read(found)
    return os.path.join(at, named.removeprefix("gitdir: ")) if named else found


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(4096).rstrip("\n")
    except OSError:
        return ""
