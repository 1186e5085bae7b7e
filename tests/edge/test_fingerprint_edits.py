"""Which stages an edit changes: each project once, with edits that must count and edits that must not."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pivot_core.fingerprint.analyser import Analyser
from pivot_core.model.ids import StageName
from pivot_core.model.stage import FunctionRef, SourceLocation, Stage

HERE = SourceLocation("pipeline.py", 1)


@dataclass(frozen=True)
class Project:
    """Files under ``--- name`` lines; every function of ``pipeline.py`` whose name starts with ``st_`` is a stage."""

    name: str
    text: str
    edits: tuple[tuple[str, str, str], ...]
    """What is replaced (it stands once in the project), by what, and the stages that change, without ``st_``."""


PROJECTS = (
    Project(
        "plain functions",
        '''
--- pipeline.py
"""The pipeline."""
import json
import os  # unused
from helpers import scale
def st_one(rows):
    """Scales rows."""
    total = 0  # running
    for row in rows:
        total += scale(row)
    return total
def st_two(rows):
    return json.dumps(_local(rows))
def _local(rows, depth=3):
    return rows[:depth]
def unused():
    return 1
--- helpers.py
FACTOR = 2
UNUSED = 5
def scale(x):
    return x * FACTOR
def other(x):
    return x
''',
        (
            ("total += scale(row)", "total -= scale(row)", "one"),
            ("FACTOR = 2", "FACTOR = 3", "one"),
            ("FACTOR = 2", "FACTOR: int = 2", ""),
            ("return x * FACTOR", "return FACTOR * x", "one"),
            ("UNUSED = 5", "UNUSED = 6", ""),
            ("    return x\n", "    return -x\n", ""),
            ("depth=3", "depth=4", "two"),
            ("json.dumps", "json.loads", "two"),
            ("# running", "# something else", ""),
            ('"""Scales rows."""', '"""Does something."""', ""),
            ('    """Scales rows."""\n', "", ""),
            ('"""The pipeline."""', "", ""),
            ("import os  # unused\n", "", ""),
            ("def unused():\n    return 1\n", "", ""),
            (
                "def _local(rows, depth=3)",
                "def _local(rows: list[int], depth: int = 3) -> list",
                "",
            ),
            (
                "    total = 0  # running\n    for row in rows:\n        total += scale(row)\n    return total",
                "    acc = 0\n    for item in rows:\n        acc += scale(item)\n    return acc",
                "",
            ),
            ("from helpers import scale", "from helpers import other as scale", "one"),
            ("    return rows[:depth]", "    '''Doc.'''\n\n    return (rows[:depth])", ""),
            ("import json\n", "import json\nfrom helpers import other\n", ""),
        ),
    ),
    Project(
        "every way to import",
        """
--- pipeline.py
import pkg.deep.inner as alias
import pkg.tools
from pkg import exported
from pkg.star import *
from .nothing import nope
from ns import member
import importlib
def st_alias(x): return alias.f(x)
def st_dotted(x): return pkg.tools.f(x)
def st_exported(x): return exported(x)
def st_star(x): return starred(x)
def st_inside(x):
    from pkg.lazy import f
    return f(x)
def st_inside_module(x):
    import pkg.lazy2 as m
    return m.f(x)
def st_literal(x): return importlib.import_module("pkg.dynamic").f(x)
def st_getattr(x):
    m = alias
    return getattr(m, "g")(x)
