"""The state where it may not be written, seen by a user who is not root."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pivot_core.store.layout import Layout
from pivot_core.store.state import State

OPEN = """
import encodings.ascii, os, sys
from pivot_core.store import layout, state
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
notices = []
found = state.State.open(layout.Layout.at(sys.argv[1]), read_only=sys.argv[2] == "r", notices=notices)
print(found.get("x:1"))
found.put({"y:1": 2})
print(found.get("y:1"))
found.close()
print(*notices, sep="|")
"""


def run(root: str, mode: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", OPEN, root, mode], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("mode", ["r", "w"])
@pytest.mark.parametrize("readable", [True, False])
def test_a_state_that_may_not_be_written_is_read_if_it_can_be(
    tmp_path: Path, mode: str, readable: bool
) -> None:
    if not _others_reach(tmp_path):
        pytest.skip("another user cannot reach the test's directory")
    (tmp_path / ".pivot").mkdir()
    state = State.open(Layout.at(str(tmp_path)))
    state.put({"x:1": 1})
    state.close()
    directory = tmp_path / ".pivot" / "state.lmdb"
    for path in (*directory.iterdir(), directory):
        path.chmod((0o555 if path.is_dir() else 0o444) if readable else 0o000)
    first, second, notices = run(str(tmp_path), mode)
    assert first == ("1" if readable else "None")
    assert second == "2"
    assert notices.count("state cannot be") == (0 if readable and mode == "r" else 1)
    directory.chmod(0o700)


def _others_reach(path: Path) -> bool:
    """Tells whether the child may enter every directory on the way; opens those of pytest, which are ours."""
    for parent in path.parents:
        if os.stat(parent).st_uid == os.getuid() and parent.name.startswith(("pytest-", "popen-")):
            parent.chmod(0o755)
    path.chmod(0o755)
    return all(os.stat(parent).st_mode & 0o005 == 0o005 for parent in path.parents)
