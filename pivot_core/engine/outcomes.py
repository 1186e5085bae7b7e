"""Owns what past attempts of a stage made: the values in its metric files, by way of the run cache."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pivot_core.compare import leaf
from pivot_core.engine.revision import cached_outs
from pivot_core.errors import StoreError
from pivot_core.model.artifact import FileContent
from pivot_core.model.ids import ArtifactPath, Json
from pivot_core.model.stage import OutKind, Stage
from pivot_core.port.values import Attempt
from pivot_core.store.cache import Cache
from pivot_core.store.layout import Layout
from pivot_core.store.state import State

_FILE_MAX = 64 * 1024
_VALUES_MAX = 200
"""Of one file; a front end shows few."""


def with_metrics(
    layout: Layout, state: State, stage: Stage, attempts: Sequence[Attempt]
) -> tuple[Attempt, ...]:
    """Returns attempts of a stage with the metrics that they made; without for those whose result is not kept."""
    paths = [out.path for out in stage.outs if out.kind is OutKind.METRIC]
    if not paths:
        return tuple(attempts)
    reader = _Reader(Cache(layout), layout)
    found = list[Attempt]()
    for attempt in attempts:
        outs = None
        if attempt.inputs is not None and attempt.failure is None:
            outs = cached_outs(state, stage, attempt.inputs)
        values = {path: reader.read(path, (outs or {}).get(path)) for path in paths}
        found.append(
            replace(attempt, metrics={path: each for path, each in values.items() if each})
        )
    return tuple(found)


class _Reader:
    """Reads metric files out of the cache, each content once."""

    def __init__(self, cache: Cache, layout: Layout) -> None:
        self._cache = cache
        self._layout = layout
        self._known: dict[object, Mapping[str, Json]] = {}

    def read(self, path: ArtifactPath, content: object) -> Mapping[str, Json]:
        """Returns the values in a file; none where it is large, is not kept, or holds something else."""
        if not isinstance(content, FileContent) or content.size_bytes > _FILE_MAX:
            return {}
        if content.hash not in self._known:
            self._known[content.hash] = {}
            with contextlib.suppress(StoreError, OSError, ValueError):
                self._cache.check(content)
                with open(self._layout.object_path(content.hash), "rb") as file:
                    values = leaf.leaves(leaf.parse(path, file.read(_FILE_MAX)))
                self._known[content.hash] = dict(list(values.items())[:_VALUES_MAX])
        return self._known[content.hash]