def st_namespace(x): return member.f(x)
--- pkg/__init__.py
from ._impl import exported
--- pkg/_impl.py
from . import constants
def exported(x): return x + constants.A
--- pkg/constants.py
A = 1
B = 2
--- pkg/deep/__init__.py
--- pkg/deep/inner.py
from ..constants import B
def f(x): return x * 2
def g(x): return x * B
--- pkg/tools.py
def f(x): return x * 3
def g(x): return x * 33
--- pkg/star.py
__all__ = ["starred"]
def starred(x): return x * 4
def private(x): return x * 44
--- pkg/lazy.py
def f(x): return x * 5
--- pkg/lazy2.py
def f(x): return x * 6
def g(x): return x * 66
--- pkg/dynamic.py
def f(x): return x * 7
def g(x): return x * 77
--- ns/member.py
def f(x): return x * 8
""",
        (
            ("return x * 2", "return x * 9", "alias"),
            ("return x * 3\n", "return x * 9\n", "dotted"),
            ("return x * 33", "return x * 9", ""),
            ("A = 1", "A = 9", "exported"),
            ("B = 2", "B = 9", "getattr"),
            ("return x + constants.A", "return x - constants.A", "exported"),
            ("return x * 4\n", "return x * 9\n", "star"),
            ("return x * 44", "return x * 9", ""),
            ("return x * 5", "return x * 9", "inside"),
            ("return x * 6\n", "return x * 9\n", "inside_module"),
            ("return x * 66", "return x * 9", ""),
            ("return x * 7\n", "return x * 9\n", "literal"),
            ("return x * 77", "return x * 9", ""),
            ("return x * B", "return x / B", "getattr"),
            ("return x * 8", "return x * 9", "namespace"),
        ),
    ),
    Project(
        "branches of imports and definitions",
        """
--- pipeline.py
from typing import TYPE_CHECKING
import sys
try:
    from fast import go
except ImportError:
    from slow import go
if TYPE_CHECKING:
    from fast import Kind
FLAG = 1
if FLAG:
    import fast as impl
else:
    import slow as impl
if sys.version_info > (3, 20):
    def pick(x): return 1
else:
    def pick(x): return 2
try:
    import fast as maybe
except ImportError:
    maybe = None
def st_go(x: "Kind"): return go(x)
def st_impl(x): return impl.run(x)
def st_pick(x): return pick(x)
def st_maybe(x):
    if maybe is not None:
        return maybe.run(x)
def st_optional(x):
    try:
        import fast as f
    except ImportError:
        f = None
    return f.run(x)
def st_none(x): return x
--- fast.py
class Kind: pass
def go(x): return x + 1
def run(x): return x + 2
--- slow.py
def go(x): return x + 3
def run(x): return x + 4
def other(x): return x + 5
""",
        (
            ("return x + 1", "return x + 9", "go"),
            ("return x + 3", "return x + 9", "go"),
            ("return x + 2", "return x + 9", "impl maybe optional"),
            ("return x + 4", "return x + 9", "impl"),
            ("return x + 5", "return x + 9", ""),
            ("FLAG = 1", "FLAG = 0", "impl"),
            ("(3, 20)", "(3, 21)", "pick"),
            ("pick(x): return 1", "pick(x): return 3", "pick"),
            ("pick(x): return 2", "pick(x): return 3", "pick"),
            ("class Kind: pass", "class Kind: x = 1", ""),
            ('st_go(x: "Kind")', "st_go(x)", ""),
        ),
    ),
    Project(
        "where a helper hides",
        """
--- pipeline.py
from functools import lru_cache, partial, reduce
import helpers as h
DOUBLE = lambda x: h.a(x)
BOUND = partial(h.b, 2)
def deco(arg):
    def wrap(f):
        def inner(*args):
            return f(*args) + h.c(arg)
        return inner
    return wrap
def st_lambda(x): return DOUBLE(x)
def st_partial(x): return BOUND(x)
@deco(h.d(1))
def st_decorated(x): return x
def st_nested(x):
    def inner(y):
        return h.e(y)
    return inner(x)
