"""Owns the canonical form of a statement: equal for any formatting, on any machine and Python release."""

import ast
import itertools
from collections.abc import Sequence
from typing import cast, override

import xxhash

from pivot_core.fingerprint import dynamic, syntax
from pivot_core.fingerprint.form import Change, Detail, Form, Site, Use
from pivot_core.fingerprint.references import GAP, Known, References
from pivot_core.fingerprint.scope import Chain, Kind, Scope, imported, scan

_IGNORED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_HARMLESS = frozenset(
    [
        "abstractmethod",
        "asynccontextmanager",
        "cache",
        "cached_property",
        "classmethod",
        "contextmanager",
        "dataclass",
        "deleter",
        "field_validator",
        "final",
        "getter",
        "lru_cache",
        "model_validator",
        "overload",
        "override",
        "property",
        "root_validator",
        "setter",
        "staticmethod",
        "total_ordering",
        "validator",
        "wraps",
    ]
)
"""Decorators that do not look at annotations, by their last name."""


def normalise(nodes: Sequence[ast.AST], known: Known | None, detail: Detail = Detail.NONE) -> Form:
    """Returns the form of a top-level statement, the last of ``nodes``; those before it are what guards it.

    ``known`` are the names that the module binds, so that a builtin is told from one of those; ``None`` when they
    cannot be known (``from x import *``). Raises ``RecursionError`` for syntax nested too deeply to walk.
    """
    writer = _Writer(known, detail, nodes[-1])
    for node in nodes:
        writer.visit(node)
    text = "\n".join(writer.out)
    return writer.form_of(xxhash.xxh3_128_hexdigest(text.encode("utf-8", "surrogatepass")))


