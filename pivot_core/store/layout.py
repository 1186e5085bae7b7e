"""Owns where everything of a project lies on disk and how names become file names; creates and reads nothing."""

import os
import re
from dataclasses import dataclass
from functools import cached_property

import xxhash

from pivot_core.model.ids import ArtifactPath, ContentHash, RunId, StageName

_PLAIN = re.compile(r"[a-z0-9_-][a-z0-9_.-]*")
_ESCAPED = re.compile(r"%([0-9a-f]{2})")
_NAME_MAX = 200
"""Leaves room for ``.<attempt>.log`` and the like in the 255 bytes of a file name."""
_SOCKET_MAX = 100
"""``sun_path`` holds 104 bytes on macOS, 108 on Linux."""


def find_root(start: str) -> str | None:
    """Returns the nearest directory, from ``start`` upwards, that holds ``.pivot/``; ``None`` when none does."""
    here = os.path.realpath(start)
    while not os.path.isdir(os.path.join(here, ".pivot")):
        parent = os.path.dirname(here)
        if parent == here:
            return None
        here = parent
    return here


def encode(name: str) -> str:
    """Returns a file name for ``name``: lower-case letters, digits, ``_-.`` stay, other bytes become ``%xx``.

    Upper case is escaped too, so that names stay apart on a file system that ignores case. A result that would be
    too long is cut and ends in ``%`` and a hash; only such a name cannot be decoded.
    """
    if _PLAIN.fullmatch(name) and len(name) <= _NAME_MAX:
        return name
    data = name.encode("utf-8", "surrogatepass")
    keep = b"abcdefghijklmnopqrstuvwxyz0123456789_-."
    text = "".join(chr(byte) if byte in keep else f"%{byte:02x}" for byte in data)
    if text.startswith("."):
        text = "%2e" + text[1:]
    if len(text) > _NAME_MAX or not text:
        digest = xxhash.xxh3_128_hexdigest(data)
        text = f"{text[: _NAME_MAX - 34].rstrip('%')}%.{digest}"
    return text


def decode(file_name: str) -> str | None:
    """Returns the name that `encode` was given; ``None`` when the file name was cut or is none of ours."""
    rest = _ESCAPED.sub("", file_name)
    if "%" in rest or not file_name:
        return None
    data = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), file_name)
    try:
        name = data.encode("latin-1").decode("utf-8", "surrogatepass")
    except (UnicodeEncodeError, UnicodeDecodeError):
        return None
    return name if encode(name) == file_name else None


@dataclass(frozen=True)
class Layout:
    """The paths of one project; ``root`` and ``cache_dir`` are absolute."""

    root: str
    cache_dir: str

    @classmethod
    def at(cls, root: str, cache_dir: str | None = None) -> "Layout":
        """Builds the layout of the project at ``root``; a relative ``cache_dir`` is relative to the root."""
        real = os.path.realpath(root)
        return cls(real, os.path.normpath(os.path.join(real, cache_dir or ".pivot/cache")))

    @property
    def pivot_dir(self) -> str:
        return self.root + "/.pivot"

    @property
    def state_dir(self) -> str:
        """Where all that is not the cache lies: the same as ``pivot_dir``."""
        return self.root + "/.pivot"

    @property
    def config_path(self) -> str:
        return self.root + "/.pivot/config.yaml"

    @property
    def local_config_path(self) -> str:
        """Settings of this machine, kept out of git."""
        return self.root + "/.pivot/config.local.yaml"

    @property
    def stages_dir(self) -> str:
        return self.root + "/.pivot/stages"

    def lock_path(self, stage: StageName) -> str:
        return f"{self.root}/.pivot/stages/{encode(stage)}.lock"

    @property
    def objects_dir(self) -> str:
        return self.cache_dir + "/files"

    def object_path(self, content_hash: ContentHash) -> str:
        return f"{self.cache_dir}/files/{content_hash[:2]}/{content_hash[2:]}"

    @property
    def corrupt_dir(self) -> str:
        """Objects whose bytes were not what their name says."""
        return self.cache_dir + "/corrupt"

    @property
    def cache_tmp_dir(self) -> str:
        """Objects being written; on the cache's file system, so that a rename publishes them."""
        return self.cache_dir + "/tmp"

    @property
    def partial_dir(self) -> str:
        """Downloads that are not whole yet, under the name of their object: the next try goes on from there."""
        return self.cache_dir + "/partial"

    @cached_property
    def cache_tmp_prefix(self) -> str:
        """Begins the names of this project's files in ``cache_tmp_dir``, which several projects may share."""
        return self._digest(os.uname().nodename + ":" + self.root)[:8] + "-"

    @property
    def state_path(self) -> str:
        return self.root + "/.pivot/state.lmdb"

    @property
    def runs_dir(self) -> str:
        return self.root + "/.pivot/runs"

    def run_dir(self, run: RunId) -> str:
        return f"{self.root}/.pivot/runs/{run}"

    def journal_path(self, run: RunId) -> str:
        return f"{self.root}/.pivot/runs/{run}/events.jsonl"

    def log_path(self, run: RunId, stage: StageName, attempt: int) -> str:
        return f"{self.root}/.pivot/runs/{run}/logs/{encode(stage)}.{attempt}.log"

    @property
    def last_path(self) -> str:
        """The snapshot that a dashboard without an engine shows."""
        return self.root + "/.pivot/runs/last.json"

    @property
    def engine_dir(self) -> str:
        return self.root + "/.pivot/engine"

    @property
    def engine_lock(self) -> str:
        return self.root + "/.pivot/engine/lock"

    @property
    def pending_path(self) -> str:
        """Requests that an engine has left to the next one."""
        return self.root + "/.pivot/engine/pending.json"

    @property
    def workers_lock(self) -> str:
        """Shared by every worker that runs stages; free again when the last of them and its child are gone."""
        return self.root + "/.pivot/engine/workers"

    @property
    def socket_path(self) -> str:
        """Where front ends reach the engine; ``$XDG_RUNTIME_DIR`` where the project's own is too long or read-only."""
        return self._socket("engine.sock")

    @property
    def workers_socket(self) -> str:
        """Where this process's workers report; two processes of one project may have workers at once."""
        return self._socket(f"workers-{os.getpid()}.sock")

    @property
    def tmp_dir(self) -> str:
        """Files being written that will be renamed to their place in the project."""
        return self.root + "/.pivot/tmp"

    @property
    def aside_dir(self) -> str:
        return self.root + "/.pivot/aside"

    def absolute(self, path: ArtifactPath) -> str:
        """Returns where an artifact lies; a directory's trailing ``/`` is dropped."""
        if path.startswith(".."):
            return os.path.normpath(f"{self.root}/{path}")
        return f"{self.root}/{path.removesuffix('/')}"

    def _socket(self, name: str) -> str:
        path = f"{self.engine_dir}/{name}"
        there = self.engine_dir if os.path.lexists(self.engine_dir) else self.pivot_dir
        if len(os.fsencode(path)) <= _SOCKET_MAX and os.access(there, os.W_OK | os.X_OK):
            return path
        runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/tmp/pivot-{os.getuid()}"
        return f"{runtime}/pivot/{self._digest(self.root)[:16]}/{name}"

    @staticmethod
    def _digest(text: str) -> str:
        return xxhash.xxh3_128_hexdigest(os.fsencode(text))
