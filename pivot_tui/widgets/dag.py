"""Owns the Stages panel: one row a stage or group, of which only those on screen are ever drawn."""

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import ClassVar, override

from textual.binding import BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from pivot_core.port import StageName, Status
from pivot_tui import arrangement, forecast, rows, spans
from pivot_tui import format as fmt
from pivot_tui.arrangement import Fold, Form, Row, Side, Sort, View
from pivot_tui.board import PROBLEMS, Board
from pivot_tui.keys import Scope
from pivot_tui.rows import Scene
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.painting import Scrolled, application, strip

_FORMS = (Form.TREE, Form.GROUPS, Form.FLAT)


class DagView(Scrolled):
    """The graph as rows, with a cursor and marks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.STAGES, on_screen=True),
        *bindings(Scope.VIEW, Scope.MOVE),
    ]

    @dataclass
    class Selected(Message):
        """The cursor went to another stage."""

        stage: StageName

    @dataclass
    class Opened(Message):
        """A stage was opened with the mouse."""

        stage: StageName

    def __init__(self, board: Board, id: str, classes: str) -> None:  # noqa: A002 Textual's name
        super().__init__(id=id, classes=classes)
        self._board: Board = board
        self._view: View = View()
        self._is_first: bool = True
        self._rows: list[Row] = []
        self._index: dict[StageName, int] = {}
        """The row of each stage, or the folded one that stands for it."""
        self._heads: dict[StageName, int] = {}
        """The row of the open group that a stage is in."""
        self._cursor: int = 0
        self._scene: Scene = Scene(board, 0.0)
        self._path_at: int = -1
        self._widths: tuple[int, rows.Columns] = (-1, rows.Columns(0, 0, 0, 0))
        self._empty: list[Line] = []
        self._selected: StageName | None = None
        self._marks: set[StageName] = set()
        self._range: int | None = None
        """Where the range that is being marked began."""
        self._is_following: bool = False

    # --- what others ask ---

    @property
    def selected(self) -> StageName | None:
        """The stage under the cursor, of a group the one that needs a look most; ``None`` when there is none."""
        return self._selected if self._rows else None

    @property
    def chosen(self) -> tuple[StageName, ...]:
        """What an action is about: the marked stages, else the group under the cursor, else the stage."""
        marked = self.marked
        if marked:
            return tuple(name for name in self._board.stages if name in marked)
        if not self._rows:
            return ()
        row = self._rows[self._cursor]
        return row.stages if row.is_group else row.stages[:1]

    @property
    def marked(self) -> set[StageName]:
        """The marked stages, those of the range that is being marked included."""
        if self._range is None:
            return self._marks
        start, end = sorted((self._range, self._cursor))
        return self._marks.union(*(row.stages for row in self._rows[start : end + 1]))

    @property
    def view(self) -> View:
        """What is shown, and how."""
        return self._view

    @property
    def found(self) -> Set[StageName]:
        """The stages that are shown, in folded rows too."""
        return self._index.keys() | self._heads.keys()

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self._rows)

    @property
    def shown(self) -> list[Row]:
        """The rows, on screen or not."""
        return self._rows

    # --- from the board ---

    def show_plan(self, empty: list[str]) -> None:
        """Lays out anew after stages came, went or moved; ``empty`` is said when there are none.

        The cursor stays with its stage; at first it stands at what runs, else at what failed, else at the pipeline
        around the directory in which the dashboard was opened.
        """
        self._empty = [spans.text("  " + words, Paint.MUTED) for words in empty]
        self._marks &= self._board.stages.keys()
        self._range = None
        wanted, home = self._selected, None
        if self._is_first and self._board.stages:
            self._is_first = False
            self._view = arrangement.first_view(self._board)
            wanted = self._first(Status.RUNNING, Status.FAILED)
            home = arrangement.around(self._board, self._board.place)
        self._path_at = -1
        self._arrange(wanted, None if wanted else home)
        self.refresh(layout=True)

    def tick(self, now: float, changed: set[StageName]) -> None:
        """Draws the rows of ``changed`` again at this time."""
        self._scene = replace(self._scene, now=now)
        path = self._path(now)
        if path != self._scene.path:
            self._scene = replace(self._scene, path=path)
            self._retitle()
            self.refresh()
        if changed and self._view.follows_states:
            self._arrange(self._selected)
        if self._is_following and changed:
            self._follow()
        if len(changed) > self.size.height:
            self.refresh()
            return
        places = {
            place[name] for place in (self._index, self._heads) for name in changed if name in place
        }
        top = self.scroll_offset.y
        for at in places:
            if top <= at < top + self.size.height:
                self.refresh_line(at)

    def _path(self, now: float) -> frozenset[StageName]:
        """The critical path, looked for once a moment at most: it takes a walk over all stages."""
        if self._board.active is None:
            return frozenset()
        here = forecast.moment(self._board, now)
        if here == self._path_at:
            return frozenset(self._scene.path)
        self._path_at = here
        return frozenset(forecast.of_run(self._board, now).path)

    def _first(self, *wanted: Status) -> StageName | None:
        for status in wanted:
            found = self._board.with_status(status)
            if found:
                return found[0]
        return None

    def _follow(self) -> None:
        """Goes to what runs, else to what failed; a stage that still runs is not left."""
        if (
            self._selected is not None
            and self._board.state(self._selected).status is Status.RUNNING
        ):
            return
        found = self._first(Status.RUNNING, Status.FAILED)
        if found is not None:
            self.select(found)

    # --- where the cursor goes ---

    def select(self, stage: StageName) -> None:
        """Moves the cursor to a stage; what hides it is opened, or no longer left out."""
        if stage not in self._board.stages:
            return
        if stage not in self._index:
            self.narrow(replace(self._view, words="", statuses=frozenset(), around=None))
        while self._rows[self._index[stage]].key != stage:
            self._view = arrangement.turned(self._view, self._rows[self._index[stage]].key)
            self._arrange(self._selected)
        self._go(self._index[stage])

    def problem(self, direction: int) -> StageName | None:
        """Returns the next stage that needs attention, going round at the ends: failures, where there are any.

        While names are looked for it is the next one that was found.
        """
        if self._view.words and self._rows:
            return self._rows[(self._cursor + direction) % len(self._rows)].stages[0]
        counts = self._board.counts
        wanted = {Status.FAILED} if counts[Status.FAILED] else PROBLEMS
        listed = [row.stage for row in self._board.rows]
        if self._selected is None or self._selected not in self._board.stages:
            return None
        start = listed.index(self._selected)
        for step in range(1, len(listed) + 1):
            name = listed[(start + direction * step) % len(listed)]
            if self._board.state(name).status in wanted:
                return name
        return None

    @override
    def move(self, step: int) -> None:
        self._go(min(max(self._cursor + step, 0), max(len(self._rows) - 1, 0)))

    def _go(self, at: int) -> None:
        if at == self._cursor:
            self._tell()
            return
        if self._range is not None:
            self.refresh()
        self.refresh_line(self._cursor)
        self._cursor = at
        self.refresh_line(at)
        self._reveal()
        self._tell()

    def _reveal(self) -> None:
        top, height = self.scroll_offset.y, self.size.height
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True)
        elif height and self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False, force=True)

    def _tell(self) -> None:
        """Says which stage is selected now; that of a group stays while the cursor does."""
        if not self._rows:
            return
        row = self._rows[self._cursor]
        if row.is_group and self._selected in row.stages:
            return
        now = arrangement.worst(self._board, row.stages) if row.is_group else row.stages[0]
        if now != self._selected:
            self._selected = now
            self.post_message(self.Selected(now))

    # --- what is shown ---

    def narrow(self, view: View) -> None:
        """Shows what ``view`` says; the cursor stays with its stage where that is still there."""
        if view != self._view:
            self._view = view
            self._range = None
            self._arrange(self._selected)
            self.refresh(layout=True)

    def look_for(self, words: str) -> None:
        """Shows only stages whose names hold these words."""
        self.narrow(replace(self._view, words=words.strip()))

    def back(self) -> bool:
        """Takes back the last of marks and filters; tells whether there was one."""
        view = self._view
        if self._range is not None or self._marks:
            self._range = None
            self._marks.clear()
            self._remark()
        elif view.words:
            self.look_for("")
        elif view.around or view.statuses:
            self.narrow(replace(view, around=None, statuses=frozenset()))
        else:
            return False
        return True

    def action_form(self) -> None:
        """Turns to the next view: tree, groups, flat."""
        form = _FORMS[(_FORMS.index(self._view.form) + 1) % len(_FORMS)]
        self.narrow(replace(self._view, form=form, sort=Sort.GRAPH, turned=frozenset()))

    def action_show_as(self, form: str) -> None:
        """Turns to one view."""
        self.narrow(replace(self._view, form=Form(form), sort=Sort.GRAPH, turned=frozenset()))

    def action_fold(self) -> None:
        """Folds the row; one that is folded, or has nothing below, gives way to the row above it in the tree."""
        if not self._rows:
            return
        row = self._rows[self._cursor]
        if row.fold is Fold.OPEN and not self._view.words:
            self.narrow(arrangement.turned(self._view, row.key))
            return
        for at in range(self._cursor, -1, -1):
            if self._rows[at].depth < row.depth:
                self._go(at)
                return

    def action_unfold(self) -> None:
        """Unfolds the row; from one that is open goes to the first below."""
        if not self._rows:
            return
        row = self._rows[self._cursor]
        if row.fold is Fold.FOLDED:
            self.narrow(arrangement.turned(self._view, row.key))
        elif row.fold is Fold.OPEN:
            self.move(1)

    def action_fold_all(self, folded: int) -> None:
        """Folds all rows, or none."""
        keys = arrangement.keys(self._board, self._view, folded=bool(folded))
        self.narrow(replace(self._view, turned=keys))

    def action_around(self, side: str) -> None:
        """Shows only the stage with what it needs, or with what follows from it; once more, all again."""
        if self._selected is None:
            return
        around = (Side(side), self._selected)
        self.narrow(replace(self._view, around=None if self._view.around == around else around))

    def action_show_only(self, *statuses: str) -> None:
        """Shows only stages that stand like this."""
        self.narrow(replace(self._view, statuses=frozenset(map(Status, statuses))))

    def action_mark(self) -> None:
        """Marks the row, or takes its mark away."""
        if not self._rows:
            return
        stages = set(self._rows[self._cursor].stages)
        self._end_range()
        self._marks ^= stages if self._marks.isdisjoint(stages) else stages & self._marks
        self._remark()

    def action_mark_range(self) -> None:
        """Begins to mark all rows that the cursor passes, or ends it."""
        if self._range is None:
            self._range = self._cursor
        else:
            self._end_range()
        self._remark()

    def action_auto(self) -> None:
        """Follows what runs, or no longer."""
        self._is_following = not self._is_following
        if self._is_following:
            self._follow()
        self._retitle()

    def _end_range(self) -> None:
        self._marks = set(self.marked)
        self._range = None

    def _remark(self) -> None:
        self._retitle()
        self.refresh()

    # --- drawing ---

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(len(self._rows), len(self._empty) if not self._board.stages else 0, 3)

    @override
    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        cells = self.scrollable_content_region.width
        if not self._rows:
            said = self._nothing()
            return strip(self, spans.crop(said[y] if y < len(said) else (), cells), cells)
        if at >= len(self._rows):
            return strip(self, (), cells)
        chosen = at == self._cursor
        scene = replace(self._scene, words=self._view.words, marked=self.marked)
        line = rows.line(self._rows[at], self._columns(cells), scene, chosen)
        under = application(self).ink("cursor") if chosen else None
        return strip(self, line, cells, under)

    def _nothing(self) -> list[Line]:
        if not self._board.stages:
            return self._empty
        total = fmt.count(len(self._board.stages))
        about = f"match '{self._view.words}'" if self._view.words else "are to be shown"
        return [spans.text(f"  0 of {total} {about} — esc clears", Paint.MUTED)]

    def on_resize(self, _: Resize) -> None:
        """Fits the columns to the new width and keeps the cursor on screen."""
        self._lay_out()
        self._reveal()

    def on_click(self, event: Click) -> None:
        """Selects the row under the pointer, once more turns a group; a double click opens a stage."""
        at = event.get_content_offset(self)
        if at is None or at.y + self.scroll_offset.y >= len(self._rows):
            return
        self._go(at.y + self.scroll_offset.y)
        row = self._rows[self._cursor]
        if event.chain == 2 and row.is_group:
            self.narrow(arrangement.turned(self._view, row.key))
        elif event.chain == 2:
            self.post_message(self.Opened(row.stages[0]))

    def _columns(self, cells: int) -> rows.Columns:
        if self._widths[0] != cells:
            self._widths = (cells, rows.columns(self._rows, cells))
        return self._widths[1]

    def _arrange(self, wanted: StageName | None, key: str | None = None) -> None:
        """Makes the rows anew, with the cursor at the stage that is wanted, else at the row of a key."""
        self._rows = arrangement.arrange(self._board, self._view)
        self._index, self._heads = {}, {}
        for at, row in enumerate(self._rows):
            place = self._heads if row.is_group and row.fold is Fold.OPEN else self._index
            for name in row.stages:
                place[name] = at
        last = max(len(self._rows) - 1, 0)
        if wanted:
            self._cursor = self._index.get(wanted, min(self._cursor, last))
        else:
            self._cursor = next((at for at, row in enumerate(self._rows) if row.key == key), 0)
        self._retitle()
        self._lay_out()
        self.refresh()
        self.call_after_refresh(self._reveal)
        self._tell()

    def _lay_out(self) -> None:
        self._widths = (-1, rows.Columns(0, 0, 0, 0))
        self.virtual_size = Size(self.size.width, len(self._rows))

    def _retitle(self) -> None:
        view, total = self._view, len(self._board.stages)
        if not total:
            self.entitle("1 Stages", "")
            return
        shown = len(self.found) if view.is_filtered else total
        number = f"{fmt.count(shown)} of {fmt.count(total)}" if shown != total else fmt.count(total)
        said = [view.form.value] if view.sort is Sort.GRAPH else [view.sort.value]
        if self._scene.path:
            said.append("★ critical path")
        if view.words:
            said.append(f"/{view.words}")
        if view.around is not None:
            said.append(f"{view.around[0].value} of {view.around[1]}")
        if view.statuses:
            said.append("only " + ", ".join(sorted(status.value for status in view.statuses)))
        if self.marked:
            said.append(
                f"{len(self.marked)} marked" + (" · v ends" if self._range is not None else "")
            )
        if self._is_following:
            said.append("auto")
        self.entitle(f"1 Stages {number}", " · ".join(said))
