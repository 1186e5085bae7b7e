"""Owns how values are read from files and written to them; heavy libraries are imported when a file is touched.

A loader is any object with the methods of ``Reader``, ``Writer`` or both. Paths are relative to the project root,
which is the current directory of a stage. A parent directory exists when ``save`` is called.
"""

import csv
import functools
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol, cast, override, runtime_checkable

from pivot_core.frozen import frozen

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from yaml import CSafeDumper, ScalarNode


@runtime_checkable
class Reader[R](Protocol):
    """Makes a value of the file or directory at ``path``."""

    def load(self, path: "Path") -> R:
        """Reads ``path``."""
        ...


@runtime_checkable
class Writer[W](Protocol):
    """Puts a value into the file or directory at ``path``."""

    def save(self, value: W, path: "Path") -> None:
        """Writes ``value``."""
        ...


@runtime_checkable
class Loader[W, R](Reader[R], Writer[W], Protocol):
    """Reads and writes one format."""


@frozen
class Text:
    """A string, exactly as it stands in the file: line ends are not translated."""

    encoding: str = "utf-8"

    def load(self, path: "Path") -> str:
        """Reads the whole file."""
        with open(path, encoding=self.encoding, newline="") as file:
            return file.read()

    def save(self, value: object, path: "Path") -> None:
        """Writes the string."""
        if not isinstance(value, str):
            raise _unfit(self, value, "a str")
        with open(path, "w", encoding=self.encoding, newline="") as file:
            file.write(value)


@frozen
class Bytes:
    """The bytes of the file."""

    def load(self, path: "Path") -> bytes:
        """Reads the whole file."""
        with open(path, "rb") as file:
            return file.read()

    def save(self, value: object, path: "Path") -> None:
        """Writes the bytes."""
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise _unfit(self, value, "bytes")
        with open(path, "wb") as file:
            file.write(cast("bytes", value))


@frozen
class JSON:
    """One JSON document; arrays and numbers of NumPy are written as lists and numbers."""

    indent: int | None = 2
    sort_keys: bool = False

    def load(self, path: "Path") -> Any:
        """Reads the document."""
        with open(path, encoding="utf-8") as file:
            return json.load(file)

    def save(self, value: object, path: "Path") -> None:
        """Writes the document, with a line end after it."""
        text = json.dumps(
            value,
            indent=self.indent,
            sort_keys=self.sort_keys,
            ensure_ascii=False,
            default=_plain,
        )
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text + "\n")


@frozen
class JSONL:
    """A list of values, one JSON document a line; any iterable can be saved."""

    sort_keys: bool = False

    def load(self, path: "Path") -> list[Any]:
        """Reads every line that is not blank."""
        with open(path, encoding="utf-8", newline="\n") as file:
            return [json.loads(line) for line in file if line.strip()]

    def save(self, value: object, path: "Path") -> None:
        """Writes one line for each value."""
        items = _sequence(self, value, "a list of values")
        with open(path, "w", encoding="utf-8", newline="") as file:
            for item in items:
                line = json.dumps(
                    item, sort_keys=self.sort_keys, ensure_ascii=False, default=_plain
                )
                file.write(line + "\n")


@frozen
class Pickle:
    """Any Python value. Reading runs code of the file; ``PIVOT_NO_PICKLE=1`` refuses both ways."""

    protocol: int = 5

    def load(self, path: "Path") -> Any:
        """Unpickles the file."""
        self._check(path)
        import pickle

        with open(path, "rb") as file:
            return pickle.load(file)

    def save(self, value: object, path: "Path") -> None:
        """Pickles the value."""
        self._check(path)
        import pickle

        with open(path, "wb") as file:
            pickle.dump(value, file, protocol=self.protocol)

    def _check(self, path: "Path") -> None:
        if os.environ.get("PIVOT_NO_PICKLE", "") not in ("", "0"):
            raise PermissionError(f"PIVOT_NO_PICKLE is set: '{path}' is not touched by Pickle()")


