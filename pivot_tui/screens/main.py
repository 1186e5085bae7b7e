"""Owns the main screen: puts board values into the panels and tells the parts which key was meant for them."""

from collections.abc import Callable
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widget import Widget

from pivot_core.port import Level, StageName, Status, one_line
from pivot_tui import heading, keys, refusals
from pivot_tui.board import Board, Dirty, Link
from pivot_tui.feed import Feed
from pivot_tui.keys import Key, Scope
from pivot_tui.screens.commands import Commands
from pivot_tui.screens.detail import Detail
from pivot_tui.screens.finder import Entry, Finder
from pivot_tui.screens.logs import Logs
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.dag import DagView
from pivot_tui.widgets.log import LogView
from pivot_tui.widgets.painting import Lines, application
from pivot_tui.widgets.why import WhyView

_PANELS = (Scope.STAGES, Scope.LOGS, Scope.WHY)
_TABS = _PANELS[1:]
_WIDTHS = [(0, "-narrow"), (60, "-stacked"), (100, "-columns"), (150, "-wide")]
_HEIGHTS = [(0, "-short"), (15, "-normal"), (40, "-tall")]
_ZOOMS = ("", "-zoom-half", "-zoom-full")


class MainScreen(Screen[None], inherit_bindings=False):
    """Stages at the left or above; log and reasons of the selected one beside or below."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ALL)
    HORIZONTAL_BREAKPOINTS = _WIDTHS
    VERTICAL_BREAKPOINTS = _HEIGHTS

    def __init__(self, board: Board, feed: Feed, clock: Callable[[], float]) -> None:
        super().__init__()
        self._board: Board = board
        self._clock: Callable[[], float] = clock
        self._dag: DagView = DagView(board, id="stages", classes="panel")
        self._log: LogView = LogView(id="log", classes="panel")
        self._why: WhyView = WhyView(id="why", classes="panel")
        self._widgets: dict[Scope, Widget] = {
            Scope.STAGES: self._dag,
            Scope.LOGS: self._log,
            Scope.WHY: self._why,
        }
        self._detail: Detail = Detail(board, feed, self._why)
        self._logs: Logs = Logs(board, feed, self._log)
        self._commands: Commands = Commands(self, board, feed, clock)
        self._panel: Scope = Scope.STAGES
        self._tab: Scope = Scope.LOGS
        self._zoom: int = 0
        self._is_ready: bool = False

    @override
    def compose(self) -> ComposeResult:
        yield Lines(id="header")
        with Container(id="body"):
            yield self._dag
            with Vertical(id="detail"):
                yield Lines(id="tabs")
                yield self._log
                yield self._why
        yield Lines(id="banner")
        yield Lines(id="footer")

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
        self._detail.update(dirty)
        self._logs.update(dirty)
        self._frame()
        for notice in dirty.notices:
            severity = "warning" if notice.level is Level.WARNING else "information"
            where = f"\n{one_line(notice.where)}" if notice.where else ""
            self.notify(one_line(notice.message) + where, severity=severity, markup=False)

    def _frame(self) -> None:
        """Draws the lines around the panels."""
        if not self._is_ready:
            return
        cells = self.size.width
        footer = heading.footer(self._panel, lambda key: bool(self._refusal(key)), cells)
        self.query_one("#header", Lines).show([heading.header(self._board, self._clock(), cells)])
        self.query_one("#banner", Lines).show(heading.banner(self._board, cells))
        self.query_one("#footer", Lines).show([footer])
        self.query_one("#tabs", Lines).show([heading.tabs(_TABS, self._tab)])

    def _tick(self) -> None:
        if self._board.active is not None and self._board.link is Link.ATTACHED:
            self._dag.tick(self._clock(), set(self._board.with_status(Status.RUNNING)))
            self._frame()

    def on_resize(self) -> None:
        """Fits header, banner and footer; where both tabs have room there is no line of tabs."""
        both = self.has_class("-wide") and self.has_class("-tall")
        self._log.number(2 if both else None)
        self._why.number(3 if both else None)
        self._detail.explains(both or self._tab is Scope.WHY)
        self._frame()

    def _no_stages(self) -> list[str]:
        if self._board.link is Link.CONNECTING:
            return ["Connecting to the engine…"]
        if self._board.link is Link.LOST:
            return ["No engine; see below."]
        if self._board.problems:
            return ["The pipeline cannot be loaded; see below."]
        if self._board.seq == 0:
            return ["Loading the pipeline…"]
        return ["No stages yet.", "Define them in pipeline.py or pivot.yaml, then press ctrl+l."]

    def on_dag_view_selected(self, event: DagView.Selected) -> None:
        """Shows log and reasons of another stage."""
        self._detail.select(event.stage)
        self._logs.select(event.stage)
        self._frame()

    def on_dag_view_opened(self) -> None:
        """A double click on a stage is the same as Enter."""
        self.action_logs()

    # --- panels ---

    def action_go(self, panel: str) -> None:
        """Puts the focus on a panel."""
        self._panel = Scope(panel)
        for scope in _PANELS:
            self.set_class(scope is self._panel, f"-panel-{scope.value}")
        if self._panel in _TABS:
            self._turn_to(self._panel)
        self._turn_to(self._tab)
        self._widgets[self._panel].focus()

    def on_descendant_focus(self) -> None:
        """Keeps footer and zoom right when the mouse moved the focus."""
        for scope, widget in self._widgets.items():
            if widget is self.focused and scope is not self._panel:
                self.action_go(scope.value)

    def action_cycle(self, by: int) -> None:
        """Goes to the next panel."""
        self.action_go(_PANELS[(_PANELS.index(self._panel) + by) % len(_PANELS)].value)

    def action_turn(self, by: int) -> None:
        """Turns to the next tab; the focus stays with the stages where it was there."""
        tab = _TABS[(_TABS.index(self._tab) + by) % len(_TABS)]
        if self._panel is Scope.STAGES:
            self._turn_to(tab)
        else:
            self.action_go(tab.value)

    def _turn_to(self, tab: Scope) -> None:
        self._tab = tab
        for scope in _TABS:
            self.set_class(scope is tab, f"-tab-{scope.value}")
        both = self.has_class("-wide") and self.has_class("-tall")
        self._detail.explains(both or tab is Scope.WHY)
        self._frame()

    def action_grow(self, by: int) -> None:
        """Lets the focused panel grow: normal, half, full."""
        self._zoom = min(max(self._zoom + by, 0), len(_ZOOMS) - 1)
        for level, name in enumerate(_ZOOMS):
            if name:
                self.set_class(level == self._zoom, name)

    def action_back(self) -> None:
        """Goes one layer back: from a grown panel, then to Stages."""
        if self._zoom:
            self.action_grow(-len(_ZOOMS))
        else:
            self.action_go(Scope.STAGES.value)

    def action_why(self) -> None:
        """Turns to the reasons; the focus stays with the stages where both have room."""
        alone = (
            self._zoom == len(_ZOOMS) - 1 or self.has_class("-narrow") or self.has_class("-short")
        )
        if alone:
            self.action_go(Scope.WHY.value)
        else:
            self._turn_to(Scope.WHY)

    def action_logs(self) -> None:
        """Goes to the log of the stage."""
        self.action_go(Scope.LOGS.value)

    def action_problem(self, direction: int) -> None:
        """Selects the next stage that needs attention."""
        found = self._dag.problem(direction)
        if found is not None:
            self._dag.select(found)
        else:
            self._commands.refused("problem", None)

    # --- commands ---

    def _refusal(self, key: Key) -> str:
        return refusals.refusal(key.action, self._board, self._dag.selected)

    def action_run_menu(self) -> None:
        """Opens the run menu for the selected stage."""
        self._commands.run_menu(self._dag.selected)

    def action_again(self) -> None:
        """Repeats the last run choice on the selection; connects again when the engine is lost."""
        self._commands.again(self._dag.selected)

    def action_cancel_stage(self) -> None:
        """Cancels the selected stage, once confirmed."""
        self._commands.cancel_stage(self._dag.selected)

    def action_cancel_run(self) -> None:
        """Cancels the active run, else the last one queued, once confirmed."""
        self._commands.cancel_run()

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
        selected = self.get_selected_text()
        if selected:
            application(self).copy_to_clipboard(selected)
            self.notify("sent to the terminal's clipboard", markup=False)
        else:
            self.action_quit()

    def action_theme(self) -> None:
        """Goes over to the other theme."""
        app = application(self)
        app.theme = "pivot-light" if app.current_theme.dark else "pivot-dark"

    def action_glyphs(self) -> None:
        """Draws in ASCII, or no longer."""
        application(self).toggle_class("-ascii")
        self._log.notify_style_update()
        self.on_resize()
        self.paint(Dirty(plan=True, run=True))
        self._draw_all()

    # --- help and palette ---

    def action_help(self) -> None:
        """Lists every key by where it works, what works here first."""
        order = [self._panel, Scope.ALL, Scope.MOVE, *_PANELS]
        listed = sorted(keys.TABLE, key=lambda key: order.index(key.scope))
        self._find("Help", [self._entry(key) for key in listed], titled=True)

    def action_palette(self) -> None:
        """Lists every action, and every stage to go to."""
        listed = [key for key in keys.TABLE if key.scope is not Scope.MOVE]
        entries = [self._entry(key) for key in (*listed, *keys.PALETTE_ONLY)]
        entries += [
            Entry(f"Go to stage {row.stage}", "", "stages", "", self._goer(row.stage))
            for row in self._board.rows
        ]
        self._find("Palette", entries, titled=False)

    def _find(self, title: str, entries: list[Entry], titled: bool) -> None:
        finder = Finder(title, entries, titled)
        application(self).push_screen(finder, lambda entry: entry.run() if entry else None)

    def _goer(self, stage: StageName) -> Callable[[], None]:
        return lambda: self._dag.select(stage)

    def _entry(self, key: Key) -> Entry:
        refusal = self._refusal(key)
        return Entry(key.label, key.shown, key.scope.value, refusal, lambda: self._perform(key))

    def _perform(self, key: Key) -> None:
        """Carries out an action of the table wherever it belongs."""
        target: Widget = self
        if key.scope in (Scope.LOGS, Scope.WHY):
            self.action_go(key.scope.value)
            target = self._widgets[key.scope]
        elif key.scope is Scope.MOVE:
            target = self._widgets[self._panel]
        self.run_worker(application(self).run_action(key.action, target))