def st_comprehension(x): return [h.f(y) for y in x if h.g(y)]
def st_generator(x): return sum(h.i(y) for y in x)
def st_default(x, y=h.j(1)): return y
def st_argument(x): return list(map(h.k, x))
@lru_cache
def cached(x): return h.l(x)
def st_cached(x): return cached(x)
def st_inline(x): return (lambda y: h.m(y))(x)
def st_reduce(x): return reduce(h.n, x)
--- helpers.py
def a(x): return 'a'
def b(x, y): return 'b'
def c(x): return 'c'
def d(x): return 'd'
def e(x): return 'e'
def f(x): return 'f'
def g(x): return 'g'
def i(x): return 'i'
def j(x): return 'j'
def k(x): return 'k'
def l(x): return 'l'
def m(x): return 'm'
def n(x, y): return 'n'
""",
        (
            ("return 'a'", "return 0", "lambda"),
            ("return 'b'", "return 0", "partial"),
            ("return 'c'", "return 0", "decorated"),
            ("return 'd'", "return 0", "decorated"),
            ("return 'e'", "return 0", "nested"),
            ("return 'f'", "return 0", "comprehension"),
            ("return 'g'", "return 0", "comprehension"),
            ("return 'i'", "return 0", "generator"),
            ("return 'j'", "return 0", "default"),
            ("return 'k'", "return 0", "argument"),
            ("return 'l'", "return 0", "cached"),
            ("return 'm'", "return 0", "inline"),
            ("return 'n'", "return 0", "reduce"),
            ("@lru_cache", "@lru_cache(maxsize=2)", "cached"),
            ("h.b, 2", "h.b, 3", "partial"),
            ("h.d(1)", "h.d(2)", "decorated"),
        ),
    ),
    Project(
        "classes",
        """
--- pipeline.py
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, TypedDict
from pydantic import BaseModel, Field, field_validator
from parts import Base, Meta, Mixin, limit, make, check, DEFAULT
class Model(Base, Mixin, metaclass=Meta):
    size = limit(3)
    @property
    def half(self): return self.size / 2
    @classmethod
    def build(cls): return cls()
    @staticmethod
    def twice(x): return x * 2
    def unused(self): return 1
def st_model(x): return Model().half
@dataclass
class Point:
    '''A point.'''
    x: int = 0
    ys: list = field(default_factory=make)
def st_point(x): return Point()
class Color(Enum):
    RED = 1
def st_color(x): return Color.RED
class Pair(NamedTuple):
    left: int = 4
def st_pair(x): return Pair()
class Inner(BaseModel):
    depth: int = DEFAULT
class Outer(BaseModel):
    inner: "Inner" = Field(default_factory=Inner)
    @field_validator("inner")
    def sane(cls, value: int): return check(value)
def st_outer(x): return Outer()
def st_instance(x): return INSTANCE.go(x)
class Runner:
    def __init__(self, n): self.n = n
    def go(self, x): return x * self.n
INSTANCE = Runner(7)
--- parts.py
class Root: pass
class Base(Root):
    kind = 'base'
class Mixin:
    def mix(self): return 'mix'
class Meta(type):
    flag = 'meta'
def limit(x): return 'limit'
def make(): return ['make']
def check(v): return v or 'check'
DEFAULT = 8
""",
        (
            ("size / 2", "size / 3", "model"),
            ("return x * 2", "return x * 3", "model"),
            ("kind = 'base'", "kind = 0", "model"),
            ("class Root: pass", "class Root:\n    a = 1", "model"),
            ("'mix'", "0", "model"),
            ("'meta'", "0", "model"),
            ("'limit'", "0", "model"),
            ("limit(3)", "limit(4)", "model"),
            ("'make'", "0", "point"),
            ("x: int = 0", "x: int = 1", "point"),
            ("x: int = 0", "x: str = 0", "point"),
            ("'''A point.'''", "'''Another.'''", ""),
            ("RED = 1", "RED = 2", "color"),
            ("left: int = 4", "left: int = 5", "pair"),
            ("DEFAULT = 8", "DEFAULT = 9", "outer"),
            ("value: int): return check", "value): return check", ""),
            ("'check'", "0", "outer"),
            ("depth: int", "depth: float", "outer"),
            ("x * self.n", "x + self.n", "instance"),
            ("Runner(7)", "Runner(8)", "instance"),
        ),
    ),
    Project(
        "constants",
        """
