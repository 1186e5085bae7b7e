from pathlib import Path

import pytest

from pivot_core.model.stage import SourceLocation
from tests.support import loading
from tests.support.loading import HEAD

STAGES = (
    HEAD
    + """
class P(StageParams):
    rate: float = 0.01
    size: int | str = 0
    names: list[str] = []

class Outs(TypedDict):
    model: Annotated[dict, Out("model.json", JSON())]
    scores: Annotated[dict, Metric("scores.json")]

def clean(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("clean.txt", Text())]: ...
def train(p: P, data: Annotated[str, Dep("clean.txt", Text())]) -> Outs: ...
def merge(parts: Annotated[list, Dep(["a"], Text())], variant: str = "") -> Annotated[str, Out("all", Text())]: ...
"""
)


def stages(tmp_path: Path, yaml: str):
    return loading.stages(tmp_path, {"stages.py": STAGES, "pivot.yaml": yaml})


def error(tmp_path: Path, yaml: str):
    return loading.error(tmp_path, {"stages.py": STAGES, "pivot.yaml": yaml})


def test_yaml_points_at_functions_and_overrides(tmp_path: Path) -> None:
    found = loading.definitions(
        tmp_path,
        {
            "stages.py": STAGES,
            "pivot.yml": """\
            pipeline: demo
            stages:
              clean:
                python: stages.clean
                deps: {raw: data/raw.txt}
                outs: {return: data/clean.txt}
                timeout: 1.5
                retries: 2
              train:
                python: stages.train
                deps: {data: data/clean.txt}
                params: {rate: 1e-1}
                mutex: gpu
            """,
            "params.yaml": "train: {size: 3}\n",
        },
    )
    clean, train = found.stages
    assert found.project == "demo"
    assert (clean.dep_paths, clean.out_paths) == (("data/raw.txt",), ("data/clean.txt",))
    assert (clean.timeout_s, clean.retries) == (1.5, 2)
    assert (train.params, train.mutex) == ({"rate": 0.1, "size": 3, "names": []}, ("gpu",))
    assert train.defined == SourceLocation("pivot.yml", 9)
    assert train.func.module == "stages"


def test_a_matrix_gives_variants_in_declared_order_with_types_kept(tmp_path: Path) -> None:
    found = stages(
        tmp_path,
        """\
        vars: {sizes: [small, 3, true], root: data}
        stages:
          train:
            python: stages.train
            matrix: {size: "${sizes}", rate: [1e-3, 2]}
            deps: {data: "${root}/${size}.csv"}
            outs: {model: "m/${size}_${rate}.json", scores: "s/${size}_${rate}.json"}
            params: {rate: "${rate}", size: "${size}", names: ["n-${size}", "$${size}"]}
            mutex: ["gpu-${size}"]
        """.replace("true", "big"),
    )
    assert list(found) == [
        "train@small_0.001",
        "train@small_2",
        "train@3_0.001",
        "train@3_2",
        "train@big_0.001",
        "train@big_2",
    ]
    third = found["train@3_2"]
    assert third.params == {"rate": 2, "size": 3, "names": ["n-3", "${size}"]}
    assert third.dep_paths == ("data/3.csv",)
    assert third.out_paths == ("m/3_2.json", "s/3_2.json")
    assert (third.variant, third.mutex) == ("3_2", ("gpu-3",))


def test_a_list_variable_fills_a_list_of_paths(tmp_path: Path) -> None:
    found = stages(
        tmp_path,
        """\
        vars: {all: [a.txt, b.txt]}
        stages:
          merge:
            python: stages.merge
            deps: {parts: "${all}"}
          merge@x:
            python: stages.merge
            outs: {return: x}
        """,
    )
    assert found["merge"].dep_paths == ("a.txt", "b.txt")
    assert (found["merge"].variant_param, found["merge@x"].variant_param) == (None, "variant")
    assert found["merge@x"].variant == "x"


def test_anchors_and_merges_are_allowed(tmp_path: Path) -> None:
    found = stages(
        tmp_path,
        """\
        stages:
          train: &train
            python: stages.train
            params: {rate: 1}
          again:
            <<: *train
            outs: {model: m2, scores: s2}
        """,
    )
    assert found["again"].params == found["train"].params


