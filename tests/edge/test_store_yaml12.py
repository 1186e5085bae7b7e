"""The YAML reader."""

import contextlib
import itertools
import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core import yaml12


def load(text: str | bytes) -> object:
    return yaml12.load(text, aliases=True, name="x.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("on", "on"),
        ("yes", "yes"),
        ("2024-01-01", "2024-01-01"),
        ("1:30", "1:30"),
        ("0o17", 15),
        ("0x1F", 31),
        ("017", 17),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("-.5", -0.5),
        ("+12e03", 12000.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("~", None),
        ("", None),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("!!float 1", 1.0),
        ("!!float '1'", 1.0),
        ("! 1", "1"),
        ("TRUE", True),
        ("tRUE", "tRUE"),
        ("{a: , b: [x, ]}", {"a": None, "b": ["x"]}),
        ("1: a\ntrue: b\nnull: c", {"1": "a", "true": "b", "null": "c"}),
        ("{}", {}),
        ("[]", []),
        ("a: |\n  x\n  1\n", {"a": "x\n1\n"}),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    found = load(text)
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(load(".nan"))  # pyright: ignore[reportArgumentType] a float


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "'a' stands here twice"),
        ("a: 1\nb: [\n", 3, "did not find expected node content"),
        ("a: 1\n---\nb: 2\n", 2, "a second document"),
        ("a:\n  !!python/object/apply:os.system [x]\n", 2, "is not known here"),
        ("a: !!binary aGk=\n", 1, "is not known here"),
        ("a: !!int x\n", 1, "is not known here"),
        ("a: 1\nb: *c\n", 2, "no anchor 'c'"),
        ("a: &a [*a]\n", 1, "no anchor 'a'"),
        ("a: 1\n? [x]\n: 1\n", 2, "a list or mapping as a key"),
        ("a: &x 1\n*x : 2\n", 2, "an alias as a key"),
        ("&x a: 1\n", 1, "an anchor on a key"),
        ("a: 1\nb: \x07\n", 2, "a character that YAML does not allow"),
        ("a: 1\n<<: 3\n", 2, "'<<' takes mappings"),
        ("a: " + "9" * 5000, 1, "an integer of too many digits"),
        ("<<<<<<< HEAD\na: 1\n=======\na: 2\n>>>>>>> x\n", 2, ""),
        (b"a: 1\nb: \xff\n", 2, "not valid UTF-8"),
        ("a: 1\nb: \ud800\n", 2, "not valid UTF-8"),
        ("[" * 100_000, 1, "nested more than 64 deep"),
        ("{a: " * 100_000, 1, "nested more than 64 deep"),
        ("- " * 100_000, 1, "nested more than 64 deep"),
        ("a: " + "x" * yaml12.MAX_BYTES, 1, "larger than 10 MB"),
    ],
    ids=itertools.count(),
)
def test_what_is_wrong_is_named_with_its_line(text: str | bytes, line: int, problem: str) -> None:
    started = time.process_time()
    with pytest.raises(yaml12.YamlError) as caught:
        load(text)
    assert (caught.value.line, caught.value.name) == (line, "x.yaml")
    assert problem in caught.value.problem
    assert time.process_time() - started < 5


def test_aliases_and_merges_are_for_who_allows_them() -> None:
    text = "base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\nlist: [*b]\nboth: {<<: [*b, {z: 4}]}\n"
    base = {"x": 1, "y": 2}
    assert load(text) == {
        "base": base,
        "more": {"y": 3, "x": 1},
        "list": [base],
        "both": {"x": 1, "y": 2, "z": 4},
    }
    with pytest.raises(ValueError, match=r"^f:1: anchors and aliases are not allowed here$"):
        yaml12.load(text, aliases=False, name="f")


def test_aliases_that_multiply_are_refused() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    with pytest.raises(ValueError, match="aliases bring more than 10,000 values"):
        load(bomb)


def test_a_merge_key_is_a_plain_key_without_aliases() -> None:
    assert yaml12.load("<<: {a: 1}", aliases=False, name="f") == {"<<": {"a": 1}}


def test_lines_lead_to_keys_and_items() -> None:
    text = "# note\na:\n  b: 1\n  c:\n    - x\n    - y: 2\n\nd: {e: 3}\n"
    document = yaml12.parse(text, aliases=False, name="f")
    assert document.value == {"a": {"b": 1, "c": ["x", {"y": 2}]}, "d": {"e": 3}}
    assert document.line(("a",)) == 2
    assert document.line(("a", "b")) == 3
    assert document.line(("a", "c", 1)) == 6
    assert document.line(("a", "c", 1, "y")) == 6
    assert document.line(("d", "e")) == 8
    assert document.line(("a", "b", "nothing", "below")) == 3
    assert document.line(("nowhere",)) == 2


TEXT = st.text("aé\n\"'#:-{}[]& *!|>%@`0e.~x", max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_what_json_writes_is_read_back(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False).replace("Infinity", ".inf")
    assert load(text) == value


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_gives_a_value_or_a_yaml_error(text: str | bytes) -> None:
    with contextlib.suppress(yaml12.YamlError):
        load(text)
