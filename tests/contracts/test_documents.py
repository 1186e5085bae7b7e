"""Documents tell the truth: examples run, links lead somewhere, and nothing names a machine."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import click
import pytest

from pivot_core import yaml12
from pivot_core.cli import commands
from pivot_core.model import codec
from pivot_core.port import Published, Reply, rpc
from tests.contracts.sources import ROOT, documents, shown, texts
from tests.support import schemas

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def blocks(path: Path, *languages: str) -> Iterator[tuple[str, str]]:
    """Yields the blocks of a page that are written in one of the languages."""
    for language, text in BLOCK.findall(path.read_text()):
        if language in languages:
            yield language, text


@pytest.mark.parametrize("page", documents(), ids=shown)
def test_examples_can_be_parsed(page: Path) -> None:
    for language, text in blocks(page, "python", "json", "yaml", "bash"):
        match language:
            case "python":
                ast.parse(text)
            case "yaml":
                yaml12.load(text, aliases=True, name=shown(page))
            case "json":
                json.loads(f"[{','.join(text.splitlines())}]" if "\n{" in text else text)
            case _:
                subprocess.run(["sh", "-n"], input=text, text=True, check=True)


def test_the_lines_of_the_port_page_are_what_the_socket_carries() -> None:
    page = ROOT / "docs" / "architecture" / "port.md"
    lines = [line for _, text in blocks(page, "json") for line in text.splitlines()]
    assert len(lines) > 5
    for line in lines:
        data = json.loads(line)
        schemas.check("socket", data)
        if "result" in data:
            codec.from_json(cast("type[Reply]", Reply), data["result"])
        elif "error" in data:
            assert rpc.error_from(data["error"]).what == data["error"]["message"]
        elif data["method"] == rpc.EVENT:
            codec.from_json(Published, data["params"])
        else:
            request = rpc.read_request(line.encode())
            forms = {**rpc.COMMANDS, **rpc.QUERIES}
            if request.method in forms:
                codec.from_json(forms[request.method], request.params)
            else:
                assert request.method in (rpc.HELLO, rpc.SUBSCRIBE)


@pytest.mark.parametrize("page", documents(), ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [
        link
        for link in LINK.findall(page.read_text())
        if "://" not in link
        and not (page.parent / link.replace("%5B", "[").replace("%5D", "]")).exists()
    ]
    assert broken == []


def test_commands_that_documents_name_exist() -> None:
    group = commands.build()
    known = {*group.list_commands(click.Context(group)), "ui"}
    named = {
        f"{shown(page)}: pivot {verb}"
        for page in documents()
        for verb in re.findall(r"(?:^|`)pivot ([a-z][a-z-]*)", page.read_text(), re.MULTILINE)
        if verb not in known
    }
    assert named == set()


def test_targets_of_make_that_documents_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for page in documents():
        for target in re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE):
            assert f"\n{target}:" in makefile, shown(page)


def test_tests_that_documents_name_exist() -> None:
    for page in documents():
        named = re.findall(r"`(tests/\S+\.py)::(test_\w+)`", page.read_text())
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(), f"{shown(page)}: {name}"


def test_nothing_names_a_machine_or_an_index() -> None:
    """What belongs to one machine (its paths, its way to the package index) stays out of the repository."""
    machine = re.compile(
        r"(?<![\w.*-])/(?:root|work)\b|pypi\.[a-z]+/|files\.pythonhosted|index-url"
    )
    named = [
        f"{shown(path)}: {found[0]}"
        for path in texts()
        if path != Path(__file__) and (found := machine.search(path.read_text(errors="replace")))
    ]
    assert named == []


def test_the_lock_pins_each_requirement_with_hashes_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if not line.startswith(" ")]
    assert len(pins) > 50
    assert [pin for pin in pins if not re.match(r"[a-z0-9.-]+==\S+ ", pin)] == []
    assert [line for line in lines if "://" in line or " @ " in line] == []
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)
