"""Owns the main screen: puts board values into the panels, and turns keys into commands and queries."""

import uuid
from collections.abc import Callable
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widget import Widget

from pivot_core.port import (
    Accepted,
    CancelRun,
    CancelStage,
    Command,
    Explain,
    Explanation,
    FindLog,
    Level,
    LogRef,
    PivotError,
    Refresh,
    Refused,
    Reply,
    RequestId,
    RunId,
    StageName,
    Status,
    one_line,
)
from pivot_core.port.logfile import LogFile
from pivot_tui import format as fmt
from pivot_tui import heading, keys, reasons, refusals, requests, spans
from pivot_tui.board import Board, Dirty, Link
from pivot_tui.feed import Feed
from pivot_tui.keys import Key, Scope
from pivot_tui.latest import Latest
from pivot_tui.requests import Asked, Choice
from pivot_tui.screens.dialog import Dialog
from pivot_tui.screens.finder import Entry, Finder
from pivot_tui.screens.run_menu import RunMenu
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.dag import DagView, no_stages
from pivot_tui.widgets.log import LogView
from pivot_tui.widgets.painting import Lines
from pivot_tui.widgets.why import WhyView

_PANELS = ("stages", "logs", "why")
_ZOOMS = ("", "-zoom-half", "-zoom-full")
_WIDE = (150, 40)