--- pipeline.py
import re
from decimal import Decimal
from pathlib import Path
from config import *
import config as cfg
HOME = Path("data") / "x"
PATTERN = re.compile("a+")
PRICE = Decimal("1.5")
NESTED = {"a": [1, {"b": (2, 3)}]}
DERIVED = BASE * 2
LEFT, RIGHT = cfg.split("1,2")
COUNT = 0
COUNT += 1
DISPATCH = {"up": {"x": cfg.up}, "down": [cfg.down]}
def st_home(x): return HOME
def st_pattern(x): return PATTERN.match(x)
def st_price(x): return PRICE
def st_nested(x): return NESTED["a"]
def st_derived(x): return DERIVED
def st_base(x): return BASE
def st_left(x): return LEFT
def st_count(x): return COUNT
def st_dispatch(x): return DISPATCH["up"]["x"](x)
def st_text(x): return f"{x:>{cfg.WIDTH}} {cfg.NAME!r}"
--- config.py
BASE = 10
WIDTH = 4
NAME = "n"
def split(x): return x.split(",")
def up(x): return 'up'
def down(x): return 'down'
""",
        (
            ('Path("data")', 'Path("date")', "home"),
            ('"a+"', '"a*"', "pattern"),
            ('"1.5"', '"1.50"', "price"),
            ("(2, 3)", "(2, 4)", "nested"),
            ("(2, 3)", "[2, 3]", "nested"),
            ("BASE * 2", "BASE * 3", "derived"),
            ("BASE = 10", "BASE = 11", "derived base"),
            ("BASE = 10", "BASE = 1_0", ""),
            ("BASE = 10", "BASE = 10.0", "derived base"),
            ('split(",")', 'split(";")', "left"),
            ("COUNT += 1", "COUNT += 2", "count"),
            ("COUNT = 0\nCOUNT += 1", "COUNT += 1\nCOUNT = 0", "count"),
            ("return 'up'", "return 0", "dispatch"),
            ("return 'down'", "return 0", "dispatch"),
            ("WIDTH = 4", "WIDTH = 5", "text"),
            ('NAME = "n"', "NAME = 'n'", ""),
            ('NAME = "n"', 'NAME = "m"', "text"),
        ),
    ),
    Project(
        "effects of modules",
        """
--- pipeline.py
from functools import singledispatch
import random
import numpy as np
from pivot_core import Pipeline
import patches
import registry
from registry import REGISTRY, TABLE, register, tuned
@register("a")
def handler_a(x): return 'a'
@register("b")
def handler_b(x): return 'b'
@singledispatch
def show(x): return 'any'
@show.register
def _(x: int): return 'int'
@show.register(str)
def _(x): return 'str'
LIST = []
LIST.append(1)
LIST.extend([2])
for key in ("p", "q"):
    REGISTRY[key] = len(key)
random.seed(0)
def st_table(x): return TABLE["a"](x)
def st_direct(x): return handler_a(x)
def st_show(x): return show(x)
def st_list(x): return LIST
def st_registry(x): return REGISTRY
def st_tuned(x): return tuned.level
def st_random(x): return random.random()
def st_patched(x): return registry.victim(x)
def st_plain(x): return x
pipeline = Pipeline("p")
pipeline.register(st_plain)
for stage in (st_table, st_list):
    pipeline.register(stage)
if __name__ == "__main__":
    print("main")
    LIST.append(3)
--- registry.py
REGISTRY = {}
TABLE = {}
class Tuned:
    level = 0
tuned = Tuned()
def register(name):
    def wrap(f):
        TABLE[name] = f
        return f
    return wrap
