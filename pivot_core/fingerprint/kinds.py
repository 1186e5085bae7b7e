"""Owns what kind of value a name holds, as far as its definition shows: whether it can be changed in place."""

import ast
from collections.abc import Iterator, Sequence
from enum import Enum

from pivot_core.fingerprint.source import Unit


class Value(Enum):
    """What a definition makes."""

    FIXED = "fixed"
    """Nothing that can be changed in place."""
    CONTAINER = "container"
    """A list, dict, set or the like: its own methods alone change it."""
    FUNCTION = "function"
    CLASS = "class"
    OBJECT = "object"


_CONTAINERS = frozenset(
    ["Counter", "OrderedDict", "bytearray", "defaultdict", "deque", "dict", "list", "set"]
)
_FIXED = frozenset(
    [
        *(
            "Decimal",
            "Fraction",
            "Path",
            "PurePath",
            "PurePosixPath",
            "bool",
            "bytes",
            "compile",
            "date",
        ),
        *(
            "datetime",
            "float",
            "frozenset",
            "getLogger",
            "int",
            "len",
            "max",
            "min",
            "namedtuple",
            "range",
        ),
        *("round", "str", "sum", "timedelta", "tuple"),
    ]
)


def value_of(units: Sequence[Unit]) -> Value:
    """Returns what the units that bind one name make of it."""
    if len(units) != 1:
        return Value.OBJECT
    match units[0].node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return Value.FUNCTION
        case ast.ClassDef():
            return Value.CLASS
        case ast.Assign(value=value):
            return _made_by(value)
        case ast.AnnAssign(value=ast.expr() as value):
            return _made_by(value)
        case _:
            return Value.OBJECT


def registers_subclasses(node: ast.ClassDef) -> bool:
    """Whether a class statement says that something happens when the class is subclassed."""
    return any(
        isinstance(part, ast.FunctionDef) and part.name == "__init_subclass__" for part in node.body
    ) or any(keyword.arg == "metaclass" for keyword in node.keywords)


def changes_itself(node: ast.ClassDef, method: str) -> bool:
    """Whether a method of a class changes the object that it is called on; one that is not shown may."""
    found = [
        part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == method
    ]
    return not found or any(_is_change_of_self(part) for part in ast.walk(found[-1]))


def _is_change_of_self(node: ast.AST) -> bool:
    match node:
        case (
            ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del())
        ):
            return "self" in _roots(node)
        case ast.Call(func=ast.Attribute(value=value)):
            # `self.items.append(x)`, and `self.other()`, which may do anything.
            return "self" in _roots(value)
        case _:
            return False


def _roots(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _made_by(value: ast.expr) -> Value:
    match value:
        case ast.Constant() | ast.JoinedStr() | ast.Lambda() | ast.Compare() | ast.UnaryOp():
            return Value.FIXED
        case ast.Tuple(elts=elements):
            is_fixed = all(_made_by(element) is Value.FIXED for element in elements)
            return Value.FIXED if is_fixed else Value.OBJECT
        case ast.BinOp(left=left, right=right):
            is_fixed = Value.FIXED in (_made_by(left), _made_by(right))
            return Value.FIXED if is_fixed else Value.OBJECT
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return Value.CONTAINER
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            if name in _CONTAINERS:
                return Value.CONTAINER
            return Value.FIXED if name in _FIXED else Value.OBJECT
        case _:
            return Value.OBJECT
