"""Owns the names that pipeline authors import; each is loaded when it is first used."""

TYPE_CHECKING = (
    False  # `typing` costs more than everything that a no-op needs; checkers know the name
)
if TYPE_CHECKING:
    from pivot_core.define.formats import (
        CSV,
        JSON,
        JSONL,
        YAML,
        Bytes,
        Loader,
        MatplotlibFigure,
        NumPy,
        Parquet,
        PathOnly,
        Pickle,
        Reader,
        Text,
        Writer,
    )
    from pivot_core.define.markers import (
        Dep,
        DirectoryOut,
        IncrementalOut,
        Metric,
        Out,
        PlaceholderDep,
        Plot,
    )
    from pivot_core.define.params import StageParams
    from pivot_core.define.pipeline import Pipeline
    from pivot_core.define.shell import shell

__version__ = "0.1.0"

__all__ = [
    "CSV",
    "JSON",
    "JSONL",
    "YAML",
    "Bytes",
    "Dep",
    "DirectoryOut",
    "IncrementalOut",
    "Loader",
    "MatplotlibFigure",
    "Metric",
    "NumPy",
    "Out",
    "Parquet",
    "PathOnly",
    "Pickle",
    "Pipeline",
    "PlaceholderDep",
    "Plot",
    "Reader",
    "StageParams",
    "Text",
    "Writer",
    "shell",
]

_MODULES = {
    "StageParams": "params",
    "Pipeline": "pipeline",
    "shell": "shell",
    **dict.fromkeys(
        ("Dep", "DirectoryOut", "IncrementalOut", "Metric", "Out", "PlaceholderDep", "Plot"),
        "markers",
    ),
}

if not TYPE_CHECKING:  # a type checker must still see a name that does not exist

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'pivot_core' has no attribute {name!r}")
        import importlib

        module = importlib.import_module(f"pivot_core.define.{_MODULES.get(name, 'formats')}")
        value = globals()[name] = getattr(module, name)
        return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
