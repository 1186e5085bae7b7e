"""The normal form of a statement: what shows in it and what does not."""

import ast
import dataclasses
import importlib.util
import io
import tokenize
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pivot_core.fingerprint.form import Detail, Form
from pivot_core.fingerprint.normalize import normalise
from pivot_core.fingerprint.source import Source, parse

LIBRARY = (
    "argparse",
    "ast",
    "asyncio.tasks",
    "bisect",
    "calendar",
    "collections",
    "configparser",
    "contextlib",
    "csv",
    "dataclasses",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "heapq",
    "inspect",
    "ipaddress",
    "json.decoder",
    "logging",
    "pathlib",
    "pickle",
    "re",
    "shlex",
    "statistics",
    "string",
    "textwrap",
    "tokenize",
    "typing",
    "unittest.mock",
)
"""Modules with all kinds of syntax, written by many hands."""


def form(text: str, detail: Detail = Detail.NONE) -> Form:
    return normalise([ast.parse(text).body[-1]], {"helper": [], "other": [], "K": []}, detail)


def forms(source: Source) -> list[tuple[frozenset[str], Form]]:
    return [(unit.binds, at_no_line(unit.form())) for unit in source.units]


def at_no_line(found: Form) -> Form:
    """Leaves out the lines, which are there to be shown to people."""
    return dataclasses.replace(
        found,
        refs=tuple(dataclasses.replace(ref, line=0) for ref in found.refs),
        wild=tuple(dataclasses.replace(wild, line=0) for wild in found.wild),
        hides=tuple((what, depth, 0) for what, depth, _ in found.hides),
        observes=tuple((what, depth, 0) for what, depth, _ in found.observes),
    )


def library_source(name: str) -> str:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def parsed(text: str) -> Source:
    return parse("module.py", text.encode(), "module.py")


SAME = {
    "formatting": (
        "def f(a,b):\n  return a+b",
        "def f(\n    a,\n    b,\n):\n    return (a + b)  # sum",
    ),
    "quotes": ("x = 'a' \"b\"", "x = '''ab'''"),
    "numbers": ("x = 0xff + 1_000", "x = 255 + 1000"),
    "f-strings": ("x = f'a{K}b' 'c'", 'x = f"a{K}bc"'),
    "docstring": ('def f():\n    """A."""\n    return 1', "def f():\n    return 1"),
    "only a docstring": ('class C:\n    """A."""', "class C: pass"),
    "strings as comments": ("def f():\n    'note'\n    ...\n    return 1", "def f(): return 1"),
    "annotations": ("def f(a: int, *b: str) -> bool: return a", "def f(a, *b): return a"),
    "annotated constant": ("x: int = 1", "x = 1"),
    "annotated local": (
        "def f():\n    x: int\n    y: str = 1\n    return y",
        "def f():\n    y = 1\n    return y",
    ),
    "local names": ("def f(a):\n    x = a\n    return x", "def f(a):\n    y = a\n    return y"),
    "loop variables": ("def f(a): return [x for x in a]", "def f(a): return [y for y in a]"),
    "handler names": (
        "def f():\n    try: helper()\n    except E as e: return e",
        "def f():\n    try: helper()\n    except E as error: return error",
    ),
    "captures": (
        "def f(a):\n    match a:\n        case [x, *y]: return x, y",
        "def f(a):\n    match a:\n        case [p, *q]: return p, q",
    ),
    "names of closures": (
        "def f():\n    n = 1\n    def g():\n        nonlocal n\n        n += 1\n        return n\n    return g",
        "def f():\n    k = 1\n    def g():\n        nonlocal k\n        k += 1\n        return k\n    return g",
    ),
    "the name of the function": ("def f(a): return a", "def g(a): return a"),
    "the name of the constant": ("A = helper(1)", "B = helper(1)"),
    "import in a function": (
        "def f():\n    import json\n    return json.dumps",
        "def f():\n    from json import dumps\n    return dumps",
    ),
    "unused import in a function": ("def f():\n    import json\n    return 1", "def f(): return 1"),
    "type parameters": ("def f[T](a: T) -> T: return a", "def f(a): return a"),
}
OTHER = {
    "operator": ("def f(a): return a + 1", "def f(a): return a - 1"),
    "operands": ("def f(a, b): return a - b", "def f(a, b): return b - a"),
    "grouping": ("def f(a, b, c): return a - (b - c)", "def f(a, b, c): return a - b - c"),
    "constant": ("x = 1", "x = 2"),
    "type of constant": ("x = 1", "x = True"),
    "text or bytes": ("x = 'a'", "x = b'a'"),
    "integer or float": ("x = 1", "x = 1.0"),
    "default": ("def f(a=1): return a", "def f(a=2): return a"),
    "parameter name": ("def f(a): return a", "def f(b): return b"),
    "kind of parameter": ("def f(a): return a", "def f(*, a): return a"),
    "async": ("def f(): return 1", "async def f(): return 1"),
    "attribute": ("def f(a): return a.x", "def f(a): return a.y"),
    "keyword": ("def f(): return helper(a=1)", "def f(): return helper(b=1)"),
    "which local": (
        "def f(a):\n    x, y = a\n    return x",
        "def f(a):\n    x, y = a\n    return y",
    ),
    "names that locals() shows": (
        "def f(a):\n    x = a\n    return locals()",
        "def f(a):\n    y = a\n    return locals()",
    ),
    "what f= shows": (
        "def f(a):\n    x = a\n    return f'{x=}'",
        "def f(a):\n    y = a\n    return f'{y=}'",
    ),
    "local or global": ("def f():\n    K = 1\n    return K", "def f():\n    x = 1\n    return K"),
    "class annotation": ("class C:\n    x: int = 1", "class C:\n    x: str = 1"),
    "class attribute": ("class C:\n    x = 1", "class C:\n    y = 1"),
    "name of a class": ("class C: pass", "class D: pass"),
    "method name": ("class C:\n    def a(self): pass", "class C:\n    def b(self): pass"),
    "decorator": ("@helper\ndef f(): pass", "def f(): pass"),
    "order of statements": ("def f(a):\n    a.x()\n    a.y()", "def f(a):\n    a.y()\n    a.x()"),
    "branch": ("def f(a):\n    if a: return 1", "def f(a):\n    if not a: return 1"),
    "else": (
        "def f(a):\n    for x in a: pass",
        "def f(a):\n    for x in a: pass\n    else: return 1",
    ),
    "import that may fail": (
        "def f():\n    try: import json\n    except ImportError: return 1",
        "def f():\n    try: import jsonx\n    except ImportError: return 1",
    ),
    "star": ("def f(a): return helper(a)", "def f(a): return helper(*a)"),
    "conversion": ("x = f'{K}'", "x = f'{K!r}'"),
    "format": ("x = f'{K:>2}'", "x = f'{K:>3}'"),
}


