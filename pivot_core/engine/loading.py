"""Owns the loading of a project's definitions, each in a process of its own, until their stages' names are settled."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from pivot_core.define import discover
from pivot_core.errors import DefinitionError, UsageError
from pivot_core.store.ignore import Ignore

if TYPE_CHECKING:
    from pivot_core.define.assembly import Definitions, Prefixed
    from pivot_core.define.discover import Search
    from pivot_core.define.load import LoadReport
    from pivot_core.engine.pool import Pool
    from pivot_core.model.stage import Stage


_ROUNDS = 3
"""Names that are other ones with each loading never settle; the graph then says which collide."""


class Wanted(NamedTuple):
    """One definition that is to be loaded."""

    definition: str
    """Project-relative."""
    prefixed: tuple[str, ...] = ()
    """Names of its stages that get its directory in front."""
    modules: tuple[str, ...] = ()
    """Modules of the project to import after it."""


type Load = Callable[[Sequence[Wanted]], Awaitable[list["LoadReport"]]]
"""Loads definitions in workers; raises ``DefinitionError`` and `WorkerLost`."""


def search(root: str) -> "Search":
    """Looks for the definitions of a project, but for where git or ``.pivotignore`` looks away."""

    def ignores(directory: str) -> Callable[[str, bool], bool]:
        rules = Ignore(directory, ())
        with contextlib.suppress(UsageError):  # Git would warn and go on
            rules = Ignore.load(directory, discover.GIT_IGNORE)
        if directory != root:
            return rules.is_excluded
        own = Ignore.load(root)
        return lambda path, is_dir: rules.is_excluded(path, is_dir) or own.is_excluded(path, is_dir)

    return discover.search(root, ignores)


async def load_all(
    pool: "Pool", root: str, isolation: str, wanted: Sequence[Wanted]
) -> "list[LoadReport]":
    """Loads definitions in the workers of a pool, as many at once as it has; raises as `Load` does."""
    loads = [
        pool.load_definitions(
            {
                "project_root": root,
                "definition": each.definition,
                "prefixed": [*each.prefixed],
                "modules": [*each.modules],
                "isolation": isolation,
            }
        )
        for each in wanted
    ]
    found = await asyncio.gather(*loads, return_exceptions=True)
    wrong = [each for each in found if isinstance(each, DefinitionError)]
    if wrong:
        wrong[0].others = (*wrong[0].others, *wrong[1:])
        raise wrong[0]
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return cast("list[LoadReport]", found)


class Loading:
    """One loading of all definitions, and of modules that turn out to count."""

    def __init__(self, root: str, load: Load) -> None:
        self._root = root
        self._load = load
        self._wanted: dict[str, Wanted] = {}
        self._reports: dict[str, LoadReport] = {}

    async def begin(self, definitions: Sequence[str], known: Iterable["Stage"]) -> "Definitions":
        """Loads all definitions; ``known`` are the stages that the project had before, whose names are a first guess.

        Raises ``DefinitionError`` and `WorkerLost`.
        """
        discover.check(definitions, self._root)
        guess = _guess(known)
        self._wanted = {
            each: Wanted(each, guess.get(discover.home(each), ())) for each in definitions
        }
        return await self._settle(definitions)

    async def again(self, modules: Mapping[str, Collection[str]]) -> "Definitions | None":
        """Loads those definitions again for which there are new modules, by directory; ``None`` when that is none."""
        late = dict[str, Wanted]()
        for name, wanted in self._wanted.items():
            now = tuple(sorted({*wanted.modules, *modules.get(discover.home(name), ())}))
            if now != wanted.modules:
                late[name] = wanted._replace(modules=now)
        self._wanted.update(late)
        return await self._settle(list(late)) if late else None

    async def _settle(self, due: Sequence[str]) -> "Definitions":
        from pivot_core.define import assembly

        shaken = set[str]()
        for _ in range(_ROUNDS):
            reports = await self._load([self._wanted[name] for name in due])
            self._reports.update(zip(due, reports, strict=True))
            prefixes = assembly.prefixes([self._reports[name] for name in self._wanted])
            # Somebody saved a file meanwhile; what changes each time does so by the definition itself.
            again = {name for name in due if self._reports[name]["observed"]["changed"]} - shaken
            shaken |= again
            due = list(dict.fromkeys((*self._renamed(prefixes), *sorted(again))))
            if not due:
                break
        return assembly.assemble([self._reports[name] for name in self._wanted], self._root)

    def _renamed(self, prefixes: "Prefixed") -> Iterable[str]:
        """Yields the definitions of which other names collide than was taken for true."""
        for name, wanted in self._wanted.items():
            now = prefixes.get(name, ())
            if now != wanted.prefixed:
                self._wanted[name] = wanted._replace(prefixed=now)
                yield name


def _guess(known: Iterable["Stage"]) -> Mapping[str, tuple[str, ...]]:
    """Returns by directory the names that had it in front."""
    found = dict[str, set[str]]()
    for stage in known:
        home = stage.func.base
        name = stage.name.partition("@")[0]
        if home and name.startswith(f"{home}/"):
            found.setdefault(home, set()).add(name.removeprefix(f"{home}/"))
    return {home: tuple(sorted(names)) for home, names in found.items()}
