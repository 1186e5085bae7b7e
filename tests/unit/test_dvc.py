"""What a dvc.yaml says: templates, loops, junk, and the module that takes its place."""

import hashlib
import json
from pathlib import Path
from typing import cast

import pytest

from pivot_core.define.shell import Shell, lines_of
from pivot_core.dvc import definition, dvc_lock, template, translation
from pivot_core.dvc.definition import Definition
from pivot_core.dvc.template import Source, UnresolvedError
from pivot_core.model.ids import Json

SOURCES = [
    Source({"item": {"name": "small", "on": True}}, None),
    Source({"train": {"rate": 0.1, "layers": [8, 16], "deep": False}}, "params.yaml"),
]


def defined(root: Path, text: str, params: str = "") -> Definition:
    (root / "dvc.yaml").write_text(text)
    if params:
        (root / "params.yaml").write_text(params)
    return definition.read(str(root), "")


def run_module(root: Path, made: Definition) -> dict[str, Shell]:
    """Returns the commands of the module, as it is when it has been imported."""
    called = translation.names(made.stages)
    text = translation.module(made, called, is_tree=lambda path: path.endswith("dir"))
    values: dict[str, object] = {"__file__": str(root / "dvc_stages.py")}
    exec(compile(text, "dvc_stages.py", "exec"), values)
    named = translation.value_names(called, ())
    return {name: cast("Shell", values[named[name]]) for name in called}


def test_templates_are_filled_from_the_nearest_source() -> None:
    made = template.text("a ${item.name} ${ train.layers[1] } \\${x} $y", SOURCES)
    assert made.now == "a small 16 ${x} $y"
    assert template.value("${train.layers}", SOURCES) == ([8, 16], "params.yaml")
    assert template.value({"a": ["${item.on}"]}, SOURCES) == ({"a": [True]}, None)
    assert template.text("${item.on} ${train.deep}", SOURCES).now == "true false"


@pytest.mark.parametrize("raw", ["${nothing}", "${train}", "${train.layers}", "${}"])
def test_a_template_that_is_no_single_value_is_not_resolved(raw: str) -> None:
    with pytest.raises(UnresolvedError):
        template.text(raw, SOURCES)


COMMANDS = [
    "echo \"a\" 'b' \\\\ {c} $d é\t",
    'echo ${rate} {x} "${rate}"',
    "one\n  two ${rate}\n\nthree\n",
    "awk '{print $1 \"\\n\"}' <(cat x)",
    "echo ${flag}${name}",
]


def test_the_module_has_the_commands_of_the_file(tmp_path: Path) -> None:
    stages = {f"s {n}@x/{n}": {"cmd": [line, line]} for n, line in enumerate(COMMANDS)}
    stages |= {f"t{n}": {"cmd": line} for n, line in enumerate(COMMANDS)}
    text = json.dumps({"stages": stages})
    params = 'rate: 1.5\nflag: true\nname: "q\\"{}"\n'
    made = defined(tmp_path, text, params)
    expected = {each.name: tuple(line.now for line in each.commands) for each in made.stages}
    assert expected["t4"] == ('echo trueq"{}',)
    found = run_module(tmp_path, made)
    assert {name: lines_of(given) for name, given in found.items()} == expected
    assert found["t3"].executable == "bash"
    assert set(translation.names(made.stages).values()) >= {"s_0@x/0", "t0"}

    (tmp_path / "params.yaml").write_text("rate: 2\nflag: false\nname: n\n")
    assert lines_of(run_module(tmp_path, made)["t4"]) == ("echo falsen",)