@frozen
class PathOnly:
    """The path itself. As a writer: the function writes the declared path and returns it, and that is checked."""

    def load(self, path: "Path") -> "Path":
        """Gives the project-relative path."""
        return path

    def save(self, value: object, path: "Path") -> None:
        """Checks that ``value`` is the declared path and that something lies there."""
        if not isinstance(value, str) and not hasattr(value, "__fspath__"):
            raise _unfit(self, value, f"the declared path '{path}'")
        if os.path.abspath(cast("Path", value)) != os.path.abspath(path):
            raise ValueError(f"PathOnly(): the function returned '{value}', declared is '{path}'")
        if not os.path.exists(path):
            raise FileNotFoundError(f"PathOnly(): the function did not write '{path}'")


@frozen
class CSV:
    """A table: a pandas DataFrame, or with ``rows=True`` a list of dicts of strings, without pandas.

    ``read`` and ``write`` are further options of ``pandas.read_csv`` and ``DataFrame.to_csv``; ``index`` says whether
    the frame's index is kept, as the first column.
    """

    rows: bool = False
    delimiter: str = ","
    encoding: str = "utf-8"
    index: bool = False
    read: Mapping[str, object] = field(default_factory=dict[str, object])
    write: Mapping[str, object] = field(default_factory=dict[str, object])

    def load(self, path: "Path") -> Any:
        """Reads the table."""
        if self.rows:
            with open(path, encoding=self.encoding, newline="") as file:
                return list(csv.DictReader(file, delimiter=self.delimiter))
        pandas = _pandas("CSV()", ", or say CSV(rows=True) for a list of dicts")
        options = {"index_col": 0} if self.index else {}
        options |= {"sep": self.delimiter, "encoding": self.encoding, **self.read}
        return pandas.read_csv(path, **options)

    def save(self, value: Any, path: "Path") -> None:
        """Writes the table."""
        if self.rows:
            self._save_rows(value, path)
        elif hasattr(value, "to_csv"):
            options = {"index": self.index, "sep": self.delimiter, "encoding": self.encoding}
            value.to_csv(path, **{"lineterminator": "\n", **options, **self.write})
        else:
            raise _unfit(self, value, "a DataFrame (CSV(rows=True) saves a list of dicts)")

    def _save_rows(self, value: object, path: "Path") -> None:
        wanted = "a list of dicts (CSV() saves a DataFrame)"
        if hasattr(value, "to_csv"):
            raise _unfit(self, value, wanted)
        rows = [cast("Mapping[str, object]", row) for row in _sequence(self, value, wanted)]
        with open(path, "w", encoding=self.encoding, newline="") as file:
            if not rows:
                return
            columns = list(rows[0])
            writer = csv.DictWriter(file, columns, delimiter=self.delimiter, lineterminator="\n")
            writer.writeheader()
            for number, row in enumerate(rows, start=1):
                if row.keys() != rows[0].keys():
                    raise ValueError(f"row {number} has columns {list(row)}, row 1 has {columns}")
                writer.writerow(row)


@frozen
class YAML:
    """One YAML document, read by the rules of YAML 1.2: ``1e-3`` is a number, ``on`` is a string."""

    sort_keys: bool = False

    def load(self, path: "Path") -> Any:
        """Reads the document."""
        from pivot_core import yaml12

        with open(path, encoding="utf-8") as file:
            return yaml12.load(file.read(), aliases=True, name=os.fspath(path))

    def save(self, value: object, path: "Path") -> None:
        """Writes the document in block style."""
        import yaml

        text = yaml.dump(
            _native(value),
            Dumper=_yaml_dumper(),
            sort_keys=self.sort_keys,
            allow_unicode=True,
            width=1 << 20,
        )
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)


@frozen
class Parquet:
    """A pandas DataFrame in a Parquet file; ``read`` and ``write`` are options of ``read_parquet``, ``to_parquet``."""

    read: Mapping[str, object] = field(default_factory=dict[str, object])
    write: Mapping[str, object] = field(default_factory=dict[str, object])

    def load(self, path: "Path") -> Any:
        """Reads the frame."""
        return _pandas("Parquet()").read_parquet(path, **self.read)

    def save(self, value: Any, path: "Path") -> None:
        """Writes the frame, its index included where it is more than row numbers."""
        if not hasattr(value, "to_parquet"):
            raise _unfit(self, value, "a DataFrame")
        value.to_parquet(path, **self.write)


