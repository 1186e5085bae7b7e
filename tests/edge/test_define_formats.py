import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pivot_core import (
    CSV,
    JSON,
    JSONL,
    YAML,
    Bytes,
    Loader,
    MatplotlibFigure,
    NumPy,
    Parquet,
    PathOnly,
    Pickle,
    Reader,
    Text,
    Writer,
)

ON_DISK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)


def round_trip(loader: Loader[Any, Any], value: object, path: Path) -> Any:
    loader.save(value, path)
    return loader.load(path)


@ON_DISK
@given(texts)
def test_text_comes_back(tmp_path: Path, value: str) -> None:
    assert round_trip(Text(), value, tmp_path / "t") == value


@ON_DISK
@given(st.binary())
def test_bytes_come_back(tmp_path: Path, value: bytes) -> None:
    assert round_trip(Bytes(), value, tmp_path / "b") == value


@ON_DISK
@given(documents)
def test_json_comes_back(tmp_path: Path, value: object) -> None:
    assert round_trip(JSON(), value, tmp_path / "j") == value
    assert round_trip(JSON(indent=None, sort_keys=True), value, tmp_path / "j") == value


@ON_DISK
@given(st.lists(documents, max_size=4))
def test_json_lines_come_back(tmp_path: Path, value: list[object]) -> None:
    assert round_trip(JSONL(), value, tmp_path / "l") == value


@ON_DISK
@given(documents)
def test_yaml_comes_back(tmp_path: Path, value: object) -> None:
    assert round_trip(YAML(), value, tmp_path / "y") == value


@pytest.mark.parametrize(
    "text", ["1e-3", "on", "0o17", "null", "~", "", "2024-01-01", ".5", "- x", "<<"]
)
def test_yaml_strings_stay_strings(tmp_path: Path, text: str) -> None:
    assert round_trip(YAML(), {"a": text, text: 1}, tmp_path / "y") == {"a": text, text: 1}


def test_yaml_repeats_shared_values(tmp_path: Path) -> None:
    shared = [1]
    YAML().save({"a": shared, "b": shared}, tmp_path / "y")
    assert "&" not in (tmp_path / "y").read_text()


@ON_DISK
@given(st.lists(st.fixed_dictionaries({"a": texts, "b c": texts}), min_size=1, max_size=4))
def test_rows_come_back(tmp_path: Path, value: list[dict[str, str]]) -> None:
    value = [{key: text.replace("\0", "") for key, text in row.items()} for row in value]
    assert round_trip(CSV(rows=True), value, tmp_path / "c") == value
    assert round_trip(CSV(rows=True, delimiter=";"), value, tmp_path / "c") == value


def test_rows_without_any_row_come_back(tmp_path: Path) -> None:
    assert round_trip(CSV(rows=True), [], tmp_path / "c") == []


def test_rows_must_have_the_same_columns(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="row 2 has columns"):
        CSV(rows=True).save([{"a": 1}, {"b": 1}], tmp_path / "c")


@pytest.mark.parametrize(
    ("loader", "value"),
    [
        (Text(), b"x"),
        (Bytes(), "x"),
        (JSON(), object()),
        (JSONL(), {"a": 1}),
        (CSV(), [{"a": 1}]),
        (CSV(rows=True), "text"),
        (CSV(rows=True), 3),
        (Parquet(), [1]),
        (PathOnly(), 3),
        (MatplotlibFigure(), 3),
    ],
)
def test_a_value_of_another_kind_is_refused(
    tmp_path: Path, loader: Writer[object], value: object
) -> None:
    with pytest.raises(TypeError):
        loader.save(value, tmp_path / "x")


class Array:
    """Stands for an array or scalar of NumPy."""

    def tolist(self) -> list[float]:
        return [1, 2.5]


def test_arrays_are_written_as_lists(tmp_path: Path) -> None:
    expected = {"a": [1, 2.5]}
    assert round_trip(JSON(), {"a": Array()}, tmp_path / "j") == expected
    assert round_trip(JSONL(), [{"a": Array()}], tmp_path / "j") == [expected]
    assert round_trip(YAML(), {"a": Array()}, tmp_path / "y") == expected