def test_a_stage_says_all_that_its_entry_does(tmp_path: Path) -> None:
    text = """
vars: [{dir: out}]
stages:
  train:
    desc: Learns.
    wdir: src
    cmd: python train.py
    deps: [train.py, ../data/dir, http://x/y]
    params:
      - rate
      - gone
      - other.toml: [a]
      - whole.json:
    outs:
      - ../${dir}/m.bin: {cache: false, persist: true}
    metrics: [m.json]
    plots: [../p.csv]
    frozen: true
  far:
    cmd: echo
    outs: [../x]
metrics: [src/m.json, nowhere.json]
"""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/params.yaml").write_text("rate: 1")
    (tmp_path / "src/other.toml").write_text("a = 1")
    made = defined(tmp_path, text)
    given = run_module(tmp_path, made)["train"]
    assert (given.cwd, given.uncached) == ("src", ["out/m.bin"])
    assert given.deps == ["src/train.py", "data/dir/", "src/whole.json"]
    assert (given.outs, given.metrics, given.plots) == (["out/m.bin"], ["src/m.json"], ["p.csv"])
    assert given.params == {"src/params.yaml": ["rate"], "src/other.toml": ["a"]}
    notes = {(note.line, note.stage): note.text for note in made.notes}
    assert [text[:28] for _, text in sorted(notes.items())] == [
        "the dep 'http://x/y' is not ",
        "there is no 'gone' in 'src/p",
        "'../${dir}/m.bin' persists i",
        "is frozen: Pivot runs it lik",
        "the stage is left out: the o",
        "'nowhere.json' is shown, and",
    ]


def test_a_matrix_has_the_names_that_dvc_gives(tmp_path: Path) -> None:
    text = """
stages:
  fit:
    matrix: {size: [1, 2.5], kind: [{a: 1}, true]}
    cmd: echo ${item.size} ${key}
  each:
    foreach: {x: {n: 1}, y: {n: 2}}
    do: {cmd: "echo ${key} ${item.n}"}
"""
    names = [(each.name, each.commands[0].now) for each in defined(tmp_path, text).stages]
    assert names == [
        ("fit@1-kind0", "echo 1 1-kind0"),
        ("fit@1-true", "echo 1 1-true"),
        ("fit@2.5-kind0", "echo 2.5 2.5-kind0"),
        ("fit@2.5-true", "echo 2.5 2.5-true"),
        ("each@x", "echo x 1"),
        ("each@y", "echo y 2"),
    ]


JUNK: list[Json] = [
    None,
    [],
    {"stages": []},
    {"stages": {"a": None, "b": {"cmd": 1}, "c": {"foreach": 1}, "d": {"matrix": {"x": 1}}}},
    {"stages": {"a": {"cmd": "x", "deps": [1], "outs": {"a": 1}, "params": {"x": 1}}}, "vars": 7},
    {
        "stages": {"a": {"cmd": "x", "outs": [{"o": 1}, 3], "params": [None, {"p.py": 3}]}},
        "plots": [{"a": [1]}, 4],
    },
]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_left_out(tmp_path: Path, junk: Json) -> None:
    made = defined(tmp_path, json.dumps(junk))
    assert run_module(tmp_path, made).keys() <= {"a"}
    (tmp_path / "dvc.lock").write_text(json.dumps(junk))
    assert dvc_lock.stages(str(tmp_path), "").keys() <= {"a"}


def test_a_listing_that_leads_elsewhere_names_nothing(tmp_path: Path) -> None:
    objects = dvc_lock.Objects(str(tmp_path))
    entry = dvc_lock.Entry(path="x", md5="ab12.dir", hash="md5")
    listing = tmp_path / "files/md5/ab/12.dir"
    listing.parent.mkdir(parents=True)
    for path, is_sound in (("a/b", True), ("../b", False), ("/etc/b", False), (3, False)):
        listing.write_text(json.dumps([{"md5": "cd", "relpath": path}]))
        assert (objects.members(entry, "/project/x") is not None) == is_sound


def test_the_sum_of_a_text_from_before_dvc_3_knows_no_line_ends(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    objects = dvc_lock.Objects("")
    unix = hashlib.md5(b"one\ntwo\n", usedforsecurity=False).hexdigest()
    place = str(tmp_path / "a.txt")
    assert objects.holds(dvc_lock.Entry(path="a.txt", md5=unix), place)
    assert not objects.holds(dvc_lock.Entry(path="a.txt", md5=unix, hash="md5"), place)
