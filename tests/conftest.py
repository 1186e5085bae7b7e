"""Owns which processes are measured for the coverage: that of the tests, and those that some modules start."""

from fnmatch import fnmatch

import pytest

_WHOLE = (
    "tests/edge/test_define_*",
    "tests/edge/test_worker_*",
    "tests/engine/test_pool_*",
    "tests/engine/test_shell.py",
    "tests/cli/*",
    "tests/tui/test_terminal.py",
)
"""Modules whose processes run what the tests' own does not; elsewhere that costs half as much again for nothing."""


@pytest.fixture(autouse=True)
def measured_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps the processes of most tests from being measured."""
    module = request.path.relative_to(request.config.rootpath).as_posix()
    if not any(fnmatch(module, each) for each in _WHOLE):
        monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
