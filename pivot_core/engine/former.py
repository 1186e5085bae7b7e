"""Owns the earlier names of stages: one that was renamed keeps its durations, its attempts and its logs.

A stage is taken for another one under a new name when that one is gone, and code, params and paths are the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pivot_core.model.fingerprint import Analysis
from pivot_core.model.ids import Json, StageName
from pivot_core.model.stage import Stage
from pivot_core.store.state import State

type Known = tuple[Stage, Analysis]


def records(state: State, before: Iterable[Known], now: Iterable[Known]) -> dict[str, Json | None]:
    """Returns what the state is to hold once a definition's stages are others than before."""
    old = {stage.name: (stage, analysis) for stage, analysis in before}
    new = {stage.name: (stage, analysis) for stage, analysis in now}
    gone, come = _alike(old, old.keys() - new.keys()), _alike(new, new.keys() - old.keys())
    items = dict[str, Json | None]()
    for likeness, names in come.items():
        match names, gone.get(likeness, []):
            case [name], [earlier]:
                items[f"former:{name}"] = [earlier, *names_of(state, earlier)[1:]]
                items[f"dur:{name}"] = state.get(f"dur:{earlier}")
            case _:
                items.update({f"former:{name}": None for name in names})
    return items


def names_of(state: State, stage: StageName) -> tuple[StageName, ...]:
    """Returns a stage's name, and then those that it had before, the last one first."""
    known = state.get(f"former:{stage}")
    earlier = known if isinstance(known, list) else []
    return (stage, *(StageName(name) for name in earlier if isinstance(name, str)))


def _alike(
    stages: Mapping[StageName, Known], names: Iterable[StageName]
) -> Mapping[object, list[StageName]]:
    found = defaultdict[object, list[StageName]](list)
    for name in sorted(names):
        stage, analysis = stages[name]
        params = repr(sorted(stage.params.items()))
        found[analysis.fingerprint.digest, params, stage.dep_paths, stage.out_paths].append(name)
    return found
