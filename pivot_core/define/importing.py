"""Owns how project modules are imported: compiled from source each time, never from or to a ``.pyc`` file.

Project code is every module outside the interpreter's standard library and site-packages, and never Pivot itself.

    worker                                child, forked for one stage
    precompile(sources, cache)   ──fork─▶ install(root, base, cache); resolve(module, qualname)
"""

import importlib
import importlib.machinery
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from types import CodeType, FunctionType, ModuleType
from typing import cast, override

import pivot_core
from pivot_core.define.postpone import compile_postponed

type CodeCache = dict[str, tuple[bytes, CodeType]]
"""Absolute path of a module → the source that was compiled, and the result."""

_PIVOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
_NOT_PROJECT = tuple(
    dict.fromkeys(
        form(path) + os.sep
        for path in (
            os.path.dirname(os.__file__),
            os.path.join(sys.base_prefix, "lib", _VERSION),
            os.path.join(sys.base_prefix, "lib", f"{_VERSION.replace('.', '')}.zip"),
            os.path.join(sys.base_exec_prefix, sys.platlibdir, _VERSION),
            _PIVOT,
            os.path.join(os.path.dirname(_PIVOT), "pivot_tui"),
        )
        for form in (os.path.abspath, os.path.realpath)
    )
)
_SITE = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def is_project_file(path: str) -> bool:
    """Tells project code from the interpreter's library, installed packages and Pivot, by absolute path."""
    if path.startswith(_NOT_PROJECT) or any(part in path for part in _SITE):
        return False
    return os.path.isabs(path)


def install(
    root: str,
    base: str,
    cache: CodeCache | None = None,
    ahead: Sequence[str] = (),
    behind: Sequence[str] = (),
) -> dict[str, bytes]:
    """Makes this process import project modules from source.

    Returns the modules that are imported from now on: absolute path → the source that was executed.

    ``cache`` is passed in a process that runs a stage: the annotations of stage functions are then kept as text (see
    ``postpone``). ``root`` is the absolute project root, ``base`` the definition's directory in it. Both come first on
    ``sys.path``, ``base`` before ``root``, unless ``added`` has found another order when the definition was loaded: a
    stage's process imports the module of its function alone, and not what has put directories there. Modules of
    installed packages that a project module shadows are forgotten, so that a warm process imports what a fresh one
    would.
    """
    first = [os.path.normpath(os.path.join(root, path)) for path in ahead or (base, "")]
    last = [os.path.normpath(os.path.join(root, path)) for path in behind]
    # A console script puts its own directory first, `python -c` the current one: neither belongs to the project.
    skipped = {"", os.path.join(sys.prefix, "bin"), *first}
    others = (path for path in sys.path if path not in skipped)
    sys.path[:] = dict.fromkeys((*first, *others, *last))
    for (
        path
    ) in sys.path:  # and not all that is cached: a forked child copies every page that it looks at
        if is_project_file(path + os.sep):
            sys.path_importer_cache.pop(path, None)
    executed = dict[str, bytes]()
    sys.meta_path[:] = [
        _SourceFinder(cache, executed),
        *(finder for finder in sys.meta_path if not isinstance(finder, _SourceFinder)),
    ]
    _forget_shadowed(dict.fromkeys(first))
    return executed


