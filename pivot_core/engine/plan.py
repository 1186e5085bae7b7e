"""Owns the plan of a project: its stages as a graph with their fingerprints; loaded anew only when it must be.

Loading runs user code in a worker and parses all sources. What both depended on is kept in the state: as long as
every file, directory, variable and package is the same, the plan comes from the state and no user code is imported.
"""

import asyncio
import contextlib
import os
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pivot_core
from pivot_core.define.reading import read_now
from pivot_core.engine import former, grounds, loading, tracking
from pivot_core.engine.grounds import FileRow, Grounds
from pivot_core.engine.loading import Load
from pivot_core.engine.observe import Subject
from pivot_core.engine.origin import Installed
from pivot_core.errors import DefinitionError
from pivot_core.frozen import frozen
from pivot_core.model import codec, graph
from pivot_core.model.fingerprint import Analysis, Reading, Symbol
from pivot_core.model.graph import Graph
from pivot_core.model.ids import ArtifactPath, StageName
from pivot_core.model.stage import Stage
from pivot_core.port.values import OutRow, StageRow
from pivot_core.store import excerpt, hashing
from pivot_core.store.layout import Layout
from pivot_core.store.state import PLAN, State

if TYPE_CHECKING:
    from pivot_core.define.assembly import Definitions
    from pivot_core.define.observe import Observed
    from pivot_core.engine.amend import Outlines
    from pivot_core.fingerprint.analyser import Analyser, Parsed, Versions

_COMMAND_MAX = 60
"""How much of a command stands for it in a list."""
_OUTLINES_KEY = "plan:outlines"


@frozen
class Plan:
    """What a project's definition says, with the code of each stage analysed."""

    project: str
    """The name of the pipeline in the root; of the root itself where that has none."""
    graph: Graph
    analyses: Mapping[StageName, Analysis]
    code: Mapping[str, str]
    """The hash of every source file that was analysed, by absolute path."""
    environment: Mapping[str, str | None]
    """Variables that the definition read, hashed; ``None`` for one that was not set."""
    readings: tuple[Reading, ...]
    """What project code read while the definition was loaded."""
    executed: tuple[str, ...]
    """The project modules that ran then, by absolute path."""
    caveats: tuple[str, ...] = ()
    """Why the definition is loaded in each run."""

    def subject(self, name: StageName) -> Subject:
        """Returns one stage as the observer wants it."""
        stage = self.graph.stages[name]
        made = frozenset(path for path in stage.dep_paths if self._is_made(path))
        return Subject(stage, self.analyses[name], self.graph.producers, made)

    def _is_made(self, path: ArtifactPath) -> bool:
        outs = [
            out
            for maker in self.graph.producers[path]
            for out in self.graph.stages[maker].out_paths
        ]
        return any(out == path or (out.endswith("/") and path.startswith(out)) for out in outs)

    def named(self, targets: Sequence[str]) -> tuple[StageName, ...]:
        """Returns the stages that targets name; raises ``UsageError``."""
        return tuple(name for target in targets for name in self.graph.resolve(target))

    def edited(
        self, layout: Layout, before: "Plan | None", changed: Collection[str]
    ) -> frozenset[StageName]:
        """Returns stages of which code is other than in a plan ``before``, or that read a ``changed`` absolute path."""
        if before is None or (before is self and not changed):
            return frozenset()
        places = {each for path in changed for each in (path, *_above(path))}
        return frozenset(
            name
            for name, stage in self.graph.stages.items()
            if name not in before.analyses
            or before.analyses[name].fingerprint.digest != self.analyses[name].fingerprint.digest
            or any(layout.absolute(path).rstrip("/") in places for path in stage.dep_paths)
        )

    def check_inputs(
        self, layout: Layout, stages: Sequence[StageName], assumed: Container[ArtifactPath]
    ) -> None:
        """Raises ``DefinitionError`` for deps that are not there, that nothing makes and that are not ``assumed``."""
        errors = [
            DefinitionError(
                f"'{path}' is not there, and no stage makes it",
                f"input of stage '{name}' ({self.graph.stages[name].defined})",
                tracking.hint(layout, path),
            )
            for name in stages
            for path in self.graph.stages[name].dep_paths
            if not self.graph.producers[path]
            and path not in assumed
            and not os.path.exists(layout.absolute(path))
        ]
        if errors:
            raise DefinitionError(*errors[0].args, others=tuple(errors[1:]))

    def rows(self) -> tuple[StageRow, ...]:
        """Returns all stages as a front end shows them."""
        return tuple(
            StageRow(
                stage.name,
                self.graph.upstream[stage.name],
                stage.dep_paths,
                tuple(OutRow(out.path, out.kind, out.is_cached) for out in stage.outs),
                stage.params,
                stage.mutex,
                _function(stage),
                stage.func.where,
                stage.func.base,
            )
            for stage in self.graph.stages.values()
        )


