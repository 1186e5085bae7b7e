"""Versions of installed packages: they count only where the settings say so."""

import importlib.metadata
from pathlib import Path

from pivot_core.engine.origin import Installed
from pivot_core.model.decision import CodeChanged, Edit, headline
from pivot_core.model.ids import ContentHash
from tests.support.project import Project

DEFINITION = """
import plain

def parsed() -> Annotated[str, Out("parsed.txt", Text())]:
    import yaml
    return yaml.safe_load("word")

pipeline.register(parsed)
pipeline.register(plain.plain)
"""
PLAIN = """
from typing import Annotated

from pivot_core import Out, Text

def plain() -> Annotated[str, Out("plain.txt", Text())]:
    return "plain"
"""


async def test_packages_count_where_the_settings_say_so(tmp_path: Path) -> None:
    project = Project(tmp_path, DEFINITION)
    project.put("plain.py", PLAIN)
    lock = tmp_path / ".pivot/stages/parsed.lock"
    async with project.live() as live:
        assert (await live.run()).ran == ["parsed", "plain"]
    assert "<package>" not in lock.read_text()

    project.put(".pivot/config.yaml", "fingerprint: {packages: rerun}\n")
    async with project.live() as live:
        ended = await live.run()
        assert ended.final == {"parsed": "ran", "plain": "same"}
        (reason,) = ended.states["parsed"].reasons
        assert headline(reason) == "package added: PyYAML"
        assert (await live.run()).ran == []
    assert '"<package>:PyYAML":' in lock.read_text()
    async with project.live() as live:
        assert (await live.run()).ran == []
        project.put(".pivot/config.yaml", "")
        assert (await live.run()).final == {"parsed": "restored", "plain": "same"}


def test_modules_are_looked_up_by_the_package_that_gives_them() -> None:
    found = Installed().versions(["yaml.nodes", "xxhash", "os", "no_such_module"])
    assert found == {name: importlib.metadata.version(name) for name in ("PyYAML", "xxhash")}


def test_a_changed_version_is_told_in_a_few_words() -> None:
    reason = CodeChanged("<package>:PyYAML", Edit.CHANGED, None, ContentHash("1"), ContentHash("2"))
    assert headline(reason) == "package changed: PyYAML"