def victim(x): return 'victim'
def unrelated(x): return 'unrelated'
--- patches.py
import registry
from registry import tuned
def _victim(x): return 'patched'
registry.victim = _victim
tuned.level = 5
print("loading patches")
""",
        (
            ("return 'a'", "return 0", "table direct"),
            ("return 'b'", "return 0", "table direct"),
            ("return 'int'", "return 0", "show"),
            ("(x: int): return 'int'", "(x: float): return 'int'", "show"),
            ("return 'str'", "return 0", "show"),
            ("return 'any'", "return 0", "show"),
            ("LIST.append(1)", "LIST.append(7)", "list"),
            ("LIST.extend([2])", "LIST.extend([7])", "list"),
            ("LIST.append(1)\nLIST.extend([2])", "LIST.extend([2])\nLIST.append(1)", "list"),
            ('("p", "q")', '("p", "r")', "registry"),
            ("random.seed(0)", "random.seed(1)", "random"),
            ("return 'patched'", "return 0", "patched"),
            ("return 'victim'", "return 0", "patched"),
            ("registry.victim = _victim\n", "", "patched"),
            ("tuned.level = 5", "tuned.level = 6", "tuned"),
            ("return 'unrelated'", "return 0", ""),
            ('print("loading patches")', 'print("patches")', ""),
            ('Pipeline("p")', 'Pipeline("q")', ""),
            ("pipeline.register(st_plain)\n", "", ""),
            ("(st_table, st_list)", "(st_list, st_table)", ""),
            ('print("main")', 'print("other")', ""),
            ("    LIST.append(3)", "    LIST.append(4)", ""),
        ),
    ),
    Project(
        "what cannot be resolved",
        """
--- pipeline.py
import importlib
import a, b, c, d
def st_value(x): return run(a)
def run(module): return module.f()
def st_computed(x): return getattr(b, "f" + x)()
def st_plugin(x): return importlib.import_module(f"plugins.{x}").go()
def st_eval(x): return c.compute(x)
def st_globals(x): return d.lookup(x)
def st_none(x): return x
--- a.py
def f(): return 1
def g(): return 2
--- b.py
def fx(): return 3
def fy(): return 4
--- c.py
def compute(x): return eval(x)
def hidden(x): return 5
--- d.py
def lookup(x): return globals()[x]
def known(x): return globals()["known2"](x)
def known2(x): return 6
def other(x): return 7
--- plugins/__init__.py
--- plugins/one.py
def go(): return 8
--- plugins/two.py
def go(): return 9
""",
        (
            ("return 1", "return 0", "value"),
            ("return 2", "return 0", "value"),
            ("return 3", "return 0", "computed"),
            ("return 4", "return 0", "computed"),
            ("return 5", "return 0", "eval"),
            ("return 7", "return 0", "globals"),
            ("return 8", "return 0", "plugin"),
            ("return 9", "return 0", "plugin"),
        ),
    ),
    Project(
        "the border of a stage",
        """
--- pipeline.py
from typing import Annotated, TypedDict
import numpy as np
import pandas as pd
from pivot_core import CSV, JSON, Dep, DirectoryOut, Metric, Out, PlaceholderDep, StageParams
from loaders import Mine, SEP, Wide, shared
from types_ import Rows
class Nested(StageParams):
    depth: int = 1
class Params(StageParams):
    rate: float = 0.1
    nested: Nested = Nested()
class Outs(TypedDict):
    model: Annotated[dict, Out("m.json", JSON(indent=2))]
    scores: Annotated[dict, Metric("s.json")]
RAW = Annotated[pd.DataFrame, Dep("raw.csv", CSV(sep=","))]
OUT = Out("shared.csv", Wide(1))
def st_dep(a: Annotated[Rows, Dep("a.csv", Mine(SEP))]) -> Annotated[int, Out("b.json", JSON())]:
    return a
def st_two(a: Annotated[int, Dep("a.csv", Mine("1"))], b: Annotated[int, Dep("b.csv", Mine("2"))]):
    return a, b
def st_outs(params: Params) -> Outs:
    return {}
def st_alias(a: RAW) -> Annotated[int, OUT]:
    return a
def st_shared(a: Annotated[int, shared]) -> Annotated[dict, DirectoryOut("d/", JSON())]:
    return a
def st_placeholder(a: Annotated[int, PlaceholderDep(CSV(decimal="."))]):
    return a
def st_plain(a: Annotated[int, Dep("p.json", JSON())]) -> Annotated[int, Out("q.json", JSON(), cache=True)]:
    return a
