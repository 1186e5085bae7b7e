"""Owns which stages the Stages panel shows, in what order and under what: views, filters, folding; pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

from pivot_core.frozen import frozen
from pivot_core.port import OutlineRow, StageName, StageRow, Status, outline
from pivot_tui.board import Board

MANY = 200
"""More stages than this open in groups, all of them folded."""


class Form(Enum):
    """How the stages stand together."""

    TREE = "tree"
    GROUPS = "groups"
    FLAT = "flat"
    """In topological order."""


class Sort(Enum):
    """In what order; every one but GRAPH takes the tree apart."""

    GRAPH = "as in the graph"
    NAME = "by name"
    STATE = "by state, the worst first"
    DURATION = "by duration, the longest first"
    STARTED = "by start, the latest first"


class Side(Enum):
    """The stages that belong to one stage."""

    UPSTREAM = "upstream"
    DOWNSTREAM = "downstream"


@frozen
class View:
    """What a person wants to see."""

    form: Form = Form.TREE
    sort: Sort = Sort.GRAPH
    words: str = ""
    """Each must occur in the name."""
    statuses: frozenset[Status] = frozenset()
    """Only these; all when empty."""
    around: tuple[Side, StageName] | None = None
    """Only this stage and what it needs, or what follows from it."""
    turned: frozenset[str] = frozenset()
    """The keys of rows that are folded though they open unfolded, or the other way round."""

    @property
    def is_filtered(self) -> bool:
        """Whether stages may be left out."""
        return bool(self.words or self.statuses or self.around)

    @property
    def follows_states(self) -> bool:
        """Whether a stage's new state may change which rows there are."""
        return bool(self.statuses) or self.sort not in (Sort.GRAPH, Sort.NAME)


class Fold(Enum):
    """Whether rows lie below a row."""

    NONE = ""
    OPEN = "▾"
    FOLDED = "▸"


class Row(NamedTuple):
    """One line of the panel: a stage, or a group of them."""

    key: str
    """The stage's name; of a group a text that is no stage's name."""
    label: str
    depth: int
    stages: tuple[StageName, ...]
    """The stage and, folded, those below it; of a group all its members."""
    others: tuple[StageName, ...] = ()
    """Upstreams besides the one that the row stands under."""
    fold: Fold = Fold.NONE
    is_group: bool = False


_SEVERITY = {
    status: rank
    for rank, status in enumerate(
        (
            Status.FAILED,
            Status.BLOCKED,
            Status.RUNNING,
            Status.QUEUED,
            Status.STALE,
            Status.UNKNOWN,
            Status.WAIT,
            Status.CANCELLED,
            Status.RAN,
            Status.RESTORED,
            Status.SAME,
        )
    )
}


def worst(board: Board, stages: Iterable[StageName]) -> StageName:
    """Returns the stage that needs a look most, the first of several; ``stages`` must not be empty."""
    return min(stages, key=lambda name: _SEVERITY[board.state(name).status])


def first_view(board: Board) -> View:
    """Returns the view in which the panel opens."""
    return View(Form.GROUPS if len(board.stages) > MANY else Form.TREE)


def arrange(board: Board, view: View) -> list[Row]:
    """Returns the rows, folded as ``view`` wants them; while words are looked for nothing is folded."""
    names = _wanted(board, view)
    if view.form is Form.GROUPS:
        return _grouped(board, view, names)
    if view.sort is not Sort.GRAPH:
        return [Row(name, name, 0, (name,)) for name in sorted(names, key=_order(board, view.sort))]
    if view.form is Form.FLAT:
        return [Row(name, name, 0, (name,)) for name in names]
    if len(pipelines(board.stages)) > 1:
        return list(_by_pipeline(board, view, names))
    laid = board.rows if len(names) == len(board.stages) else _outline(board, names)
    return _folded(laid, view)


