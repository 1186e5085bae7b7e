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
        *("Decimal", "Fraction", "Path", "PurePath", "PurePosixPath", "bool", "bytes", "compile"),
        *("date", "datetime", "float", "frozenset", "getLogger", "int", "len", "namedtuple"),
        *("range", "round", "str", "timedelta"),
    ]
)
_TELLING = (ast.Is, ast.IsNot, ast.In, ast.NotIn)
"""Comparisons that give a truth value whatever is compared."""


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
    if not found:
        return True
    arguments = [*found[-1].args.posonlyargs, *found[-1].args.args]
    if not arguments:
        return False
    return any(_is_change_of(arguments[0].arg, part) for part in ast.walk(found[-1]))


def _is_change_of(name: str, node: ast.AST) -> bool:
    match node:
        case (
            ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del())
        ):
            return name in _roots(node)
        case ast.Call(func=function, args=arguments):
            # `self.items.append(x)`, `self.other()` and `fill(self)`, which may do anything.
            of = function.value if isinstance(function, ast.Attribute) else function
            return name in _roots(of) or any(name in _roots(each) for each in arguments)
        case _:
            return False


def _roots(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _together(*parts: ast.expr) -> Value:
    """Returns what an operator makes of several values: of a list and a number a list."""
    values = {_made_by(part) for part in parts} - {Value.FIXED}
    return Value.FIXED if not values else values.pop() if len(values) == 1 else Value.OBJECT


def _made_by(value: ast.expr) -> Value:
    match value:
        case ast.Constant() | ast.JoinedStr() | ast.Lambda():
            return Value.FIXED
        case ast.UnaryOp(op=ast.Not()):
            return Value.FIXED
        case ast.UnaryOp(operand=operand):
            return _made_by(operand)
        case ast.Tuple(elts=elements):
            return Value.FIXED if _together(*elements) is Value.FIXED else Value.OBJECT
        case ast.Compare(ops=operators) if all(isinstance(op, _TELLING) for op in operators):
            return Value.FIXED
        case ast.Compare(left=left, comparators=others):
            return _together(left, *others)  # arrays are compared element by element
        case ast.BinOp(left=left, right=right):
            return _together(left, right)
        case ast.List() | ast.Dict() | ast.Set() | ast.ListComp() | ast.DictComp() | ast.SetComp():
            return Value.CONTAINER
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            if name in _CONTAINERS:
                return Value.CONTAINER
            return Value.FIXED if name in _FIXED else Value.OBJECT
        case _:
            return Value.OBJECT
