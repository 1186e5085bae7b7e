"""Every example of the guide is a sound project."""

import re
from pathlib import Path

import pytest

from tests.support import loading

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "pipelines.md"
BLOCK = re.compile(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> dict[str, dict[str, str]]:
    """Returns the files of each section that has any."""
    sections = GUIDE.read_text().split("\n## ")
    found = {section.partition("\n")[0]: dict(BLOCK.findall(section)) for section in sections}
    return {title: files for title, files in found.items() if files}


@pytest.mark.parametrize("title", examples())
def test_an_example_of_the_guide_loads(tmp_path: Path, title: str) -> None:
    assert loading.stages(tmp_path, examples()[title])


def test_the_guide_names_the_variants_of_its_matrix(tmp_path: Path) -> None:
    names = loading.stages(tmp_path, examples()["pivot.yaml"])
    said = GUIDE.read_text().partition("This makes ")[2].partition(".\n")[0]
    assert re.findall(r"`([^`]+)`", said) == list(names)


def test_the_guide_tells_all_loaders_and_markers() -> None:
    import pivot_core

    text = GUIDE.read_text()
    assert not [name for name in pivot_core.__all__ if name not in text]