class _Writer(References):
    """Walks a syntax tree and writes what counts of it."""

    def __init__(self, known: Known | None, detail: Detail, top: ast.AST) -> None:
        super().__init__(known)
        self._detail: Detail = detail
        self._top: ast.AST = top
        self._tries: int = 0

    # --- any syntax ---------------------------------------------------------------------------------------------------

    @override
    def visit(self, node: ast.AST) -> None:
        match node:
            case ast.Name() | ast.Attribute():
                self._name(node)
            case ast.Constant(value=value):
                self.out.append(_literal(value))
                self._text(node)
            case ast.List() | ast.Tuple():
                self._generic(node)
                self._command(node)
            case ast.Call():
                self.call(node)
            case ast.expr():
                self._expression(node)
            case ast.stmt():
                self._statement(node)
            case _:
                self._part(node)

    @override
    def several(self, values: Sequence[object]) -> None:
        """Writes a list of nodes or names; statements that do nothing are left out."""
        self.out.append("[")
        for value in values:
            if not isinstance(value, ast.AST):
                self.out.append("-" if value is None else f"{value!a}")
            elif not syntax.is_idle(value):
                self.visit(value)
        self.out.append("]")

    def _generic(self, node: ast.AST) -> None:
        out = self.out
        out.append(type(node).__name__)
        for name in node._fields:
            if name in _IGNORED:
                continue
            value: object = getattr(node, name, None)
            if isinstance(value, ast.AST):
                out.append(name)
                self.visit(value)
            elif isinstance(value, list):
                if value:
                    out.append(name)
                    self.several(cast("list[object]", value))
            elif value is not None:
                out.append(f"{name}={value!a}")
        out.append(")")

    def _part(self, node: ast.AST) -> None:
        """Writes what is neither expression nor statement."""
        match node:
            case ast.ExceptHandler():
                self._parts("except", [node.type], node.name, node.body)
            case ast.MatchAs():
                self._parts("as", [node.pattern], node.name)
            case ast.MatchStar():
                self._parts("*", [], node.name)
            case ast.MatchMapping():
                self._parts("mapping", [*node.keys, *node.patterns], node.rest)
            case _:
                self._generic(node)

    def _parts(
        self, token: str, parts: Sequence[object], name: str | None, body: Sequence[object] = ()
    ) -> None:
        self.out.append(token)
        self.several(parts)
        if name is not None:
            self.bind(name)
        self.several(body)

    # --- expressions --------------------------------------------------------------------------------------------------

    def _name(self, node: ast.Name | ast.Attribute) -> None:
        if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            self.site(Change.BIND, node)
        self.reference(node)

    def _expression(self, node: ast.expr) -> None:
        match node:
            case ast.JoinedStr():
                self._joined(node)
            case ast.BinOp():
                self._binary(node)
            case ast.Subscript():
                self._subscript(node)
            case ast.Lambda():
                self._lambda(node)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._comprehension(node)
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot()], comparators=[other]):
                # A module that is compared with None does not count by that.
                self.out.append(type(node.ops[0]).__name__)
                self.reference(left, Use.ALIAS)
                self.visit(other)
            case _:
                self._generic(node)

    def _joined(self, node: ast.JoinedStr) -> None:
        """Neighbouring literals are one: how they are split depends on the parser."""
        literals = [str(part.value) for part in node.values if isinstance(part, ast.Constant)]
        if len(literals) == len(node.values):
            self.out.append(_literal("".join(literals)))
            return
        text = ""
        self.out.append("JoinedStr[")
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
                continue
            self.out.append(_literal(text))
            text = ""
            self.visit(part)
        self.out.append(_literal(text))
        for part in node.values:
            if isinstance(part, ast.Constant):
                self._text(part)

    def _text(self, node: ast.Constant) -> None:
        """Notes what a text names that code may take out of it: a definition or a script."""
        text = node.value
        if not isinstance(text, str) or not ("." in text or ":" in text):
            return
        if (chain := dynamic.text_of(text)) is not None and not text.endswith(".py"):
            self.ref(chain, node, Use.TEXT)
        elif ".py" in text or "-m " in text:
            for script in dynamic.scripts_in(text):
                self.ref(script, node, Use.TEXT)

    def _command(self, node: ast.List | ast.Tuple) -> None:
        """Notes a module that a list of words names behind ``-m``."""
        for before, after in itertools.pairwise(node.elts):
            match before, after:
                case ast.Constant(value="-m"), ast.Constant(value=str(name)):
                    for chain in dynamic.run_as(name):
                        self.ref(chain, after, Use.TEXT)
                case _:
                    pass

    def _binary(self, node: ast.BinOp) -> None:
        """A long sum nests to the left, deeper than Python recurses."""
        spine = list[ast.BinOp]()
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            spine.append(left)
            left = left.left
        self.out.append(f"BinOp{len(spine)}")
        self.visit(left)
        for step in reversed(spine):
            self.out.append(type(step.op).__name__)
            self.visit(step.right)

    def _subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            entry = self.chain(node)  # `globals()["x"] = 1`
            self.site(Change.STORE if entry is None else Change.BIND, node)
        if self.chain(node) is None:
            self.dynamic(node, Use.VALUE)
            self._generic(node)
        else:
            self.reference(node)

    def _lambda(self, node: ast.Lambda, returned: bool = False) -> None:
        self.out.append("Lambda")
        self._arguments(node.args)
        scope = scan(Kind.FUNCTION, [node.body], node.args)
        self._within(scope, [node.body], deeper=returned or not self.in_function())

    def _comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    ) -> None:
        out = self.out
        out.append(type(node).__name__)
        first = node.generators[0]
        self.visit(first.iter)  # in the scope around
        scope = Scope(Kind.BLOCK)
        for generator in node.generators:
            names = (part for part in ast.walk(generator.target) if isinstance(part, ast.Name))
            scope.bound.update(name.id for name in names)
        scope.is_open = bool(self.scopes) and self.scopes[-1].is_open
        self.scopes.append(scope)
        for generator in node.generators:
            out.append(f"for {generator.is_async}")
            self.visit(generator.target)
            if generator is not first:
                self.visit(generator.iter)
            self.several(generator.ifs)
        made = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self.several(made)
        self.scopes.pop()

    # --- statements ---------------------------------------------------------------------------------------------------

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=value):
                self.out.append("Expr")
                self.dropped = value.value if isinstance(value, ast.Await) else value
                self.visit(value)
            case ast.Assign():
                self._assign(node)
            case ast.AnnAssign():
                self._annotated(node)
            case ast.Return(value=ast.Lambda() as value):
                self.out.append("Return")
                self._lambda(value, returned=True)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._function(node)
            case ast.ClassDef():
                self._class(node)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.Try() | ast.TryStar():
                self._tries += 1
                self._generic(node)
                self._tries -= 1
            case ast.Global() | ast.Nonlocal():
                pass  # shows in what the names stand for
            case _:
                self._generic(node)

    def _assign(self, node: ast.Assign) -> None:
        self.out.append("Assign")
        self.several(node.targets)
        match node:
            case ast.Assign(targets=[ast.Name()]) if self.chain(node.value) is not None:
                self.reference(node.value, Use.ALIAS)
            case ast.Assign(targets=[ast.Attribute(attr=attr)], value=ast.Attribute(attr=same)):
                self.copied = attr if attr == same else ""
                self.visit(node.value)
                self.copied = ""
            case _:
                self.visit(node.value)

    def _annotated(self, node: ast.AnnAssign) -> None:
        """Only a class keeps the annotations of its variables."""
        in_class = bool(self.scopes) and self.scopes[-1].kind is Kind.CLASS
        if node.value is None and not in_class:
            return
        self.out.append("AnnAssign" if in_class else "Assign")
        self.several([node.target])
        if in_class:
            self._annotation(node.annotation)
        if node.value is not None:
            self.visit(node.value)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        """What an import binds counts where it is used; in a ``try`` it counts too whether it works."""
        in_class = bool(self.scopes) and self.scopes[-1].kind is Kind.CLASS
        for name, thing, load in imported(node):
            self.loads.append((load, self.depth))
            if in_class:  # used as an attribute, of the class or of any object of it
                self.out.extend((name, GAP))
                self.ref(Chain((thing,), ()), node)
            elif self._tries or not self.scopes:
                self.out.append(GAP)
                self.ref(Chain((thing,), ()), node, Use.ALIAS)
            if self.in_function() and self.lookup(name) is None and name != "*":
                self.rebinds(name)

    # --- definitions --------------------------------------------------------------------------------------------------

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        out = self.out
        out.append(type(node).__name__)
        calls = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
        watchers = [function for function in calls if syntax.last_name(function) not in _HARMLESS]
        watching = [self.chain(function) for function in watchers]
        self.watchers.extend(filter(None, watching))
        self._defined(node, is_shown=None in watching or bool(self._detail & Detail.NAMES))
        self._decorators(node)
        self._arguments(node.args)
        if self._detail & Detail.ANNOTATIONS:
            self.several(node.type_params)
            if node.returns is not None:
                out.append("->")
                self._annotation(node.returns)
        scope = scan(Kind.FUNCTION, node.body, node.args)
        generics = {str(getattr(param, "name", "")) for param in node.type_params}
        scope.params |= generics
        scope.bound |= generics
        around = self.scopes[-1] if self.scopes else None
        returned = around is not None and node.name in around.returned
        self._doc(node.body)
        self._within(scope, node.body, deeper=returned or not self.in_function())

    def _defined(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, is_shown: bool
    ) -> None:
        """Writes the name of a definition, where something may tell it."""
        scope = self.scopes[-1] if self.scopes else None
        if self.in_function() and self.lookup(node.name) is None:  # declared global
            self.rebinds(node.name)
            self.out.append(GAP)
            self.ref(dynamic.global_name(node.name), node)
        if is_shown or (scope is not None and scope.kind is Kind.CLASS):
            self.out.append(node.name)
        elif node is not self._top:
            self.bind(node.name)

    def _class(self, node: ast.ClassDef) -> None:
        self.out.append("ClassDef")
        self._defined(node, is_shown=True)
        self._decorators(node)
        self.several(node.type_params)
        self.several(node.bases)
        self.several(node.keywords)
        for base in node.bases:
            chain = self.chain(base.value if isinstance(base, ast.Subscript) else base)
            if chain is not None:
                self.sites.append(Site(change=Change.BASE, chain=chain, depth=self.depth))
        if any(syntax.last_name(base) == "type" for base in node.bases):
            self._reads |= Detail.ORDER  # a metaclass gets what it makes a class of
        body = node.body if self._detail & Detail.ORDER else syntax.in_order(node.body)
        self._doc(node.body)
        self._within(scan(Kind.CLASS, node.body), body, deeper=False)

    def _decorators(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        for decorator in node.decorator_list:
            self.out.append("@")
            if isinstance(decorator, ast.Call):
                self.decorator = decorator
                self.call(decorator, layers=2)
            else:
                self.runs(decorator)
                self.method(decorator, dropped=False, is_decorator=True)
                self.reference(decorator, calls=1)

    def _arguments(self, args: ast.arguments) -> None:
        for kind, several in (("/", args.posonlyargs), ("", args.args), ("=", args.kwonlyargs)):
            for arg in several:
                self._argument(kind, arg)
        for kind, arg in (("*", args.vararg), ("**", args.kwarg)):
            if arg is not None:
                self._argument(kind, arg)
        self.several(args.defaults)
        self.several(args.kw_defaults)

    def _argument(self, kind: str, arg: ast.arg) -> None:
        self.out.append(f"arg{kind} {arg.arg}")
        if arg.annotation is not None and self._detail & Detail.ANNOTATIONS:
            self._annotation(arg.annotation)

    def _annotation(self, node: ast.expr) -> None:
        """Also follows what a quoted annotation refers to."""
        self.visit(node)
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                quoted = syntax.quoted(part.value)
                if quoted is not None:
                    self.visit(quoted)

    def _doc(self, body: Sequence[ast.AST]) -> None:
        if self._detail & Detail.DOCS:
            self.out.append(_literal(syntax.docstring(body)))

    def _within(self, scope: Scope, body: Sequence[ast.AST], deeper: bool) -> None:
        tries, self._tries = self._tries, 0
        self.scopes.append(scope)
        self.depth += deeper
        self.several(body)
        self.depth -= deeper
        self.scopes.pop()
        self._tries = tries


def _literal(value: object) -> str:
    """The decimal form of a huge integer is refused, hence hex; the ASCII form needs no table of characters."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"={value:#x}"
    return f"={value!a}"