@pytest.mark.parametrize(
    ("yaml", "what", "where", "hint"),
    [
        ("stage: {}\n", "unknown key 'stage'", "pivot.yaml:1", "did you mean 'stages'?"),
        (
            "stages:\n  a:\n    python: stages.clean\n    dep: {}\n",
            "unknown key 'dep'",
            "pivot.yaml:4",
            "did you mean 'deps'?",
        ),
        (
            "stages:\n  a:\n    python: stages.clean\n    deps:\n      rwa: x\n",
            "'a' has no input 'rwa'",
            "stage 'a' (pivot.yaml:5)",
            "did you mean 'raw'?",
        ),
        (
            "stages:\n  a:\n    python: stages.train\n    outs: {modle: x}\n",
            "'a' has no output 'modle'",
            "stage 'a' (pivot.yaml:4)",
            "did you mean 'model'?",
        ),
        (
            "stages:\n  a:\n    python: stages.train\n    params:\n      rate: 1\n      raet: 1\n",
            "params of 'a': raet: Extra inputs are not permitted",
            "pivot.yaml:6",
            "did you mean 'rate'?",
        ),
        (
            "stages:\n  a:\n    python: stages.train\n    params:\n\n      rate: [1]\n",
            "params of 'a': rate: Input should be a valid number",
            "pivot.yaml:6",
            "correct the value",
        ),
        (
            "stages:\n  a:\n    python: stages.cleen\n",
            "module 'stages' has no function 'cleen'",
            "pivot.yaml:3",
            "did you mean 'stages.clean'?",
        ),
        (
            "stages:\n  a:\n    python: json.clean\n",
            None,
            "pivot.yaml:3",
            "write `python: module.function`",
        ),
        (
            "stages:\n  a: {}\n",
            "stage 'a' names no function",
            "pivot.yaml:2",
            "write `python: module.function`",
        ),
        ("stages:\n  a: {python: 3}\n", "3 names no function", "pivot.yaml:2", None),
        ("stages: [a]\n", "'stages' is not a mapping", "pivot.yaml:1", None),
        ("[]\n", "the file is not a mapping", "pivot.yaml:1", None),
        (
            "vars: {n: 1}\nstages:\n  a:\n    python: stages.clean\n    deps: {raw: '${m}'}\n",
            "unknown variable '${m}'",
            "pivot.yaml:5",
            "known: n",
        ),
        (
            "vars: {n: [1]}\nstages:\n  a:\n    python: stages.clean\n    deps: {raw: 'a${n}'}\n",
            "'${n}' is a list inside a text",
            "pivot.yaml:5",
            None,
        ),
        ("vars: {n: {a: 1}}\n", "variable 'n' is no scalar and no list", "pivot.yaml:1", None),
        ("vars: {1n: 2}\n", "'1n' cannot be a variable", "pivot.yaml:1", None),
        (
            "stages:\n  a:\n    python: stages.merge\n    matrix: {n: 3}\n",
            "matrix dimension 'n' is no list of values",
            "pivot.yaml:4",
            None,
        ),
        (
            "stages:\n  a@b:\n    python: stages.merge\n    matrix: {n: [3]}\n",
            "stage 'a@b' names a variant and has a matrix",
            "pivot.yaml:2",
            "call it 'a'",
        ),
        (
            "stages:\n  a:\n    python: stages.clean\n    timeout: soon\n",
            "timeout 'soon' is no number of seconds",
            "stage 'a' (pivot.yaml:4)",
            None,
        ),
        ("pipeline: 3\n", "'pipeline' is not a name", "pivot.yaml:1", None),
        ("a: [\n", None, None, "correct the line"),
        (
            "stages: {}\nstages: {}\n",
            "not valid YAML: 'stages' stands here twice",
            "pivot.yaml:2",
            None,
        ),
    ],
)
def test_a_mistake_is_shown_at_its_line(
    tmp_path: Path, yaml: str, what: str | None, where: str | None, hint: str | None
) -> None:
    found = error(tmp_path, yaml)
    assert found["what"] == (what or found["what"])
    assert found["where"] == (where or found["where"])
    assert found["hint"] == (hint or found["hint"])


def test_a_module_that_fails_is_reported_once_with_its_traceback(tmp_path: Path) -> None:
    found = loading.error(
        tmp_path,
        {
            "broken.py": "x = 1\nraise RuntimeError('not today')\n",
            "pivot.yaml": """\
            stages:
              a: {python: broken.a}
              b: {python: broken.b}
            """,
        },
    )
    assert found["what"] == "module 'broken' cannot be imported: RuntimeError: not today"
    assert found["where"] == "pivot.yaml:2, broken.py:2"
    assert "raise RuntimeError('not today')" in found["detail"]


def test_mistakes_of_all_stages_are_reported_together(tmp_path: Path) -> None:
    yaml = """\
    stages:
      a: {python: stages.nope, x: 1}
      b: {python: stages.clean, deps: {rwa: a}, retries: -1}
      c: {python: stages.train, params: {rate: x}}
    """
    found = loading.errors(tmp_path, {"stages.py": STAGES, "pivot.yaml": yaml})
    assert len(found) == 5


def test_a_name_that_python_itself_uses_is_explained(tmp_path: Path) -> None:
    files = {"json.py": "def a(): ...\n", "pivot.yaml": "stages:\n  a: {python: json.a}\n"}
    found = loading.error(tmp_path, files)
    assert "rename json.py" in found["what"]


def test_an_empty_definition_has_no_stages(tmp_path: Path) -> None:
    assert stages(tmp_path, "") == {}
