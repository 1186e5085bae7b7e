"""How a stage's function comes to use a symbol: the most direct way from one to the other."""

from pathlib import Path

from tests.edge.test_fingerprint_analysis import analyse, project

PIPELINE = """
import lib
from lib import scale
TABLE = {}
TABLE["a"] = lib.double
class Model:
    def fit(self, x): return prepare(x)
def prepare(x): return scale(lib.deep(x))
def run(x): return Model().fit(x) + TABLE["a"](x)
def alone(x): return scale(x)
def twice(x): return scale(prepare(x))
"""
LIB = """
def scale(x): return x * FACTOR
FACTOR = 2
def double(x): return 2 * x
def deep(x): return deeper(x)
def deeper(x): return deep(x - 1) if x else 0
"""


def test_a_route_leads_from_the_function_to_the_symbol(tmp_path: Path) -> None:
    project(tmp_path, pipeline=PIPELINE, lib=LIB)

    analysis = analyse(tmp_path)

    assert analysis.route("pipeline:run") == ("pipeline:run",)
    assert analysis.route("lib:FACTOR") == (
        "pipeline:run", "pipeline:Model", "pipeline:prepare", "lib:scale", "lib:FACTOR",
    )  # fmt: skip
    assert analysis.route("lib:double") == ("pipeline:run", "pipeline:TABLE", "lib:double")
    assert analysis.route("lib:deeper")[-3:] == ("pipeline:prepare", "lib:deep", "lib:deeper")
    assert analysis.route("lib:gone") == ()


def test_the_most_direct_route_is_taken(tmp_path: Path) -> None:
    project(tmp_path, pipeline=PIPELINE, lib=LIB)

    analysis = analyse(tmp_path, "twice")

    assert analysis.route("lib:scale") == ("pipeline:twice", "lib:scale")


def test_every_symbol_has_a_route(tmp_path: Path) -> None:
    pipeline = "import lib\ndef run(x): return use(lib)\ndef use(m): return m.scale\n"
    project(tmp_path, pipeline=pipeline, lib=LIB)

    analysis = analyse(tmp_path)

    routes = {each.name: analysis.route(each.name) for each in analysis.fingerprint.symbols}
    assert all(
        route[0] == "pipeline:run" and route[-1] == name for name, route in routes.items()
    ), routes
    assert routes["lib:FACTOR"] == ("pipeline:run", "lib:*", "lib:FACTOR")