def keys(board: Board, view: View, *, folded: bool) -> frozenset[str]:
    """Returns what ``turned`` must be so that all rows are folded, or none."""
    if view.form is Form.GROUPS:
        many = len(board.stages) > MANY
        groups = _groups(board.stages, board.stages)
        return frozenset(group.key for group in groups if group.opens(many) is folded)
    homes = pipelines(board.stages)
    if len(homes) > 1:
        many = len(board.stages) > MANY
        return frozenset() if many is folded else frozenset(map(_pipeline_key, homes))
    if not folded:
        return frozenset()
    parents = {parent for row in board.stages.values() for parent in row.upstream}
    return frozenset(parents)


def pipelines(stages: Mapping[StageName, StageRow]) -> list[str]:
    """Returns the directories of the project's pipelines: the root's first, ``""``, then by name."""
    return sorted({row.pipeline for row in stages.values()})


def around(board: Board, place: str) -> str | None:
    """Returns the key of the row of the pipeline around a directory of the project; ``None`` where there is none."""
    homes = pipelines(board.stages)
    while place and place not in homes:
        place = place.rpartition("/")[0]
    return _pipeline_key(place) if len(homes) > 1 and place in homes else None


def closure(board: Board, side: Side, stage: StageName) -> set[StageName]:
    """Returns a stage with everything that it needs, or that follows from it."""
    found = {stage}
    if side is Side.UPSTREAM:
        pending = [stage]
        while pending:
            row = board.stages.get(pending.pop())
            for parent in row.upstream if row is not None else ():
                if parent not in found and parent in board.stages:
                    found.add(parent)
                    pending.append(parent)
        return found
    for name, row in board.stages.items():  # in topological order
        if name not in found and not found.isdisjoint(row.upstream):
            found.add(name)
    return found


def matches(words: str, name: str) -> list[tuple[int, int]] | None:
    """Returns where each word occurs in ``name``, from the left; ``None`` when one does not.

    Capitals in ``words`` are told apart, small letters are not.
    """
    subject = name if words != words.lower() else name.lower()
    found = list[tuple[int, int]]()
    for word in words.split():
        at = subject.find(word)
        if at < 0:
            return None
        found.append((at, at + len(word)))
    return sorted(found)


def turned(view: View, key: str) -> View:
    """Returns the view with one row folded that was not, or the other way round."""
    return replace(view, turned=view.turned ^ {key})


def _wanted(board: Board, view: View) -> list[StageName]:
    names: Iterable[StageName] = board.stages
    if view.around is not None and view.around[1] in board.stages:
        inside = closure(board, *view.around)
        names = [name for name in names if name in inside]
    if view.statuses:
        names = [name for name in names if board.state(name).status in view.statuses]
    if view.words:
        names = [name for name in names if matches(view.words, name) is not None]
    return list(names)


def _outline(board: Board, names: list[StageName]) -> list[OutlineRow]:
    return outline(names, {name: board.stages[name].upstream for name in names})


def _folded(laid: list[OutlineRow], view: View) -> list[Row]:
    """Leaves out what lies below a folded row, and notes it there."""
    if not view.turned or view.words:
        after = [*(row.depth for row in laid[1:]), 0][: len(laid)]
        return [
            Row(
                row.stage, row.stage, row.depth, (row.stage,), row.others, _OPENS[depth > row.depth]
            )
            for row, depth in zip(laid, after, strict=True)
        ]
    rows = list[Row]()
    at = 0
    while at < len(laid):
        row = laid[at]
        end = at + 1
        while end < len(laid) and laid[end].depth > row.depth:
            if row.stage not in view.turned:
                break
            end += 1
        has_children = at + 1 < len(laid) and laid[at + 1].depth > row.depth
        fold = _OPENS[has_children]
        stages = (row.stage,)
        if has_children and row.stage in view.turned:
            fold = Fold.FOLDED
            stages = tuple(each.stage for each in laid[at:end])
        rows.append(Row(row.stage, row.stage, row.depth, stages, row.others, fold))
        at = end if fold is Fold.FOLDED else at + 1
    return rows


_OPENS = {True: Fold.OPEN, False: Fold.NONE}


def _pipeline_key(home: str) -> str:
    return f"{home}//"  # no stage has such a name


