"""Owns what all detail panels have in common: one stage at a time, nothing asked and nothing painted while hidden."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar, Protocol, override

from textual.widget import Widget

from pivot_core.frozen import frozen
from pivot_core.port import PivotError, Port, RunId, StageName, TransferKind, one_line
from pivot_tui import spans
from pivot_tui.board import Board, Dirty, Link
from pivot_tui.feed import Feed
from pivot_tui.keys import Scope
from pivot_tui.latest import Latest
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.page import Page, PageView

TICK = Dirty(tick=True)
_PATIENCE_S = 0.15
"""How long an answer may take before a panel says that it waits for one; most come within a frame."""


class Panel(Protocol):
    """What the main screen needs of a detail panel."""

    scope: ClassVar[Scope]

    @property
    def view(self) -> Widget:
        """The widget."""
        ...

    def select(self, stage: StageName) -> None:
        """Turns to another stage."""
        ...

    def update(self, dirty: Dirty) -> None:
        """Takes up what changed."""
        ...

    def reveal(self, on: bool) -> None:
        """Tells whether the panel is on screen."""
        ...

    def number(self, on: bool) -> None:
        """Shows the panel's key in its title, or not."""
        ...

    def tick(self) -> None:
        """Takes note that another second of a run has passed."""
        ...


class Host(Protocol):
    """What a panel can ask of the screen around it."""

    def say(self, words: str) -> None:
        """Says something in passing."""
        ...

    def copy(self, words: str) -> None:
        """Hands text to the terminal's clipboard."""
        ...

    def go_to(self, stage: StageName, panel: Scope) -> None:
        """Selects a stage and goes to a panel."""
        ...

    def open_attempt(self, run_id: RunId, number: int | None) -> None:
        """Goes to the log of one attempt of the selected stage, or to its reasons where it wrote none."""
        ...

    def run_menu(self, stage: StageName) -> None:
        """Opens the run menu for a stage."""
        ...

    def edit(self, path: str, line: int) -> None:
        """Opens a line of the project in the editor."""
        ...

    def open_file(self, path: str) -> None:
        """Opens a file of the project with what the desktop opens it with."""
        ...

    def transfer(self, kind: TransferKind) -> None:
        """Begins a transfer of what is marked, or of all."""
        ...

    def transfer_again(self) -> None:
        """Repeats the last transfer."""
        ...

    def transfer_list(self) -> None:
        """Lists what a transfer would move."""
        ...

    def cancel_transfer(self) -> None:
        """Cancels the transfer under way."""
        ...

    def paint(self, dirty: Dirty) -> None:
        """Draws what differs."""
        ...

    def hint(self) -> None:
        """Draws the keys of the focused panel: what they can do now may have changed."""
        ...


@frozen
class Desk:
    """What every panel works with."""

    board: Board
    feed: Feed
    clock: Callable[[], float]
    host: Host


