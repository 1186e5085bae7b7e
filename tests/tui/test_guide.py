"""The pictures of the guide: drawn by the dashboard as it is, and a failure where they are stale."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pivot_tui.screens.run_menu import RunMenu
from tests.tui import scenes
from tests.tui.driving import opened

GUIDE = Path(__file__).parents[2] / "docs" / "guide"

type Shows = Callable[[str, str], bool]


@pytest.fixture
def shows(request: pytest.FixtureRequest) -> Shows:
    """Tells whether the guide has this picture under this name; ``--snapshot-update`` makes it so."""

    def compare(name: str, picture: str) -> bool:
        path = GUIDE / "images" / f"{name}.svg"
        if request.config.getoption("--snapshot-update"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(picture, encoding="utf-8")
        return path.read_text(encoding="utf-8") == picture

    return compare


async def test_the_picture_of_run(shows: Shows, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path), (100, 30)) as driver:
        assert shows("run", driver.picture)


async def test_the_picture_of_why(shows: Shows, tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("d")
        await driver.until(lambda: "WILL RUN" in driver.why_text)
        await driver.pilot.pause()
        assert shows("why", driver.picture)


async def test_the_picture_of_menu(shows: Shows, tmp_path: Path) -> None:
    port = scenes.port(scenes.a_run_in_progress(), tmp_path)
    async with opened(port, theme="pivot-light") as driver:
        await driver.press("r")
        menu = driver.app.screen
        assert isinstance(menu, RunMenu)
        await driver.until(lambda: len(menu.plans) == 6)
        await driver.pilot.pause()
        assert shows("menu", driver.picture)


def test_the_guide_shows_every_picture() -> None:
    text = (GUIDE / "dashboard.md").read_text(encoding="utf-8")
    names = sorted(path.name for path in (GUIDE / "images").iterdir())
    assert names
    assert all(f"(images/{name})" in text for name in names)