@frozen
class NumPy:
    """An array in a ``.npy`` file, or a dict of arrays in a ``.npz`` file. Object arrays are refused."""

    def load(self, path: "Path") -> Any:
        """Reads the array or the dict of arrays."""
        numpy = _import("numpy", "NumPy()")
        with open(path, "rb") as file:
            found = numpy.load(file, allow_pickle=False)
            return dict(found) if hasattr(found, "files") else found

    def save(self, value: Any, path: "Path") -> None:
        """Writes the array or the dict of arrays."""
        numpy = _import("numpy", "NumPy()")
        with open(path, "wb") as file:
            if not os.fspath(path).endswith(".npz"):
                numpy.save(file, value, allow_pickle=False)
            elif isinstance(value, Mapping):
                numpy.savez(file, **value)
            else:
                raise _unfit(self, value, "a dict of arrays for a .npz file")


@frozen
class MatplotlibFigure:
    """A figure, written in the format that the path's suffix names and closed after; cannot be read.

    Dates and random ids are left out of the file, so that an equal figure gives equal bytes. ``options`` go to
    ``Figure.savefig``.
    """

    dpi: float = 150
    options: Mapping[str, object] = field(default_factory=dict[str, object])

    def save(self, value: Any, path: "Path") -> None:
        """Writes the figure."""
        figure: Any = value if hasattr(value, "savefig") else getattr(value, "figure", None)
        if not hasattr(figure, "savefig"):
            raise _unfit(self, value, "a matplotlib Figure")
        matplotlib = _import("matplotlib", "MatplotlibFigure()")
        pyplot = _import("matplotlib.pyplot", "MatplotlibFigure()")
        dated = {".svg": "Date", ".svgz": "Date", ".pdf": "CreationDate"}
        key = dated.get(os.path.splitext(path)[1].lower())
        options: dict[str, object] = {"metadata": {key: None}} if key else {}
        with matplotlib.rc_context({"svg.hashsalt": "pivot"}):
            figure.savefig(path, **{"dpi": self.dpi, **options, **self.options})
        pyplot.close(figure)


def _sequence(loader: object, value: object, wanted: str) -> Iterable[object]:
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes, Mapping)):
        raise _unfit(loader, cast("object", value), wanted)
    return value


def _plain(value: object) -> object:
    """Turns what JSON does not know into what it does; NumPy's arrays and scalars have ``tolist``."""
    convert = getattr(value, "tolist", None)
    if convert is None:
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return convert()


def _native(value: object) -> object:
    """Copies nested dicts and sequences, with NumPy's values as Python's."""
    if isinstance(value, Mapping):
        return {key: _native(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_native(item) for item in cast("Iterable[object]", value)]
    return _plain(value) if hasattr(value, "tolist") else value


@functools.cache
def _yaml_dumper() -> "type[CSafeDumper]":
    """Makes the dumper: no aliases, and strings that YAML 1.2 would take for numbers are quoted."""
    import yaml

    class Dumper(yaml.CSafeDumper):
        @override
        def ignore_aliases(self, data: object) -> bool:
            return True

    def represent(dumper: yaml.CSafeDumper, text: str) -> "ScalarNode":
        is_number_like = text[:1] in tuple("0123456789+-.")
        style = "'" if is_number_like else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)  # pyright: ignore[reportUnknownMemberType] untyped in the stubs

    Dumper.add_representer(str, represent)
    return Dumper


def _unfit(loader: object, value: object, wanted: str) -> TypeError:
    return TypeError(f"{type(loader).__name__}() saves {wanted}, not {type(value).__name__}")


def _pandas(loader: str, otherwise: str = "") -> Any:
    return _import("pandas", loader, otherwise)


def _import(name: str, loader: str, otherwise: str = "") -> Any:
    """Imports a library of the user's; says which loader wants it when it is not there."""
    import importlib

    try:
        module: ModuleType = importlib.import_module(name)
    except ModuleNotFoundError as error:
        top = name.partition(".")[0]
        if error.name != top:
            raise
        raise ModuleNotFoundError(
            f"{loader} needs {top}, which is not installed: install it{otherwise}", name=top
        ) from None
    return module
