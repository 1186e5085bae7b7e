"""Owns ``.pivotignore``: which files of a project are left out of directory deps and of watching (gitignore syntax)."""

import functools
import os
import re

from pivot_core.errors import UsageError
from pivot_core.frozen import frozen

FILE_NAME = ".pivotignore"
_NOTHING = "(?!)"
_SPECIAL = frozenset("*?[\\")


@frozen
class _Rule:
    name: str
    """What a path must be, or end in where any directory may be above; empty where a pattern decides."""
    pattern: re.Pattern[str] | None
    is_anchored: bool
    is_negated: bool
    is_dir_only: bool

    def names(self, path: str) -> bool:
        if self.pattern is not None:
            return self.pattern.fullmatch(path) is not None
        return path == self.name or (not self.is_anchored and path.endswith("/" + self.name))


@frozen
class Ignore:
    """The rules of one project; the last one that matches decides, as git has it."""

    root: str
    rules: tuple[_Rule, ...]

    @classmethod
    def load(cls, root: str, name: str = FILE_NAME) -> "Ignore":
        """Reads a directory's file; no file, no rules. Raises ``UsageError`` for one that cannot be read."""
        path = os.path.join(root, name)
        try:
            with open(path, "rb") as file:
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return cls(root, ())
        except OSError as error:
            raise UsageError(f"cannot read '{name}': {error.strerror}", path) from error
        return cls.parse(root, text)

    @classmethod
    def parse(cls, root: str, text: str) -> "Ignore":
        """Reads the rules out of a file's text."""
        return cls(root, _rules(text))

    def matches(self, path: str, is_dir: bool = False) -> bool:
        """Tells whether a project-relative path is left out, by itself or with a directory above it."""
        if not self.rules:
            return False
        parts = path.rstrip("/").split("/")
        return any(
            self._decides("/".join(parts[: count + 1]), is_dir or count < len(parts) - 1)
            for count in range(len(parts))
        )

    def below(self, directory: str) -> "Ignore | None":
        """Returns the rules for a walk over ``directory``; ``None`` where no rule can apply."""
        inside = directory == self.root or directory.startswith(self.root.rstrip("/") + "/")
        return self if self.rules and inside else None

    def is_excluded(self, absolute: str, is_dir: bool) -> bool:
        """Tells whether the rules name a path; what lies above it is the caller's business."""
        return self._decides(absolute[len(self.root.rstrip("/")) + 1 :], is_dir)

    def _decides(self, path: str, is_dir: bool) -> bool:
        for rule in reversed(self.rules):
            if (is_dir or not rule.is_dir_only) and rule.names(path):
                return not rule.is_negated
        return False


@functools.lru_cache(64)  # one command looks at the same files several times
def _rules(text: str) -> tuple[_Rule, ...]:
    return tuple([rule for line in text.splitlines() if (rule := _rule(line))])


def _rule(line: str) -> _Rule | None:
    text = _strip(line)
    if not text or text.startswith("#"):
        return None
    is_negated = text.startswith("!")
    text = text.removeprefix("!")
    is_dir_only = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    is_anchored = "/" in text
    name = text.removeprefix("/")
    if not _SPECIAL.intersection(name):  # most rules are names, and a pattern takes long to compile
        return _Rule(name, None, is_anchored, is_negated, is_dir_only)
    prefix = "" if is_anchored else "(?:.*/)?"
    try:
        pattern = re.compile(prefix + _translate(name), re.DOTALL)
    except re.error:
        # A character class such as [z-a] matches nothing, as in git.
        return None
    return _Rule("", pattern, is_anchored, is_negated, is_dir_only)


def _strip(line: str) -> str:
    """Drops spaces at the end, except one that a backslash protects."""
    text = line.rstrip("\r\n")
    while text.endswith(" ") and not text.endswith("\\ "):
        text = text[:-1]
    return text


def _translate(pattern: str) -> str:
    out = list[str]()
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            out.append("(?:.*/)?")
            at += 3
        elif pattern[at:] == "**" and (at == 0 or pattern[at - 1] == "/"):
            out.append(".*" if at == 0 else ".+")
            at += 2
        elif pattern[at] == "*":
            while at < len(pattern) and pattern[at] == "*":
                at += 1
            out.append("[^/]*")
        elif pattern[at] == "?":
            out.append("[^/]")
            at += 1
        elif pattern[at] == "[":
            end = _class_end(pattern, at)
            if end < 0:
                return _NOTHING
            out.append(_class(pattern[at + 1 : end]))
            at = end + 1
        elif pattern[at] == "\\" and at + 1 < len(pattern):
            out.append(re.escape(pattern[at + 1]))
            at += 2
        else:
            out.append(re.escape(pattern[at]))
            at += 1
    return "".join(out)


def _class_end(pattern: str, start: int) -> int:
    """Returns where a character class closes; a ``]`` right at its start is a member. -1 when it does not close."""
    at = start + 1
    if at < len(pattern) and pattern[at] in "!^":
        at += 1
    first = at
    while at < len(pattern):
        if pattern[at] == "]" and at > first:
            return at
        at += 2 if pattern[at] == "\\" else 1
    return -1


def _class(body: str) -> str:
    is_negated = body[:1] in ("!", "^")
    members = re.sub(r"\\(.)", r"\1", body[1:] if is_negated else body)
    safe = re.sub(r"([\\\[\]^&~|])", r"\\\1", members)
    return f"(?!/)[{'^' if is_negated else ''}{safe}]"
