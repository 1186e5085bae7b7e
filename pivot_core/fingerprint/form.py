"""Owns the value that a statement is normalised to: what it says, what it refers to and what it changes."""

from dataclasses import dataclass
from enum import Enum, IntFlag

from pivot_core.fingerprint.scope import Chain, Import
from pivot_core.frozen import frozen


class Detail(IntFlag):
    """What counts only where reachable code reads it."""

    NONE = 0
    NAMES = 1
    """The name of a function."""
    ANNOTATIONS = 2
    """The annotations of a function; those in a class body always count."""
    DOCS = 4
    """Docstrings."""
    PLACES = 8
    """The module of a class, and of a function that is a value: a pickle holds their names."""
    OBJECTS = 16
    """What any object may be of: something is read that may hold objects of any class."""
    TEXT = 32
    """Every character of the source."""
    ORDER = 64
    """The order of the methods of a class."""
    LOGGING = 128
    """What logging is set to: elsewhere it shows in what is logged alone."""


READS = {
    "__name__": Detail.NAMES,
    "__qualname__": Detail.NAMES,
    "__doc__": Detail.DOCS,
    "getdoc": Detail.DOCS,
    "getsource": Detail.TEXT,
    "getsourcelines": Detail.TEXT,
    "__code__": Detail.TEXT,
    "model_json_schema": Detail.DOCS,
    "json_schema": Detail.DOCS,
    "__dict__": Detail.ORDER,
    "vars": Detail.ORDER,
    "__module__": Detail.PLACES,
    "Pickle": Detail.PLACES,
    "__annotations__": Detail.ANNOTATIONS,
    "__annotate__": Detail.ANNOTATIONS,
    "get_annotations": Detail.ANNOTATIONS,
    "get_type_hints": Detail.ANNOTATIONS,
    "getfullargspec": Detail.ANNOTATIONS,
    "signature": Detail.ANNOTATIONS,
    "TypeAdapter": Detail.ANNOTATIONS,
    "validate_call": Detail.ANNOTATIONS,
    **dict.fromkeys(
        [
            *("Formatter", "Handler", "StreamHandler", "addHandler", "getEffectiveLevel"),
            *("getLevelName", "handlers", "hasHandlers", "isEnabledFor"),
        ],
        Detail.LOGGING,
    ),
}
"""What each name, as a function or an attribute, reads of definitions."""

_ENVIRONMENT = "the environment"
_FILE = "a file"
BY_LIBRARY = "data"
"""What a library may read without Python taking notice."""
OBSERVES = {
    "environ": _ENVIRONMENT,
    "genfromtxt": BY_LIBRARY,
    "getenv": _ENVIRONMENT,
    "imread": BY_LIBRARY,
    "listdir": _FILE,
    "loadtxt": BY_LIBRARY,
    "open": _FILE,
    "read_bytes": _FILE,
    "read_csv": BY_LIBRARY,
    "read_excel": BY_LIBRARY,
    "read_json": BY_LIBRARY,
    "read_parquet": BY_LIBRARY,
    "read_table": BY_LIBRARY,
    "read_text": _FILE,
    "scandir": _FILE,
}
"""What each name takes from the world."""


IN_FORMS = Detail.NAMES | Detail.ANNOTATIONS | Detail.DOCS | Detail.TEXT | Detail.ORDER
"""What shows in the form of a statement; the rest shows in where the walk goes."""


class Use(Enum):
    """What is done with what a reference names."""

    VALUE = "value"
    """Anything: a module that is used as a value counts as a whole."""
    ALIAS = "alias"
    """It gets another name or is compared with None: a module does not count by itself."""
    VIA = "via"
    """It is used through a local variable that may be a module: only then it counts here."""
    TEXT = "text"
    """A text says so: it counts if that is a definition of the project."""


@frozen
class Ref:
    """One reference to something outside the statement."""

    chain: Chain
    use: Use
    line: int
    depth: int
    """0 when it is evaluated on import, else how many calls it takes to get there."""
    calls: int
    """How often the thing itself is called: 2 in ``f(x)(y)``."""
    rest: tuple[str, ...] = ()
    """With VIA: the attributes that are taken of the variable."""


