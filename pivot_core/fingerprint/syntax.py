"""Owns small questions about syntax that need no scope."""

import ast
from collections import Counter
from collections.abc import Iterator, Sequence

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_PLAIN = frozenset(["abstractmethod", "cached_property", "classmethod", "property", "staticmethod"])


def is_idle(node: ast.AST) -> bool:
    """Whether a statement does nothing: ``pass``, ``...``, a string that stands alone, or a signature for checkers."""
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case (
            ast.FunctionDef(decorator_list=[decorator])
            | ast.AsyncFunctionDef(decorator_list=[decorator])
        ):
            return last_name(decorator) == "overload"
        case _:
            return False


def in_order(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Returns the body of a class with plain methods that stand together sorted by their names.

    So their order does not show: making them has no effect, and each has a name of its own.
    """
    names = Counter(node.name for node in body if isinstance(node, _FUNCTIONS))
    ordered = list[ast.stmt]()
    together = list[ast.FunctionDef | ast.AsyncFunctionDef]()
    for node in body:
        if isinstance(node, _FUNCTIONS) and names[node.name] == 1 and _is_simple(node):
            together.append(node)
        elif not is_idle(node):
            ordered += sorted(together, key=lambda method: method.name)
            together.clear()
            ordered.append(node)
    return ordered + sorted(together, key=lambda method: method.name)


def _is_simple(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether making a method does nothing else."""
    defaults = [*node.args.defaults, *node.args.kw_defaults]
    return all(last_name(decorator) in _PLAIN for decorator in node.decorator_list) and all(
        default is None or isinstance(default, ast.Constant) for default in defaults
    )


def docstring(body: Sequence[ast.AST]) -> str:
    """Returns the docstring of a body as it is written, empty without one."""
    match body:
        case [ast.Expr(value=ast.Constant(value=str(text))), *_]:
            return text
        case _:
            return ""


def is_plain_call(node: ast.expr) -> bool:
    """Whether a call has a dotted name, and names and literals for arguments: it binds nothing."""
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    while isinstance(function, ast.Attribute):
        function = function.value
    given = (*node.args, *(keyword.value for keyword in node.keywords))
    return isinstance(function, ast.Name) and all(map(_is_plain, given))


def _is_plain(node: ast.expr) -> bool:
    match node:
        case ast.Name() | ast.Constant():
            return True
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return all(map(_is_plain, elements))
        case ast.Dict(keys=keys, values=values):
            return all(key is not None and _is_plain(key) for key in keys) and all(
                map(_is_plain, values)
            )
        case _:
            return False


def quoted(text: str) -> ast.expr | None:
    """Returns the expression that a quoted annotation holds, ``None`` when it is just text."""
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return None


def last_name(node: ast.expr) -> str:
    """Returns the last part of a dotted expression, empty for any other."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def slots(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Yields the arguments of a call with their position or keyword; both are lost behind a star."""
    is_starred = False
    for index, argument in enumerate(node.args):
        if isinstance(argument, ast.Starred):
            is_starred = True
            yield "", argument.value
        else:
            yield "" if is_starred else str(index), argument
    for keyword in node.keywords:
        yield keyword.arg or "", keyword.value


def is_getter(function: ast.expr) -> bool:
    """Whether a function gives what is there already, to judge by its name: ``getcontext``, ``get_options``."""
    return last_name(function).startswith("get")


def code_in(node: ast.expr) -> list[ast.stmt]:
    """Returns the statements that a literal text holds, as ``exec`` runs them; none where that cannot be told."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return []
    try:
        return ast.parse(node.value.strip()).body
    except (SyntaxError, ValueError, RecursionError):
        return []


def texts_in(node: ast.expr) -> list[str] | None:
    """Returns the texts that a literal container holds; ``None`` where it holds something else, or is none."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Dict(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts):
            found = [texts_in(part) for part in parts]
            texts = [text for part in found if part is not None for text in part]
            return texts if None not in found else None
        case _:
            return None
