"""Projects of DVC that are taken over: nothing runs again, and what is left is named.

The projects below ``dvc/`` lie there as DVC left them.
"""

import hashlib
import json
import os
import tomllib
from pathlib import Path
from typing import cast

from pivot_core.cli.adoption_records import AdoptionRecord
from tests.cli.project import Project

PROJECTS = Path(__file__).parent / "dvc"


def lay_out(root: Path, name: str) -> Project:
    """Writes a project with DVC's cache, as far as it holds single files."""
    made = Project(root)
    files = cast("dict[str, str]", tomllib.loads((PROJECTS / f"{name}.toml").read_text()))
    for path, text in files.items():
        made.write(path, text)
        keep(made, text.encode())
    return made


def keep(project: Project, data: bytes, suffix: str = "") -> str:
    """Puts an object into DVC's cache and returns its name."""
    digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
    project.write(f".dvc/cache/files/md5/{digest[:2]}/{digest[2:]}{suffix}", data.decode())
    return digest + suffix


def adopted(project: Project, *arguments: str) -> AdoptionRecord:
    """Imports and returns what was told."""
    done = project.pivot("import-dvc", *arguments, "--json").ok()
    return cast("AdoptionRecord", json.loads(done.out))


def snapshot(root: Path) -> dict[str, bytes]:
    """Returns every file of a project but Pivot's own."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not {".pivot", ".home"}.intersection(path.parts)
    }


def ran(project: Project, *arguments: str) -> list[str]:
    """Runs what must run."""
    words = project.pivot("repro", *arguments).ok().words
    return sorted(name for name, word in words.items() if word == "ran")


def test_reviews_are_taken_over_and_run_when_what_counts_changes(tmp_path: Path) -> None:
    project = lay_out(tmp_path, "reviews")
    before = snapshot(tmp_path)
    told = adopted(project, "--dry-run")
    assert snapshot(tmp_path) == before
    assert not (tmp_path / ".pivot").exists()

    done = adopted(project)

    assert done == {**told, "is_done": True}
    assert [(each["name"], each["why"]) for each in (*done["stages"], *done["tracked"])] == [
        *((name, []) for name in ("prepare", "featurize", "train", "evaluate")),
        ("data/reviews.tsv", []),
    ]
    assert [(note["where"]["line"], note["text"][:18]) for note in done["notes"]] == [
        (52, "axes and looks of ")
    ]
    added = {"dvc_stages.py", "pivot.yaml", "data/reviews.tsv.pvt"}
    after = snapshot(tmp_path)
    assert after.keys() - before.keys() == added
    ours = {path for path in before if before[path] != after[path]}
    assert {os.path.basename(path) for path in ours} == {".gitignore"}
    assert ran(project) == []

    edits: list[tuple[str, str, str, list[str]]] = [
        ("params.yaml", "unused: 1", "unused: 2", []),
        ("params.yaml", "seed: 7", "seed: 8", ["evaluate"]),
        ("params.yaml", "rounds: 5", "rounds: 6", ["evaluate", "train"]),
        ("src/featurize.py", '"""Counts', '"""Tells', ["featurize"]),
    ]
    for path, old, new, expected in edits:
        assert old in project.read(path)
        project.write(path, project.read(path).replace(old, new))
        assert ran(project) == expected
    assert project.read("eval/note.txt") == "seed 8\n"


def test_stations_are_taken_over_but_for_what_is_named(tmp_path: Path) -> None:
    project = lay_out(tmp_path, "stations")
    tree = [
        {"md5": keep(project, project.read(f"data/extra/{name}").encode()), "relpath": name}
        for name in ("a.txt", "deep/b.txt")
    ]
    keep(project, json.dumps(tree).encode(), ".dir")
    for path in ("build/fit/north-max-1.json", "data/extra/a.txt", "data/extra/deep/b.txt"):
        (tmp_path / path).unlink()
    (tmp_path / "data/extra/deep").rmdir()
    (tmp_path / "data/extra").rmdir()
    project.write("src/fit.py", project.read("src/fit.py") + "# changed\n")
    project.write("data/north.txt", "3\n")

    done = adopted(project)

    left = {each["name"]: each["why"] for each in done["stages"] if each["why"]}
    fits = [f"fit@{a}-{b}-{c}" for a in ("north", "south") for b in ("max", "sum") for c in (1, 2)]
    assert left == {
        "clean@north": ["input 'data/north.txt' has changed"],
        **{name: ["input 'src/fit.py' has changed"] for name in fits},
        "stamp": ["dvc.lock does not record it"],
    }
    assert {each["name"]: each["why"] for each in done["tracked"]} == {
        "data/extra": [],
        "data/north.txt": ["'data/north.txt' has changed since"],
    }
    assert project.read("data/extra/deep/b.txt") == "b\n"
    assert project.read("build/fit/north-max-1.json") == "40.0"
    named = {(note["where"]["line"], note["stage"]): note["text"] for note in done["notes"]}
    words = {
        (6, "clean"): "`foreach` is unrolled with what 'params.yaml' holds now",
        (55, "report"): "'reports/title.txt' persists in DVC",
        (61, "stamp"): "is frozen",
        (62, "stamp"): "always runs in DVC",
        (63, "stamp"): "has `meta`",
        (66, ""): "artifacts of a model registry",
        (5, ""): "the remote 'other' (gs) has no counterpart",
    }
    assert {key: text[: len(words[key])] for key, text in named.items()} == words
    assert done["next"] == [
        f"pivot config set remotes.store {tmp_path}/remote/pivot",
        "pivot config set default_remote store",
    ]
    assert ran(project) == ["clean@north", *fits, "gather", "report", "stamp"]
    assert project.pivot("status").ok().out == "up to date: 13 stages\n"


def test_what_is_in_the_way_is_refused(tmp_path: Path) -> None:
    project = Project(tmp_path)
    refused = project.pivot("import-dvc")
    assert (refused.code, "no project of DVC" in refused.err) == (2, True)
    project.write(".dvc/config", "")
    project.write(
        "dvc.yaml", "stages:\n  a:\n    cmd: echo ${nothing}\n  b:\n    cmd: echo b > b\n"
    )
    project.write(
        "sub/dvc.yaml", "stages:\n  b:\n    cmd: cat ../b\n    deps: [../b]\n    frozen: [\n"
    )
    assert "sub/dvc.yaml:" in project.pivot("import-dvc").err
    project.write(
        "sub/dvc.yaml", "stages:\n  b:\n    cmd: cat ../b > c\n    deps: [../b]\n    outs: [c]\n"
    )
    project.write("pivot.yaml", "stages: {}\n")
    refused = project.pivot("import-dvc")
    assert (refused.code, "'pivot.yaml' is there already" in refused.err) == (2, True)
    assert not (tmp_path / "dvc_stages.py").exists()

    done = adopted(project, "--force")

    assert [each["name"] for each in done["stages"]] == ["b", "sub/b"]
    assert [note["text"] for note in done["notes"]] == [
        "the stage is left out: nothing is called '${nothing}'"
    ]
    project.write("b", "b\n")
    assert ran(project, "--all") == ["b", "sub/b"]
