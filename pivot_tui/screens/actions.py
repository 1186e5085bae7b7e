"""Owns the actions of the main screen that concern stages and runs, each named in the binding table."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

from textual.screen import Screen

from pivot_core.port import ArtifactPath, StageName, Status
from pivot_tui import format as fmt
from pivot_tui import refusals
from pivot_tui.arrangement import Sort
from pivot_tui.board import PROBLEMS, Board
from pivot_tui.feed import Feed
from pivot_tui.glyphs import LOOKS
from pivot_tui.keymap import Keymap
from pivot_tui.requests import Choice
from pivot_tui.screens.commands import Commands
from pivot_tui.screens.files import Files
from pivot_tui.screens.finder import Entry
from pivot_tui.screens.menu import Item, Menu
from pivot_tui.widgets.dag import DagView
from pivot_tui.widgets.painting import application
from pivot_tui.widgets.prompt import Prompt

_SORT_KEYS = "gntdl"
_STATE_KEYS = dict(
    zip(
        (
            *(Status.RUNNING, Status.FAILED, Status.BLOCKED, Status.QUEUED, Status.WAIT),
            *(Status.RAN, Status.RESTORED, Status.SAME, Status.CANCELLED, Status.STALE),
            Status.UNKNOWN,
        ),
        "rfbuwnemcs?",
        strict=True,
    )
)


class StageActions(Screen[None], inherit_bindings=False):
    """What keys do to the stages that are selected or marked."""

    def __init__(
        self, board: Board, feed: Feed, clock: Callable[[], float], keymap: Keymap
    ) -> None:
        super().__init__()
        self._board: Board = board
        self._keymap: Keymap = keymap
        self._dag: DagView = DagView(board, id="stages", classes="panel")
        self._prompt: Prompt = Prompt(self._dag)
        self._commands: Commands = Commands(self, board, feed, clock)
        self._files: Files = Files(self, board, feed, os.environ)

    def refusal(self, action: str) -> str:
        """Returns why an action makes no sense now; empty when it does."""
        return refusals.refusal(action, self._board, self._dag.selected, self._dag.chosen)

    # --- runs ---

    def action_run_menu(self, switch: str = "") -> None:
        """Opens the run menu for what is chosen."""
        self._commands.run_menu(self._dag.chosen, switch)

    def action_run_now(self, choice: str) -> None:
        """Runs a choice of the run menu."""
        self._commands.run_now(self._dag.chosen, Choice(choice))

    def action_again(self) -> None:
        """Repeats the last run choice on the selection; connects again when the engine is lost."""
        self._commands.again(self._dag.chosen)

    def action_cancel_stage(self) -> None:
        """Cancels what is chosen, once confirmed."""
        self._commands.cancel_stages(self._dag.chosen)

    def action_cancel_run(self) -> None:
        """Cancels the active run, else the last one queued, once confirmed."""
        self._commands.cancel_run()

    def action_watch(self) -> None:
        """Watches the whole pipeline, or no longer."""
        self._commands.watch()

    def action_watch_these(self) -> None:
        """Watches for what is chosen."""
        self._commands.watch_these(self._dag.chosen)

    def action_copy_command(self) -> None:
        """Copies what one would type for the last run choice."""
        self._files.copy(self._commands.command_line(self._dag.chosen))

    def action_detach(self) -> None:
        """Leaves; a run goes on."""
        application(self).exit()

    # --- files ---

    def action_edit(self) -> None:
        """Opens the source in the editor, at the mistake where the definition is broken; then it is loaded again."""
        place = refusals.broken_place(self._board)
        if place is not None:
            self._files.edit_at(*place)
            self._commands.look_at_edit()
        elif not self._refused("edit") and self._dag.selected is not None:
            self._files.edit(self._dag.selected)
            self._commands.look_at_edit()

    def action_open(self) -> None:
        """Opens an output."""
        if not self._refused("open") and self._dag.selected is not None:
            self._files.open(self._dag.selected)

    def action_copy_menu(self) -> None:
        """Asks what to copy of the stage."""
        if not self._refused("copy_menu") and self._dag.selected is not None:
            self._files.copy_menu(self._dag.selected)

    def action_sample(self) -> None:
        """Writes a sample pipeline where there is none."""
        if not self._refused("sample"):
            self._files.write_sample()
            self._commands.look_at_edit()

    def action_screenshot(self) -> None:
        """Saves the screen as a picture."""
        path = application(self).save_screenshot()
        self.notify(f"saved {path}", markup=False)

    # --- which stages are shown ---

    def action_problem(self, direction: int) -> None:
        """Selects the next stage that needs attention, or the next one found."""
        found = self._dag.problem(direction)
        if found is not None:
            self._dag.select(found)
        else:
            self._refused("problem")

    def action_look_for(self) -> None:
        """Opens the line in which names are looked for."""
        if not self._refused("look_for"):
            self._prompt.ask("/", self._dag.view.words)

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        """Narrows the stages while words are typed."""
        self._dag.look_for(event.words)
        found, total = len(self._dag.found), len(self._board.stages)
        self._prompt.note(f"{fmt.count(found)} of {fmt.count(total)}" if event.words else "")

    def on_prompt_ended(self, event: Prompt.Ended) -> None:
        """Keeps what was typed, or shows all stages again."""
        self._dag.look_for(event.words if event.accepted else "")

    def action_sort_menu(self) -> None:
        """Asks in what order the stages stand."""
        items = [Item(key, sort.value, sort) for key, sort in zip(_SORT_KEYS, Sort, strict=True)]
        now = list(Sort).index(self._dag.view.sort)

        def take(sort: Sort | None) -> None:
            if sort is not None:
                self._dag.narrow(replace(self._dag.view, sort=sort))

        application(self).push_screen(Menu("Sort stages", items, now), take)

    def action_state_menu(self) -> None:
        """Asks which states are shown."""
        board = self._board
        items = [Item("a", "all", frozenset[Status](), fmt.count(len(board.stages)))]
        number = sum(board.counts[status] for status in PROBLEMS)
        items.append(Item("p", "problems", frozenset(PROBLEMS), fmt.count(number)))
        for status, look in LOOKS.items():
            count = board.counts[status]
            refusal = "" if count else "none"
            label = f"{look.glyph} {look.word}"
            items.append(
                Item(_STATE_KEYS[status], label, frozenset({status}), fmt.count(count), refusal)
            )

        def take(statuses: frozenset[Status] | None) -> None:
            if statuses is not None:
                self._dag.narrow(replace(self._dag.view, statuses=statuses))

        application(self).push_screen(Menu("Show only", items), take)

    def places(self) -> list[Entry]:
        """Returns every stage and file as a place to go to."""
        return list(chain(self._stage_entries(), self._file_entries()))

    def _stage_entries(self) -> Iterator[Entry]:
        for row in self._board.rows:
            yield Entry(f"Go to stage {row.stage}", "", "stages", "", self._goer(row.stage))

    def _file_entries(self) -> Iterator[Entry]:
        told = set[ArtifactPath]()  # a file that two stages name belongs to the one that writes it
        for row in self._board.stages.values():
            for path in dict.fromkeys((*(out.path for out in row.outs), *row.deps)):
                if path not in told:
                    told.add(path)
                    yield Entry(f"Go to file {path}", "", "files", "", self._goer(row.name))

    def _goer(self, stage: StageName) -> Callable[[], None]:
        return lambda: self._dag.select(stage)

    def _refused(self, action: str) -> bool:
        """Says why not, where the action makes no sense now."""
        why = self.refusal(action)
        if why:
            self.notify(why, markup=False)
        return bool(why)
