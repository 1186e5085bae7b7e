"""The worker's smaller parts: failures, evidence, nested parallelism, import weight."""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pivot_core.errors import StoreError
from pivot_core.model.failure import FailureKind
from pivot_core.worker import failure
from pivot_core.worker.memory import OomCounter

HEAVY = (
    "asyncio",
    "lmdb",
    "yaml",
    "pydantic",
    "textual",
    "click",
    "rich",
    "loky",
    "subprocess",
    "multiprocessing",
)


def python(script: str, *args: str, **environ: str) -> str:
    """Runs a script in a fresh interpreter, which coverage does not add to, and returns what it printed."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
    done = subprocess.run(
        [sys.executable, "-c", script, *args],
        capture_output=True,
        text=True,
        check=True,
        env={**plain, **environ},
    )
    return done.stdout.strip()


def test_importing_the_contract_is_light() -> None:
    script = (
        "import sys, json; import pivot_core.worker.job; print(json.dumps(sorted(sys.modules)))"
    )
    loaded = json.loads(python(script))
    assert not set(HEAVY).intersection(loaded)


def test_importing_the_pool_does_not_import_loky() -> None:
    script = "import sys; import pivot_core.engine.pool; print('loky' in sys.modules)"
    assert python(script) == "False"


def test_the_worker_needs_no_database_and_no_settings() -> None:
    script = (
        "import sys, json; import pivot_core.worker.run; print(json.dumps(sorted(sys.modules)))"
    )
    loaded = json.loads(python(script))
    assert not {
        "lmdb",
        "yaml",
        "pydantic",
        "asyncio",
        "pivot_core.store.state",
        "pivot_core.store.config",
    }.intersection(loaded)


def test_a_long_traceback_is_cut_in_the_middle(tmp_path: Path) -> None:
    try:
        raise ValueError("head " + "x" * 200_000 + " tail")
    except ValueError as error:
        told = failure.of_exception(FailureKind.EXCEPTION, error, str(tmp_path))
    assert len(told.traceback) < 66_000
    assert told.traceback.endswith(" tail\n")
    assert "characters left out" in told.traceback
    assert len(told.message) <= 2000


def test_errors_of_ours_have_no_traceback(tmp_path: Path) -> None:
    error = StoreError("cannot write 'x'", "x", "free some space")
    told = failure.of_exception(FailureKind.OUTPUT, error, str(tmp_path), "cannot keep 'x'")
    assert (told.message, told.hint) == ("cannot keep 'x': cannot write 'x'", "free some space")
    assert told.traceback == ""


def test_groups_and_notes_of_exceptions_are_shown(tmp_path: Path) -> None:
    inner = KeyError("inner")
    inner.add_note("a note")
    told = failure.of_exception(
        FailureKind.EXCEPTION, ExceptionGroup("several", [inner]), str(tmp_path)
    )
    assert "several" in told.message
    assert "KeyError: 'inner'" in told.traceback
    assert "a note" in told.traceback


def test_the_place_is_the_innermost_line_of_project_code(tmp_path: Path) -> None:
    source = "import json\ndef parse():\n    return json.loads('{')\n"
    scope = dict[str, object]()
    exec(compile(source, str(tmp_path / "stages.py"), "exec"), scope)
    with pytest.raises(ValueError, match="Expecting") as caught:
        scope["parse"]()  # pyright: ignore[reportCallIssue] it is the function above
    told = failure.of_exception(FailureKind.EXCEPTION, caught.value, str(tmp_path))
    assert told.where is not None
    assert (told.where.file, told.where.line) == ("stages.py", 3)
    assert "json/decoder.py" in told.traceback


def test_a_crash_account_gives_the_users_frames_in_order(tmp_path: Path) -> None:
    ours = os.path.dirname(failure.__file__)
    account = f'''Fatal Python error: Segmentation fault

Current thread 0x00007f (most recent call first):
  File "{ctypes.__file__}", line 525 in string_at
  File "{tmp_path}/pipeline.py", line 34 in inner
  File "{tmp_path}/pipeline.py", line 30 in stage
  File "{ours}/child.py", line 114 in run
  File "{ours}/supervise.py", line 232 in _run_child
'''
    shown, where = failure.of_crash(account, str(tmp_path))
    assert shown.index("in stage") < shown.index("in inner") < shown.index("in string_at")
    assert "child.py" not in shown
    assert where is not None
    assert (where.file, where.line) == ("pipeline.py", 34)


def test_kills_for_lack_of_memory_are_counted() -> None:
    counter = OomCounter()
    assert counter.read() == counter.read() >= 0


JOBLIB = """
chosen = []
class parallel_config:
    def __init__(self, **options):
        chosen.append(options)
"""


def test_joblib_gets_threads_by_default_and_processes_on_request(tmp_path: Path) -> None:
    # joblib is the user's: a module of its name and interface stands in for it.
    (tmp_path / "joblib.py").write_text(JOBLIB)
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from pivot_core.worker import nested
if sys.argv[2] == "before":
    import joblib
nested.prepare()
import joblib
print(joblib.chosen)
"""
    for when in ("before", "after"):
        assert python(script, str(tmp_path), when) == "[{'backend': 'threading'}]"
        asked = python(script, str(tmp_path), when, PIVOT_NESTED_PARALLELISM="processes")
        assert asked == "[{'backend': 'loky', 'max_nbytes': None}]"
