"""Owns how a log is read: which lines a filter lets through, what a search found, and a slice of work at a time.

lines ──► filter (a sieve) ──► window: what is on screen
   └────► filter and search (a sieve) ──► hits, one of which is gone to
"""

from pivot_tui import format as fmt
from pivot_tui.patience import TooSlowError
from pivot_tui.pattern import Pattern
from pivot_tui.sieve import Lines, Sieve
from pivot_tui.window import Window


class LogReader:
    """One log as it is read; positions are those of the lines that are let through."""

    def __init__(self, lines: Lines, window: Window) -> None:
        self.lines: Lines = lines
        self.window: Window = window
        self.filter: Pattern | None = None
        self.only_err: bool = False
        self.search: Pattern | None = None
        self.hit: int | None = None
        """The line that the search is at."""
        self.gave_up: str = ""
        """The pattern that is no longer looked for: a single line took too long."""
        self._through: Sieve | None = None
        self._found: Sieve | None = None
        self._seeks: tuple[int, bool] | None = None
        """From where the next hit is wanted, and whether ahead."""
        self._is_counted: bool = False
        """Whether the search has gone through the whole log once."""
        self._line: int = lines.end
        """The line that was on top when the filter was set: the place while nothing is found."""
        self._generation: int = lines.generation
        self._turn: int = 0

    # --- lines ---

    @property
    def first(self) -> int:
        """The first position."""
        return self._through.first if self._through is not None else self.lines.first

    @property
    def end(self) -> int:
        """The position after the last."""
        return self._through.end if self._through is not None else self.lines.end

    @property
    def is_filtered(self) -> bool:
        """Whether some lines may be left out."""
        return self._through is not None

    @property
    def is_done(self) -> bool:
        """Whether every line was looked at by the filter."""
        through = self._through
        return through.is_complete if through is not None else self.lines.is_whole

    def line(self, at: int) -> int:
        """Returns which line stands at a position."""
        return self._through.at(at) if self._through is not None else at

    @property
    def top(self) -> int:
        """The line at the top of the screen; where the end is followed, the one after the last."""
        if self.window.follows:
            return self.lines.end
        places = self.window.places()
        return self.line(places[0][0]) if places else self._line

    # --- work ---

    def step(self) -> bool:
        """Does a slice of what there is to do; tells whether there may be more."""
        more = self.lines.grow()
        if self.lines.generation != self._generation:
            self._generation = self.lines.generation
            self.window.begin()
            self.sift(self.filter, self.only_err)
        tasks = (self._scan_found, self._scan_through, self.lines.dig)
        for _ in tasks:
            self._turn = (self._turn + 1) % len(tasks)
            if tasks[self._turn]():
                more = True
                break
        self.window.bound(self.first, self.end)
        self._seek()
        return more

    def _scan_found(self) -> bool:
        if self._found is None:
            return False
        try:
            more = self._found.scan(self._seeks[1] if self._seeks else True)
        except TooSlowError:
            words = self.search.words if self.search is not None else ""
            self.look_for(None, self._line, ahead=True)
            self.gave_up = words
            return True
        self._is_counted |= self._found.is_complete
        return more

    def _scan_through(self) -> bool:
        if self._through is None:
            return False
        try:
            return self._through.scan(not self.window.follows)
        except TooSlowError:
            words = self.filter.words if self.filter is not None else ""
            self.sift(None, self.only_err)
            self.gave_up = words
            return True

    # --- filter ---

    def sift(self, wanted: Pattern | None, only_err: bool) -> None:
        """Lets through only lines that are meant; the line at the top stays there if it is one."""
        line, follows = self.top, self.window.follows
        self.filter, self.only_err, self._line, self.gave_up = wanted, only_err, line, ""
        patterns = (wanted,) if wanted is not None else ()
        sifts = wanted is not None or only_err
        self._through = Sieve(self.lines, line, patterns, only_err) if sifts else None
        self.window.bound(self.first, self.end)
        if not follows:
            self.window.anchor(0 if sifts else line)
        if self.search is not None:
            self._find(self.search, line)

    # --- search ---

    def look_for(self, wanted: Pattern | None, line: int, ahead: bool) -> None:
        """Begins a search at a line, or ends it."""
        self.search = wanted
        self.hit = None
        self.gave_up = ""
        if wanted is None:
            self._found = self._seeks = None
        else:
            self._find(wanted, line)
            self._seeks = (line, ahead)

    def next(self, by: int) -> None:
        """Goes to the next hit, or the one before; from what is on screen."""
        shown = {self.line(at) for at, _ in self.window.places()}
        ahead = by > 0
        if self.hit is not None and self.hit in shown:
            self._seeks = (self.hit + 1 if ahead else self.hit, ahead)
        else:
            self._seeks = (self.top, ahead)
        self._seek()

    @property
    def said(self) -> str:
        """How the search stands: ``3/1,204``."""
        if self.gave_up:
            return "takes too long, given up"
        found = self._found
        if found is None:
            return ""
        number = found.end - found.first
        if not number:
            return "no match" if self._is_counted else "searching"
        if not self._is_counted:
            return f"{fmt.count(number)} so far"
        rank = found.find(self.hit) - found.first + 1 if self.hit is not None else 0
        return f"{fmt.count(rank)}/{fmt.count(number)}"

    def _find(self, wanted: Pattern, line: int) -> None:
        patterns = (self.filter, wanted) if self.filter is not None else (wanted,)
        self._found = Sieve(self.lines, line, patterns, self.only_err)
        self._is_counted = False

    def _seek(self) -> None:
        if self._seeks is None or self._found is None:
            return
        line = self._nearest(self._found, *self._seeks)
        if line is None:
            if self._is_counted and self._found.first == self._found.end:
                self._seeks = None  # nothing matches
            return
        at = line
        if self._through is not None:
            at = self._through.find(line)
            if at == self._through.end or self._through.at(at) != line:
                return  # the filter has not come so far
        self.hit = line
        self._seeks = None
        self.window.show(at)

    def _nearest(self, found: Sieve, line: int, ahead: bool) -> int | None:
        """Returns the next hit in one direction, from the other end where there is none; ``None`` while not known."""
        low, high = found.looked_at
        at = found.find(line) if ahead else found.find(line) - 1
        is_known = low <= line if ahead else line <= high
        if found.first <= at < found.end and (is_known or found.is_complete):
            return found.at(at)
        if found.is_complete and found.first < found.end:
            return found.at(found.first if ahead else found.end - 1)
        return None
