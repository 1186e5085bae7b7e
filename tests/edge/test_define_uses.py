"""What loading calls and reads of project code."""

from pathlib import Path

from tests.support.loading import HEAD, report

STAGE = """
def go(x: Annotated[str, Dep("x.txt", Text())]) -> Annotated[str, Out("y.txt", Text())]:
    return x
"""


def uses(root: Path, *, helpers: str = "", definition: str = "") -> dict[str, list[str] | None]:
    """Returns the uses by the names of files in the project."""
    files = {
        "helpers.py": helpers,
        "pipeline.py": f"{HEAD}import helpers\n{STAGE}{definition}\npipeline = Pipeline()\npipeline.register(go)\n",
    }
    found = report(root, files)
    assert not found["errors"]
    return {path.removeprefix(f"{root}/"): names for path, names in found["uses"].items()}


def test_a_stage_that_is_registered_is_not_called(tmp_path: Path) -> None:
    assert "go" not in (uses(tmp_path).get("pipeline.py") or [])


def test_functions_that_importing_calls_are_named_and_others_are_not(tmp_path: Path) -> None:
    helpers = """
def used():
    return inner()

def inner():
    def within():
        return 1
    return within()

def unused():
    return 2

class Thing:
    def method(self):
        return 3

class Other:
    def method(self):
        return 4

def lazy():
    yield 1

THINGS = [used(), Thing().method(), [*lazy()]]
"""
    assert uses(tmp_path, helpers=helpers)["helpers.py"] == ["Thing", "inner", "lazy", "used"]


def test_what_a_library_calls_back_is_called(tmp_path: Path) -> None:
    helpers = "def key(x):\n    return -x\n\nORDER = sorted([1, 2], key=key)\n"
    assert uses(tmp_path, helpers=helpers)["helpers.py"] == ["key"]


def test_a_validator_of_params_is_called(tmp_path: Path) -> None:
    definition = """
import pydantic

class Settings(StageParams):
    rate: float = 1.0

    @pydantic.field_validator("rate")
    @classmethod
    def positive(cls, value):
        return abs(value)

def tune(params: Settings, x: Annotated[str, Dep("x.txt", Text())]) -> Annotated[str, Out("z.txt", Text())]:
    return x

TUNED = Settings(rate=2.0)
"""
    assert "Settings" in (uses(tmp_path, definition=definition)["pipeline.py"] or [])


def test_a_file_whose_source_was_read_counts_as_a_whole(tmp_path: Path) -> None:
    definition = "import inspect\nLENGTH = len(inspect.getsource(go))\n"
    found = uses(tmp_path, definition=definition)
    assert found["pipeline.py"] is None
    assert "helpers.py" not in found
