"""What a process loads for what it does; measured in fresh interpreters."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from tests.cli.project import Project

THE_FRONT_ENDS = {"textual", "pivot_tui"}
NETWORK = {"aiobotocore", "botocore", "aiohttp"}
PIPELINE = """\
import heavy
import marker
from typing import Annotated
from pivot_core import Out, Pipeline, Text


def greet() -> Annotated[str, Out("greeting.txt", Text())]:
    return marker.GREETING


pipeline = Pipeline("light")
pipeline.register(greet)
"""


def loaded(program: str, arguments: Sequence[str] = (), cwd: Path | None = None) -> set[str]:
    """Returns the modules that a process has loaded when ``program`` is done."""
    ending = "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program + ending, *arguments],
        cwd=cwd,
        env=without_coverage(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(cast("list[str]", json.loads(done.stderr.splitlines()[-1])))


def without_coverage() -> dict[str, str]:
    """Returns the environment without what makes a process measure itself, which loads modules of its own."""
    return {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}


def pivot(*arguments: str, cwd: Path | None = None) -> set[str]:
    """Returns the modules that ``pivot`` has loaded at its end."""
    program = "import sys; from pivot_core.cli.main import main; sys.argv[0] = 'pivot'; main()"
    return loaded(program, arguments, cwd)


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = {*THE_FRONT_ENDS, *NETWORK, "pydantic", "lmdb", "loky", "yaml", "asyncio", "click"}
    assert not heavy & loaded("import pivot_core")


def test_help_and_version_load_neither_an_engine_nor_a_dashboard() -> None:
    heavy = {*THE_FRONT_ENDS, *NETWORK, "pydantic", "lmdb", "loky", "yaml", "asyncio"}
    assert not heavy & pivot("--help")
    assert not {*heavy, "click"} & pivot("--version")


def test_a_run_in_which_nothing_changed_loads_no_user_code(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("pipeline.py", PIPELINE)
    project.write("marker.py", 'GREETING = "hello"\n')
    project.write("heavy.py", "")
    project.pivot("init").ok()
    assert "1 ran" in project.pivot("repro").ok().out

    modules = pivot("repro", cwd=tmp_path)

    users = {"pipeline", "marker", "heavy"}
    heavy = {*users, *THE_FRONT_ENDS, *NETWORK, "loky", "pydantic", "watchfiles"}
    assert not heavy & modules
    assert not heavy & pivot("params", "show", cwd=tmp_path)


def test_a_worker_starts_light() -> None:
    modules = loaded("import pivot_core.worker.job, pivot_core.worker.run")
    heavy = {*THE_FRONT_ENDS, *NETWORK, "pydantic", "lmdb", "loky", "yaml", "asyncio", "click"}
    assert not {*heavy, "rich"} & modules
    records = {"state", "lockfile", "journal", "config", "config_edit", "settings", "gitignore"}
    assert not {f"pivot_core.store.{name}" for name in records} & modules
    layers = {"engine", "plan", "port", "fingerprint", "cli"}
    assert not {f"pivot_core.{name}" for name in layers} & modules
