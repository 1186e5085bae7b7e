import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.define.paths import BadPath, check_out, normalise

ROOT = "/home/a/project"


@pytest.mark.parametrize(
    ("text", "base", "path"),
    [
        ("data/raw.csv", "", "data/raw.csv"),
        ("./data//raw.csv", "", "data/raw.csv"),
        ("data\\raw.csv", "", "data/raw.csv"),
        ("data/", "", "data/"),
        ("..", "sub/deep", "sub/"),
        ("../shared/x.csv", "sub", "shared/x.csv"),
        ("../../outside.csv", "sub", "../outside.csv"),
        ("/home/a/project/x", "", "x"),
        ("/mnt/data/", "", "../../../mnt/data/"),
        ("ä ö/x", "", "ä ö/x"),
    ],
)
def test_a_path_becomes_relative_to_the_root(text: str, base: str, path: str) -> None:
    assert normalise(text, os.path.join(ROOT, base), ROOT) == path


@pytest.mark.parametrize(
    "text",
    ["", "  ", ".", "a\nb", "a\x1b[0m", "a\x85b", "\ud800", ".git/x", "a/.Pivot/x", 3, None, b"a"],
)
def test_what_is_no_path_is_refused_with_a_hint(text: object) -> None:
    with pytest.raises(BadPath) as caught:
        normalise(text, ROOT, ROOT)
    assert caught.value.hint


@given(st.text(max_size=40))
def test_a_normal_path_is_normal_already(text: str) -> None:
    try:
        once = normalise(text, ROOT, ROOT)
    except BadPath:
        return
    assert normalise(once, ROOT, ROOT) == once
    assert "\\" not in once
    assert not once.startswith("/")


def test_an_out_stays_in_the_project_and_goes_through_no_link(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "real").mkdir(parents=True)
    (root / "link").symlink_to("real")
    (root / "real" / "out").symlink_to(tmp_path)
    for good in ("a", "real/x", "real/out", "new/deep/x/"):
        check_out(normalise(good, str(root), str(root)), str(root))
    for bad in ("../a", "/etc/x", "link/x", "real/out/x"):
        with pytest.raises(BadPath):
            check_out(normalise(bad, str(root), str(root)), str(root))
