import os
import subprocess
import sys
from pathlib import Path

import pytest

from pivot_core.define import assembly
from pivot_core.errors import DefinitionError
from pivot_core.model.stage import Dep, FunctionRef, Out, OutKind, SourceLocation
from tests.support import loading
from tests.support.loading import HEAD

DEMO = (
    HEAD
    + """
class TrainParams(StageParams):
    rate: float = 0.01
    epochs: int = 3

class TrainOuts(TypedDict):
    model: Annotated[dict, Out("models/model.json", JSON(), cache=False)]
    scores: Annotated[dict, Metric("metrics/train.json")]

def clean(raw: Annotated[str, Dep("data/raw.txt", Text())]) -> Annotated[str, Out("data/clean.txt", Text())]:
    return raw

def train(params: TrainParams, data: Annotated[str, Dep("data/clean.txt", Text())]) -> TrainOuts: ...

pipeline = Pipeline("demo")
pipeline.register(clean, timeout=2, retries=1)
pipeline.register(train, params={"epochs": 5}, mutex=["gpu"])
"""
)


def test_a_definition_becomes_stages(tmp_path: Path) -> None:
    found = loading.definitions(tmp_path, {"pipeline.py": DEMO})
    clean, train = found.stages
    assert found.project == "demo"
    assert clean.func == FunctionRef("", "pipeline", "clean", SourceLocation("pipeline.py", 15))
    assert clean.deps == (Dep("raw", ("data/raw.txt",), False, "Text"),)  # pyright: ignore[reportArgumentType]
    assert (clean.timeout_s, clean.retries, clean.mutex) == (2.0, 1, ())
    assert train.outs == (
        Out("model", "models/model.json", OutKind.OUT, False, "JSON"),  # pyright: ignore[reportArgumentType]
        Out("scores", "metrics/train.json", OutKind.METRIC, True, "JSON"),  # pyright: ignore[reportArgumentType]
    )
    assert train.params == {"rate": 0.01, "epochs": 5}
    assert (train.params_param, train.mutex) == ("params", ("gpu",))
    assert train.defined == SourceLocation("pipeline.py", 22)


def test_params_yaml_is_the_strongest(tmp_path: Path) -> None:
    source = DEMO + 'pipeline.register(train, variant="b", outs={"model": "b", "scores": "c"})\n'
    found = loading.stages(
        tmp_path,
        {
            "pipeline.py": source,
            "params.yaml": """
            train: {rate: 1e-3, epochs: 7}
            train@b: {epochs: 8}
            """,
        },
    )
    assert found["train"].params == {"rate": 0.001, "epochs": 7}
    assert found["train@b"].params == {"rate": 0.001, "epochs": 8}


def test_register_takes_a_params_object(tmp_path: Path) -> None:
    source = DEMO.replace('{"epochs": 5}', "TrainParams(epochs=6)")
    assert loading.stages(tmp_path, {"pipeline.py": source})["train"].params == {
        "rate": 0.01,
        "epochs": 6,
    }


