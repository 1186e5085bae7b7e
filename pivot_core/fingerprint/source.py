"""Owns one parsed file: its top-level statements, what each binds, and its text; it knows nothing of other modules."""

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pivot_core.errors import DefinitionError
from pivot_core.fingerprint import syntax
from pivot_core.fingerprint.form import Detail, Form
from pivot_core.fingerprint.normalize import normalise
from pivot_core.fingerprint.scope import FUNCTIONS, Import, Kind, Scope, imported, scan

_LINE_END = re.compile("\r\n|\r|\n")

type Guard = tuple[ast.expr, bool]
"""The test of an ``if``, and whether the statement stands where it holds."""


@dataclass(slots=True, eq=False)
class Unit:
    """One top-level statement with the conditions that guard it: the smallest thing that counts or does not."""

    source: "Source"
    index: int
    """Its place in the file."""
    node: ast.stmt
    guards: tuple[Guard, ...]
    binds: frozenset[str]
    imports: dict[str, tuple[Import, ...]]
    """What the names that it imports stand for."""
    stars: tuple[Import, ...]
    """The modules that it imports all names of."""
    is_followed: bool = False
    """Whether what its module does on import was judged by its inside, too: see ``inside``."""
    _forms: dict[Detail, Form] = field(default_factory=dict[Detail, Form])

    @property
    def label(self) -> str:
        """What people know it by: the first name that it binds, else what it changes first, else ``<module>``."""
        if self.binds:
            return min(self.binds)
        for site in self.form().sites:
            if site.chain is not None and site.chain.names and not site.chain.imports:
                return ".".join(site.chain.names)
        return "<module>"

    @property
    def line(self) -> int:
        """The line of its ``def``, ``class`` or first token."""
        return self.node.lineno

    @property
    def is_plain_import(self) -> bool:
        """Whether it only gives names to what other modules define."""
        return not self.guards and isinstance(self.node, ast.Import | ast.ImportFrom)

    @property
    def alias(self) -> ast.expr | None:
        """What a name is made another name for: ``np`` in ``xp = np``."""
        match self.node:
            case ast.Assign(targets=[ast.Name()], value=value):
                return value
            case _:
                return None

    @property
    def called(self) -> ast.expr | None:
        """What is called to make the value: ``Pipeline`` in ``p = Pipeline("x")``."""
        match self.node:
            case ast.Assign(value=ast.Call(func=function)):
                return function
            case ast.AnnAssign(value=ast.Call(func=function)):
                return function
            case _:
                return None

    @property
    def is_definition(self) -> bool:
        """Whether it only makes a function or imports, so that its place among others does not matter."""
        match self.node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return not self.node.decorator_list
            case ast.Import() | ast.ImportFrom():
                return True
            case _:
                return False

    @property
    def is_active(self) -> bool:
        """Whether it may do something on import, besides making a function or a constant."""
        match self.node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                args = self.node.args
                return bool(self.node.decorator_list or args.defaults or any(args.kw_defaults))
            case ast.Assign(targets=[ast.Name()], value=ast.Constant()):
                return bool(self.guards)
            case ast.Import() | ast.ImportFrom():
                return bool(self.guards)
            case ast.Expr(value=ast.Call(func=ast.Attribute(ast.Name(name), "register")) as call):
                is_plain = not self.guards and syntax.is_plain_call(call)
                return not (is_plain and self.source.is_pipeline(name))
            case _:
                return True

    @property
    def is_for_types(self) -> bool:
        """Whether it stands under ``if TYPE_CHECKING`` and is never executed."""
        return any(branch and _is_type_checking(test) for test, branch in self.guards)

    def form(self, detail: Detail = Detail.NONE) -> Form:
        """Returns its normal form."""
        form = self._forms.get(detail)
        if form is None:
            nodes = [*(_condition(guard) for guard in self.guards), self.node]
            known = None if self.source.stars else self.source.groups
            try:
                form = normalise(nodes, known, detail)
            except RecursionError:
                form = self._deep_form(nodes)
            if detail & Detail.TEXT:
                form = replace(form, hash=f"{form.hash} {self.text()!a}")
            self._forms[detail] = form
        return form

    def inside(self) -> Form:
        """Returns its normal form to who follows a call into it while judging what a module does on import."""
        self.is_followed = True
        return self.form()

    def position(self, name: str) -> str:
        """Tells one of several names that it binds from the others."""
        if len(self.binds) == 1:
            return ""
        targets = self.form().targets
        return str(targets.index(name)) if name in targets else name

    def text(self) -> str:
        """Returns its source, decorators included."""
        first = min([self.line, *(d.lineno for d in getattr(self.node, "decorator_list", []))])
        lines = self.source.lines[first - 1 : self.node.end_lineno]
        return "\n".join(lines) + "\n"

    def _deep_form(self, nodes: Sequence[ast.AST]) -> Form:
        """Takes syntax that is nested too deeply to walk by its text, and everything in the module with it."""
        form = normalise([ast.Constant(self.text())], None)
        loads = tuple((load, 1) for load in scan(Kind.BLOCK, nodes).loads)
        return Form(
            hash=form.hash,
            refs=(),
            sites=(),
            loads=loads,
            wild=(),
            importers=0,
            hides=(("code that is nested this deeply can use any name", 1, self.line),),
            watchers=(),
            reads=Detail.NONE,
            lists_subclasses=False,
            observes=(),
        )


