"""Builders of model values with defaults, so that a test names only what it is about."""

from collections.abc import Mapping, Sequence

from pivot_core.model.artifact import FileContent
from pivot_core.model.fingerprint import Analysis, Fingerprint, Symbol
from pivot_core.model.ids import ArtifactPath, ContentHash, Json, StageName
from pivot_core.model.stage import Dep, FunctionRef, Out, OutKind, SourceLocation, Stage

HERE = SourceLocation("pipeline.py", 1)


def a_hash(seed: str) -> ContentHash:
    """Returns a hash that differs for each short ``seed``."""
    return ContentHash(seed.encode().hex().rjust(32, "0")[-32:])


def a_file(seed: str) -> FileContent:
    return FileContent(a_hash(seed), len(seed))


def a_stage(
    name: str,
    deps: Sequence[str] = (),
    outs: Sequence[str] = (),
    *,
    params: Mapping[str, Json] | None = None,
    kind: OutKind = OutKind.OUT,
    is_cached: bool = True,
    line: int = 1,
) -> Stage:
    return Stage(
        name=StageName(name),
        func=FunctionRef("", "pipeline", name, SourceLocation("pipeline.py", line)),
        deps=tuple(
            Dep(f"p{index}", (ArtifactPath(path),), False, "JSON")
            for index, path in enumerate(deps)
        ),
        outs=tuple(Out(path, ArtifactPath(path), kind, is_cached, "JSON") for path in outs),
        params=params or {},
        params_param="params" if params else None,
        variant="",
        variant_param=None,
        mutex=(),
        timeout_s=None,
        retries=0,
        defined=SourceLocation("pipeline.py", line),
    )


def an_analysis(digest: str = "code", **symbols: str) -> Analysis:
    """``symbols`` maps a name to the seed of its hash."""
    named = tuple(Symbol(f"m:{name}", a_hash(seed)) for name, seed in sorted(symbols.items()))
    return Analysis(
        Fingerprint(a_hash(digest), named), tuple((each.name, HERE) for each in named), (), (), ()
    )
