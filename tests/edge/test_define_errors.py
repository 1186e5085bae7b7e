"""Each mistake of a definition: what is said, where, and that all are said together."""

from pathlib import Path

import pytest

from tests.support import loading
from tests.support.loading import HEAD

START = HEAD + "pipeline = Pipeline()\n"
OUT = "Annotated[str, Out('out.txt', Text())]"


@pytest.mark.parametrize(
    ("code", "what", "where"),
    [
        ("pipeline.register(lambda: 1)", "'<lambda>' cannot be a stage: it is a lambda", 7),
        (
            "def make():\n    def inner(): ...\n    return inner\npipeline.register(make())",
            "'make.<locals>.inner' cannot be a stage: it is defined inside 'make'",
            10,
        ),
        (
            "def make(x):\n    def inner(): return x\n    return inner\npipeline.register(make(1))",
            "'make.<locals>.inner' cannot be a stage: it is a closure: it is defined inside 'make'",
            10,
        ),
        (
            "class C:\n    def m(self): ...\npipeline.register(C().m)",
            "'C.m' cannot be a stage: it is a method",
            9,
        ),
        (
            "class C:\n    def m(self): ...\npipeline.register(C.m)",
            "'C.m' cannot be a stage: it is defined in a class",
            9,
        ),
        (
            "class C: ...\npipeline.register(C)",
            "'C' cannot be a stage: it is a type, not a function",
            8,
        ),
        ("pipeline.register(3)", "'3' cannot be a stage: it is an int, not a function", 7),
        (
            "import functools\npipeline.register(functools.partial(print), name='p')",
            "'p' cannot be a stage: it is a partial, not a function",
            8,
        ),
        (
            f"def f() -> {OUT}: ...\ng = f\ndef f() -> {OUT}: ...\npipeline.register(g)",
            "'f' cannot be a stage: it is not what 'pipeline.f' refers to",
            10,
        ),
        (
            f"def f() -> {OUT}: ...\nf.__module__ = '__main__'\npipeline.register(f)",
            "'f' cannot be a stage: it is defined in the script that was started",
            9,
        ),
    ],
)
def test_what_another_process_cannot_import_is_refused(
    tmp_path: Path, code: str, what: str, where: int
) -> None:
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] == what
    assert f"(pipeline.py:{where})" in found["where"]
    assert found["hint"]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("name='a b'", "'a b' cannot be a stage's name"),
        ("name=''", "'' cannot be a stage's name"),
        ("name='a\\x1b'", "'a\\x1b' cannot be a stage's name"),
        ("name='a@b'", "the name 'a@b' holds '@'"),
        ("variant='a@b'", "'a@b' cannot be a stage's variant"),
        ("variant=3", "3 cannot be a stage's variant"),
        ("deps={'rwa': 'x'}", "'f' has no input 'rwa'"),
        ("deps='x'", "deps is not a mapping"),
        ("outs={'reutrn': 'x'}", "'f' has no output 'reutrn'"),
        ("deps={'raw': ['x']}", "the input 'raw' takes one path, as its Dep says"),
        ("deps={'raw': 3}", "3 is not a path"),
        ("deps={'raw': 'a\\nb'}", "the path 'a\\nb' holds a control character"),
        ("outs={'return': '../x'}", "the output '../x' lies outside the project"),
        ("outs={'return': '.git/x'}", "the path '.git/x' lies in '.git'"),
        ("outs={'return': '.'}", "the path '.' is the whole project"),
        ("params={'rate': 1}", "'f' takes no params"),
        ("mutex=3", "mutex 3 is no list of names"),
        ("mutex=['']", "mutex [''] is no list of names"),
        ("timeout=0", "timeout 0 is no number of seconds"),
        ("timeout='1h'", "timeout '1h' is no number of seconds"),
        ("retries=-1", "retries -1 is no count"),
        ("retries=True", "retries True is no count"),
    ],
)
def test_a_bad_argument_is_named(tmp_path: Path, arguments: str, what: str) -> None:
    code = f"def f(raw: Annotated[str, Dep('raw', Text())]) -> {OUT}: ...\npipeline.register(f, {arguments})"
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] == what
    assert "pipeline.py:8" in found["where"]
    assert found["hint"]


