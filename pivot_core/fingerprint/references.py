"""Owns what a statement refers to and may change: dotted names and calls, seen from the scopes that they stand in."""

import ast
import builtins
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from pivot_core.fingerprint import dynamic, syntax
from pivot_core.fingerprint.form import (
    OBSERVES,
    READS,
    Change,
    Detail,
    Form,
    Ref,
    Site,
    Use,
    Wild,
)
from pivot_core.fingerprint.scope import Chain, Import, Kind, Scope

type _Start = tuple[Chain | None, str]
"""What an expression starts with; with no chain the parameter, or nothing for an element of something."""


class Bound(Protocol):
    """A statement that binds a name."""

    @property
    def imports(self) -> Mapping[str, tuple[Import, ...]]:
        """What each of the names stands for that it imports."""
        ...


type Known = Mapping[str, Sequence[Bound]]
"""The statements that bind each name of a module."""

GAP = "§"
_BUILTINS = frozenset(dir(builtins)) - {"__doc__"}  # every module has its own
_OF_MODULE = frozenset({"__doc__", "__name__"})
"""As attributes they are those of a definition; as global names they are the module's own."""


class References(ABC):
    """Writes names and calls as tokens and gaps, and notes what fills the gaps; a subclass writes the rest."""

    def __init__(self, known: Known | None) -> None:
        self._known: Known | None = known
        self._targets: list[str] = []
        self._refs: list[Ref] = []
        self._wild: list[Wild] = []
        self._importers: int = 0
        self._walked: Wild | None = None
        """What the names of the packages start with that were last walked through."""
        self._starts: dict[ast.expr, _Start] = {}
        self._hides: list[tuple[str, int, int]] = []
        self._reads: Detail = Detail.NONE
        self._lists_subclasses: bool = False
        self._runs_inside: bool = False
        self._observes: list[tuple[str, int, int]] = []
        self.out: list[str] = []
        """The tokens of the canonical form."""
        self.scopes: list[Scope] = []
        self.depth: int = 0
        self.dropped: ast.AST | None = None
        """The call whose result is not used."""
        self.decorator: ast.expr | None = None
        self.copied: str = ""
        """The attribute that is only handed on, as in ``w.__doc__ = f.__doc__``."""
        self.loads: list[tuple[Import, int]] = []
        self.sites: list[Site] = []
        self.watchers: list[Chain] = []
        """Decorators that may look at annotations."""

    @abstractmethod
    def visit(self, node: ast.AST) -> None:
        """Writes any syntax."""

    @abstractmethod
    def several(self, values: Sequence[object]) -> None:
        """Writes a list of syntax."""

    def form_of(self, digest: str) -> Form:
        """Returns what was noted, as the form with that hash."""
        return Form(
            hash=digest,
            refs=tuple(self._refs),
            sites=tuple(self.sites),
            loads=tuple(self.loads),
            wild=tuple(self._wild),
            importers=self._importers,
            hides=tuple(self._hides),
            watchers=tuple(self.watchers),
            reads=self._reads,
            lists_subclasses=self._lists_subclasses,
            observes=tuple(self._observes),
            targets=tuple(self._targets),
            runs_inside=self._runs_inside,
        )

    # --- what a name stands for ---------------------------------------------------------------------------------------

    def lookup(self, name: str) -> Scope | None:
        """Returns the scope that a name belongs to here; ``None`` for the module's."""
        last = len(self.scopes) - 1
        for index in range(last, -1, -1):
            scope = self.scopes[index]
            if scope.kind is Kind.CLASS and index != last:
                continue
            if name in scope.outer:
                return None
            if name in scope.bound:
                return scope
        return None

    def in_function(self) -> bool:
        """Whether what is written now runs only when a function is called."""
        return any(scope.kind is Kind.FUNCTION for scope in self.scopes)

    def chain(self, node: ast.expr) -> Chain | None:
        """Returns a dotted expression that starts at a global name, an import or another name for one."""
        return dynamic.chain(node, self._meaning)

    def _meaning(self, name: str) -> Chain | None:
        scope = self.lookup(name)
        if scope is None:
            return self._importer(name) or dynamic.global_name(name)
        if name in scope.imports and name not in scope.others:
            return Chain(tuple(scope.imports[name]), ())
        return self._aliased(scope, name)

    def _importer(self, name: str) -> Chain | None:
        """Returns what a global name stands for that is a function which imports by name."""
        match self._known.get(name, ()) if self._known is not None else ():
            case [unit]:
                things = unit.imports.get(name, ())
                is_importer = len(things) == 1 and things[0].module in dynamic.IMPORTERS
                return Chain(things, ()) if is_importer and things[0].name else None
            case _:
                return None

    def _made_by(self, function: ast.expr) -> Chain | None:
        """Returns the method that a local variable has from what made it: ``Pipeline.register`` of ``p.register``."""
        match function:
            case ast.Attribute(value=ast.Name(id=name), attr=method):
                scope = self.lookup(name)
                maker = scope.aliases.get(name) if scope else None
            case _:
                return None
        chain = self.chain(maker.func) if isinstance(maker, ast.Call) else None
        return chain and chain.then(method)

    def _aliased(self, scope: Scope, name: str) -> Chain | None:
        value = scope.aliases.pop(name, None)  # taken out meanwhile: `x = x.y` would go round
        if value is None:
            return None
        chain = self.chain(value)
        scope.aliases[name] = value
        return chain

    # --- names --------------------------------------------------------------------------------------------------------

    def reference(self, node: ast.expr, use: Use = Use.VALUE, calls: int = 0) -> None:
        """Writes an expression that may be dotted."""
        names = list[str]()
        inner = node
        while isinstance(inner, ast.Attribute):
            names.append(inner.attr)
            inner = inner.value
        names.reverse()
        if names and isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            self._note(names, node)
        if isinstance(inner, ast.Name):
            self._dotted(inner, tuple(names), use, calls)
            return
        root = dynamic.root(inner, self._meaning)
        if root is None:
            self.out.append("." + ".".join(names) if names else "()")
            self.visit(inner)
            return
        self.out.append(GAP)
        self.dynamic(inner, Use.ALIAS)
        self.ref(root.then(*names), inner, use, calls)

    def ref(
        self,
        chain: Chain,
        node: ast.AST,
        use: Use = Use.VALUE,
        calls: int = 0,
        rest: tuple[str, ...] = (),
    ) -> None:
        """Notes what fills a gap."""
        self._refs.append(Ref(chain, use, getattr(node, "lineno", 0), self.depth, calls, rest))

    def bind(self, name: str) -> None:
        """Writes a name that is given as text where it is bound (``except … as name``)."""
        scope = self.lookup(name)
        self.out.append(self._target(name) if scope is None else self._stand_in(scope, name))

    def _dotted(self, root: ast.Name, names: tuple[str, ...], use: Use, calls: int) -> None:
        name = root.id
        scope = self.lookup(name)
        if scope is None:
            self._global(root, names, use, calls)
            return
        things = tuple(scope.imports.get(name, ()))
        if things and name not in scope.others:
            self.out.append(GAP)
            self.ref(Chain(things, names), root, use, calls)
            return
        self.out.append(self._stand_in(scope, name))
        self.out.extend("." + attribute for attribute in names)
        if not isinstance(root.ctx, ast.Load):
            return
        if things:
            self.ref(Chain(things, names), root, use, calls)
        is_used = bool(names) or use is Use.VALUE
        if is_used and (chain := self._aliased(scope, name)) is not None:
            self.ref(chain, root, Use.VIA, calls, names)
        if scope.kind is Kind.CLASS and (self._known is None or name in self._known):
            self.ref(Chain((), (name, *names)), root, use, calls)  # before the class binds it

    def _global(self, root: ast.Name, names: tuple[str, ...], use: Use, calls: int) -> None:
        name = root.id
        if isinstance(root.ctx, ast.Load):
            if name not in _OF_MODULE:
                self._note([name], root)
            if name == "__import__" and not calls:
                self._computed(Wild("", 0, root.lineno))
            if self._known is not None and name not in self._known and name in _BUILTINS:
                self.out.append(".".join((name, *names)))
                return
        elif self.in_function():
            self.rebinds(name)
        else:
            self.out.append(self._target(name))
            return
        self.out.append(GAP)
        self.ref(Chain((), (name, *names)), root, use, calls)

    def _stand_in(self, scope: Scope, name: str) -> str:
        """Returns what is written for a local variable: a number, unless its name can be seen from outside."""
        token = scope.numbers.get(name)
        if token is None:
            place = self.scopes.index(scope)
            is_seen = scope.kind is Kind.CLASS or scope.is_open or name in scope.params
            token = f"${place}:{name if is_seen else len(scope.numbers)}"
            scope.numbers[name] = token
        return token

    def _target(self, name: str) -> str:
        """Returns what is written for a name that the statement binds in the module: its name does not count."""
        if name not in self._targets:
            self._targets.append(name)
        return f"${self._targets.index(name)}"

    def _note(self, names: Sequence[str], node: ast.expr) -> None:
        for name in names:
            if name in OBSERVES:
                self._observes.append((OBSERVES[name], self.depth, getattr(node, "lineno", 0)))
            if name == dynamic.GLOBALS and self.chain(node) is None:
                self._computed(Wild("", 0, node.lineno))
            if name == "__subclasses__":
                self._lists_subclasses = True
            if name != self.copied and name in READS:
                self._reads |= READS[name]

    # --- calls --------------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call, layers: int = 1) -> None:
        """Writes a call; ``layers`` counts how often it is called on, as in ``f(x)(y)``."""
        is_dropped = self.dropped is node
        self.runs(node.func)
        if self.dynamic(node, Use.ALIAS if is_dropped else Use.VALUE):
            return
        self.out.append("Call")
        if self.decorator is not node:  # that one holds while what is decorated runs
            self._patches(node)
        callee = self.chain(node.func) or self._made_by(node.func)
        if isinstance(node.func, ast.Attribute):
            self.method(node.func, is_dropped, self.decorator is node)
        elif is_dropped and callee is not None:
            call = Site(change=Change.CALL, chain=callee, depth=self.depth, dropped=True)
            self.sites.append(call)
        elif callee is None:
            self._call_of_unknown(node.func)
        for slot, argument in syntax.slots(node):
            if isinstance(argument, ast.Name | ast.Attribute):
                self.site(Change.ARGUMENT, argument, dropped=is_dropped, callee=callee, slot=slot)
        if isinstance(node.func, ast.Call):
            self.call(node.func, layers + 1)
        else:
            self.reference(node.func, calls=layers)
        self.several(node.args)
        self.several(node.keywords)

    def dynamic(self, node: ast.expr, use: Use) -> bool:
        """Notes what a string names; whether the whole expression is written by that."""
        thing = dynamic.imported_by(node, self._meaning)
        if isinstance(thing, Wild):
            self._computed(thing)
            self._importers += 1
            return False
        if thing is not None:
            self.loads.append((thing, self.depth))
            self.out.append(GAP)
            self.ref(Chain((thing,), ()), node, use)
            return True
        executed = dynamic.executed_by(node, self._meaning)
        self._importers += executed is not None
        if isinstance(executed, Wild):
            self._computed(executed)
        elif executed is not None:
            self.loads.append((executed, self.depth))
            self.out.append(GAP)
            self.ref(Chain((executed,), ()), node)
            if executed.name is None:
                self.ref(Chain((executed,), ()), node, Use.TEXT)
        elif dynamic.any_module(node) and dynamic.root(node, self._meaning) is None:
            self._computed(Wild("", 0, node.lineno))
        if not isinstance(node, ast.Call):
            return False
        if (prefix := dynamic.walked_by(node)) is not None:
            self._walked, _ = dynamic.named(prefix, node.lineno, self._meaning)
        if not isinstance(node.func, ast.Name):
            return False
        if self.lookup(node.func.id) is not None:
            return False
        return self._builtin(node, node.func.id)

    def _computed(self, wild: Wild) -> None:
        """Notes an import of a computed name; where nothing is known of it, it is what a walk before it gave."""
        if self._walked is not None and wild == Wild("", 0, wild.line):
            wild = replace(self._walked, line=wild.line)
        self._wild.append(replace(wild, depth=self.depth))

    def _builtin(self, node: ast.Call, function: str) -> bool:
        if function in ("eval", "exec", "globals") or (function == "vars" and not node.args):
            self._hides.append((f"{function}() can use any name", self.depth, node.lineno))
            for text in node.args[:1]:
                self.several(syntax.code_in(text))
        if function not in dynamic.PROBES or not node.args:
            return False
        if function in ("setattr", "delattr"):
            self.site(Change.BIND, node)
        named = dynamic.attribute_of(node)
        if named is None:
            return False
        self._note([named[1]], node)
        of = self.chain(named[0])
        if of is None:
            return False
        self.out.extend((function, GAP))
        self.ref(of.then(named[1]), node)
        self.several(node.args[2:])
        return True

    # --- changes ------------------------------------------------------------------------------------------------------

    def method(self, function: ast.expr, dropped: bool, is_decorator: bool = False) -> None:
        """Notes that a method, or a function of a module, is called."""
        if isinstance(function, ast.Attribute):
            of, name = function.value, function.attr
            self.site(Change.METHOD, of, dropped=dropped, is_decorator=is_decorator, method=name)

    def _patches(self, node: ast.Call) -> None:
        """Notes what a call puts something else in the place of, and that it imports its module."""
        for chain in dynamic.patched_by(node, self._meaning):
            self.sites.append(Site(change=Change.BIND, chain=chain, depth=self.depth))
            for thing in chain.imports:
                path = ".".join((thing.module, *chain.names[:-1]))
                self.loads.append((Import(path, thing.level, None), self.depth))

    def rebinds(self, name: str) -> None:
        """Notes that a function gives a global name another value."""
        chain = dynamic.global_name(name)
        self.sites.append(Site(change=Change.BIND, chain=chain, depth=self.depth))

    def site(
        self,
        change: Change,
        node: ast.expr,
        *,
        dropped: bool = False,
        is_decorator: bool = False,
        method: str = "",
        callee: Chain | None = None,
        slot: str = "",
    ) -> None:
        """Notes a change of what an expression starts with, unless this function made that itself."""
        found = self._start(node)
        if found is None:
            return
        chain, param = found
        is_within = self._is_within(change, node)
        if change is Change.BIND and chain is not None and is_within:
            chain = chain.then("*")
        site = Site(
            change=change,
            chain=chain,
            depth=self.depth,
            param=param,
            is_within=is_within,
            dropped=dropped,
            method=method,
            is_decorator=is_decorator,
            callee=callee,
            slot=slot,
        )
        self.sites.append(site)

    def _is_within(self, change: Change, node: ast.expr) -> bool:
        """Whether what changes has no dotted name: it is what a call gives, or is held by a container."""
        match node:
            case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[value, *_]):
                node = value
            case ast.Subscript(value=value) if change is Change.STORE:
                node = value
            case _:
                pass
        while isinstance(node, ast.Attribute):
            node = node.value
        return not isinstance(node, ast.Name) and dynamic.root(node, self._meaning) is None

    def runs(self, function: ast.expr) -> None:
        """Notes a call, on import, of a function that stands in the statement itself."""
        if self.in_function():
            return
        match function:
            case ast.Lambda():
                self._runs_inside = True
            case ast.Name(id=name):
                scope = self.lookup(name)
                self._runs_inside |= scope is not None and name in scope.defs
            case _:
                pass

    def _call_of_unknown(self, function: ast.expr) -> None:
        """Notes a call of an argument, of an element or of another value that a run finds."""
        param = ""
        match function:
            case ast.Name(id=name):
                scope = self.lookup(name)
                if scope is None or name in scope.defs:
                    return
                param = name if name in scope.params else ""
            case ast.Subscript():
                pass
            case _:
                return
        self.sites.append(Site(change=Change.CALL, chain=None, depth=self.depth, param=param))

    def _start(self, node: ast.expr) -> _Start | None:
        """Returns what an expression starts with, ``None`` for something that this function made."""
        names = list[str]()
        passed = list[ast.expr]()
        while not isinstance(node, ast.Name) and node not in self._starts:
            special = dynamic.root(node, self._meaning)
            if special is not None:
                return self._keep(passed, (special.then(*reversed(names)), ""))
            match node:
                case ast.Attribute(value=value, attr=attribute):
                    names.append(attribute)
                    node = value
                    continue
                case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[value, *_]):
                    names = ["*"]
                    node = value
                    continue
                case ast.Call(func=ast.Name(id="vars"), args=[value]):
                    pass
                case ast.Subscript(value=value) | ast.Starred(value=value) | ast.Call(func=value):
                    pass
                case _:
                    return None
            passed.append(node)
            names.clear()
            node = value
        if not isinstance(node, ast.Name):
            return self._starts[node]
        scope = self.lookup(node.id)
        if scope is not None and (node.id in scope.made or node.id in ("self", "cls")):
            given = self._given(scope, node.id)
            return given and self._keep(passed, (given, ""))
        root = self._meaning(node.id)
        param = node.id if scope is not None and node.id in scope.params else ""
        return self._keep(passed, (root and root.then(*reversed(names)), param))

    def _given(self, scope: Scope, name: str) -> Chain | None:
        """Returns the function that gave a local variable what was there before: ``context = getcontext()``."""
        match scope.aliases.get(name):
            case ast.Call(func=function) if syntax.is_getter(function):
                return self.chain(function)
            case _:
                return None

    def _keep(self, passed: list[ast.expr], start: _Start) -> _Start:
        """Keeps what a long chain of calls starts with, so that each of them need not go down all of it."""
        self._starts.update(dict.fromkeys(passed, start))
        return start
