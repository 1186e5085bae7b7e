"""Owns reading the git repository around the project: which commit a name means, and which files it holds.

Runs ``git`` and changes nothing. Paths are relative to the project's root, wherever in the work tree that is.
"""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from typing import BinaryIO, NamedTuple, cast

from pivot_core.errors import StoreError, UsageError

_GIT_S = 120.0
_LINK = "120000"
_FILES = ("100644", "100755", "100664", _LINK)


class Blob(NamedTuple):
    """One file of a commit."""

    path: str
    object_id: str
    size_bytes: int
    is_executable: bool
    is_link: bool
    """Whether it is a symbolic link; its bytes are then where it leads."""


class Situation(NamedTuple):
    """How Pivot's own files stand in the repository around a project; paths are relative to the project."""

    ignored: dict[str, str]
    """What should be committed and is ignored, with the rule: ``file:line``."""
    strays: list[str]
    """What is committed, and belongs to one machine."""
    untracked: list[str]
    """Lock files and settings that were never added."""
    changed: int
    """Lock files and settings that differ from the last commit."""


_SHARED = (".pivot/.gitignore", ".pivot/config.yaml", ".pivot/stages/any.lock")


class Repository:
    """The repository that a project lies in."""

    def __init__(self, root: str) -> None:
        self._root: str = root

    def situation(self) -> Situation | None:
        """Returns how Pivot's own files stand; ``None`` outside a repository. Raises ``StoreError``, ``UsageError``."""
        done = self._run("rev-parse", "--is-inside-work-tree")
        if done.returncode and b"not a git repository" not in done.stderr:
            raise self._error(done)
        if done.stdout.strip() != b"true":
            return None
        asked = "\0".join(_SHARED).encode()
        ruled = self._run("check-ignore", "-v", "--no-index", "--stdin", "-z", stdin=asked)
        fields = ruled.stdout.decode("utf-8", "surrogateescape").split("\0")
        ignored = {
            path: f"{source}:{line}"
            for source, line, pattern, path in zip(
                *(fields[at::4] for at in range(4)), strict=False
            )
            if not pattern.startswith("!")
        }
        tracked = self._listed("ls-files", "-z", "--", ".pivot")
        status = self._listed(
            "status", "--porcelain", "-z", "--no-renames", "-uall", "--", ".pivot"
        )
        return Situation(
            ignored,
            [path for path in tracked if not _is_shared(path)],
            [line for line in status if line.startswith("??") and _is_shared(line)],
            sum(not line.startswith("??") for line in status),
        )

    def _listed(self, *arguments: str) -> list[str]:
        done = self._run(*arguments)
        if done.returncode:
            raise self._error(done)
        return [line for line in done.stdout.decode("utf-8", "surrogateescape").split("\0") if line]

    def commit(self, name: str) -> str:
        """Returns the full id of the commit that ``name`` means (``HEAD``, ``main~2``, a tag, a short id).

        Raises ``UsageError`` where there is none, or no repository.
        """
        found = self.find(name)
        if found is None:
            hint = "make a commit first" if name == "HEAD" else "`git log` lists commits"
            raise UsageError(f"no such commit '{name}'", self._root, hint)
        return found

    def find(self, name: str) -> str | None:
        """Returns the same, and ``None`` where the repository knows no such commit."""
        if name.startswith("-") or "\0" in name:
            return None
        done = self._run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if done.returncode == 0:
            return done.stdout.decode().strip()
        self._check()
        return None

    def names(self) -> list[str]:
        """Returns what commits are called here: ``HEAD``, branches and tags; ``HEAD`` alone outside a repository."""
        done = self._run("for-each-ref", "--format=%(refname:short)")
        return ["HEAD", *done.stdout.decode("utf-8", "replace").split()]

    def blobs(self, commit: str, *paths: str) -> list[Blob]:
        """Returns the files at and below some paths; none where the commit has nothing there."""
        where = [path.rstrip("/") for path in paths]
        done = self._run("ls-tree", "-r", "-l", "-z", commit, "--", *where)
        if done.returncode:
            raise self._error(done)
        found = list[Blob]()
        for line in done.stdout.decode("utf-8", "surrogateescape").split("\0"):
            head, _, name = line.partition("\t")
            if name and (fields := head.split())[0] in _FILES:
                mode, _, object_id, size = fields
                found.append(Blob(name, object_id, int(size), mode == "100755", mode == _LINK))
        return found

    def read(self, blobs: Sequence[Blob]) -> list[bytes]:
        """Returns the bytes of small files, all with one process."""
        if not blobs:
            return []
        asked = "".join(f"{blob.object_id}\n" for blob in blobs).encode()
        done = self._run("cat-file", "--batch", stdin=asked)
        if done.returncode:
            raise self._error(done)
        found, at = list[bytes](), 0
        for blob in blobs:
            at = done.stdout.index(b"\n", at) + 1
            found.append(done.stdout[at : at + blob.size_bytes])
            at += blob.size_bytes + 1
        return found

    def open(self, blob: Blob) -> BinaryIO:
        """Returns the bytes of a file, however large, to be read from the start."""
        file = cast("BinaryIO", cast("object", tempfile.TemporaryFile()))  # noqa: SIM115 the caller closes it
        done = self._run("cat-file", "blob", blob.object_id, stdout=file)
        if done.returncode:
            file.close()
            raise self._error(done)
        file.seek(0)
        return file

    def _check(self) -> None:
        """Raises ``UsageError`` where there is no repository, or none that git wants to read."""
        done = self._run("rev-parse", "--git-dir")
        if not done.returncode:
            return
        said = done.stderr.decode("utf-8", "replace")
        if "not a git repository" in said:
            hint = "`git init` makes one; two runs can be compared without: `last~1 last`"
            raise UsageError("not in a git repository", self._root, hint)
        raise self._error(done)

    def _error(self, done: "subprocess.CompletedProcess[bytes]") -> StoreError:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["it says nothing"]
        why = said[0].removeprefix("fatal: ").rstrip(".")
        return StoreError(
            f"git cannot read the repository: {why}", self._root, "mend the repository"
        )

    def _run(
        self, *arguments: str, stdin: bytes = b"", stdout: BinaryIO | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run(
                ["git", "-C", self._root, *arguments],
                input=stdin,
                stdout=subprocess.PIPE if stdout is None else stdout,
                stderr=subprocess.PIPE,
                env={**os.environ, "LC_ALL": "C"},
                check=False,
                timeout=_GIT_S,
            )
        except FileNotFoundError as error:
            raise UsageError(
                "git is not installed", "", "install git, or compare two runs"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise StoreError(f"`git {arguments[0]}` does not end", self._root) from error


def _is_shared(path: str) -> bool:
    """Tells whether a path below ``.pivot/``, whatever stands before that, is for everybody."""
    inside = path.partition(".pivot/")[2]
    is_lock = inside.startswith("stages/") and inside.endswith(".lock")
    return inside in (".gitignore", "config.yaml") or is_lock