def _function(stage: Stage) -> str:
    if stage.command is None:
        return f"{stage.func.module}.{stage.func.qualname}"
    first = stage.command.lines[0].strip().partition("\n")[0]
    return first if len(first) <= _COMMAND_MAX else f"{first[: _COMMAND_MAX - 1]}…"


def _above(path: str) -> Iterator[str]:
    while (above := os.path.dirname(path)) != path:
        path = above
        yield path


@frozen
class _Analysed:
    """Definitions that were loaded, and the code of their stages."""

    definitions: "Definitions"
    graph: Graph
    analyser: "Analyser"
    analyses: Mapping[StageName, Analysis]


class Planner:
    """Keeps the current plan of one project."""

    def __init__(
        self,
        layout: Layout,
        state: State,
        load: Load,
        *,
        counts_packages: bool = False,
    ) -> None:
        self._layout = layout
        self._state = state
        self._load = load
        self.counts_packages: bool = counts_packages
        """Whether the versions of installed packages count in the next plan."""
        self._plan: Plan | None = None
        self._stored: Grounds | None = None
        self._outlines: Outlines | None = None
        """The sources that the plan rests on, once an edit made them known."""
        self._parsed: Parsed = {}
        """What edits had parsed: most of it is the same for the next one."""
        self._is_unwritten = False
        """Whether the state holds an older plan than this one."""
        self._lock = asyncio.Lock()

    async def current(self, *, keep: bool = True, later: bool = False) -> Plan:
        """Returns the plan as the files say now, remembered unless not to ``keep`` it; raises ``DefinitionError``.

        With ``later`` what inner edits made of it is written when ``flush`` is called: somebody waits for a stage.
        """
        async with self._lock:
            plan = await self._current(keep)
            if not later:
                await asyncio.to_thread(self.flush)
            return plan

    def flush(self) -> None:
        """Writes what the state does not hold yet; raises ``StoreError``."""
        if self._is_unwritten and self._stored is not None and self._outlines is not None:
            self._is_unwritten = False
            self._put(self._stored, self._outlines)

    async def _current(self, keep: bool) -> Plan:
        stored = self._stored
        if stored is not None and stored.counts_packages != self.counts_packages:
            stored = None
        known = stored or self._from_state()
        search = await asyncio.to_thread(loading.search, self._layout.root)
        edited = None
        if known is not None and known.definitions == search.definitions:
            edited = await asyncio.to_thread(grounds.edited, known)
        if known is not None and edited is not None:
            if edited:
                amended = await asyncio.to_thread(self._amend, known, edited, keep)
                if amended is not None:
                    return amended
            elif self._plan is None or self._stored is not known:
                self._stored, self._plan = known, _plan_of(known)
                return self._plan
            else:
                return self._plan
        self._stored = self._plan = self._outlines = None
        self._is_unwritten = False
        load = loading.Loading(self._layout.root, self._load)
        definitions = await load.begin(search.definitions, known.stages if known else ())
        found = await asyncio.to_thread(self._analyse, definitions)
        # What only stages import, inside functions, may read values on import, too.
        while (again := await load.again(found.analyser.unread)) is not None:
            found = await asyncio.to_thread(self._analyse, again)
        return await asyncio.to_thread(self._made, found, keep, known, search.definitions)

    def known(self) -> tuple[Plan, Grounds | None] | None:
        """Returns the last plan and what it rests on where that was kept; ``None`` after one that could not be had."""
        return None if self._plan is None else (self._plan, self._stored)

    @property
    def last(self) -> tuple[Plan, Grounds] | None:
        """The last plan and what it rests on; ``None`` where that was not kept."""
        return None if self._plan is None or self._stored is None else (self._plan, self._stored)

    @property
    def known_variables(self) -> tuple[str, ...]:
        """The environment variables that the definition read when it was last loaded."""
        if self._plan is None and self._stored is None:
            self._stored = self._from_state()
        known = self._plan or self._stored
        return () if known is None else tuple(known.environment)

    def analyse_again(self, stage: Stage) -> tuple[Analysis, Mapping[str, str]]:
        """Returns a stage's code as it is now, with the hashes of all sources read; for code edited during a run."""
        from pivot_core.fingerprint.analyser import Analyser
        from pivot_core.fingerprint.reading import Readings

        root, plan = self._layout.root, self._plan
        known = plan and Readings([read_now(each, root) for each in plan.readings], plan.executed)
        analyser = Analyser(root, readings=known, versions=self._versions())
        analysis = analyser.analyse(stage)
        return analysis, {path: digest for path, digest in analyser.inputs.items() if digest}

    def _versions(self) -> "Versions | None":
        return Installed().versions if self.counts_packages else None

    # --- inside ------------------------------------------------------------------------------------------------------

    def _analyse(self, definitions: "Definitions") -> "_Analysed":
        from pivot_core.fingerprint.analyser import Analyser
        from pivot_core.fingerprint.reading import Readings

        whole = graph.build(definitions.stages)
        readings = Readings(definitions.readings, definitions.observed["sources"])
        analyser = Analyser(self._layout.root, readings=readings, versions=self._versions())
        analyses = {name: analyser.analyse(stage) for name, stage in whole.stages.items()}
        return _Analysed(definitions, whole, analyser, analyses)

    def _made(
        self, found: "_Analysed", keep: bool, before: Grounds | None, files: tuple[str, ...]
    ) -> Plan:
        from pivot_core.engine.amend import Outlines

        definitions, analyser = found.definitions, found.analyser
        inputs, observed = analyser.inputs, definitions.observed
        plan = Plan(
            definitions.project,
            found.graph,
            found.analyses,
            {path: digest for path, digest in inputs.items() if digest},
            observed["environment"],
            definitions.readings,
            tuple(observed["sources"]),
            tuple(observed["unsafe"]),
        )
        if keep:
            self._state.put(
                excerpt.records(self._state, _new_symbols(plan, before), analyser.source)
            )
            if before is not None:
                known = zip(before.stages, before.analyses, strict=True)
                now = ((stage, plan.analyses[name]) for name, stage in plan.graph.stages.items())
                self._state.put(former.records(self._state, known, now))
        if keep and not observed["unsafe"]:
            outlines = Outlines.of(analyser, definitions.uses)
            self._remember(plan, files, observed, analyser, outlines)
        self._plan = plan
        return plan

    def _amend(self, known: Grounds, edited: Sequence[str], keep: bool) -> Plan | None:
        """Returns what edits of some files make of a plan; ``None`` when the definition must be loaded for that."""
        from pivot_core.engine.amend import Outlines, amend

        clock_ns = self._clock_ns()
        try:
            before = self._outlines or Outlines.from_json(self._state.get(_OUTLINES_KEY))
        except ValueError:
            return None
        amended = amend(
            self._layout.root,
            known,
            before,
            edited,
            clock_ns,
            versions=self._versions(),
            parsed=self._parsed,
        )
        if amended is None:
            return None
        self._stored, self._outlines = amended.grounds, amended.outlines
        self._plan = plan = _plan_of(amended.grounds)
        if keep:
            new = _new_symbols(plan, known)
            self._state.put(excerpt.records(self._state, new, amended.analyser.source))
            self._is_unwritten = True
        return plan

    def _clock_ns(self) -> int:
        with contextlib.suppress(OSError):
            return hashing.fs_clock_ns(self._layout.state_dir)
        return 0

    def _put(self, grounds: Grounds, outlines: "Outlines") -> None:
        self._state.put({PLAN: codec.to_json(Grounds, grounds), _OUTLINES_KEY: outlines.to_json()})

    def _remember(
        self,
        plan: Plan,
        definitions: tuple[str, ...],
        observed: "Observed",
        analyser: "Analyser",
        outlines: "Outlines",
    ) -> None:
        """Keeps what the plan rests on, unless a source changed between loading and analysing it."""
        from pivot_core.define.observe import module_names_hash, names_hash
        from pivot_core.fingerprint.files import observe

        clock, inputs = self._clock_ns(), analyser.inputs
        files, listed = dict[str, FileRow](), dict(observed["listed"])
        directories = {path for path in inputs if path.endswith("/") and inputs[path]}
        for path in directories:
            place = path.rstrip("/")
            listed[place] = names_hash(place)
            if observe(path) != inputs[path]:
                return
        there = {path for path in inputs if inputs[path]} - directories
        for path in sorted(there.union(observed["files"])):
            seen = (inputs.get(path), observed["contents"].get(path), observed["sources"].get(path))
            row = grounds.file_row(path, {digest for digest in seen if digest}, clock)
            if row is None:
                return
            files[path] = row
        sought = analyser.sought | {*observed["sought"]}
        searched = {path: module_names_hash(path, sought) for path in observed["searched"]}
        if any(module_names_hash(path) != known for path, known in observed["searched"].items()):
            return
        absent = {*observed["absent"], *(path for path, digest in inputs.items() if not digest)}
        self._stored = Grounds(
            version=pivot_core.__version__,
            root=self._layout.root,
            machine=grounds.machine(),
            definitions=definitions,
            files=files,
            absent=tuple(sorted(absent - files.keys())),
            directories=tuple(observed["directories"]),
            listed=listed,
            searched=searched,
            sought=tuple(sorted(sought)),
            environment=observed["environment"],
            readings=plan.readings,
            executed=plan.executed,
            project=plan.project,
            stages=tuple(plan.graph.stages.values()),
            analyses=tuple(plan.analyses[name] for name in plan.graph.stages),
            counts_packages=self.counts_packages,
        )
        self._put(self._stored, outlines)

    def _from_state(self) -> Grounds | None:
        data = self._state.get(PLAN)
        if not isinstance(data, dict) or data.get("version") != pivot_core.__version__:
            return None
        try:
            known = codec.from_json(Grounds, data)
        except ValueError:
            return None
        is_ours = known.root == self._layout.root
        return known if is_ours and known.counts_packages == self.counts_packages else None


def _new_symbols(plan: Plan, before: Grounds | None) -> Mapping[Symbol, str]:
    """Returns the symbols of the stages whose code differs from an earlier plan's, each with a base that has it."""
    analyses = () if before is None else zip(before.stages, before.analyses, strict=True)
    known = {stage.name: analysis.fingerprint.digest for stage, analysis in analyses}
    return {
        symbol: plan.graph.stages[name].func.base
        for name, analysis in plan.analyses.items()
        if known.get(name) != analysis.fingerprint.digest
        for symbol in analysis.fingerprint.symbols
    }


def _plan_of(stored: Grounds) -> Plan:
    whole = graph.build(stored.stages)
    names = [stage.name for stage in stored.stages]
    return Plan(
        stored.project,
        whole,
        dict(zip(names, stored.analyses, strict=True)),
        {path: known[5] for path, known in stored.files.items()},
        stored.environment,
        stored.readings,
        stored.executed,
    )
