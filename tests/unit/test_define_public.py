import subprocess
import sys

import pytest

import pivot_core

HEAVY = (
    "asyncio",
    "click",
    "lmdb",
    "loky",
    "numpy",
    "pandas",
    "pydantic",
    "rich",
    "textual",
    "yaml",
)


def loaded_after(code: str) -> set[str]:
    """Returns the names of ``HEAVY`` that a fresh interpreter has imported after ``code``."""
    script = f"import sys\n{code}\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_every_public_name_exists() -> None:
    for name in pivot_core.__all__:
        assert getattr(pivot_core, name).__name__ == name
    assert set(pivot_core.__all__) <= set(dir(pivot_core))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Depp'"):
        getattr(pivot_core, "Depp")  # noqa: B009 the type checker knows that it is not there


def test_authoring_loads_nothing_heavy() -> None:
    assert not loaded_after("from pivot_core import CSV, JSON, Dep, Metric, Out, Parquet, Pipeline")


def test_only_params_load_pydantic() -> None:
    assert loaded_after("from pivot_core import StageParams") == {"pydantic"}


def test_a_stage_process_needs_nothing_heavy() -> None:
    assert not loaded_after("import pivot_core.define.importing, pivot_core.define.signature")


def test_the_engine_side_of_loading_needs_nothing_heavy() -> None:
    assert not loaded_after("import pivot_core.define.load")