def _by_pipeline(board: Board, view: View, names: list[StageName]) -> Iterable[Row]:
    """Yields each pipeline with its stages as a tree; what they need of other pipelines stands behind them."""
    members = dict[str, list[StageName]]()
    many = len(board.stages) > MANY
    for name in names:
        members.setdefault(board.stages[name].pipeline, []).append(name)
    for home in sorted(members):
        inside, key = members[home], _pipeline_key(home)
        is_open = bool(view.words) or many is (key in view.turned)
        label = f"{home}/" if home else board.engine.project if board.engine else "/"
        fold = Fold.OPEN if is_open else Fold.FOLDED
        yield Row(key, label, 0, tuple(inside), (), fold, is_group=True)
        if not is_open:
            continue
        own = set(inside)
        for row in _folded(_outline(board, inside), view):
            upstream = board.stages[row.stages[0]].upstream
            others = (*row.others, *(each for each in upstream if each not in own))
            yield row._replace(depth=row.depth + 1, others=others)


# --- groups ---


@dataclass(slots=True)
class _Group:
    """Variants of one stage, or the stages of one module."""

    key: str
    name: str
    stages: list[StageName]
    has_variants: bool

    def opens(self, many: bool) -> bool:
        """Whether the group is unfolded at first."""
        return not self.has_variants and not many

    def label(self, stages: Mapping[StageName, StageRow]) -> str:
        """Returns the name; of variants with the params in which they differ."""
        if not self.has_variants:
            return self.name
        first = stages[self.stages[0]].params
        differ = [
            param
            for param, value in first.items()
            if any(stages[name].params.get(param) != value for name in self.stages)
        ]
        return f"{self.name}@{{{','.join(differ)}}}" if differ else f"{self.name}@*"


def _groups(stages: Mapping[StageName, StageRow], names: Iterable[StageName]) -> list[_Group]:
    """Returns variants by their stage, the others by the module of their function; lone stages by themselves."""
    bases = dict[str, int]()
    for name in stages:
        base = name.partition("@")[0]
        bases[base] = bases.get(base, 0) + 1
    modules = {name: _module(row) for name, row in stages.items()}
    has_modules = len(set(modules.values())) > 1
    found = dict[str, _Group]()
    for name in names:
        base = name.partition("@")[0]
        module = modules[name]
        if bases[base] > 1:
            group = _Group(f"{base}@", base, [], True)
        elif has_modules:
            group = _Group(f"{module}:", module, [], False)
        else:
            group = _Group(name, name, [], False)
        found.setdefault(group.key, group).stages.append(name)
    return list(found.values())


def _module(row: StageRow) -> str:
    """Returns where the function lies; of a command, the file that defines it."""
    module = row.function.rpartition(".")[0]
    return module if module.replace(".", "").isidentifier() else row.where.file


def _grouped(board: Board, view: View, names: list[StageName]) -> list[Row]:
    groups = _groups(board.stages, names)
    if view.sort is not Sort.GRAPH:
        order = _order(board, view.sort)
        for group in groups:
            group.stages.sort(key=order)
        groups.sort(key=lambda group: order(group.stages[0]))
    many = len(board.stages) > MANY
    rows = list[Row]()
    for group in groups:
        if group.key == group.stages[0]:
            rows.append(Row(group.key, group.key, 0, (group.stages[0],)))
            continue
        is_open = bool(view.words) or group.opens(many) is not (group.key in view.turned)
        fold = Fold.OPEN if is_open else Fold.FOLDED
        label = group.label(board.stages)
        rows.append(Row(group.key, label, 0, tuple(group.stages), (), fold, is_group=True))
        if is_open:
            rows += [Row(name, name, 1, (name,)) for name in group.stages]
    return rows


def _order(board: Board, sort: Sort) -> Callable[[StageName], tuple[float, str]]:
    def order(name: StageName) -> tuple[float, str]:
        state = board.state(name)
        match sort:
            case Sort.STATE:
                return _SEVERITY[state.status], name
            case Sort.DURATION:
                return -(state.duration_s or state.expected_s or 0.0), name
            case Sort.STARTED:
                return -(state.started_at or 0.0), name
            case Sort.NAME | Sort.GRAPH:
                return 0.0, name

    return order
