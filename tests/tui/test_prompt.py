"""The line in which searches and filters are typed: what it hears, what it says, and who gets the focus back."""

from typing import override

from textual.app import ComposeResult
from textual.widget import Widget

from pivot_tui import theme
from pivot_tui.spans import plain
from pivot_tui.widgets.painting import Inked, Lines
from pivot_tui.widgets.prompt import Prompt


class _Panel(Widget, can_focus=True):
    def __init__(self) -> None:
        super().__init__()
        self.prompt = Prompt(self)
        self.heard: list[Prompt.Changed | Prompt.Ended] = []

    @override
    def compose(self) -> ComposeResult:
        yield self.prompt

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        self.heard.append(event)
        self.prompt.note(f"{len(event.words)} typed")

    def on_prompt_ended(self, event: Prompt.Ended) -> None:
        self.heard.append(event)


class _Host(Inked):
    CSS_PATH = "../../pivot_tui/theme.tcss"

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(theme.DARK)
        self.theme = "pivot-dark"
        self.panel = _Panel()

    @override
    def compose(self) -> ComposeResult:
        yield self.panel


async def test_a_prompt_tells_what_is_typed_and_how_it_ends() -> None:
    app = _Host()
    async with app.run_test(size=(40, 6)) as pilot:
        panel = app.panel
        panel.prompt.ask("/")
        await pilot.press("a", "q", "enter")
        assert panel.heard == [
            Prompt.Changed("/", "a"),
            Prompt.Changed("/", "aq"),
            Prompt.Ended("/", "aq", accepted=True),
        ]
        assert app.focused is panel
        assert not panel.prompt.is_open
        panel.prompt.ask("/", "aq")
        await pilot.press("b")
        note = panel.prompt.query_one("#prompt-note", Lines)
        assert plain(note.lines[0]).strip() == "3 typed"
        await pilot.press("escape")
        assert panel.heard[-1] == Prompt.Ended("/", "aqb", accepted=False)
        assert app.focused is panel


async def test_what_was_accepted_comes_back_with_the_arrows() -> None:
    app = _Host()
    async with app.run_test(size=(40, 6)) as pilot:
        panel = app.panel
        for words in ("one", "two"):
            panel.prompt.ask("/")
            await pilot.press(*words, "enter")
        panel.prompt.ask("/")
        await pilot.press("up", "up", "enter")
        assert panel.heard[-1] == Prompt.Ended("/", "one", accepted=True)
        panel.prompt.ask("&")
        await pilot.press("up", "enter")
        assert panel.heard[-1] == Prompt.Ended("&", "", accepted=True)


async def test_leaving_a_prompt_accepts_it() -> None:
    app = _Host()
    async with app.run_test(size=(40, 6)) as pilot:
        panel = app.panel
        panel.prompt.ask("&")
        await pilot.press("x")
        panel.focus()
        await pilot.pause()
        assert panel.heard[-1] == Prompt.Ended("&", "x", accepted=True)
        assert not panel.prompt.is_open
