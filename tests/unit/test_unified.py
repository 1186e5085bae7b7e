"""The diff of a definition: hunks with the line numbers of the file as it is now."""

from hypothesis import given
from hypothesis import strategies as st

from pivot_core.engine.evidence import unified

OLD = "def f(x):\n    a = 1\n    return a\n"
NEW = "def f(x):\n    a = 2\n    return a\n"


def test_lines_are_counted_as_in_the_file() -> None:
    assert unified(OLD, NEW, 41) == (
        "@@ -41,3 +41,3 @@\n def f(x):\n-    a = 1\n+    a = 2\n     return a\n"
    )


def test_decorators_stand_above_the_line_of_the_definition() -> None:
    decorated = "@cache\n@other(\n    1,\n)\n" + OLD
    assert unified(OLD, decorated, 45).startswith("@@ -41,3 +41,7 @@\n+@cache\n")


def test_what_was_added_or_removed_as_a_whole_is_one_hunk() -> None:
    assert unified("", "X = 1\n", 7) == "@@ -0,0 +7 @@\n+X = 1\n"
    assert unified("X = 1\n", "", 1) == "@@ -1 +0,0 @@\n-X = 1\n"


def test_equal_texts_have_no_diff() -> None:
    assert unified(OLD, OLD, 3) == ""


@given(st.text("ab\n@ -+", max_size=60), st.text("ab\n@ -+", max_size=60), st.integers(1, 99))
def test_a_diff_holds_the_lines_of_both(old: str, new: str, line: int) -> None:
    rows = unified(old, new, line).splitlines()
    inside = [row for row in rows if not row.startswith("@@ -")]
    kept, gone, come = (sum(row[:1] == sign for row in inside) for sign in (" ", "-", "+"))
    assert kept + gone <= len(old.splitlines())
    assert kept + come <= len(new.splitlines())
    assert len(old.splitlines()) - gone == len(new.splitlines()) - come
