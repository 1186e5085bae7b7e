"""Lock files: their bytes, and how little of a bad one is believed."""

import itertools
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pivot_core import yaml12
from pivot_core.errors import StoreError
from pivot_core.model.artifact import FileContent
from pivot_core.model.fingerprint import Fingerprint, Symbol
from pivot_core.model.ids import ArtifactPath, ContentHash, Json, StageName
from pivot_core.model.lock import Lock, NoLock
from pivot_core.store import content, lockfile
from pivot_core.store.layout import Layout

A, B = ContentHash("a" * 32), ContentHash("0123456789abcdef" * 2)
STAGE = StageName("train@small")
LOCK = Lock(
    stage=STAGE,
    fingerprint=Fingerprint(A, (Symbol("lib.util:clean", B), Symbol("pipeline:train", A))),
    params={"lr": 0.1, "name": "on", "layers": [1, {"a": []}], "none": None},
    reads={"data": ["data/clean.csv", "../raw/"]},
    writes={"return": "model.json"},
    deps={
        ArtifactPath("data/clean.csv"): FileContent(B, 12),
        ArtifactPath("../raw/"): content.tree((("x y.csv", FileContent(A, 0, True)),)),
    },
    outs={ArtifactPath("model.json"): FileContent(A, 7)},
)

TEXT = st.text(max_size=12) | st.sampled_from(
    ["yes", "No", "null", "~", "1", "1e3", "0x1", "2024-01-01", "1:30", "=", "<<", "", " ", "a: b", "#x", "- a",
     "é", "\0", "\ud800", "caf\udce9", "\x85", "\u2028", "\ufeff", "😀", "\\", '"', "'", "a\nb", ".inf", "0b1"]
)  # fmt: skip
HASHES = st.sampled_from(
    ["0" * 32, "1" * 32, "0b" + "1" * 30, "1" * 20 + "e" + "1" * 11, "a" * 32]
).map(ContentHash)
FILES = st.builds(FileContent, HASHES, st.integers(0, 2**60), st.booleans())
NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=6
).filter(lambda name: name not in (".", "..")) | st.just("caf\udce9")
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=2).map("/".join), FILES, max_size=3
).map(lambda files: content.tree(tuple(sorted(files.items()))))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
PARAMS = cast("st.SearchStrategy[dict[str, Json]]", st.dictionaries(TEXT, VALUES, max_size=3))
READS = cast(
    "st.SearchStrategy[dict[str, Json]]",
    st.dictionaries(TEXT, TEXT | st.lists(TEXT, max_size=3), max_size=3),
)
PATHS = st.sampled_from(["a", "data/x y.csv", "data/é/", "no", "1", "a#b", "a: b"]).map(
    ArtifactPath
)
ARTIFACTS = st.dictionaries(PATHS, FILES | TREES, max_size=3)
SYMBOLS = st.dictionaries(TEXT, HASHES, max_size=3).map(
    lambda found: tuple([Symbol(name, found[name]) for name in sorted(found)])
)
LOCKS = st.builds(
    Lock,
    stage=st.just(STAGE),
    fingerprint=st.builds(Fingerprint, HASHES, SYMBOLS),
    params=PARAMS,
    reads=READS,
    writes=READS,
    deps=ARTIFACTS,
    outs=ARTIFACTS,
)


@given(LOCKS)
def test_a_lock_survives_its_file(lock: Lock) -> None:
    assert lockfile.parse(lockfile.render(lock), STAGE, "f") == lock


@given(LOCKS)
def test_the_order_of_a_mapping_in_params_survives(lock: Lock) -> None:
    read = lockfile.parse(lockfile.render(lock), STAGE, "f")
    assert all(
        json.dumps(read.params[name]) == json.dumps(lock.params[name]) for name in lock.params
    )


@given(LOCKS)
def test_every_reader_of_yaml_reads_the_same(lock: Lock) -> None:
    data = lockfile.render(lock)
    assert yaml.load(data, yaml.CSafeLoader) == yaml12.load(data, aliases=False, name="f")


@given(PARAMS)
def test_equal_locks_have_equal_bytes(params: dict[str, Json]) -> None:
    def with_params(given_params: dict[str, Json]) -> bytes:
        return lockfile.render(replace(LOCK, params=given_params))

    assert with_params(params) == with_params(dict(reversed(params.items())))


def test_a_lock_file_is_made_to_be_read() -> None:
    assert lockfile.render(LOCK).decode() == (
        f"""\
schema: 2
hash: xxh3-128
stage: train@small
code:
  digest: {A}
  symbols:
    "lib.util:clean": {B}
    "pipeline:train": {A}
params:
  layers:
    - 1
    -
      a: []
  lr: 0.1
  name: "on"
  none: null
reads:
  data:
    - data/clean.csv
    - "../raw/"
writes:
  return: model.json
deps:
  "../raw/":
    hash: {LOCK.deps[ArtifactPath("../raw/")].hash}
    files:
      "x y.csv": {{hash: {A}, size: 0, exec: true}}
  data/clean.csv: {{hash: {B}, size: 12}}
outs:
  model.json: {{hash: {A}, size: 7}}
"""
    )


@pytest.mark.parametrize(
    "value", [1e-07, 1e22, 1.5e300, -0.0, 5e-324, math.inf, -math.inf, 0.1, 1e16]
)
def test_floats_are_exact(value: float) -> None:
    lock = replace(LOCK, params={"x": value})
    data = lockfile.render(lock)
    assert lockfile.parse(data, STAGE, "f").params["x"] == value
    assert yaml.load(data, yaml.CSafeLoader)["params"]["x"] == value


