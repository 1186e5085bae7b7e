"""Several pipelines in one project: where definitions are found, what their stages are called, what they share."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pivot_core.engine import loading as engine_loading
from pivot_core.model import graph
from pivot_core.model.ids import StageName
from tests.support import loading
from tests.support.loading import HEAD


def pipeline(*stages: str, extra: str = "") -> str:
    """Returns a definition whose stages read and write nothing but a file of their own."""
    functions = "".join(
        f'def {name}() -> Annotated[str, Out("{name}.txt", Text())]: ...\n' for name in stages
    )
    registered = "".join(f"pipeline.register({name})\n" for name in stages)
    return f"{HEAD}{functions}pipeline = Pipeline()\n{registered}{extra}"


def found(root: Path, files: Mapping[str, str]) -> tuple[str, ...]:
    loading.write(root, files)
    return engine_loading.search(str(root)).definitions


def test_definitions_are_found_below_the_root_but_not_where_nobody_means_them(
    tmp_path: Path,
) -> None:
    files = {
        "pipeline.py": pipeline("top"),
        "b/pivot.yml": "stages: {}",
        "a/deep/er/pivot.yaml": "stages: {}",
        "a/pipeline.py": pipeline("x"),
        "lib/pipeline.py": "def fit(): ...  # for pivot_core, but it makes none\n",
        ".hidden/pivot.yaml": "",
        "node_modules/x/pivot.yaml": "",
        "venv/pyvenv.cfg": "",
        "venv/pivot.yaml": "",
        "clone/.git/HEAD": "",
        "clone/pivot.yaml": "",
        "other/.pivot/config.yaml": "",
        "other/pivot.yaml": "",
        ".gitignore": "/build/\n",
        "build/lib/a/pipeline.py": pipeline("x"),
        "data/.gitignore": "/raw\n",
        "b/.gitignore/is_a_directory": "",
        "data/raw/pivot.yaml": "",
        "data/kept/pivot.yaml": "",
        ".pivotignore": "scratch/\n",
        "a/scratch/pivot.yaml": "",
    }
    assert found(tmp_path, files) == (
        "pipeline.py",
        "a/pipeline.py",
        "a/deep/er/pivot.yaml",
        "b/pivot.yml",
        "data/kept/pivot.yaml",
    )
    (tmp_path / "linked").symlink_to(tmp_path / "a")
    assert len(found(tmp_path, {})) == 5


def test_two_definitions_in_a_directory_below_the_root_are_an_error(tmp_path: Path) -> None:
    files = {"a/pivot.yaml": "stages: {}", "a/pivot.yml": "stages: {}", "b/pivot.yaml": ""}
    error = loading.error(tmp_path, files)
    assert error["what"] == "two definition files: pivot.yaml and pivot.yml"
    assert error["where"] == "a/: pivot.yaml, pivot.yml"


def test_names_that_collide_get_their_directory_but_for_the_roots(tmp_path: Path) -> None:
    files = {
        "pipeline.py": pipeline("check", "top"),
        "a/pipeline.py": pipeline("check", "fit"),
        "b/c/pipeline.py": pipeline(
            "fit", extra="pipeline.register(fit, variant='x', outs={'return': 'x'})\n"
        ),
    }
    stages = loading.stages(tmp_path, files)
    assert set(stages) == {"check", "top", "a/check", "a/fit", "b/c/fit", "b/c/fit@x"}
    assert stages["a/check"].func.base == "a"
    assert stages["b/c/fit"].out_paths == ("b/c/fit.txt",)


def test_each_pipeline_has_modules_of_its_own(tmp_path: Path) -> None:
    def one(name: str) -> dict[str, str]:
        code = pipeline("f").replace("pipeline =", "import helpers\npipeline =", 1)
        return {
            f"{name}/pipeline.py": code.replace('"f.txt"', "helpers.PATH").replace(
                HEAD, f"{HEAD}import helpers\n"
            ),
            f"{name}/helpers.py": f"import common\nPATH = common.name({name!r})\n",
        }

    files = {**one("a"), **one("b"), "common.py": "def name(x): return f'{x}.out'\n"}
    stages = loading.stages(tmp_path, files)
    assert {name: stage.out_paths for name, stage in stages.items()} == {
        "a/f": ("a/a.out",),
        "b/f": ("b/b.out",),
    }


def test_a_definition_that_another_one_includes_is_no_pipeline_of_its_own(tmp_path: Path) -> None:
    include = "import part.pipeline\npipeline.include(part.pipeline.pipeline)\n"
    files = {"pipeline.py": pipeline("top", extra=include), "part/pipeline.py": pipeline("inner")}
    stages = loading.stages(tmp_path, files)
    assert set(stages) == {"top", "inner"}
    assert stages["inner"].homes == ("", "part")


PARAMS = """
class P(StageParams):
    k: int = 1
def fit(params: P) -> Annotated[str, Out("fit.txt", Text())]: ...
pipeline = Pipeline()
pipeline.register(fit)
"""


def test_params_beside_a_definition_go_by_its_own_names_and_the_projects_are_stronger(
    tmp_path: Path,
) -> None:
    files = {
        "a/pipeline.py": HEAD + PARAMS,
        "a/params.yaml": "fit: {k: 2}",
        "b/pipeline.py": HEAD + PARAMS,
        "b/params.yaml": "fit: {k: 3}",
        "params.yaml": "b/fit: {k: 4}",
    }
    stages = loading.stages(tmp_path, files)
    assert {name: stage.params for name, stage in stages.items()} == {
        "a/fit": {"k": 2},
        "b/fit": {"k": 4},
    }
    assert str(stages["a/fit"].origin("k").where) == "a/params.yaml:1"


@pytest.mark.parametrize(
    ("path", "hint"),
    [("params.yaml", "did you mean 'fit'?"), ("a/params.yaml", "did you mean 'fit'?")],
)
def test_a_name_in_params_that_is_no_stage_is_an_error(
    tmp_path: Path, path: str, hint: str
) -> None:
    files = {
        "a/pipeline.py": HEAD + PARAMS,
        "b/pipeline.py": pipeline("other"),
        path: "other: {}\nfitt: {}" if path == "params.yaml" else "fitt: {k: 1}",
    }
    found = loading.errors(tmp_path, files)
    assert ("params.yaml names 'fitt', which is no stage", hint) in [
        (each["what"], each["hint"]) for each in found
    ]


def test_mistakes_of_all_pipelines_are_told_together(tmp_path: Path) -> None:
    files = {
        "a/pipeline.py": "from pivot_core import Pipeline\nimport nowhere\nPipeline()\n",
        "b/pipeline.py": pipeline("x", extra="pipeline.register(x, deps={'y': 'z'})\n"),
    }
    places = [each["where"] for each in loading.errors(tmp_path, files)]
    assert places[0].startswith("a/pipeline.py:")
    assert any("b/pipeline.py:" in place for place in places[1:])


def test_a_dep_that_another_pipeline_writes_is_resolved_to_it(tmp_path: Path) -> None:
    reads = 'def use(x: Annotated[str, Dep("../a/x.txt", Text())]) -> None: ...\n'
    files = {
        "a/pipeline.py": pipeline("x"),
        "b/pipeline.py": pipeline("y", extra=f"{reads}pipeline.register(use)\n"),
    }
    whole = graph.build(loading.definitions(tmp_path, files).stages)
    assert whole.upstream[StageName("use")] == ("x",)
    assert whole.resolve("b/") == ("y", "use")