@dataclass(slots=True, eq=False)
class Source:
    """A file of Python as a list of units."""

    path: str
    lines: list[str]
    body: list[ast.stmt]
    """The file's syntax tree."""
    doc: str
    units: list[Unit] = field(default_factory=list[Unit])
    groups: dict[str, list[Unit]] = field(default_factory=dict[str, list[Unit]])
    """Name to the units that bind it when they are executed, in the order of the file."""
    for_types: dict[str, tuple[Import, ...]] = field(default_factory=dict[str, tuple[Import, ...]])
    """What the names stand for that only a type checker imports."""
    stars: list[Import] = field(default_factory=list[Import])
    main: list[ast.If] = field(default_factory=list[ast.If])
    """The blocks that are executed only where the module is run as a script."""
    exports: frozenset[str] | None = None
    """``__all__`` where it is a plain list; ``None`` where there is none, or it is computed."""

    def loads(self) -> Iterator[Import]:
        """Yields what importing the module imports, in order."""
        for unit in self.units:
            if unit.is_for_types:
                continue
            if isinstance(unit.node, ast.Import | ast.ImportFrom):
                yield from (load for _, _, load in imported(unit.node))
            elif unit.is_active:
                yield from (load for load, depth in unit.form().loads if depth == 0)

    def mains(self) -> Iterator[Form]:
        """Yields the normal form of what is executed only where the module is run as a script."""
        for node in self.main:
            yield normalise([ast.Tuple([]), *node.body], None if self.stars else self.groups)

    def is_pipeline(self, name: str) -> bool:
        """Whether a name surely is a pipeline that the module makes: registering changes nothing of the code."""
        makers, classes = self.groups.get(name, []), self.groups.get("Pipeline", [])
        if len(makers) != 1 or len(classes) != 1 or self.stars:
            return False
        imported_as = classes[0].imports.get("Pipeline")
        match makers[0].called:
            case ast.Name("Pipeline"):
                return imported_as == (Import("pivot_core", 0, "Pipeline"),)
            case _:
                return False

    def exported(self, name: str) -> bool:
        """Whether ``from module import *`` may take a name."""
        if self.exports is not None:
            return name in self.exports
        return not name.startswith("_") or "__all__" in self.groups


