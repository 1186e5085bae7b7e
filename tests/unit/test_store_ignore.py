"""The rules of .pivotignore, as git has them."""

from pathlib import Path

import pytest

from pivot_core.errors import UsageError
from pivot_core.store.ignore import Ignore


@pytest.mark.parametrize(
    ("rules", "ignored", "kept"),
    [
        ("*.log", "a.log d/b.log", "a.logs"),
        ("/build", "build build/x", "sub/build"),
        ("build/", "build/x sub/build/y", "build"),
        ("a/b", "a/b a/b/c", "x/a/b"),
        ("docs/**", "docs/a docs/a/b", "docs"),
        ("**/tmp", "tmp/x q/tmp/r", "tmpx"),
        ("a/**/z", "a/z a/b/z a/b/c/z", "z"),
        ("foo/**/bar/*", "foo/bar/q foo/1/2/bar/q", "foo/1/2/bar"),
        ("data/*\n!data/keep", "data/x", "data/keep data/keep/q"),
        ("*.log\n!keep.log", "a.log", "keep.log d/keep.log"),
        ("*\n!*/\n!*.py", "a.c d/a.c", "a.py d/a.py"),
        ("f?o", "foo", "f/o fo"),
        ("*.[oa]", "m.o m.a", "m.c"),
        ("[!a]bc", "bbc", "abc"),
        ("[]]y", "]y", "[y"),
        ("[\\]]w", "]w", "w"),
        ("[]a", "", "[]a a"),
        ("[z-a]", "", "z a"),
        ("a**b", "aXXb", "a/x/b"),
        ("a\\*b", "a*b", "axb"),
        ("\\#h\n\\!b", "#h !b", "h b"),
        ("# note\n\n   \n/", "", "# note"),
        ("a.b", "a.b", "aXb"),
        ("(x)", "(x)", "x"),
    ],
)
def test_rules_match_like_gits(rules: str, ignored: str, kept: str) -> None:
    ignore = Ignore.parse("/p", rules)
    assert [path for path in ignored.split() if not ignore.matches(path)] == []
    assert [path for path in kept.split() if ignore.matches(path)] == []


def test_spaces_at_the_end_count_only_after_a_backslash() -> None:
    assert Ignore.parse("/p", "x  ").matches("x")
    assert Ignore.parse("/p", "x\\ ").matches("x ")


def test_a_rule_for_directories_needs_one() -> None:
    ignore = Ignore.parse("/p", "out/")
    assert ignore.matches("out", is_dir=True)
    assert ignore.matches("out/", is_dir=True)
    assert not ignore.matches("out")


def test_rules_apply_below_their_root_only() -> None:
    ignore = Ignore.parse("/p", "*.log")
    assert ignore.below("/p/data") is ignore
    assert ignore.below("/p") is ignore
    assert ignore.below("/px") is None
    assert Ignore.parse("/p", "").below("/p/data") is None


def test_a_file_that_cannot_be_read_is_an_error_of_the_users(tmp_path: Path) -> None:
    assert Ignore.load(str(tmp_path)).rules == ()
    (tmp_path / ".pivotignore").mkdir()
    with pytest.raises(UsageError, match="Is a directory"):
        Ignore.load(str(tmp_path))