def test_a_written_lock_is_read_back(tmp_path: Path) -> None:
    layout = Layout.at(str(tmp_path))
    assert lockfile.read(layout.lock_path(STAGE), STAGE) == NoLock("no result yet")
    lockfile.write(layout, LOCK)
    assert lockfile.read(layout.lock_path(STAGE), STAGE) == LOCK
    assert os.listdir(layout.stages_dir) == ["train%40small.lock"]
    assert os.listdir(layout.tmp_dir) == []


def test_a_lock_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    files = tuple([(f"{number:080}", FileContent(A, 1)) for number in range(80_000)])
    lock = replace(LOCK, outs={ArtifactPath("out/"): content.tree(files)})
    with pytest.raises(StoreError, match="lock file of 'train@small' would have"):
        lockfile.write(Layout.at(str(tmp_path)), lock)


GOOD = lockfile.render(LOCK).decode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "the file is no mapping"),
        (b"[]", "the file is no mapping"),
        (b"{}", "it has no 'schema'"),
        (b"\x00\x01\x02\xff", "line 1: not valid UTF-8"),
        (GOOD.encode()[:100], "line 7"),
        (f"<<<<<<< HEAD\n{GOOD}=======\n{GOOD}>>>>>>> main\n", "both sides of a merge conflict"),
        (GOOD.replace("outs:", "<<<<<<< HEAD\nouts:", 1), "both sides of a merge conflict"),
        (GOOD + GOOD, "'schema' stands here twice"),
        (GOOD.replace("schema: 2", "schema: one"), "its schema is 'one'"),
        (GOOD.replace("schema: 2", "schema: 1"), "its schema is 1"),
        (GOOD.replace("schema: 2", "schema: true"), "its schema is True"),
        (GOOD.replace("hash: xxh3-128", "hash: md5"), "its hashes are 'md5'"),
        (GOOD.replace("stage: train@small", "stage: other"), "it is of stage 'other'"),
        (GOOD.replace("outs:", "outs: &a", 1), "anchors and aliases"),
        (GOOD.replace("none: null", "none: !!python/name:os.system x"), "is not known here"),
        (GOOD.replace(A, "A" * 32), "not a content hash"),
        (GOOD.replace("size: 7", "size: -7"), "not a size"),
        (GOOD.replace("model.json", '"../model.json"'), "'..' part"),
        (GOOD.replace("model.json", "/etc/passwd"), "an absolute path"),
        (GOOD.replace("model.json", ".git/hooks/post-commit"), "a path below '.git'"),
        (GOOD.replace("model.json", ".pivot/config.yaml"), "a path below '.pivot'"),
        (GOOD.replace("model.json", '"a\\\\b"'), "a path with a backslash"),
        (GOOD.replace("model.json", '"a\\x1bb"'), "control character"),
        (GOOD.replace("data/clean.csv", "../../a/../../b"), "'..' part"),
        (GOOD.replace("data/clean.csv", "/dev/sda"), "an absolute path"),
        (GOOD.replace("x y.csv", "../x"), "a path that leads elsewhere"),
        (GOOD.replace("x y.csv", "x z.csv"), "not that of its files"),
        (GOOD.replace("code:", "cod:"), "it has no 'code'"),
        (GOOD.replace("params:", "params: 3\nparamz:"), "params is no mapping"),
        (GOOD.replace("reads:", "red:"), "it has no 'reads'"),
        (GOOD.replace("writes:", "writes: []\nwrote:"), "writes is no mapping"),
        ("a: " + "[" * 5000, "nested more than 64 deep"),
        (b"x" * 10_000_001, "larger than 10 MB"),
    ],
    ids=itertools.count(),
)  # fmt: skip
def test_a_bad_lock_file_is_no_lock_and_says_why(
    tmp_path: Path, data: bytes | str, why: str
) -> None:
    path = tmp_path / "x.lock"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    found = lockfile.read(str(path), STAGE)
    assert isinstance(found, NoLock)
    assert found.why.startswith("its lock file is not valid: ")
    assert why in found.why


@pytest.mark.parametrize("kind", ["directory", "fifo", "unreadable", "loop"])
def test_what_cannot_be_read_is_no_lock(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.lock"
    match kind:
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "loop":
            path.symlink_to("x.lock")
        case _:
            path.write_bytes(b"\xff")
    assert isinstance(lockfile.read(str(path), STAGE), NoLock)


def test_a_newer_schema_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    path.write_text("schema: 7\nanything: else\n")
    with pytest.raises(StoreError, match="has schema 7; this Pivot knows 2") as caught:
        lockfile.read(str(path), STAGE)
    assert caught.value.exit_code == 4


@given(st.binary(max_size=300) | st.tuples(st.integers(0, len(GOOD)), st.binary(max_size=5)).map(
    lambda edit: GOOD.encode()[: edit[0]] + edit[1] + GOOD.encode()[edit[0] + len(edit[1]) :]
))  # fmt: skip
def test_any_bytes_give_a_lock_or_a_value_error(data: bytes) -> None:
    try:
        lockfile.parse(data, STAGE, "f")
    except (ValueError, StoreError) as error:
        assert str(error)  # noqa: PT017  both answers are right
