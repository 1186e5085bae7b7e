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


class Repository:
    """The repository that a project lies in."""

    def __init__(self, root: str) -> None:
        self._root: str = root

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