def test_the_nearest_name_is_offered(tmp_path: Path) -> None:
    code = f"def f(raw: Annotated[str, Dep('raw', Text())]) -> {OUT}: ...\npipeline.register(f, deps={{'rwa': 'x'}})"
    assert loading.error(tmp_path, {"pipeline.py": START + code})["hint"] == "did you mean 'raw'?"


def test_an_output_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/tmp")
    code = f"def f() -> {OUT}: ...\npipeline.register(f, outs={{'return': 'link/x'}})"
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] == "the output 'link/x' lies behind the symbolic link 'link'"


def test_mistakes_of_annotations_stand_at_the_function(tmp_path: Path) -> None:
    code = "\ndef f(raw: str) -> str: ...\npipeline.register(f)\npipeline.register(f, name='g')"
    first, second = loading.errors(tmp_path, {"pipeline.py": START + code})
    assert (first["what"], first["where"]) == ("parameter 'raw' of 'f' has no Dep", "pipeline.py:8")
    assert second["what"] == "the return annotation of 'f' names no out"


def test_a_placeholder_needs_a_path(tmp_path: Path) -> None:
    code = f"def f(raw: Annotated[str, PlaceholderDep(Text())]) -> {OUT}: ...\npipeline.register(f)"
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] == "the input 'raw' has no path"
    assert found["hint"] == "pass deps={'raw': path}"


def test_a_variant_parameter_needs_a_variant(tmp_path: Path) -> None:
    code = f"def f(variant: str) -> {OUT}: ...\npipeline.register(f)"
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] == "'f' takes `variant`, and is registered without one"


def test_clashes_and_cycles_are_reported_with_other_mistakes(tmp_path: Path) -> None:
    code = (
        f"def f() -> {OUT}: ...\ndef g() -> {OUT}: ...\n"
        "pipeline.register(f)\npipeline.register(g)\npipeline.register(print)"
    )
    found = [item["what"] for item in loading.errors(tmp_path, {"pipeline.py": START + code})]
    assert found == ["'print' has no return annotation", "two stages write 'out.txt'"]


def test_a_cycle_is_shown(tmp_path: Path) -> None:
    code = (
        "def f(a: Annotated[str, Dep('b', Text())]) -> Annotated[str, Out('a', Text())]: ...\n"
        "def g(a: Annotated[str, Dep('a', Text())]) -> Annotated[str, Out('b', Text())]: ...\n"
        "pipeline.register(f)\npipeline.register(g)\n"
    )
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] in (
        "stages depend on each other: g → f → g",
        "stages depend on each other: f → g → f",
    )


def test_an_included_name_that_is_taken_adds_nothing(tmp_path: Path) -> None:
    code = f"""
def f() -> {OUT}: ...
def h() -> Annotated[str, Out('h', Text())]: ...
other = Pipeline()
other.register(h)
other.register(f)
pipeline.register(f)
before = pipeline.registrations
try:
    pipeline.include(other)
except Exception as error:
    assert pipeline.registrations == before
    raise
"""
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] == "the included pipeline has a stage 'f' as well"
    assert found["where"] == "pipeline.py:16, stages pipeline.py:13 and pipeline.py:12"


PARAMS = (
    "class P(StageParams):\n    rate: float = 1\n    need: int\n"
    f"def f(p: P) -> {OUT}: ...\npipeline.register(f, params={{'need': 1}})\n"
)


@pytest.mark.parametrize(
    ("yaml", "what", "where", "hint"),
    [
        (
            "f:\n  rate: fast\n",
            "params of 'f': rate: Input should be a valid number, unable to parse string as a number",
            "params.yaml:2",
            "correct the value",
        ),
        (
            "f:\n  raet: 1\n",
            "params of 'f': raet: Extra inputs are not permitted",
            "params.yaml:2",
            "did you mean 'rate'?",
        ),
        (
            "g:\n  rate: 1\n",
            "params.yaml names 'g', which is no stage",
            "params.yaml:1",
            "known: f",
        ),
        ("f: 3\n", "params of 'f' are not a mapping", "params.yaml:1", "give field: value pairs"),
        (
            "- f\n",
            "params.yaml is not a mapping",
            "params.yaml:1",
            "write `stage:` and below it `field: value`",
        ),
        ("f:\n  rate: [\n", None, "params.yaml:3", "correct the line"),
        (
            "f: {rate: 1, rate: 2}\n",
            "not valid YAML: 'rate' stands here twice",
            "params.yaml:1",
            None,
        ),
    ],
)
def test_bad_params_are_told_in_pydantic_s_words_at_their_line(
    tmp_path: Path, yaml: str, what: str | None, where: str, hint: str | None
) -> None:
    found = loading.error(tmp_path, {"pipeline.py": START + PARAMS, "params.yaml": yaml})
    assert found["what"] == (what or found["what"])
    assert found["where"] == where
    assert found["hint"] == (hint or found["hint"])


