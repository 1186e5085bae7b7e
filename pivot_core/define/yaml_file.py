"""Owns one YAML file of the author's, so that each mistake in it can be shown at its line."""

from pivot_core import yaml12
from pivot_core.errors import DefinitionError
from pivot_core.frozen import frozen
from pivot_core.model.ids import Json
from pivot_core.yaml12 import Document


@frozen
class YamlFile:
    """A file and what stands in it."""

    path: str
    document: Document

    @property
    def data(self) -> Json:
        """The parsed value; ``None`` for an empty file."""
        return self.document.value

    def place(self, *keys: str | int) -> str:
        """Returns ``file:line`` of an entry, or of the nearest one around it."""
        return f"{self.path}:{self.document.line(keys)}"


def read(path: str) -> YamlFile:
    """Reads a file.

    Raises ``DefinitionError``.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(yaml12.MAX_BYTES + 1)
    except OSError as error:
        raise DefinitionError(f"cannot read the file: {error.strerror}", path) from error
    try:
        return YamlFile(path, yaml12.parse(data, aliases=True, name=path))
    except yaml12.YamlError as error:
        raise DefinitionError(
            f"not valid YAML: {error.problem}", f"{path}:{error.line}", "correct the line"
        ) from error