--- types_.py
Rows = list[int]
--- loaders.py
from pivot_core import CSV, Dep
SEP = ";"
class Base:
    mode = "r"
class Mine(Base):
    def __init__(self, sep): self.sep = sep
    def load(self, path): return parse(path)
def parse(path): return 'parse'
class Wide:
    def __init__(self, n): self.n = n
shared = Dep("shared.csv", CSV(quotechar="'"))
""",
        (
            ('SEP = ";"', 'SEP = ","', "dep"),
            ("'parse'", "0", "dep two"),
            ('mode = "r"', 'mode = "w"', "dep two"),
            ('Dep("a.csv", Mine(SEP))', 'Dep("z.csv", Mine(SEP))', ""),
            ("Annotated[Rows, Dep", "Annotated[list, Dep", ""),
            ("Rows = list[int]", "Rows = list[str]", ""),
            ('Mine("1")', 'Mine("3")', "two"),
            (
                'Mine("1"))], b: Annotated[int, Dep("b.csv", Mine("2"',
                'Mine("2"))], b: Annotated[int, Dep("b.csv", Mine("1"',
                "two",
            ),
            ("indent=2", "indent=4", "outs"),
            ("m.json", "n.json", ""),
            ("model: Annotated[dict", "model: Annotated[object", ""),
            ("model: Annotated", "tree: Annotated", "outs"),
            ('Metric("s.json")', 'Metric("s.json", JSON(indent=1))', "outs"),
            ("rate: float = 0.1", "rate: float = 0.2", "outs"),
            ("depth: int = 1", "depth: int = 2", "outs"),
            ('sep=","', 'sep=";"', "alias"),
            ('Dep("raw.csv"', 'Dep("rough.csv"', ""),
            ("Wide(1)", "Wide(2)", "alias"),
            ("self.n = n", "self.n = n + 1", "alias"),
            ('quotechar="\'"', "quotechar='|'", "shared"),
            ('Dep("shared.csv"', 'Dep("other.csv"', ""),
            ('decimal="."', 'decimal=","', "placeholder"),
            ("cache=True", "cache=False", ""),
            (", cache=True", "", ""),
        ),
    ),
    Project(
        "introspection",
        '''
--- pipeline.py
import inspect
from tools import loud, typed, wrapped
def helper(x: int):
    """Helps."""
    return x
def st_doc(x): return helper.__doc__
def st_types(x): return inspect.signature(typed2)
def typed2(x: str): return x
@wrapped
def decorated(x: float):
    """Decorated."""
    return x
def st_wrapped(x): return decorated(x)
@loud
def shouted(x):
    """Shouted."""
    return x
def st_loud(x): return shouted(x)
class Plugin:
    pass
class First(Plugin):
    value = 1
def st_plugins(x): return [p.value for p in Plugin.__subclasses__()]
--- tools.py
import functools
def wrapped(f):
    def inner(x): return f(x)
    inner.__doc__ = f.__doc__
    inner.__name__ = f.__name__
    return inner
def loud(f):
    @functools.wraps(f)
    def inner(x):
        print(f.__name__)
        return f(x)
    return inner
def typed(f): return f
''',
        (
            ('"""Helps."""', '"""Aids."""', "doc"),
            ("typed2(x: str)", "typed2(x: bytes)", "types"),
            ('"""Decorated."""', '"""Other."""', ""),
            ("decorated(x: float)", "decorated(x)", ""),
            ('"""Shouted."""', '"""Other."""', ""),
            ("value = 1", "value = 2", "plugins"),
        ),
    ),
    Project(
        "how stages are registered",
        """
--- pipeline.py
from pivot_core import Pipeline
import more
CACHE = {}
RATES = [1, 2]
def st_one(x):
    CACHE[x] = 1
    return helper(x)
def st_two(x): return CACHE
def st_rates(x): return RATES
def helper(x): return 'helper'
def make():
    made = Pipeline("made")
    made.register(st_one, name="a")
    return made