def meaning(found: Form) -> tuple[str, tuple[str, ...]]:
    """What the digest is made of: the hash, and what fills the gaps."""
    filled = [
        ".".join(
            [
                *(f"{t.module}.{t.name}" if t.name else t.module for t in r.chain.imports),
                *r.chain.names,
            ]
        )
        for r in found.refs
    ]
    return found.hash, tuple(filled)


@pytest.mark.parametrize("case", SAME)
def test_what_does_not_count_does_not_show(case: str) -> None:
    first, second = (meaning(form(text)) for text in SAME[case])
    assert first == second


@pytest.mark.parametrize("case", OTHER)
def test_what_counts_shows(case: str) -> None:
    first, second = (meaning(form(text)) for text in OTHER[case])
    assert first != second


@pytest.mark.parametrize(
    ("detail", "first", "second"),
    [
        (Detail.NAMES, "def f(): pass", "def g(): pass"),
        (Detail.ANNOTATIONS, "def f(a: int): pass", "def f(a: str): pass"),
        (Detail.ANNOTATIONS, "def f() -> 'helper': pass", "def f() -> 'other': pass"),
        (Detail.DOCS, "def f():\n    'a'", "def f():\n    'b'"),
        (Detail.DOCS, "class C:\n    'a'", "class C:\n    'b'"),
    ],
)
def test_details_show_when_they_are_asked_for(detail: Detail, first: str, second: str) -> None:
    assert meaning(form(first, detail)) != meaning(form(second, detail))


def test_a_global_leaves_a_gap_that_its_name_fills() -> None:
    first, second = form("def f(a): return helper(a)"), form("def f(a): return other(a)")
    assert first.hash == second.hash
    assert [ref.chain.names for ref in first.refs] == [("helper",)]


def test_references_know_how_many_calls_away_they_are() -> None:
    found = form("@K(1)\ndef f(a=helper(1)):\n    def g(): return other(1)\n    return g")
    assert {(ref.chain.names[0], ref.depth, ref.calls) for ref in found.refs} == {
        ("K", 0, 2),
        ("helper", 0, 1),
        ("other", 2, 1),
    }


def test_a_huge_integer_has_a_form() -> None:
    assert form(f"x = 0x{'f' * 9000}") != form(f"x = 0x{'e' * 9000}")


@pytest.mark.parametrize("name", LIBRARY)
def test_rewriting_a_module_keeps_every_form(name: str) -> None:
    text = library_source(name)
    assert forms(parsed(ast.unparse(ast.parse(text)))) == forms(parsed(text))


@given(name=st.sampled_from(LIBRARY), data=st.data())
@settings(max_examples=15, deadline=None)
def test_comments_and_blank_lines_keep_every_form(name: str, data: st.DataObject) -> None:
    text = library_source(name)
    lines = text.splitlines(keepends=True)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    ends = sorted({token.end[0] for token in tokens if token.type == tokenize.NEWLINE})
    chosen = data.draw(st.lists(st.sampled_from(ends), max_size=20, unique=True))
    comment = data.draw(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), max_size=20))
    for end in sorted(chosen, reverse=True):
        bare = lines[end - 1].rstrip("\n")
        lines[end - 1] = f"{bare}  #{comment.replace(chr(0x85), '')}\n\n   # {name}\n"
    assert forms(parsed("".join(lines))) == forms(parsed(text))
