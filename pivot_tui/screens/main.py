"""Owns the main screen: puts board values into the panels and tells the parts which key was meant for them."""

from collections.abc import Callable
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widget import Widget

from pivot_core.port import Level, RunId, StageName, Status, TransferKind, one_line
from pivot_tui import format as fmt
from pivot_tui import frame, keys, theme, watch
from pivot_tui.board import Board, Dirty, Link
from pivot_tui.feed import Feed
from pivot_tui.frame import Frame, Shape, Zoom
from pivot_tui.keymap import DEFAULT, Keymap
from pivot_tui.keys import DETAILS, PANELS, Key, Scope
from pivot_tui.panels import PAPERS
from pivot_tui.panels.attempts import Attempts
from pivot_tui.panels.panel import Desk, Panel, Paper
from pivot_tui.panels.remotes import Remotes
from pivot_tui.panels.why import Why
from pivot_tui.progress import Progress
from pivot_tui.screens.actions import StageActions
from pivot_tui.screens.courier import Courier
from pivot_tui.screens.diagnostics import Diagnostics
from pivot_tui.screens.edges import Edges
from pivot_tui.screens.finder import Entry, Finder
from pivot_tui.screens.logs import Logs
from pivot_tui.screens.runs import Runs
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.body import Body
from pivot_tui.widgets.dag import DagView
from pivot_tui.widgets.log import LogView
from pivot_tui.widgets.page import PageView
from pivot_tui.widgets.painting import Lines, application

_FOOTER_FROM = 15
"""Lines of the terminal from which there is room for the footer."""

_BEGIN_WATCHED = (
    "Save one: it is loaded by itself · i writes a sample pipeline.py · ? lists every key"
)
_BEGIN = "i writes a sample pipeline.py · ctrl+l looks again · ? lists every key"