class MainScreen(Screen[None], inherit_bindings=False):
    """Stages at the left or above, logs and reasons of the selected one beside or below."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.ALL)
    HORIZONTAL_BREAKPOINTS = [
        (0, "-narrow"),
        (60, "-stacked"),
        (100, "-columns"),
        (150, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [
        (0, "-short"),
        (15, "-normal"),
        (40, "-tall"),
    ]

    def __init__(self, board: Board, feed: Feed, clock: Callable[[], float]) -> None:
        super().__init__()
        self._board: Board = board
        self._feed: Feed = feed
        self._clock: Callable[[], float] = clock
        self._panel: str = "stages"
        self._tab: str = "logs"
        self._zoom: int = 0
        self._asked: Asked = Asked(Choice.UPSTREAM)
        self._found: Explanation | None = None
        self._shown_log: tuple[StageName, RunId, int] | None = None
        self._log_of: tuple[object, ...] = ()
        self._explaining: Latest[StageName] = Latest(self._explain)
        self._finding: Latest[StageName] = Latest(self._find_log)

    @override
    def compose(self) -> ComposeResult:
        yield Lines(id="header")
        with Container(id="body"):
            dag = DagView(self._board, id="stages")
            log, why = LogView(id="log"), WhyView(id="why")
            for panel in (dag, log, why):
                panel.add_class("panel")
            yield dag
            with Vertical(id="detail"):
                yield Lines(id="tabs")
                yield log
                yield why
        yield Lines(id="banner")
        yield Lines(id="footer")

    def on_mount(self) -> None:
        """Starts with the Stages panel, and ticks once a second for durations."""
        self._why.border_title = "3 Why"
        self.action_go("stages")
        self.set_interval(1.0, self._tick)
        self.paint(Dirty(plan=True, run=True))

    # --- from the board to the panels ---

    def paint(self, dirty: Dirty) -> None:
        """Draws what differs."""
        if not self.is_mounted:
            return
        now = self._clock()
        dag = self._dag
        if dirty.plan:
            dag.show_plan(no_stages(self._no_stages()))
        dag.tick(now, dirty.stages)
        self._frame()
        selected = dag.selected
        if selected is not None and (dirty.plan or selected in dirty.stages):
            self._follow_stage(selected)
        elif selected in dirty.logs and selected is not None:
            self._log_grew(selected)
        for notice in dirty.notices:
            severity = "warning" if notice.level is Level.WARNING else "information"
            where = f"\n{one_line(notice.where)}" if notice.where else ""
            self.notify(one_line(notice.message) + where, severity=severity, markup=False)

    def _frame(self) -> None:
        """Draws the lines around the panels."""
        cells = self.size.width
        self.query_one("#header", Lines).show([heading.header(self._board, self._clock(), cells)])
        self.query_one("#banner", Lines).show(heading.banner(self._board, cells))
        self.query_one("#footer", Lines).show([self._footer(cells)])
        self.query_one("#tabs", Lines).show([self._tabs()])

    def _tick(self) -> None:
        running = set(self._board.with_status(Status.RUNNING)) if self._board.active else set()
        if self._board.active:
            self._dag.tick(self._clock(), running)
            self._frame()

    def on_resize(self) -> None:
        """Fits header, banner and footer."""
        self._frame()
        self._want_why()

    def _no_stages(self) -> list[str]:
        if self._board.link is Link.CONNECTING:
            return ["Connecting to the engine…"]
        if self._board.problems:
            return ["The pipeline cannot be loaded; see below."]
        return ["No stages yet.", "Define them in pipeline.py or pivot.yaml, then press ctrl+l."]

    def _tabs(self) -> Line:
        parts: Line = ()
        for number, name in ((2, "logs"), (3, "why")):
            paint = Paint.ACCENT if name == self._tab else Paint.MUTED
            parts = (*parts, (f" {number} {name.title()} ", paint))
        return parts

    def _footer(self, cells: int) -> Line:
        scope = Scope(self._panel)
        listed = keys.footer(scope)
        kept = sorted(listed, key=lambda key: key.rank)
        while kept and spans.width(self._hints(kept)) > cells:
            kept.pop()
        return self._hints([key for key in listed if key in kept])

    def _hints(self, shown: list[Key]) -> Line:
        parts: Line = ()
        for key in shown:
            refused = bool(self._refusal(key))
            first = key.shown.split()[0]
            parts = (
                *parts,
                (f" {first} ", Paint.MUTED if refused else Paint.ACCENT),
                (f"{key.footer} ", Paint.MUTED),
            )
        return parts

    # --- the selected stage ---

    def on_dag_view_selected(self, event: DagView.Selected) -> None:
        """Shows log and reasons of another stage."""
        self._found = None
        self._log_of = ()
        self._follow_stage(event.stage, new=True)
        self._frame()

    def on_dag_view_opened(self) -> None:
        """A double click on a stage is the same as Enter."""
        self.action_logs()

    def _follow_stage(self, stage: StageName, new: bool = False) -> None:
        state = self._board.state(stage)
        place = (stage, state.run_id, state.attempt, state.status is Status.WAIT)
        if place != self._log_of:
            self._log_of = place
            self._finding.want(stage)
        else:
            self._log.grew()
        self._show_why(keep_place=not new)
        self._want_why()

    def _log_grew(self, stage: StageName) -> None:
        grown = self._board.logs[stage]
        if (stage, grown.run_id, grown.attempt) == self._shown_log:
            self._log.grew()
        else:
            self._finding.want(stage)

    async def _find_log(self, stage: StageName) -> None:
        try:
            answer = await self._feed.find_log(FindLog(stage))
        except (PivotError, OSError):
            return  # the banner says that the engine is gone; what is on screen stays
        if stage != self._dag.selected:
            return
        if not isinstance(answer, LogRef):
            self._shown_log = None
            self._log.show(None, one_line(stage), one_line(answer.why))
            return
        self._shown_log = (stage, answer.run_id, answer.attempt)
        attempt = f" · attempt {answer.attempt}" if answer.attempt > 1 else ""
        title = f"{one_line(stage)} · run {fmt.short_run(answer.run_id)}{attempt}"
        self._log.show(LogFile(answer.path), title)

    def _want_why(self) -> None:
        stage = self._dag.selected
        width, height = self.size
        is_shown = self._tab == "why" or (width >= _WIDE[0] and height >= _WIDE[1])
        if stage is not None and is_shown and self._board.link is Link.ATTACHED:
            self._explaining.want(stage)

    async def _explain(self, stage: StageName) -> None:
        try:
            found = await self._feed.explain(Explain((stage,)))
        except (PivotError, OSError):
            return  # the pane keeps what it has
        if stage == self._dag.selected:
            self._found = next((one for one in found if one.stage == stage), None)
            self._show_why(keep_place=True)

    def _show_why(self, keep_place: bool) -> None:
        stage = self._dag.selected
        if stage is None:
            self._why.show(lambda _unfolded, _cells: [], keep_place=False)
            return
        row, state, found = self._board.stages[stage], self._board.state(stage), self._found
        self._why.border_title = f"3 Why {one_line(stage)}".replace("[", r"\[")
        self._why.show(
            lambda unfolded, cells: reasons.lines(row, state, found, unfolded, cells), keep_place
        )

    # --- panels ---

    @property
    def _dag(self) -> DagView:
        return self.query_one(DagView)

    @property
    def _log(self) -> LogView:
        return self.query_one(LogView)

    @property
    def _why(self) -> WhyView:
        return self.query_one(WhyView)

    def action_go(self, panel: str) -> None:
        """Puts the focus on a panel."""
        self._panel = panel
        if panel != "stages":
            self._tab = panel
        for name in _PANELS:
            self.set_class(name == self._panel, f"-panel-{name}")
            self.set_class(name == self._tab, f"-tab-{name}")
        widgets: dict[str, Widget] = {"stages": self._dag, "logs": self._log, "why": self._why}
        widgets[panel].focus()
        self._want_why()
        self._frame()

    def on_descendant_focus(self) -> None:
        """Keeps footer and zoom right when the mouse moved the focus."""
        names = {"stages": "stages", "log": "logs", "why": "why"}
        name = names.get(self.focused.id or "") if self.focused is not None else None
        if name is not None and name != self._panel:
            self.action_go(name)

    def action_cycle(self, by: int) -> None:
        """Goes to the next panel."""
        self.action_go(_PANELS[(_PANELS.index(self._panel) + by) % len(_PANELS)])

    def action_turn(self, by: int) -> None:
        """Turns to the next tab; the focus stays where it is unless it was in a tab."""
        tabs = _PANELS[1:]
        name = tabs[(tabs.index(self._tab) + by) % len(tabs)]
        if self._panel == "stages":
            self._turn_to(name)
        else:
            self.action_go(name)

    def _turn_to(self, tab: str) -> None:
        panel = self._panel
        self._tab = tab
        for name in _PANELS:
            self.set_class(name == tab, f"-tab-{name}")
        self._panel = panel
        self._want_why()
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
        elif self._panel != "stages":
            self.action_go("stages")

    def action_why(self) -> None:
        """Turns to the reasons; the focus stays with the stages."""
        self._turn_to("why")

    def action_logs(self) -> None:
        """Goes to the log of the stage."""
        self.action_go("logs")

    def action_problem(self, direction: int) -> None:
        """Selects the next stage that needs attention."""
        if self._refused(f"problem({direction})"):
            return
        found = self._dag.problem(direction)
        if found is not None:
            self._dag.select(found)

    # --- commands ---

    def _refusal(self, key: Key) -> str:
        return refusals.refusal(key.action, self._board, self._dag.selected)

    def _refused(self, action: str) -> bool:
        """Says why not, where the action makes no sense now."""
        why = refusals.refusal(action, self._board, self._dag.selected)
        if why:
            self.notify(why, markup=False)
        return bool(why)

    async def _send(self, command: Command) -> Reply | None:
        try:
            reply = await self._feed.send(command)
        except PivotError as error:
            self.notify(f"{error.what}\n{error.hint}".strip(), severity="error", markup=False)
            return None
        except OSError as error:
            self.notify(f"engine lost: {error}", severity="error", markup=False)
            return None
        if isinstance(reply, Refused):
            said = [reply.problem.what, reply.problem.where, reply.problem.hint]
            words = "\n".join(one_line(part) for part in said if part)
            self.notify(words, severity="error", markup=False)
        return reply

    def action_run_menu(self) -> None:
        """Opens the run menu for the selected stage."""
        stage = self._dag.selected
        if self._refused("run_menu") or stage is None:
            return
        first = Asked(Choice.UPSTREAM, False, self._asked.keep_going)
        menu = RunMenu(self._board, stage, first, self._feed.explain)

        def take(asked: Asked | None) -> None:
            if asked is not None:
                self.run_worker(self._run(stage, asked, menu.plans.get(asked.choice, ())))

        self.app.push_screen(menu, take)

    async def _run(self, stage: StageName, asked: Asked, plan: tuple[Explanation, ...]) -> None:
        why = requests.warning(asked, plan, self._board)
        if why and not await self._confirmed("Force?", why, ("Leave it", "Force")):
            return
        self._asked = asked
        request_id = RequestId(uuid.uuid4().hex)
        active = self._board.active
        reply = await self._send(requests.command(asked, stage, self._board, request_id))
        if isinstance(reply, Accepted) and active is not None:
            self.notify(f"queued behind run {fmt.short_run(active.run_id)}", markup=False)

    async def _confirmed(self, title: str, lost: str, choices: tuple[str, ...]) -> bool:
        return await self.app.push_screen_wait(Dialog(title, lost, choices)) == 1

    def action_again(self) -> None:
        """Repeats the last run choice on the selection; connects again when the engine is lost."""
        if self._board.link is Link.LOST:
            self._feed.reconnect()
            return
        stage = self._dag.selected
        if not self._refused("again") and stage is not None:
            self.run_worker(self._run(stage, self._asked, ()))

    def action_cancel_stage(self) -> None:
        """Cancels the selected stage, once confirmed."""
        stage, run = self._dag.selected, self._board.active
        if self._refused("cancel_stage") or stage is None or run is None:
            return
        started = self._board.state(stage).started_at
        took = f" has run {fmt.running(self._clock() - started)}" if started else " runs"
        lost = f"{one_line(stage)}{took}; what it wrote is discarded. Stages that need it are blocked, the others go on."
        self.run_worker(
            self._cancel(
                f"Cancel {one_line(stage)}?", lost, "Cancel stage", CancelStage(run.run_id, stage)
            )
        )

    def action_cancel_run(self) -> None:
        """Cancels the active run, else the last one queued, once confirmed."""
        if self._refused("cancel_run"):
            return
        run = self._board.active or self._board.queue[-1]
        running = self._board.with_status(Status.RUNNING)
        lost = "Nothing new starts."
        if running:
            lost += f" Discards what {one_line(', '.join(running))} wrote so far."
        lost += " What has ended stays."
        title = f"Cancel run {fmt.short_run(run.run_id)}?"
        self.run_worker(self._cancel(title, lost, "Cancel run", CancelRun(run.run_id)))

    async def _cancel(self, title: str, lost: str, words: str, command: Command) -> None:
        if await self._confirmed(title, lost, ("Keep running", words)):
            await self._send(command)

    def action_redraw(self) -> None:
        """Draws everything again, and lets the engine look at every file again."""
        self.refresh(layout=True)
        self.app.refresh(layout=True)
        if self._board.link is Link.ATTACHED:
            self.run_worker(self._send(Refresh()))

    # --- leaving ---

    def action_quit(self) -> None:
        """Leaves; asks first while a run is active."""
        run = self._board.active
        if run is None or self._board.link is not Link.ATTACHED:
            self.app.exit()
            return
        self.run_worker(self._quit(run.run_id))

    async def _quit(self, run_id: RunId) -> None:
        done, total = self._board.done
        name = fmt.short_run(run_id)
        lost = f"Run {name} is active, {done} of {total} stages done. Detached, it goes on; `pivot ui` attaches again."
        answer = await self.app.push_screen_wait(
            Dialog("Quit?", lost, ("Stay", "Detach", "Stop run & quit"))
        )
        if answer == 2:
            await self._send(CancelRun(run_id))
        if answer:
            self.app.exit()

    def action_interrupt(self) -> None:
        """Copies what is selected; else quits."""
        selected = self.get_selected_text()
        if selected:
            self.app.copy_to_clipboard(selected)
            self.notify("sent to the terminal's clipboard", markup=False)
        else:
            self.action_quit()

    # --- help and palette ---

    def action_help(self) -> None:
        """Lists every key by where it works."""
        here = [key for key in keys.TABLE if key.scope.value == self._panel]
        rest = [key for key in keys.TABLE if key not in here]
        self._find("Help", [self._entry(key) for key in here + rest], titled=True)

    def action_palette(self) -> None:
        """Lists every action, and every stage to go to."""
        entries = [
            self._entry(key)
            for key in (*keys.TABLE, *keys.PALETTE_ONLY)
            if key.scope is not Scope.MOVE
        ]
        entries += [
            Entry(f"Go to stage {row.stage}", "", "stages", "", self._goer(row.stage))
            for row in self._board.rows
        ]
        self._find("Palette", entries, titled=False)

    def _find(self, title: str, entries: list[Entry], titled: bool) -> None:
        self.app.push_screen(
            Finder(title, entries, titled), lambda entry: entry.run() if entry else None
        )

    def _goer(self, stage: StageName) -> Callable[[], None]:
        return lambda: self._dag.select(stage)

    def _entry(self, key: Key) -> Entry:
        return Entry(
            key.label, key.shown, key.scope.value, self._refusal(key), lambda: self._perform(key)
        )

    def _perform(self, key: Key) -> None:
        """Carries out an action of the table wherever it belongs."""
        panels: dict[str, Widget] = {"stages": self._dag, "logs": self._log, "why": self._why}
        target: Widget = self
        if key.scope in (Scope.LOGS, Scope.WHY):
            self.action_go(key.scope.value)
            target = panels[key.scope.value]
        elif key.scope is Scope.MOVE:
            target = panels[self._panel]
        self.run_worker(self.app.run_action(key.action, target), exit_on_error=True)

    def action_theme(self) -> None:
        """Goes over to the other theme."""
        self.app.theme = "pivot-light" if self.app.current_theme.dark else "pivot-dark"

    def action_glyphs(self) -> None:
        """Draws in ASCII, or no longer."""
        self.app.toggle_class("-ascii")
        self._log.notify_style_update()
        self.refresh(layout=True)
