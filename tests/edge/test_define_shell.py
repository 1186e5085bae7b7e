"""What a stage that is a command says, and which mistakes of it are told."""

from pathlib import Path

import pytest

from pivot_core.model.stage import OutKind, ParamLayer, SourceLocation
from tests.support import loading

HEAD = "from pivot_core import Pipeline, shell\n\npipeline = Pipeline()\n"
PARAMS = "train:\n  rate: 0.1\n  layers: [8, 16]\nother: 1\n"


def test_a_command_is_a_stage_with_all_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    text = f"""{HEAD}
pipeline.register(
    shell(
        ["python -m train", "echo done"],
        deps=["../data/raw/", "extra.txt"],
        outs=["model.bin"], metrics=["m.json"], plots=["p.csv"], uncached=["p.csv"],
        params={{"../params.yaml": ["train.rate", "train.layers[1]"], "c.toml": ["a"]}},
        cwd="../sub", executable="bash",
    ),
    name="train", variant="small", retries=2,
)
"""
    root_file = "from sub.stages import pipeline\n"
    files = {
        "pipeline.py": root_file,
        "sub/stages.py": text,
        "params.yaml": PARAMS,
        "sub/c.toml": "a = 1",
    }

    (stage,) = loading.stages(tmp_path, files).values()

    command = stage.command
    assert command is not None
    assert (command.lines, command.shell, command.cwd) == (
        ("python -m train", "echo done"),
        "bash",
        "sub",
    )
    assert command.scripts == ("sub/train.py", "sub/train/__init__.py", "sub/train/__main__.py")
    assert stage.dep_paths == ("data/raw/", "sub/extra.txt")
    assert [(out.path, out.kind, out.is_cached) for out in stage.outs] == [
        ("sub/model.bin", OutKind.OUT, True),
        ("sub/m.json", OutKind.METRIC, True),
        ("sub/p.csv", OutKind.PLOT, False),
    ]
    assert stage.params == {"train.rate": 0.1, "train.layers[1]": 16, "sub/c.toml:a": 1}
    rate = stage.origin("train.rate")
    assert (rate.layer, rate.where) == (ParamLayer.PARAMS, SourceLocation("params.yaml", 2))
    assert stage.func.where == SourceLocation("sub/stages.py", 6)


def test_a_command_of_pivot_yaml_takes_its_paths_from_there(tmp_path: Path) -> None:
    files = {
        "stages.py": 'from pivot_core import shell\ncopy = shell("cp $a $b", deps={"a": "x"}, outs={"b": "y"})\n',
        "pivot.yaml": """
            stages:
              copy:
                python: stages.copy
                matrix: {size: [small, large]}
                deps: {a: "in/${size}.txt"}
                outs: {b: "out/${size}.txt"}
        """,
    }
    found = loading.stages(tmp_path, files)
    assert list(found) == ["copy@small", "copy@large"]
    assert found["copy@large"].reads == {"a": "in/large.txt"}
    assert found["copy@large"].writes == {"b": "out/large.txt"}
    assert found["copy@large"].variant_param == "variant"


def test_what_stages_write_or_declare_is_no_script(tmp_path: Path) -> None:
    text = f"""{HEAD}
pipeline.register(shell("python gen.py", deps=["gen.py"], outs=["conf/"]), name="a")
pipeline.register(shell("sh run.sh conf/c.yaml params.yaml", params=["train.rate"]), name="b")
"""
    found = loading.stages(tmp_path, {"pipeline.py": text, "params.yaml": PARAMS})
    scripts = [stage.command.scripts for stage in found.values() if stage.command]
    assert scripts == [(), ("run.sh",)]


MISTAKES = {
    "shell('a b')": "a command has no name of its own",
    "shell('a'), name='x', params={'rate': 1}": "'x' is a command, which takes no params",
    "shell(' '), name='x'": "' ' is no command",
    "shell('a', deps='raw.csv'), name='x'": "deps is no list of paths",
    "shell('a', deps={'PATH': 'raw.csv'}), name='x'": "'PATH' cannot be a name in deps",
    "shell('a', deps={'m': 'a'}, outs={'m': 'b'}), name='x'": "the command has two things named 'm'",
    "shell('a', outs=['m'], uncached=['n']), name='x'": "'n' is none of the command's outputs",
    "shell('a', outs=['../m']), name='x'": "the output '../m' lies outside the project",
    "shell('a', params={'rates.yaml': ['train.rat']}), name='x'": "there is no 'train.rat'",
    "shell('a', params={'p.toml': ['x']}), name='x'": "the file of params is not there",
    "shell('a', cwd='..'), name='x'": "'../' lies outside the project",
    "shell('a', executable=''), name='x'": "'' is no program",
}


@pytest.mark.parametrize("call", MISTAKES)
def test_a_mistake_in_a_command_is_told(tmp_path: Path, call: str) -> None:
    (tmp_path / "rates.yaml").write_text("train: {rate: 1}")
    found = loading.error(tmp_path, {"pipeline.py": f"{HEAD}pipeline.register({call})\n"})
    assert found["what"] == MISTAKES[call]
    assert found["hint"]


def test_params_of_scripts_and_of_functions_stand_in_one_file(tmp_path: Path) -> None:
    text = """
from typing import Annotated
from pivot_core import JSON, Out, Pipeline, StageParams, shell

class TrainParams(StageParams):
    rate: float = 1.0

def train(params: TrainParams) -> Annotated[float, Out("m.json", JSON())]:
    return params.rate

pipeline = Pipeline()
pipeline.register(train)
pipeline.register(shell("python x.py", params=["other"]), name="other")
"""
    found = loading.stages(
        tmp_path, {"pipeline.py": text, "params.yaml": "train: {rate: 0.5}\nother: 2\nrest: 3\n"}
    )
    assert found["train"].params == {"rate": 0.5}
    assert found["other"].params == {"other": 2}