class MainScreen(StageActions, inherit_bindings=False):
    """The panels, the lines around them, and which panel is where."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.ALL)]

    def __init__(
        self,
        board: Board,
        feed: Feed,
        clock: Callable[[], float],
        keymap: Keymap = DEFAULT,
        frames: Callable[[], int] = int,
    ) -> None:
        """``frames`` tells how many frames were drawn so far, for the diagnostics."""
        super().__init__(board, feed, clock, keymap)
        self._clock: Callable[[], float] = clock
        self._feed: Feed = feed
        self._frames: Callable[[], int] = frames
        self._runs: Runs = Runs(self, board, feed, self)
        self._log: LogView = LogView(id="log", classes="panel")
        self._progress: Progress = Progress(board, feed, self.run_worker)
        desk = Desk(board, feed, clock, self)
        papers = [panel(desk) for panel in PAPERS]
        self._why: Why = next(panel for panel in papers if isinstance(panel, Why))
        self._logs: Logs = Logs(board, feed, self._log, self._why.turn_to)
        self._attempts: Attempts = next(panel for panel in papers if isinstance(panel, Attempts))
        self._remotes: Remotes = next(panel for panel in papers if isinstance(panel, Remotes))
        self._courier: Courier = Courier(self, board, feed, self._commands)
        details: tuple[Panel, ...] = (self._logs, *papers)
        self._details: dict[Scope, Panel] = {panel.scope: panel for panel in details}
        self._widgets: dict[Scope, Widget] = {Scope.STAGES: self._dag} | {
            scope: panel.view for scope, panel in self._details.items()
        }
        self._edges: Edges = Edges(board, clock, keymap)
        self._body: Body = Body(self._frame, self._widgets, self._edges.tabs)
        self._panel: Scope = Scope.STAGES
        self._tab: Scope = Scope.LOGS
        self._zoom: Zoom = Zoom.NORMAL
        self._stage: StageName | None = None
        """The stage that the panels show."""
        self._is_ready: bool = False

    @override
    def compose(self) -> ComposeResult:
        yield self._edges.header
        yield self._body
        yield self._prompt
        yield self._edges.banner
        yield self._edges.footer

    def on_mount(self) -> None:
        """Starts with the Stages panel, and ticks once a second for durations."""
        self._is_ready = True
        self.action_go(Scope.STAGES.value)
        self.set_interval(1.0, self._tick)
        self.paint(Dirty(plan=True, run=True, stages=set(self._board.stages)))

    # --- from the board to the panels ---

    def paint(self, dirty: Dirty) -> None:
        """Draws what differs; what comes before the panels are there is drawn by ``on_mount``."""
        if not self._is_ready:
            return
        if dirty.plan:
            self._dag.show_plan(self._no_stages())
        self._dag.set_class(bool(self._board.problems) or self._board.link is Link.LOST, "-old")
        self._dag.tick(self._clock(), dirty.stages)
        for panel in self._details.values():
            panel.update(dirty)
        self._edges.mention(dirty.events, self._surround)
        self._surround()
        self._commands.diary.take(dirty.events, self._board, self._clock())
        for notice in dirty.notices:
            severity = "warning" if notice.level is Level.WARNING else "information"
            where = f"\n{one_line(notice.where)}" if notice.where else ""
            self.notify(one_line(notice.message) + where, severity=severity, markup=False)

    def _surround(self) -> None:
        """Draws the lines around the panels."""
        if self._is_ready:
            self._edges.show(self.size.width, self._tab, self._shape)
            self.hint()

    def transfer(self, kind: TransferKind) -> None:
        """Begins a transfer of what is marked, or of all."""
        self._courier.begin(kind, self._travelling)

    def transfer_again(self) -> None:
        """Repeats the last transfer."""
        self._courier.again()

    def transfer_list(self) -> None:
        """Lists what a transfer would move."""
        self._courier.list(self._travelling)

    def cancel_transfer(self) -> None:
        """Cancels the transfer under way."""
        self._courier.cancel()

    def action_push(self) -> None:
        """Pushes what is marked, or all."""
        self.transfer(TransferKind.PUSH)

    def action_pull(self) -> None:
        """Pulls what is marked, or all."""
        self.transfer(TransferKind.PULL)

    def action_remote(self) -> None:
        """Asks which remote is meant from now on."""
        self._courier.choose()

    @property
    def _travelling(self) -> tuple[str, ...]:
        """What is marked where the focus is: paths in the Remote panel, else stages; nothing for all."""
        if self._panel is Scope.REMOTE:
            return self._remotes.marked
        return self._dag.chosen if self._dag.marked else ()

    def hint(self) -> None:
        """Draws the keys of the focused panel: what they can do now may have changed."""
        self._edges.hint(self.size.width, self._panel, self._is_refused)

    def on_page_view_moved(self) -> None:
        """What a panel's keys can do may depend on where its cursor is."""
        self.hint()

    def _tick(self) -> None:
        if self._board.going is not None and self._board.link is Link.ATTACHED:
            self._progress.look()
            self._dag.tick(self._clock(), set(self._board.with_status(Status.RUNNING)))
            for panel in self._details.values():
                panel.tick()
            self._surround()

    def on_resize(self) -> None:
        """Shares the screen anew."""
        self._share()

    @property
    def _shape(self) -> Shape:
        return frame.shape(self.size.width, self.size.height)

    def _frame(self, cells: int, lines: int) -> Frame:
        """Returns the places of the panels in a body of this size."""
        stages = self._dag.virtual_size.height
        return frame.frame(self._shape, cells, lines, self._panel, self._tab, self._zoom, stages)

    def _share(self) -> None:
        """Gives every panel its place, and tells those that come and go."""
        if not self._is_ready:
            return
        places = self._frame(self.size.width, self.size.height)
        alone = places.between is None
        self._body.arrange_anew()
        self._edges.banner.display = self._shape is not Shape.TINY
        self._edges.footer.display = (
            self._shape is not Shape.TINY and self.size.height >= _FOOTER_FROM
        )
        for scope, panel in self._details.items():
            panel.number(alone)
            panel.reveal(scope in places.panels)
        self._surround()

    def _no_stages(self) -> list[str]:
        if self._board.link is Link.CONNECTING:
            return ["Connecting to the engine…"]
        if self._board.link is Link.LOST:
            return ["No engine; see below."]
        is_watched = self._board.watch is not None
        if self._board.problems:
            told = watch.LOADED_AGAIN.capitalize() if is_watched else _BEGIN
            return ["The pipeline cannot be loaded; see below.", told]
        if self._board.seq == 0:
            return ["Loading the pipeline…", _BEGIN]
        return [
            "No stages yet: a stage is a Python function with its files in its signature.",
            _BEGIN_WATCHED if is_watched else _BEGIN,
        ]

    def on_dag_view_selected(self, event: DagView.Selected) -> None:
        """Turns every panel to another stage."""
        self._turn_all(event.stage)

    def _turn_all(self, stage: StageName) -> None:
        """Turns every panel to a stage, unless they show it already."""
        if stage == self._stage:
            return
        self._stage = stage
        for panel in self._details.values():
            panel.select(stage)
        self._surround()

    def on_dag_view_opened(self) -> None:
        """A double click on a stage is the same as Enter."""
        self.action_logs()

    # --- panels ---

    def action_go(self, panel: str) -> None:
        """Puts the focus on a panel."""
        self._panel = Scope(panel)
        if self._panel in self._details:
            self._tab = self._panel
        self._share()
        self._widgets[self._panel].focus()

    def on_descendant_focus(self) -> None:
        """Keeps footer and zoom right when the mouse moved the focus."""
        for scope, widget in self._widgets.items():
            if widget is self.focused and scope is not self._panel:
                self.action_go(scope.value)

    def on_lines_clicked(self, event: Lines.Clicked) -> None:
        """Goes to the tab, or does what the hint says, under the pointer."""
        if event.lines is self._edges.tabs:
            tab = self._edges.tab_at(self._tab, event.x)
            if tab is not None:
                self.action_go(tab.value)
        elif event.lines is self._edges.footer:
            key = self._edges.key_at(self.size.width, self._panel, self._is_refused, event.x)
            if key is not None:
                self._perform(key)

    def action_cycle(self, by: int) -> None:
        """Goes to the next panel."""
        self.action_go(PANELS[(PANELS.index(self._panel) + by) % len(PANELS)].value)

    def action_turn(self, by: int) -> None:
        """Turns to the next tab; the focus stays with the stages where it was there."""
        tab = DETAILS[(DETAILS.index(self._tab) + by) % len(DETAILS)]
        if self._panel is Scope.STAGES:
            self._turn_to(tab)
        else:
            self.action_go(tab.value)

    def _turn_to(self, tab: Scope) -> None:
        """Brings a panel on screen; the focus stays where there is room for both."""
        self._tab = tab
        places = self._frame(self.size.width, self.size.height).panels
        if tab in places and self._panel in places:
            self._share()
        else:
            self.action_go(tab.value)

    def action_grow(self, by: int) -> None:
        """Lets the focused panel grow: normal, half, full."""
        self._zoom = Zoom(min(max(self._zoom.value + by, 0), len(Zoom) - 1))
        self._share()

    def action_back(self) -> None:
        """Goes one layer back: from marks and filters, from a grown panel, then to Stages."""
        if self._panel is Scope.STAGES and self._dag.back():
            return
        if self._panel is Scope.LOGS and self._log.back():
            return
        if self._panel in (Scope.LOGS, Scope.WHY) and self._why.is_past:
            self._logs.unpin()
            self._why.turn_to(None)
            return
        if self._zoom is not Zoom.NORMAL:
            self.action_grow(-len(Zoom))
        else:
            self.action_go(Scope.STAGES.value)

    def action_why(self) -> None:
        """Turns to the reasons."""
        self._turn_to(Scope.WHY)

    def action_act(self, action: str) -> None:
        """Hands a key of the focused panel's own to that panel."""
        panel = self._details.get(self._panel)
        if isinstance(panel, Paper):
            panel.act(action)

    def on_page_view_opened(self, event: PageView.Opened) -> None:
        """A double click on a line is the same as Enter."""
        self.action_go(event.scope.value)
        for key in keys.in_scope(event.scope):
            if "enter" in key.keys:
                self.action_act(key.action)

    @override
    def action_problem(self, direction: int) -> None:
        """Goes to the next match of a search in the log, else to the next stage that needs attention."""
        if not (self._panel is Scope.LOGS and self._log.next_match(direction)):
            super().action_problem(direction)

    def action_logs(self) -> None:
        """Goes to the log of the stage."""
        self.action_go(Scope.LOGS.value)

    # --- what panels ask for ---

    def say(self, words: str) -> None:
        """Says something in passing."""
        self.notify(words, markup=False)

    def copy(self, words: str) -> None:
        """Hands text to the terminal's clipboard."""
        application(self).copy_to_clipboard(words)
        self.say(f"copied: {one_line(words)}")

    def go_to(self, stage: StageName, panel: Scope) -> None:
        """Selects a stage and goes to a panel."""
        self._dag.select(stage)
        self.action_go(panel.value)

    def open_attempt(self, run_id: RunId, number: int | None) -> None:
        """Goes to the log of one attempt of the selected stage, or to its reasons where it wrote none."""
        if number is not None:
            self._logs.pin(run_id, number)
        else:
            self._why.turn_to(run_id)
        self.action_go((Scope.WHY if number is None else Scope.LOGS).value)

    def run_menu(self, stage: StageName) -> None:
        """Opens the run menu for a stage."""
        self._dag.select(stage)
        self._commands.run_menu((stage,), "")

    def edit(self, path: str, line: int) -> None:
        """Opens a line of the project in the editor."""
        self._files.edit_at(path, line)

    def open_file(self, path: str) -> None:
        """Opens a file of the project with what the desktop opens it with."""
        self._files.open_path(path)

    # --- runs ---

    def action_go_run(self) -> None:
        """Lists past runs to go to."""
        self._runs.go()

    def action_attach(self) -> None:
        """Lists the runs that go on or wait."""
        self._runs.attach()

    def action_compare_runs(self) -> None:
        """Asks for two runs to compare."""
        self._runs.compare()

    def show_attempt(self, stage: StageName, run_id: RunId, number: int | None) -> None:
        """Goes to a stage with the log and the reasons of one attempt."""
        self._dag.select(stage)
        self._turn_all(stage)
        self.open_attempt(run_id, number)

    def compare(self, stage: StageName, runs: tuple[RunId, RunId]) -> None:
        """Goes to what differs between a stage's attempts in two runs."""
        self._attempts.compare(stage, runs)
        self.go_to(stage, Scope.HISTORY)

    def watch_run(self) -> None:
        """Goes to what runs now, and to its log."""
        running = self._board.with_status(Status.RUNNING)
        if running:
            self._dag.select(running[0])
        self.action_logs()

    def action_search_all(self) -> None:
        """Searches the logs of all stages of the run."""
        self._logs.merge_all()
        self.action_logs()
        self._log.action_search()

    def action_diagnostics(self) -> None:
        """Shows how the dashboard itself fares."""
        application(self).push_screen(Diagnostics(self._board, self._feed, self._frames))

    # --- commands ---

    def _refusal(self, key: Key) -> str:
        panel = self._details.get(key.scope)
        if isinstance(panel, Paper):
            return panel.refusal(key.action)
        return self.refusal(key.action)

    def _is_refused(self, key: Key) -> bool:
        return bool(self._refusal(key))

    def action_redraw(self) -> None:
        """Draws everything again, and lets the engine look at every file again."""
        self._draw_all()
        self._commands.look_again()

    def _draw_all(self) -> None:
        for widget in self.query("*"):
            widget.refresh(layout=True)

    def action_quit(self) -> None:
        """Leaves; asks first while a run is active."""
        self._commands.quit()

    def action_interrupt(self) -> None:
        """Copies what is selected; else quits."""
        if self._log.copy_selected():
            return
        selected = self.get_selected_text()
        if selected:
            application(self).copy_to_clipboard(selected)
            self.notify("sent to the terminal's clipboard", markup=False)
        else:
            self.action_quit()

    def action_theme(self) -> None:
        """Lists the themes; Enter takes one."""
        app = application(self)

        def taker(name: str) -> Callable[[], None]:
            return lambda: setattr(app, "theme", theme.full_name(name))

        entries = [
            Entry(name, "•" if theme.full_name(name) == app.theme else "", "", "", taker(name))
            for name in theme.NAMES
        ]
        self._find("Theme · enter takes it", entries, titled=False)

    def action_suspend(self) -> None:
        """Leaves the terminal to the shell until it says ``fg``."""
        application(self).action_suspend_process()

    async def action_mouse(self) -> None:
        """Leaves the mouse to the terminal and its own selection, or takes it back."""
        await application(self).run_action("app.mouse")

    def action_motion(self) -> None:
        """Animates, or no longer."""
        app = application(self)
        is_calm = app.animation_level == "none"
        app.animation_level = "full" if is_calm else "none"
        self.notify("motion " + ("on" if is_calm else "off"), markup=False)

    def action_glyphs(self) -> None:
        """Draws in ASCII, or no longer."""
        application(self).toggle_class("-ascii")
        self._log.notify_style_update()
        self._share()
        self.paint(Dirty(plan=True, run=True))
        self._draw_all()

    # --- help and palette ---

    def action_help(self) -> None:
        """Lists every key by where it works, what works here first."""
        view = [Scope.VIEW] if self._panel is Scope.STAGES else []
        order = [self._panel, *view, Scope.ALL, Scope.MOVE, Scope.STAGES, Scope.VIEW, *PANELS]
        listed = sorted(self._keymap.table, key=lambda key: order.index(key.scope))
        self._find("Help", [self._entry(key) for key in listed], titled=True)

    def action_palette(self) -> None:
        """Lists every action, and every stage and file to go to."""
        listed = [key for key in self._keymap.table if key.scope is not Scope.MOVE]
        entries = [self._entry(key) for key in (*listed, *keys.PALETTE_ONLY)]
        entries += self.places()
        self._find("Palette", entries, titled=False)

    def action_events(self) -> None:
        """Lists what was asked and what happened, the newest first; Enter copies the command."""

        def copier(command: str) -> Callable[[], None]:
            return lambda: self.copy(command)

        entries = [
            Entry(
                entry.words,
                fmt.clock(int(entry.at * 1000)),
                "",
                "" if entry.command else "—",
                copier(entry.command),
                entry.command,
            )
            for entry in reversed(self._commands.diary.entries)
        ]
        self._find("Events · enter copies the command", entries, titled=False)

    def _find(self, title: str, entries: list[Entry], titled: bool) -> None:
        finder = Finder(title, entries, titled)
        application(self).push_screen(finder, lambda entry: entry.run() if entry else None)

    def _entry(self, key: Key) -> Entry:
        refusal = self._refusal(key)
        return Entry(key.label, key.shown, key.scope.value, refusal, lambda: self._perform(key))

    def _perform(self, key: Key) -> None:
        """Carries out an action of the table wherever it belongs."""
        target: Widget = self
        if key.scope in self._details:
            self.action_go(key.scope.value)
            target = self._widgets[key.scope]
            if isinstance(panel := self._details[key.scope], Paper):
                panel.act(key.action)
                return
        elif key.scope is Scope.VIEW:
            target = self._dag
        elif key.scope is Scope.MOVE:
            target = self._widgets[self._panel]
        self.run_worker(application(self).run_action(key.action, target))