def fill(p):
    p.register(st_one, params={"x": 1})
    p.register(st_two, outs=RATES)
pipeline = make()
fill(pipeline)
more.fill(pipeline, st_one)
for rate in RATES:
    pipeline.register(st_one, variant=rate)
stages = [st_one, st_two]
for stage in stages:
    pipeline.register(stage)
pipeline.include(more.pipeline)
--- more.py
from pivot_core import Pipeline
pipeline = Pipeline("more")
def fill(p, function): p.register(function, name='more')
""",
        (
            ("return 'helper'", "return 0", "one"),
            ("CACHE[x] = 1", "CACHE[x] = 2", "one"),
            ("CACHE = {}", "CACHE = dict()", "one two"),
            ("RATES = [1, 2]", "RATES = [1, 3]", "rates"),
            ('name="a"', 'name="b"', ""),
            ('{"x": 1}', '{"x": 2}', ""),
            ("'more'", "'less'", ""),
            ("variant=rate", "name=rate", ""),
            ("[st_one, st_two]", "[st_two, st_one]", ""),
            ("pipeline.include(more.pipeline)\n", "", ""),
        ),
    ),
    Project(
        "modules that load others late",
        """
--- pipeline.py
import pkg
import loader
def st_lazy(x): return pkg.make(x)
def st_named(x): return loader.by_name(x)
def st_none(x): return x
--- pkg/__init__.py
import importlib
def __getattr__(name):
    return getattr(importlib.import_module(f".{name}_part", __name__), name)
--- pkg/make_part.py
def make(x): return 'make'
--- loader.py
from importlib import import_module
def by_name(x): return import_module("extra.{}".format(x)).go()
--- extra/a.py
def go(): return 'extra'
""",
        (
            ("return 'make'", "return 0", "lazy"),
            ("return 'extra'", "return 0", "named"),
        ),
    ),
)
CASES = [
    pytest.param(project, *edit, id=f"{project.name}: {edit[0][:40]} > {edit[1][:40]}")
    for project in PROJECTS
    for edit in project.edits
]


def files_of(text: str) -> dict[str, str]:
    files = dict[str, str]()
    for block in text.split("--- ")[1:]:
        name, _, content = block.partition("\n")
        files[name.strip()] = content
    return files


def write(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def a_stage(function: str, module: str = "pipeline", base: str = "") -> Stage:
    ref = FunctionRef(base, module, function, HERE)
    return Stage(StageName(function), ref, (), (), {}, "params", "", None, (), None, 0, HERE)


def stages_in(files: dict[str, str]) -> Iterator[str]:
    for node in ast.parse(files["pipeline.py"]).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("st_"):
            yield node.name


def digests(root: Path, files: dict[str, str]) -> dict[str, str]:
    write(root, files)
    analyser = Analyser(str(root))
    return {name: analyser.analyse(a_stage(name)).fingerprint.digest for name in stages_in(files)}


@pytest.mark.parametrize(("project", "old", "new", "changed"), CASES)
def test_an_edit_changes_exactly_the_stages_that_reach_it(
    project: Project, old: str, new: str, changed: str, tmp_path: Path
) -> None:
    files = files_of(project.text)
    before = digests(tmp_path, files)
    edited = [name for name, content in files.items() if old in content]
    assert len(edited) == 1, f"{old!r} stands in {edited}"
    assert files[edited[0]].count(old) == 1
    files[edited[0]] = files[edited[0]].replace(old, new)

    after = digests(tmp_path, files)

    assert {name for name in before if before[name] != after[name]} == {
        f"st_{name}" for name in changed.split()
    }


@pytest.mark.parametrize("project", PROJECTS, ids=[project.name for project in PROJECTS])
def test_rewriting_a_whole_project_changes_no_stage(project: Project, tmp_path: Path) -> None:
    files = files_of(project.text)
    before = digests(tmp_path, files)
    rewritten = {
        name: "# rewritten\n" + ast.unparse(ast.parse(text)) for name, text in files.items()
    }
    assert digests(tmp_path, rewritten) == before