class Paper(ABC):
    """A panel of lines; those that ask nothing of the engine say what is on the board."""

    scope: ClassVar[Scope]

    def __init__(self, desk: Desk) -> None:
        self.desk: Desk = desk
        self.board: Board = desk.board
        self.stage: StageName | None = None
        self._view: PageView = PageView(self.scope)
        self._is_shown: bool = False
        self._is_old: bool = True
        """Whether something changed while the panel was hidden."""

    # --- what a panel is made of ---

    @abstractmethod
    def page(self, cells: int) -> Page:
        """Returns what to show."""

    def title(self) -> str:
        """Returns the title beside the panel's name."""
        return one_line(self.stage) if self.stage is not None else ""

    def note(self) -> str:
        """Returns what stands at the lower right, in a few words."""
        return ""

    @abstractmethod
    def is_touched(self, dirty: Dirty) -> bool:
        """Tells whether a change concerns what is shown."""

    @property
    def actions(self) -> Mapping[str, Callable[[], None]]:
        """What the panel's own keys do."""
        return {}

    def refusal(self, action: str) -> str:
        """Returns why an action makes no sense now; empty when it does."""
        del action
        return ""

    # --- what is the same for all ---

    @property
    def view(self) -> PageView:
        """The widget."""
        return self._view

    def select(self, stage: StageName) -> None:
        """Turns to another stage."""
        self.stage = stage
        self.renew(keep_place=False)

    def update(self, dirty: Dirty) -> None:
        """Takes up what changed."""
        if self.is_touched(dirty):
            self.renew(keep_place=True)

    def reveal(self, on: bool) -> None:
        """Tells whether the panel is on screen: only then anything is asked or painted."""
        self._is_shown = on
        if on and self._is_old:
            self.renew(keep_place=True)

    def number(self, on: bool) -> None:
        """Shows the panel's key in its title, or not."""
        self._view.number(on)

    def tick(self) -> None:
        """Takes note that another second of a run has passed."""
        if self.is_touched(TICK):
            self.renew(keep_place=True)

    def act(self, action: str) -> None:
        """Carries out an action of the panel's own keys, or says why not."""
        why = self.refusal(action)
        if why:
            self.desk.host.say(why)
        else:
            self.actions[action]()

    def renew(self, *, keep_place: bool) -> None:
        """Draws again, now or once the panel is on screen."""
        self._is_old = not self._is_shown
        if self._is_shown:
            self.draw(keep_place=keep_place)

    def draw(self, *, keep_place: bool = True) -> None:
        """Draws what is known."""
        self._view.show(self.title(), self.note(), self.page, keep_place)


class Asking[T](Paper, ABC):
    """A panel that shows an answer of the engine; one that comes after another stage was selected is dropped."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.found: T | None = None
        """The answer for the stage; ``None`` while it is awaited."""
        self.trouble: str = ""
        """Why there is no answer."""
        self._is_turning: bool = False
        """Whether the stage that was selected before is still shown, until there is an answer."""
        self._latest: Latest[StageName] = Latest(self._ask, self.view.run_worker)

    @abstractmethod
    async def ask(self, port: Port, stage: StageName) -> T:
        """Asks for what the panel shows of ``stage``."""

    @override
    def is_touched(self, dirty: Dirty) -> bool:
        return dirty.plan or self.stage in dirty.stages

    @override
    def select(self, stage: StageName) -> None:
        self.found, self.trouble = None, ""
        self._is_turning = True
        super().select(stage)

    @override
    def renew(self, *, keep_place: bool) -> None:
        asks = self._is_shown and self.stage in self.board.stages
        if asks and self.stage is not None and self.board.link is Link.ATTACHED:
            if not self._is_turning:
                super().renew(keep_place=keep_place)
            elif not keep_place:
                self.view.set_timer(_PATIENCE_S, self._wait)
            self._latest.want(self.stage)
        else:
            super().renew(keep_place=keep_place)

    def _wait(self) -> None:
        """Says that an answer is awaited, unless it has come."""
        if self._is_turning:
            self.draw(keep_place=False)

    @override
    def draw(self, *, keep_place: bool = True) -> None:
        super().draw(keep_place=keep_place and not self._is_turning)
        self._is_turning = False

    def missing(self) -> list[Line]:
        """Returns what stands in the place of an answer."""
        if self.trouble:
            return [spans.text(f" {self.trouble}", Paint.STALE)]
        if self.board.link is Link.LOST:
            return [spans.text(" no engine to ask", Paint.MUTED)]
        return [spans.text(" looking…" if self.stage is not None else "", Paint.MUTED)]

    async def _ask(self, stage: StageName) -> None:
        found, trouble = None, ""
        try:
            found = await self.ask(self.desk.feed.port, stage)
        except PivotError as error:
            trouble = one_line(error.what)
        except OSError:
            return  # the banner says that the engine is gone; the panel keeps what it has
        if stage == self.stage and stage in self.board.stages:
            self.found, self.trouble = found, trouble
            self.draw()
            self.desk.host.hint()
