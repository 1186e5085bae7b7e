"""Owns which names a piece of syntax binds, and how; what they refer to elsewhere is left to ``resolve``."""

import ast
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from pivot_core.frozen import frozen


@frozen
class Import:
    """One imported thing, as the statement spells it."""

    module: str
    """Dotted; empty in ``from . import x``."""
    level: int
    """The leading dots of a relative import."""
    name: str | None
    """What is taken out of the module; ``None`` for the module itself."""


@frozen
class Chain:
    """A dotted expression, ``a.b.c``: a global name or something imported, then attributes."""

    imports: tuple[Import, ...]
    """What the root stands for, each branch of a conditional import; empty for a global name."""
    names: tuple[str, ...]
    """The attributes; with no imports the first one is the global name."""

    def then(self, *names: str) -> "Chain":
        """Returns the chain with further attributes."""
        return Chain(self.imports, self.names + names) if names else self


class Kind(Enum):
    """What opens a scope."""

    FUNCTION = "function"
    CLASS = "class"
    BLOCK = "block"
    """A comprehension, or the statements of a module."""


@dataclass(slots=True, eq=False)
class Scope:
    """The names that one scope binds, without those of the scopes inside it."""

    kind: Kind
    params: set[str] = field(default_factory=set[str])
    bound: set[str] = field(default_factory=set[str])
    outer: set[str] = field(default_factory=set[str])
    """Declared ``global``."""
    nonlocals: set[str] = field(default_factory=set[str])
    imports: dict[str, list[Import]] = field(default_factory=dict[str, list[Import]])
    others: set[str] = field(default_factory=set[str])
    """Names bound by something else than an import."""
    stars: list[Import] = field(default_factory=list[Import])
    loads: list[Import] = field(default_factory=list[Import])
    """What the imports execute, in order."""
    aliases: dict[str, ast.expr] = field(default_factory=dict[str, ast.expr])
    """Names assigned once, from a dotted expression or a call: one may be a module under another name."""
    made: set[str] = field(default_factory=set[str])
    """Names that only ever hold what this scope made itself, by a call or a display."""
    defs: set[str] = field(default_factory=set[str])
    """Inner functions and classes."""
    returned: set[str] = field(default_factory=set[str])
    """Inner functions that are only returned, so that calling this one does not run them."""
    is_open: bool = False
    """Whether ``locals()``, ``eval`` and the like make the names of local variables count."""
    numbers: dict[str, str] = field(default_factory=dict[str, str])
    """Stands in for the names of local variables; filled while the scope is written."""


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_OPENERS = frozenset({"locals", "vars", "eval", "exec", "dir"})
_MAKERS = (
    ast.Call,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.Constant,
    ast.JoinedStr,
    ast.Compare,
    ast.BinOp,
    *COMPREHENSIONS,
)
_ALIASED = (ast.Name, ast.Attribute, ast.Call)


def scan(kind: Kind, nodes: Iterable[ast.AST], args: ast.arguments | None = None) -> Scope:
    """Returns the scope that ``nodes``, the body of a function, class or module, make."""
    scan = _Scan(Scope(kind))
    if args is not None:
        scan.arguments(args)
    scan.walk(nodes)
    return scan.finish()


def imported(node: ast.Import | ast.ImportFrom) -> list[tuple[str, Import, Import]]:
    """Returns for each name of an import statement: the name, what it stands for, and what is executed for it."""
    if isinstance(node, ast.ImportFrom):
        things = [
            (a.asname or a.name, Import(node.module or "", node.level, a.name)) for a in node.names
        ]
        return [(name, thing, thing) for name, thing in things]
    found = list[tuple[str, Import, Import]]()
    for alias in node.names:
        whole = Import(alias.name, 0, None)
        top = alias.name.partition(".")[0]
        if alias.asname:
            found.append((alias.asname, whole, whole))
        else:
            found.append((top, Import(top, 0, None), whole))
    return found


def _bound_by_argument(args: ast.arguments) -> list[ast.arg]:
    several = [*args.posonlyargs, *args.args, *args.kwonlyargs]
    return [*several, *(arg for arg in (args.vararg, args.kwarg) if arg)]


class _Scan:
    def __init__(self, scope: Scope) -> None:
        self.scope: Scope = scope
        self._stores: Counter[str] = Counter()
        self._makes: Counter[str] = Counter()
        self._loads: Counter[str] = Counter()
        self._returns: Counter[str] = Counter()
        self._defs: set[str] = set()

    def arguments(self, args: ast.arguments) -> None:
        for arg in _bound_by_argument(args):
            self.scope.params.add(arg.arg)
            self._bind(arg.arg)

    def walk(self, nodes: Iterable[ast.AST]) -> None:
        stack = list(nodes)
        while stack:
            node = stack.pop()
            if isinstance(node, ast.Name):
                self._name(node)
            elif isinstance(node, ast.Constant | ast.Lambda):
                continue
            elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
                self._bind(node.name)
                self._defs.add(node.name)
                stack.extend(node.decorator_list)
            elif isinstance(node, COMPREHENSIONS):
                self._walrus(node)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self._import(node)
            else:
                self._other(node)
                stack.extend(ast.iter_child_nodes(node))

    def finish(self) -> Scope:
        scope = self.scope
        for name in scope.outer | scope.nonlocals:
            scope.bound.discard(name)
        for name in list(scope.aliases):
            if self._stores[name] != 1 or name in scope.outer:
                del scope.aliases[name]
        scope.made = {name for name, count in self._makes.items() if count == self._stores[name]}
        scope.defs = self._defs
        scope.returned = {
            name for name in self._defs if 0 < self._returns[name] == self._loads[name]
        }
        return scope

    def _bind(self, name: str) -> None:
        self.scope.bound.add(name)
        self.scope.others.add(name)
        self._stores[name] += 1

    def _name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._load(node.id)
        else:
            self._bind(node.id)

    def _load(self, name: str) -> None:
        self._loads[name] += 1
        if name in _OPENERS:
            self.scope.is_open = True

    def _walrus(self, node: ast.AST) -> None:
        """A walrus in a comprehension binds in the scope around it."""
        for inner in ast.walk(node):
            if isinstance(inner, ast.NamedExpr):
                self._bind(inner.target.id)
            elif isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load):
                self._load(inner.id)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name, thing, load in imported(node):
            self.scope.loads.append(load)
            if name == "*":
                self.scope.stars.append(thing)
                continue
            self.scope.bound.add(name)
            self._stores[name] += 1
            self.scope.imports.setdefault(name, []).append(thing)

    def _other(self, node: ast.AST) -> None:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if isinstance(value, _MAKERS):
                    self._makes[name] += 1
                if isinstance(value, _ALIASED):
                    self.scope.aliases[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                if isinstance(value, _MAKERS):
                    self._makes[name] += 1
            case ast.Return(value=ast.Name(id=name)):
                self._returns[name] += 1
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                self._bind(name)
            case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
                self._bind(name)
            case ast.Global(names=names):
                self.scope.outer.update(names)
            case ast.Nonlocal(names=names):
                self.scope.nonlocals.update(names)
            case _:
                pass