def test_every_kind_of_out_and_dep(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
def f(
    variant: str,
    folder: Annotated[object, Dep("data/", PathOnly())],
    outside: Annotated[list, Dep(["../shared/a", "b"], PathOnly())],
    given: Annotated[str, PlaceholderDep(Text())],
    before: Annotated[dict | None, IncrementalOut("state.json", JSON())],
) -> TypedDict("Outs", {
    "parts": Annotated[dict, DirectoryOut("parts", Text())],
    "state": Annotated[dict, IncrementalOut("state.json", JSON())],
}): ...

my_stages = Pipeline()
my_stages.register(f, variant="red", deps={"given": "c"}, outs={"state": "new.json"}, name="g")
"""
    )
    found = loading.definitions(tmp_path, {"pipeline.py": source})
    assert found.project == tmp_path.name
    (stage,) = found.stages
    assert (stage.name, stage.variant, stage.variant_param) == ("g@red", "red", "variant")
    assert [(dep.param, dep.paths, dep.is_list) for dep in stage.deps] == [
        ("folder", ("data/",), False),
        ("outside", ("../shared/a", "b"), True),
        ("given", ("c",), False),
    ]
    assert [(out.field, out.path, out.kind, out.param) for out in stage.outs] == [
        ("parts", "parts/", OutKind.DIRECTORY, None),
        ("state", "new.json", OutKind.INCREMENTAL, "before"),
    ]


def test_included_stages_keep_their_module_and_the_directory_of_their_paths(tmp_path: Path) -> None:
    sub = HEAD + (
        'def f() -> Annotated[str, Out("../out.txt", Text())]: ...\n'
        'def g() -> Annotated[str, Out("x.txt", Text())]: ...\n'
        "stages = Pipeline()\nstages.register(f)\n"
    )
    main = "from pivot_core import Pipeline\nfrom sub import stages\n"
    main += "pipeline = Pipeline('all')\npipeline.include(stages.stages)\nstages.stages.register(stages.g)\n"
    files = {"pipeline.py": main, "sub/stages.py": sub, "sub/__init__.py": ""}
    found = loading.stages(tmp_path, files)
    assert list(found) == ["f"]
    assert found["f"].func.module == "sub.stages"
    assert found["f"].out_paths == ("out.txt",)
    assert found["f"].defined.file == "sub/stages.py"


def test_a_stage_from_a_relative_or_namespace_module(tmp_path: Path) -> None:
    files = {
        "pipeline.py": """
        from pivot_core import Pipeline
        from space.deep.stages import f
        pipeline = Pipeline()
        pipeline.register(f)
        """,
        "space/deep/stages.py": f"""{HEAD}
from .consts import PATH
def f() -> Annotated[str, Out(PATH, Text())]: ...
""",
        "space/deep/consts.py": "PATH = 'x'\n",
    }
    assert loading.stages(tmp_path, files)["f"].func.module == "space.deep.stages"


def test_the_engine_side_reads_a_report_without_user_code(tmp_path: Path) -> None:
    report = loading.report(tmp_path, {"pipeline.py": DEMO})
    before = set(sys.modules)
    assert len(assembly.assemble([report], str(tmp_path)).stages) == 2
    assert not {"pipeline", "stages"} & (set(sys.modules) - before)


def test_mistakes_become_one_error_with_others(tmp_path: Path) -> None:
    source = (
        HEAD + "pipeline = Pipeline()\npipeline.register(lambda: 1)\npipeline.register(print)\n"
    )
    report = loading.report(tmp_path, {"pipeline.py": source})
    with pytest.raises(DefinitionError) as caught:
        assembly.assemble([report], str(tmp_path))
    assert "lambda" in caught.value.what
    assert [other.what for other in caught.value.others] == ["'print' has no return annotation"]


def test_a_definition_loads_alike_from_any_directory(tmp_path: Path) -> None:
    loading.write(tmp_path, {"pipeline.py": DEMO, "deep/x.txt": ""})
    code = """
import sys, json
from pivot_core.define import load
print(json.dumps(load.load(sys.argv[1], "pipeline.py")))
"""
    said = {
        subprocess.run(
            [sys.executable, "-P", "-c", code, str(tmp_path)],
            cwd=directory,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for directory in (tmp_path, tmp_path / "deep", "/")
    }
    assert len(said) == 1
    assert '"errors": []' in said.pop()


def test_params_models_may_live_in_another_module_with_postponed_annotations(
    tmp_path: Path,
) -> None:
    files = {
        "pipeline.py": f"""from __future__ import annotations
{HEAD}
from settings import P
def f(p: P) -> Annotated[str, Out('x', Text())]: ...
pipeline = Pipeline()
pipeline.register(f)
""",
        "settings.py": "from pivot_core import StageParams\nclass P(StageParams):\n    rate: float = 2\n",
    }
    assert loading.stages(tmp_path, files)["f"].params == {"rate": 2}
