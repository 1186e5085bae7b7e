"""The JSON form of contents."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.model.artifact import Content, FileContent
from pivot_core.model.ids import ContentHash
from pivot_core.store import content

HASH = "0123456789abcdef0123456789abcdef"
FILES = st.builds(
    FileContent,
    st.integers(0, 2**128 - 1).map(lambda number: ContentHash(f"{number:032x}")),
    st.integers(0, 2**60),
    st.booleans(),
)
NAMES = st.text("ab.\n\udce9é\x1b\\", min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CONTENTS = FILES | st.dictionaries(PATHS, FILES, max_size=4).map(
    lambda files: content.tree(tuple(sorted(files.items())))
)


@given(CONTENTS)
def test_a_content_survives_its_json_form(found: Content) -> None:
    assert content.from_json(json.loads(json.dumps(content.to_json(found)))) == found


def test_only_an_executable_file_says_so() -> None:
    assert content.to_json(FileContent(ContentHash(HASH), 3)) == {"hash": HASH, "size": 3}
    assert "exec" in content.to_json(FileContent(ContentHash(HASH), 3, True))


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"hash": HASH},
        {"hash": HASH, "size": -1},
        {"hash": HASH, "size": True},
        {"hash": HASH, "size": 1.0},
        {"hash": HASH.upper(), "size": 1},
        {"hash": HASH + "0", "size": 1},
        {"hash": "../" + HASH[3:], "size": 1},
        {"hash": HASH, "size": 1, "exec": "yes"},
        {"hash": HASH, "files": []},
        {"hash": HASH, "files": {}},
        {"hash": None, "files": {}},
        {"files": {}},
        {"hash": HASH, "files": {"a": None}},
    ],
)
def test_what_is_no_content_is_a_value_error(data: object) -> None:
    with pytest.raises(ValueError, match=r"not a|no hash|no size|neither|whose hash"):
        content.from_json(data)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a//b",
        "../a",
        "a/../b",
        "./a",
        "a/",
        ".git/hooks/x",
        "a/.GIT/x",
        "a/.pivot",
        "a\0b",
    ],
)
def test_a_path_that_leads_elsewhere_is_a_value_error(path: str) -> None:
    with pytest.raises(ValueError, match="a path"):
        content.member_path(path)
    with pytest.raises(ValueError, match="a path"):
        content.from_json({"hash": HASH, "files": {path: {"hash": HASH, "size": 1}}})


def test_a_manifest_that_was_changed_by_hand_is_refused() -> None:
    tree = content.tree((("a", FileContent(ContentHash(HASH), 1)),))
    data = json.loads(json.dumps(content.to_json(tree)))
    data["files"]["b"] = data["files"].pop("a")
    with pytest.raises(ValueError, match="not that of its files"):
        content.from_json(data)