def parse(path: str, data: bytes, shown: str) -> Source:
    """Parses a file; raises ``DefinitionError`` with Python's own words, naming it as ``shown``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # invalid escapes: Python says so when it imports the file
            tree = ast.parse(data, path)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        what = error.msg if isinstance(error, SyntaxError) else str(error) or "too deeply nested"
        where = f"{shown}:{line}" if line else shown
        raise DefinitionError(f"cannot parse '{shown}': {what}", where) from None
    source = Source(path, lines_of(decoded(data)), tree.body, syntax.docstring(tree.body))
    _split(source, tree.body, ())
    for unit in source.units:
        if unit.is_for_types:
            source.for_types.update(unit.imports)
            continue
        for name in unit.binds:
            source.groups.setdefault(name, []).append(unit)
        source.stars.extend(unit.stars)
    source.exports = _exports(source)
    return source


def _split(source: Source, body: Sequence[ast.stmt], guards: tuple[Guard, ...]) -> None:
    """Makes units; what stands under an ``if`` is taken apart, other blocks stay whole."""
    for node in body:
        if syntax.is_idle(node):
            continue
        match node:
            case ast.If(test=test) if _is_main(test):
                source.main.append(node)
                _split(source, node.orelse, guards)
            case ast.If(test=test):
                _split(source, node.body, (*guards, (test, True)))
                _split(source, node.orelse, (*guards, (test, False)))
            case ast.Import() | ast.ImportFrom():
                for single in _singles(node):
                    _add(source, single, guards)
            case ast.AnnAssign(value=None):
                pass
            case _:
                _add(source, node, guards)


def _add(source: Source, node: ast.stmt, guards: tuple[Guard, ...]) -> None:
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        scope = Scope(Kind.BLOCK, bound={node.name})
    elif isinstance(node, ast.Expr) and syntax.is_plain_call(node.value) and not guards:
        scope = Scope(Kind.BLOCK)
    else:
        scope = scan(Kind.BLOCK, [node, *(test for test, _ in guards)])
    imports = {name: tuple(things) for name, things in scope.imports.items()}
    unit = Unit(
        source,
        len(source.units),
        node,
        guards,
        frozenset(scope.bound),
        imports,
        tuple(scope.stars),
    )
    source.units.append(unit)


def _singles(node: ast.Import | ast.ImportFrom) -> Iterator[ast.Import | ast.ImportFrom]:
    """Takes an import statement apart, since each name counts by itself."""
    for alias in node.names:
        single = (
            ast.Import([alias])
            if isinstance(node, ast.Import)
            else ast.ImportFrom(node.module, [alias], node.level)
        )
        yield ast.copy_location(single, node)


def _condition(guard: Guard) -> ast.expr:
    test, holds = guard
    return test if holds else ast.UnaryOp(ast.Not(), test)


def _is_main(test: ast.expr) -> bool:
    match test:
        case ast.Compare(
            left=ast.Name(id="__name__"),
            ops=[ast.Eq()],
            comparators=[ast.Constant(value="__main__")],
        ):
            return True
        case ast.Compare(
            left=ast.Constant(value="__main__"),
            ops=[ast.Eq()],
            comparators=[ast.Name(id="__name__")],
        ):
            return True
        case _:
            return False


def _is_type_checking(test: ast.expr) -> bool:
    match test:
        case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
            return True
        case _:
            return False


def _exports(source: Source) -> frozenset[str] | None:
    """Returns ``__all__`` when one statement makes it of literals."""
    units = source.groups.get("__all__", [])
    if len(units) != 1 or not isinstance(units[0].node, ast.Assign | ast.AnnAssign):
        return None
    match units[0].node.value:
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            names = [e.value for e in elements if isinstance(e, ast.Constant)]
            return frozenset(map(str, names)) if len(names) == len(elements) else None
        case _:
            return None


def lines_of(text: str) -> list[str]:
    """Splits a text where Python counts lines."""
    return _LINE_END.split(text)


def decoded(data: bytes) -> str:
    """Returns the text of a source file; what its encoding does not know is replaced."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        import io
        import tokenize

        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(encoding, "replace")