def test_json_can_be_read_by_others(tmp_path: Path) -> None:
    JSON().save({"ä": [1]}, tmp_path / "j")
    assert (tmp_path / "j").read_text() == '{\n  "ä": [\n    1\n  ]\n}\n'


def test_pickle_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert round_trip(Pickle(), {1, 2}, tmp_path / "p") == {1, 2}
    monkeypatch.setenv("PIVOT_NO_PICKLE", "1")
    with pytest.raises(PermissionError, match="PIVOT_NO_PICKLE"):
        Pickle().load(tmp_path / "p")
    with pytest.raises(PermissionError, match="PIVOT_NO_PICKLE"):
        Pickle().save(1, tmp_path / "p")


def test_a_path_is_given_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("data/x.bin")
    assert PathOnly().load(path) == path
    with pytest.raises(FileNotFoundError, match="did not write"):
        PathOnly().save(path, path)
    path.parent.mkdir()
    path.write_text("x")
    PathOnly().save(path, path)
    PathOnly().save(str(tmp_path / path), path)
    with pytest.raises(ValueError, match="returned 'other'"):
        PathOnly().save("other", path)


def test_a_missing_library_is_named_with_the_loader(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(b"")
    for loader, library in ((NumPy(), "numpy"), (CSV(), "pandas"), (Parquet(), "pandas")):
        try:
            __import__(library)
        except ModuleNotFoundError:
            with pytest.raises(
                ModuleNotFoundError, match=f"needs {library}, which is not installed"
            ):
                loader.load(path)


def test_protocols_know_the_loaders() -> None:
    for loader in (
        CSV(),
        JSON(),
        JSONL(),
        YAML(),
        Text(),
        Bytes(),
        Pickle(),
        PathOnly(),
        Parquet(),
        NumPy(),
    ):
        assert isinstance(loader, Reader)
        assert isinstance(loader, Writer)
        assert isinstance(loader, Loader)
    assert isinstance(MatplotlibFigure(), Writer)
    assert not isinstance(MatplotlibFigure(), Reader)


def test_loaders_with_equal_settings_are_equal() -> None:
    options: Mapping[str, object] = {"dtype": "str"}
    assert CSV(read=options) == CSV(read=dict(options)) != CSV()


def test_numbers_that_json_does_not_have_are_python_s(tmp_path: Path) -> None:
    JSON().save({"a": math.inf}, tmp_path / "j")
    assert json.loads((tmp_path / "j").read_text()) == {"a": math.inf}


def test_frames_come_back(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert round_trip(CSV(), frame, tmp_path / "c.csv").equals(frame)
    assert (tmp_path / "c.csv").read_text() == "a,b\n1,x\n2,y\n"
    named = frame.set_index("b")
    assert round_trip(CSV(index=True), named, tmp_path / "c.csv").equals(named)
    text = round_trip(CSV(read={"dtype": "str"}), frame, tmp_path / "c.csv")
    assert list(text["a"]) == ["1", "2"]
    pytest.importorskip("pyarrow")
    assert round_trip(Parquet(), named, tmp_path / "p").equals(named)


def test_arrays_come_back(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(6).reshape(2, 3)
    assert numpy.array_equal(round_trip(NumPy(), array, tmp_path / "a.npy"), array)
    assert numpy.array_equal(round_trip(NumPy(), array, tmp_path / "no_suffix"), array)
    found = round_trip(NumPy(), {"a": array, "b": array + 1}, tmp_path / "a.npz")
    assert list(found) == ["a", "b"]
    assert numpy.array_equal(found["b"], array + 1)
    assert round_trip(JSON(), {"n": array[0][1], "a": array}, tmp_path / "j") == {
        "n": 1,
        "a": [[0, 1, 2], [3, 4, 5]],
    }


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_an_equal_figure_gives_equal_bytes(tmp_path: Path, suffix: str) -> None:
    figures = pytest.importorskip("matplotlib.figure")
    for name in ("a", "b"):
        figure = figures.Figure()
        axes = figure.subplots()
        axes.plot([1, 2, 3])
        MatplotlibFigure().save(axes if name == "a" else figure, tmp_path / (name + suffix))
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