_MUTATORS = frozenset(
    [
        *(
            "add",
            "append",
            "appendleft",
            "bind",
            "clear",
            "connect",
            "declare",
            "delete",
            "discard",
        ),
        *("extend", "insert", "pop", "popitem", "popleft", "push", "put", "register", "remove"),
        *("reverse", "rotate", "set", "setdefault", "sort", "subscribe", "update", "use"),
    ]
)


def is_mutator(method: str) -> bool:
    """Whether a method of that name changes its object, to judge by the name."""
    return (
        method in _MUTATORS
        or method in ("__setitem__", "__delitem__", "__setattr__")
        or method.startswith(("add_", "set_", "register_"))
    )


class Change(Enum):
    """How something may be changed in place."""

    BIND = "bind"
    """An attribute is assigned to or deleted: ``x.a = 1``; for a module it is one of its names."""
    STORE = "store"
    """An entry is assigned to or deleted: ``x[0] = 1``."""
    METHOD = "method"
    """A method is called, or a function of a module."""
    CALL = "call"
    """A function is called, and nothing is done with the result; or an argument is called."""
    ARGUMENT = "argument"
    """Passed to something that is called."""
    BASE = "base"
    """Subclassed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place that may change something in place."""

    change: Change
    chain: Chain | None
    """What may change; ``None`` for something that came in as an argument, or is an element of something."""
    depth: int
    param: str = ""
    """The parameter that it came in as; empty for an element."""
    is_within: bool = False
    """Whether it is not the thing itself but what calling it gives, or what it holds."""
    dropped: bool = False
    """Whether the result of the call is not used, so that it can only be there for its effect."""
    method: str = ""
    is_decorator: bool = False
    """Whether the result takes the place of what is decorated."""
    callee: Chain | None = None
    """What an ARGUMENT is passed to; ``None`` when that is no dotted expression."""
    slot: str = ""
    """Where an ARGUMENT is passed: its position or keyword; empty when a star hides it."""

    @property
    def is_change(self) -> bool:
        """Whether it changes what it is about, to judge by how it is written."""
        match self.change:
            case Change.BIND | Change.STORE:
                return True
            case Change.METHOD:
                return self.dropped or self.is_decorator or is_mutator(self.method)
            case Change.CALL | Change.ARGUMENT | Change.BASE:
                return False


@frozen
class Wild:
    """An import of a module whose name is computed."""

    prefix: str
    """What is known of the name."""
    level: int
    line: int
    of: Chain | None = None
    """The module whose name stands before ``prefix``."""
    table: Chain | None = None
    """The table of which it is an entry."""
    depth: int = 0
    """0 when it is done on import, else how many calls it takes to get there."""


@frozen
class Form:
    """A statement without its comments, formatting, docstrings and the names of its local variables."""

    hash: str
    """Of the syntax, with a gap for each reference: what fills the gap is in ``refs``."""
    refs: tuple[Ref, ...]
    """In the order in which they are written."""
    sites: tuple[Site, ...]
    loads: tuple[tuple[Import, int], ...]
    """What its import statements execute, each with the depth at which they stand."""
    wild: tuple[Wild, ...]
    importers: int
    """How many calls of functions that import by name were understood: any other use of one may import anything."""
    hides: tuple[tuple[str, int, int], ...]
    """What can reach any name of the module (``eval``), each with depth and line."""
    watchers: tuple[Chain, ...]
    """Decorators that may look at the annotations of what they decorate."""
    reads: Detail
    """What it reads of other definitions."""
    lists_subclasses: bool
    observes: tuple[tuple[str, int, int], ...]
    """What it takes from the world, with depth and line: ``the environment``, ``a file`` or ``data``."""
    targets: tuple[str, ...] = ()
    """The names that it binds in the module, in order; how they are spelled is no part of the hash."""
    runs_inside: bool = False
    """Whether it calls, on import, a function that stands in it: a lambda, or a decorator in a class body."""

    @property
    def on_import(self) -> range:
        """The depths at which what stands there is executed on import."""
        return range(3 if self.runs_inside else 1)
