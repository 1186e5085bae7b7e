"""A plan is kept over inner edits: the definition is not loaded again, and the plan is what loading would give."""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pivot_core.define.load import LoadReport
from pivot_core.engine.loading import Wanted
from pivot_core.engine.plan import Plan, Planner
from pivot_core.errors import DefinitionError
from pivot_core.model.ids import StageName
from pivot_core.store.layout import Layout
from pivot_core.store.state import State
from tests.support.loading import HEAD, load_all, write

DEFINITION = f"""{HEAD}
import helpers
from table import TABLE

def prefix():
    return "out"

def first(x: Annotated[str, Dep("x.txt", Text())]) -> Annotated[str, Out(prefix() + "/first.txt", Text())]:
    # shouts
    return x.upper()

def second(x: Annotated[str, Dep("out/first.txt", Text())]) -> Annotated[str, Out("out/second.txt", Text())]:
    '''Helps.'''
    return helpers.help(x)

def third(x: Annotated[str, Dep("x.txt", Text())]) -> Annotated[str, Out("out/third.txt", Text())]:
    return TABLE["a"](x)

pipeline = Pipeline("p")
for function in (first, second, third):
    pipeline.register(function)
"""
HELPERS = """
def help(x):
    return inner(x)

def inner(x):
    return x + "!"

def unused(x):
    return x + "?"
"""
TABLE = """
TABLE = {}

def fill(key):
    def take(function):
        TABLE[key] = function
        return function
    return take

@fill("a")
def a(x):
    return x * 2
"""
LATE = """
import table

table.TABLE["a"] = str.lower
"""


