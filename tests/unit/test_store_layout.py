"""Where things lie, and names as file names."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.model.ids import ArtifactPath, ContentHash, RunId, StageName
from pivot_core.store import layout
from pivot_core.store.layout import Layout

NAMES = st.text(
    st.characters(exclude_categories=[]) | st.sampled_from("aA@/._%-é "), min_size=1, max_size=60
)


@given(NAMES)
def test_a_name_survives_its_file_name(name: str) -> None:
    encoded = layout.encode(name)
    assert len(os.fsencode(encoded)) <= 200
    assert "/" not in encoded
    assert not encoded.startswith(".")
    if "%." not in encoded:
        assert layout.decode(encoded) == name


@given(NAMES, NAMES)
def test_file_names_differ_even_where_case_is_ignored(one: str, other: str) -> None:
    same = layout.encode(one).casefold() == layout.encode(other).casefold()
    assert same == (one == other)


def test_a_plain_name_stays_readable() -> None:
    assert layout.encode("train_model-2.1") == "train_model-2.1"
    assert layout.encode("train@small_3") == "train%40small_3"


def test_long_names_are_cut_and_stay_apart() -> None:
    one, other = layout.encode("x" * 300 + "a"), layout.encode("x" * 300 + "b")
    assert one != other
    assert len(one) <= 200
    assert layout.decode(one) is None


@pytest.mark.parametrize("name", ["%zz", "%", "A", "%41%", "", "%2E", "%61"])
def test_what_is_no_encoded_name_decodes_to_none(name: str) -> None:
    assert layout.decode(name) is None


def test_the_root_is_the_nearest_parent_with_the_directory(tmp_path: Path) -> None:
    inner = tmp_path / "project" / "sub" / "deep"
    inner.mkdir(parents=True)
    (tmp_path / "project" / ".pivot").mkdir()
    assert layout.find_root(str(inner)) == str(tmp_path / "project")
    assert layout.find_root(str(tmp_path)) is None


def test_a_relative_cache_lies_in_the_project(tmp_path: Path) -> None:
    assert Layout.at(str(tmp_path)).cache_dir == f"{tmp_path}/.pivot/cache"
    assert Layout.at(str(tmp_path), "../shared").cache_dir == f"{tmp_path.parent}/shared"
    assert Layout.at(str(tmp_path), "/mnt/cache").cache_dir == "/mnt/cache"


def test_paths_lead_to_artifacts(tmp_path: Path) -> None:
    here = Layout.at(str(tmp_path))
    assert here.absolute(ArtifactPath("data/raw/")) == f"{tmp_path}/data/raw"
    assert here.absolute(ArtifactPath("../x.csv")) == f"{tmp_path.parent}/x.csv"


def test_everything_has_its_place(tmp_path: Path) -> None:
    here = Layout.at(str(tmp_path))
    stage, run = StageName("a@b"), RunId("20260101-000000-abcd")
    digest = ContentHash("ab" + "0" * 30)
    assert here.lock_path(stage) == f"{tmp_path}/.pivot/stages/a%40b.lock"
    assert here.object_path(digest) == f"{tmp_path}/.pivot/cache/files/ab/{'0' * 30}"
    assert here.log_path(run, stage, 2) == f"{tmp_path}/.pivot/runs/{run}/logs/a%40b.2.log"


def test_a_socket_with_a_long_path_moves_to_the_runtime_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/7")
    with tempfile.TemporaryDirectory(dir="/tmp") as root:
        Path(root, ".pivot").mkdir()
        assert Layout.at(root).socket_path == f"{os.path.realpath(root)}/.pivot/engine/engine.sock"
    far = Layout.at("/" + "p" * 100)
    assert far.socket_path.startswith("/run/user/7/pivot/")
    assert len(far.workers_socket) < 100
    assert far.socket_path != Layout.at("/" + "q" * 100).socket_path
