"""Owns the JSON form of contents, as lock files, state and worker reports hold it, and the check of what is read."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict, cast

from pivot_core.model import ids
from pivot_core.model.artifact import Content, FileContent, TreeContent
from pivot_core.model.ids import ArtifactPath, Json
from pivot_core.store import hashing

_RESERVED = (".git", ".pivot")


class FileJson(TypedDict):
    """One file."""

    hash: str
    size: int
    exec: NotRequired[bool]
    """Present, and true, only for an executable file."""


class TreeJson(TypedDict):
    """A directory."""

    hash: str
    files: dict[str, FileJson]
    """By path inside the directory, sorted."""


type ContentJson = FileJson | TreeJson


def to_json(content: Content) -> ContentJson:
    """Returns the JSON form of ``content``."""
    if isinstance(content, FileContent):
        return _file_to_json(content)
    return TreeJson(
        hash=content.hash, files={path: _file_to_json(file) for path, file in content.files}
    )


def outs_to_json(outs: Mapping[ArtifactPath, Content]) -> Json:
    """Returns the JSON form of a stage's outs, as a run-cache entry has them."""
    return {path: cast("Json", cast("object", to_json(each))) for path, each in outs.items()}


def from_json(data: object) -> Content:
    """Returns the content whose JSON form is ``data``.

    Hashes, sizes and paths are checked, and a directory's hash must be that of its files: whoever wrote ``data`` is
    not trusted. Raises ``ValueError``.
    """
    if not isinstance(data, dict):
        raise ValueError(f"not a content: {data!r:.80}")
    given = cast("dict[str, object]", data)
    if "files" not in given:
        return _file_from_json(given)
    files = given["files"]
    if not isinstance(files, dict):
        raise ValueError(f"not a manifest of files: {files!r:.80}")
    members = sorted(cast("dict[str, object]", files).items())
    return tree(
        tuple([(member_path(path), _file_from_json(item)) for path, item in members]), given
    )


def tree(
    files: tuple[tuple[str, FileContent], ...], given: dict[str, object] | None = None
) -> TreeContent:
    """Builds a directory's content from its sorted files; ``given["hash"]``, where passed, must be their hash."""
    combined = hashing.tree_hash({path: file.hash for path, file in files})
    if given is not None and (expected := ids.content_hash(_field(given, "hash"))) != combined:
        raise ValueError(f"a directory whose hash {expected} is not that of its files")
    return TreeContent(combined, files)


def member_path(text: object) -> str:
    """Returns ``text`` as a path that is safe to write below a directory of the project; raises ``ValueError``.

    Any character that a file name may hold is allowed: stages name the members of their directories freely.
    """
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError(f"not a path: {text!r:.80}")
    for part in text.split("/"):
        if part in ("", ".", "..") or part.casefold() in _RESERVED:
            raise ValueError(f"a path that leads elsewhere: {text!r:.200}")
    return text


def _file_to_json(file: FileContent) -> FileJson:
    if file.executable:
        return FileJson(hash=file.hash, size=file.size_bytes, exec=True)
    return FileJson(hash=file.hash, size=file.size_bytes)


def _file_from_json(data: object) -> FileContent:
    if not isinstance(data, dict):
        raise ValueError(f"not a file: {data!r:.80}")
    given = cast("dict[str, object]", data)
    size = _field(given, "size")
    executable = given.get("exec", False)
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"not a size: {size!r:.80}")
    if not isinstance(executable, bool):
        raise ValueError(f"neither true nor false: {executable!r:.80}")
    return FileContent(ids.content_hash(_field(given, "hash")), size, executable)


def _field(given: dict[str, object], name: str) -> object:
    if name not in given:
        raise ValueError(f"no {name}")
    return given[name]