class Keeper:
    """A project whose plan is asked for again and again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.loads = 0
        write(
            root,
            {"pipeline.py": DEFINITION, "helpers.py": HELPERS, "table.py": TABLE, "late.py": LATE},
        )
        layout = Layout.at(str(root))
        Path(layout.pivot_dir).mkdir()
        self.state = State.open(layout)
        self._layout = layout
        self.planner = self.another_planner()

    async def _load(self, wanted: Sequence[Wanted]) -> list[LoadReport]:
        self.loads += 1
        return await load_all(self.root, wanted)

    def another_planner(self) -> Planner:
        return Planner(self._layout, self.state, self._load)

    def plan(self) -> Plan:
        return asyncio.run(self.planner.current())

    def plan_anew(self) -> Plan:
        """Returns what a planner says that knows nothing."""
        return asyncio.run(
            Planner(self._layout, _nothing_of(self.state), self._load).current(keep=False)
        )

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert text.count(old) == 1
        path.write_text(text.replace(old, new))


def _nothing_of(state: State) -> State:
    state.put({"plan:current": None})
    return state


@pytest.fixture
def keeper(tmp_path: Path) -> Iterator[Keeper]:
    made = Keeper(tmp_path)
    made.plan()
    made.plan()
    assert made.loads == 1
    yield made
    made.state.close()


INNER = [
    ("pipeline.py", "x.upper()", "x.title()"),
    ("pipeline.py", "# shouts", "# shouts,\n    # and more"),
    ("pipeline.py", "import helpers", "# here\n\nimport helpers"),
    (
        "pipeline.py",
        "    return x.upper()",
        "    import late\n\n    return x.upper() + late.__name__",
    ),
    ("helpers.py", 'x + "!"', 'x + "?!"'),
    ("helpers.py", "return inner(x)", "return unused(inner(x))"),
    ("table.py", "x * 2", "x * 3"),
    ("pipeline.py", 'return TABLE["a"](x)', "import late\n    return TABLE['a'](x)"),
]
MORE = [
    ("pipeline.py", '"out"', '"results"'),
    ("pipeline.py", "def second(x:", "def second(y:"),
    ("pipeline.py", '"out/third.txt"', '"out/3.txt"'),
    ("pipeline.py", "Helps.", "Helps others."),
    ("pipeline.py", "(first, second, third)", "(first, second)"),
    ("pipeline.py", 'Pipeline("p")', 'Pipeline("q")'),
    ("table.py", "TABLE[key] = function", "TABLE[key] = str"),
    ("table.py", '@fill("a")', '@fill("b")'),
    ("helpers.py", "def unused", "LIMIT = 3\n\ndef unused"),
]


@pytest.mark.parametrize(("file", "old", "new"), INNER)
def test_an_inner_edit_needs_no_loading(keeper: Keeper, file: str, old: str, new: str) -> None:
    keeper.edit(file, old, new)
    amended = keeper.plan()
    assert keeper.loads == 1
    _same(amended, keeper.plan_anew())


@pytest.mark.parametrize(("file", "old", "new"), MORE)
def test_any_other_edit_needs_it(keeper: Keeper, file: str, old: str, new: str) -> None:
    keeper.edit(file, old, new)
    plan = keeper.plan()
    assert keeper.loads == 2
    _same(plan, keeper.plan_anew())


def test_edits_add_up_also_for_another_planner(keeper: Keeper) -> None:
    for file, old, new in INNER:
        if (file, old) != INNER[3][:2]:
            keeper.edit(file, old, new)
            keeper.planner = keeper.another_planner()
            keeper.plan()
    assert keeper.loads == 1
    _same(keeper.plan(), keeper.plan_anew())


def test_what_a_new_import_follows_is_no_inner_edit_any_more(keeper: Keeper) -> None:
    """`late` is imported by a stage from now on, and calls a function whose inside so far did not matter."""
    (keeper.root / "late.py").write_text("import helpers\n\nhelpers.setup()\n")
    keeper.edit(
        "helpers.py", "def unused", "LIMITS = {}\n\ndef setup():\n    return 1\n\ndef unused"
    )
    keeper.plan()
    keeper.edit("helpers.py", "return inner(x)", "import late\n    return inner(x) + str(LIMITS)")
    _same(keeper.plan(), keeper.plan_anew())
    keeper.plan()
    keeper.edit("helpers.py", "return 1", "LIMITS['a'] = 2")
    _same(keeper.plan(), keeper.plan_anew())


def test_a_source_that_the_definition_reads_as_text_is_loaded_again(keeper: Keeper) -> None:
    keeper.edit(
        "pipeline.py",
        "pipeline = ",
        "import inspect\nLENGTH = len(inspect.getsource(first))\npipeline = ",
    )
    keeper.plan()
    assert keeper.loads == 2
    keeper.edit("pipeline.py", "x.upper()", "x.swapcase()")
    keeper.plan()
    assert keeper.loads == 3


def test_broken_code_is_told_and_forgotten_when_it_is_mended(keeper: Keeper) -> None:
    keeper.edit("helpers.py", 'x + "!"', 'x + "!')
    with pytest.raises(DefinitionError, match="unterminated string"):
        keeper.plan()
    keeper.edit("helpers.py", 'x + "!', 'x + "!!"')
    _same(keeper.plan(), keeper.plan_anew())


def _same(one: Plan, other: Plan) -> None:
    assert one.graph.stages == other.graph.stages
    assert one.analyses == other.analyses
    assert one.readings == other.readings
    assert {**one.code, **other.code} == one.code


def test_what_a_module_reads_that_only_a_stage_imports_counts(
    keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    (keeper.root / "late.py").write_text("import os\n\nA = os.environ.get('PIVOT_TEST_A')\n")
    before = keeper.plan()
    keeper.edit("helpers.py", "return inner(x)", "import late\n    return inner(x) + str(late.A)")
    unset = keeper.plan().analyses
    assert keeper.loads == 3  # once as it is, once more with the module
    assert "<env>:PIVOT_TEST_A" in [s.name for s in unset[StageName("second")].fingerprint.symbols]
    assert unset[StageName("second")].caveats == ()
    monkeypatch.setenv("PIVOT_TEST_A", "1")
    given = keeper.plan().analyses
    changed = {name for name in given if given[name].fingerprint != unset[name].fingerprint}
    assert changed == {"second"}
    assert before.analyses[StageName("third")].fingerprint == given[StageName("third")].fingerprint
    _same(keeper.plan(), keeper.plan_anew())


def test_a_late_module_that_cannot_be_imported_is_its_stages_own_trouble(keeper: Keeper) -> None:
    (keeper.root / "late.py").write_text("import os, nowhere\n\nA = os.environ['PIVOT_TEST_A']\n")
    keeper.edit("helpers.py", "return inner(x)", "import late\n    return inner(x) + str(late.A)")
    names = [s.name for s in keeper.plan().analyses[StageName("second")].fingerprint.symbols]
    assert keeper.loads == 3
    assert "late:A" in names
    assert not any(name.startswith("<") for name in names)