def added(root: str, base: str, before: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns what ``install`` needs as ``ahead`` and ``behind`` to find modules as this process does now.

    ``before`` is what ``sys.path`` was after ``install``; nothing is returned where project code has added nothing.
    """
    own = [os.path.normpath(os.path.join(root, base)), root]
    known = {*before}.difference(own)
    there = [
        path if path in known else os.path.normpath(os.path.join(root, path)) for path in sys.path
    ]
    start = next((place for place, path in enumerate(there) if path in known), len(there))
    first = list(dict.fromkeys(there[:start]))
    last = [path for path in there[start:] if path not in known and path not in first]
    ahead = () if first == list(dict.fromkeys(own)) else first
    return tuple(_inside(root, path) for path in ahead), tuple(_inside(root, path) for path in last)


def precompile(paths: Iterable[str], cache: CodeCache) -> None:
    """Compiles modules into ``cache``; one that cannot be read or compiled is left to fail where it is imported."""
    for path in paths:
        try:
            with open(path, "rb") as file:
                source = file.read()
            if path not in cache or cache[path][0] != source:
                with warnings.catch_warnings():
                    warnings.simplefilter(
                        "ignore"
                    )  # the process that imports the module shows them
                    cache[path] = (source, compile_postponed(source, path))
        except (OSError, SyntaxError, ValueError):
            cache.pop(path, None)


def names_sought() -> set[str]:
    """Returns the names, each without its package, for which imports of this process may look in the project."""
    found = {name for name in sys.modules if "." not in name}
    for finder in sys.meta_path:
        if isinstance(finder, _SourceFinder):
            found.update(finder.sought)
    return found


def author_names(paths: Iterable[str], cache: CodeCache) -> set[str]:
    """Returns which of the names that ``pivot_core`` loads when they are used compiled modules mention at their top."""
    found = set[str]()
    for path in paths:
        if path in cache:
            found.update(cache[path][1].co_names)
    return found.intersection(pivot_core.__all__)


def resolve(module: str, qualname: str) -> Callable[..., object]:
    """Imports ``module`` and returns its function.

    Raises what the module's code raises; ``ImportError`` when it holds no such function.
    """
    found = importlib.import_module(module)
    try:
        func = cast("object", getattr(found, qualname))
    except AttributeError:
        raise ImportError(_no_function(found, qualname), name=module) from None
    if not callable(func):
        kind = _article(type(func).__name__)
        raise ImportError(f"'{module}.{qualname}' is {kind}, not a function", name=module)
    return func


def project_modules() -> dict[str, str]:
    """Returns the project modules that are imported: name → absolute path; namespace packages have none."""
    found = dict[str, str]()
    for name, module in list(sys.modules.items()):
        path = cast("str | None", getattr(module, "__file__", None))
        if path and is_project_file(path) and name != "__main__":
            found[name] = path
    return found


def has_extensions() -> bool:
    """Tells whether a C extension of the project is imported: its code stays as it is for the life of the process."""
    return any(
        path.endswith(tuple(importlib.machinery.EXTENSION_SUFFIXES))
        for path in project_modules().values()
    )


def why_not_importable(func: object) -> tuple[str, str] | None:
    """Returns the reason why another process could not import ``func``, and the mend; ``None`` when it can."""
    name = cast("str | None", getattr(func, "__name__", None))
    qualname = cast("str | None", getattr(func, "__qualname__", None))
    module = cast("str | None", getattr(func, "__module__", None))
    if isinstance(func, type) or not callable(func):
        return f"is {_article(type(func).__name__)}, not a function", "register a function"
    if name is None or qualname is None or module is None:
        kind = _article(type(func).__name__)
        return f"is {kind}, not a function", "write a function with `def` that calls it"
    owner = cast("object", getattr(func, "__self__", None))
    if owner is not None and not isinstance(owner, ModuleType):
        return "is a method", "write a module-level function that calls it"
    if name == "<lambda>":
        return "is a lambda", "write it as a function with `def`, at the top of a module"
    if "<locals>" in qualname:
        if isinstance(func, FunctionType) and func.__closure__:
            reason = f"is a closure: it is defined inside '{qualname.split('.<locals>')[0]}'"
        else:
            reason = f"is defined inside '{qualname.split('.<locals>')[0]}'"
        hint = (
            "move it to the top of the module; a decorator's inner function needs functools.wraps"
        )
        return reason, hint
    if "." in qualname:
        return "is defined in a class", "move it to the top of the module"
    if module == "__main__":
        return "is defined in the script that was started", "move it to a module and import it"
    if getattr(sys.modules.get(module), qualname, None) is not func:
        return f"is not what '{module}.{qualname}' refers to", "give the function a name of its own"
    return None


class _SourceLoader(importlib.machinery.SourceFileLoader):
    """Compiles the file's bytes of this moment; a compiled form is used only if made of the same bytes."""

    def __init__(
        self, fullname: str, path: str, cache: CodeCache | None, executed: dict[str, bytes]
    ) -> None:
        super().__init__(fullname, path)
        self._cache: CodeCache | None = cache
        self._executed: dict[str, bytes] = executed

    @override
    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        source = self._executed[path] = self.get_data(path)
        if self._cache is None:
            return compile(source, path, "exec", dont_inherit=True)
        known = self._cache.get(path)
        return known[1] if known and known[0] == source else compile_postponed(source, path)


class _SourceFinder:
    """Asks the other finders, also those of editable installs, and puts our loader in place of Python's."""

    def __init__(self, cache: CodeCache | None, executed: dict[str, bytes]) -> None:
        self._cache: CodeCache | None = cache
        self._executed: dict[str, bytes] = executed
        self.sought: set[str] = set()
        """The names that it was asked for in the project, each without its package."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if path is None or any(is_project_file(place + os.sep) for place in path):
            self.sought.add(fullname.rpartition(".")[2])
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            if find is not None and finder is not self:
                spec = cast("importlib.machinery.ModuleSpec | None", find(fullname, path, target))
                if spec is not None:
                    return self._from_source(spec)
        return None

    def _from_source(self, spec: importlib.machinery.ModuleSpec) -> importlib.machinery.ModuleSpec:
        origin, loader = spec.origin, spec.loader
        if origin is None or not spec.has_location or not is_project_file(origin):
            return spec
        if isinstance(loader, importlib.machinery.SourcelessFileLoader):
            raise ImportError(
                f"'{spec.name}' has bytecode and no source: {origin}", name=spec.name, path=origin
            )
        if type(loader) is importlib.machinery.SourceFileLoader:
            spec.loader = _SourceLoader(spec.name, origin, self._cache, self._executed)
            spec.cached = None
        return spec


def _forget_shadowed(directories: Iterable[str]) -> None:
    """Drops imported packages that a project module of the same name comes before."""
    names = set[str]()
    for directory in directories:
        try:
            entries = os.listdir(directory)
        except OSError:
            continue
        names.update(entry.partition(".")[0] for entry in entries)
    found = [name for name in names if name in sys.modules and name not in sys.stdlib_module_names]
    for name in found:
        origin = cast("str | None", getattr(sys.modules[name], "__file__", None))
        if origin is None or is_project_file(origin) or origin.startswith(_PIVOT):
            continue
        spec = importlib.machinery.PathFinder.find_spec(name)
        if spec is not None and spec.origin and is_project_file(spec.origin):
            for loaded in [key for key in sys.modules if key.partition(".")[0] == name]:
                del sys.modules[loaded]


def _inside(root: str, path: str) -> str:
    return os.path.relpath(path, root) if path.startswith(root + os.sep) or path == root else path


def _no_function(module: ModuleType, qualname: str) -> str:
    origin = cast("str | None", getattr(module, "__file__", None))
    said = f"module '{module.__name__}' has no function '{qualname}'"
    top = module.__name__.partition(".")[0]
    if origin is None or not is_project_file(origin):
        for directory in sys.path[:2]:
            shadowed = os.path.join(directory, f"{top}.py")
            if os.path.exists(shadowed):
                return (
                    f"{said}: the name is taken by Python's or an installed module; rename {top}.py"
                )
        return f"{said} ({origin or 'built in'})"
    return said


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"