def test_a_missing_param_says_where_to_set_it(tmp_path: Path) -> None:
    code = PARAMS.replace(", params={'need': 1}", "")
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] == "params of 'f': need: Field required"
    assert "params.yaml" in found["hint"]


def test_params_of_another_class_are_refused(tmp_path: Path) -> None:
    code = "class Q(StageParams): ...\n" + PARAMS.replace("{'need': 1}", "Q()")
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] == "params of 'f' are Q, not P"


def test_an_exception_in_a_validator_shows_the_users_lines(tmp_path: Path) -> None:
    code = """
import pydantic
class P(StageParams):
    rate: float = 1
    @pydantic.field_validator("rate", mode="before")
    @classmethod
    def check(cls, value):
        return {}["gone"]
def f(p: P) -> None: ...
pipeline.register(f, params={"rate": 1})
"""
    found = loading.error(tmp_path, {"pipeline.py": START + code})
    assert found["what"] == "params of 'f' cannot be made: KeyError: 'gone'"
    assert 'return {}["gone"]' in found["detail"]


def test_no_definition_and_two_definitions(tmp_path: Path) -> None:
    assert loading.error(tmp_path, {})["what"] == "no pipeline is defined here"
    found = loading.error(tmp_path, {"pivot.yaml": "", "pipeline.py": ""})
    assert found["what"] == "two definition files: pivot.yaml and pipeline.py"
    assert "rename pipeline.py" in found["hint"]
    (tmp_path / "pipeline.py").unlink()
    found = loading.error(tmp_path, {"pivot.yml": ""})
    assert found["what"] == "two definition files: pivot.yaml and pivot.yml"


@pytest.mark.parametrize(
    ("code", "what", "where"),
    [
        ("import helper", "pipeline.py cannot be imported: KeyError: 'x'", "helper.py:3"),
        (
            "import syntax",
            "pipeline.py cannot be imported: SyntaxError: '(' was never closed",
            "syntax.py:2",
        ),
        (
            "import not_there_at_all",
            "pipeline.py cannot be imported: ModuleNotFoundError: No module named 'not_there_at_all'",
            "pipeline.py:1",
        ),
        ("import sys\nsys.exit(3)", "pipeline.py ended the process: sys.exit(3)", "pipeline.py:2"),
        (
            "x = 1\nraise ValueError('a\\nb')",
            "pipeline.py cannot be imported: ValueError: a",
            "pipeline.py:2",
        ),
        ("from pivot_core import Pipeline", "pipeline.py has no pipeline", "pipeline.py"),
        (
            "from pivot_core import Pipeline\na = Pipeline()\nb = Pipeline()",
            "pipeline.py has several pipelines: 'a', 'b'",
            "pipeline.py",
        ),
    ],
)
def test_a_module_that_cannot_be_imported_shows_only_its_own_lines(
    tmp_path: Path, code: str, what: str, where: str
) -> None:
    files = {
        "pipeline.py": code,
        "helper.py": "def f():\n    try:\n        return {}['x']\n    finally:\n        pass\nf()\n",
        "syntax.py": "x = 1\ny = (\n",
    }
    found = loading.error(tmp_path, files)
    assert (found["what"], found["where"]) == (what, where)
    for ours in ("pivot_core/", "<frozen", "importlib"):
        assert ours not in found["detail"]


def test_causes_are_shown_without_our_lines(tmp_path: Path) -> None:
    code = "try:\n    import not_there\nexcept ImportError as error:\n    raise RuntimeError('no') from error\n"
    found = loading.error(tmp_path, {"pipeline.py": code})
    assert "No module named 'not_there'" in found["detail"]
    assert "direct cause" in found["detail"]
    assert "frozen" not in found["detail"]


def test_a_package_that_hides_the_definition_is_named(tmp_path: Path) -> None:
    found = loading.error(tmp_path, {"pipeline.py": START, "pipeline/__init__.py": "x = 1"})
    assert found["what"] == "pipeline.py is hidden by another module of that name"
